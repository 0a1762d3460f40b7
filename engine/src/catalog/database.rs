//! The server and the database as a whole (`pg_database`, `pg_db_role_setting`).

use serde::{Deserialize, Serialize};

use super::Acl;
use crate::ids::{Oid, ServerVersion};

/// What the source server said of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// `server_version_num`.
    pub version: ServerVersion,
    /// `server_version`, with the packager's words.
    pub version_text: String,
    /// True for a standby (`pg_is_in_recovery()`).
    pub standby: bool,
}

/// `CREATE DATABASE` and what hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its OID.
    pub oid: Oid,
    /// Owner.
    pub owner: String,
    /// Encoding name, e.g. `UTF8`.
    pub encoding: String,
    /// `datcollate`.
    pub collate: String,
    /// `datctype`.
    pub ctype: String,
    /// `datlocprovider`: `c`, `i` or `b`; `c` before 15.
    pub locale_provider: char,
    /// ICU or builtin locale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// ICU rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icu_rules: Option<String>,
    /// `datconnlimit`; -1 is none.
    pub connection_limit: i32,
    /// `datistemplate`.
    pub is_template: bool,
    /// Tablespace, if not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tablespace: Option<String>,
    /// Privileges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acl: Option<Acl>,
    /// Comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Security labels: provider and label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
    /// Settings: role (none for all roles), parameter, value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<(Option<String>, String, String)>,
}
