//! What belongs to the whole cluster and not to one database (`pg_authid`, `pg_auth_members`, `pg_db_role_setting`,
//! `pg_tablespace`, `pg_parameter_acl`): what `pg_dumpall -g` writes.
//!
//! Roles whose names begin with `pg_` are the server's own: they are not here, memberships in them are. Everything is in
//! the order of names.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Acl;
use crate::ids::Oid;

/// The cluster-wide objects of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Globals {
    /// The role `initdb` made: grants of superusers are in its name, and parameters belong to it.
    pub bootstrap: String,
    /// Hashes of passwords were asked for: then a role without one has no password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passwords: bool,
    /// Roles.
    pub roles: Vec<Role>,
    /// Settings for every role in every database (`ALTER ROLE ALL SET`): parameter and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<(String, String)>,
    /// Memberships, by role, member and grantor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memberships: Vec<Membership>,
    /// Parameters with privileges of their own; none before 15.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Tablespaces, without the two of `initdb`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tablespaces: Vec<Tablespace>,
}

impl Globals {
    /// A role by name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }
}

/// A role (`pg_roles`). Its password's hash lives in the sealed contents only, and `Debug` hides it (promise 9).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// OID.
    pub oid: Oid,
    /// Name.
    pub name: String,
    /// `SUPERUSER`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superuser: bool,
    /// `INHERIT`, which roles have unless told otherwise.
    pub inherit: bool,
    /// `CREATEROLE`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub create_role: bool,
    /// `CREATEDB`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub create_db: bool,
    /// `LOGIN`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub login: bool,
    /// `REPLICATION`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replication: bool,
    /// `BYPASSRLS`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bypass_rls: bool,
    /// `CONNECTION LIMIT`; -1 is none.
    pub connection_limit: i32,
    /// `VALID UNTIL`, in UTC, or `infinity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// Hash of the password (`SCRAM-SHA-256$…`, `md5…`), only when hashes were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Settings in every database: parameter and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<(String, String)>,
    /// Comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Security labels: provider and label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
}

impl Role {
    /// A role as `CREATE ROLE` makes it when nothing is said.
    pub fn new(oid: Oid, name: impl Into<String>) -> Self {
        Self {
            oid,
            name: name.into(),
            superuser: false,
            inherit: true,
            create_role: false,
            create_db: false,
            login: false,
            replication: false,
            bypass_rls: false,
            connection_limit: -1,
            valid_until: None,
            password: None,
            settings: Vec::new(),
            comment: None,
            labels: Vec::new(),
        }
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role").field("oid", &self.oid).field("name", &self.name).finish_non_exhaustive()
    }
}

/// `GRANT role TO member` (`pg_auth_members`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// OID of the role that is granted.
    pub oid: Oid,
    /// The role that is granted.
    pub role: String,
    /// Who has it.
    pub member: String,
    /// Who granted it; absent from servers before 16, which do not keep it true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grantor: Option<String>,
    /// `ADMIN OPTION`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub admin: bool,
    /// `INHERIT`; absent before 16, where the member's own attribute decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherit: Option<bool>,
    /// `SET`; absent before 16, where every member may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<bool>,
}

/// Who may set a configuration parameter (`pg_parameter_acl`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// OID.
    pub oid: Oid,
    /// Its name, in lower case.
    pub name: String,
    /// Privileges.
    pub acl: Acl,
}

/// A tablespace (`pg_tablespace`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tablespace {
    /// OID.
    pub oid: Oid,
    /// Name.
    pub name: String,
    /// Owner; `None` where it does not matter (`--no-owner`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Folder on the server; empty for one inside the data folder (`allow_in_place_tablespaces`).
    pub location: String,
    /// Options: name and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<(String, String)>,
    /// Privileges, if they differ from what creation gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acl: Option<Acl>,
    /// Comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Security labels: provider and label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_do_not_show_and_contents_without_globals_still_read() {
        let role = Role { password: Some("SCRAM-SHA-256$x".into()), ..Role::new(Oid(9), "r") };
        assert!(!format!("{role:?}").contains("SCRAM"), "{role:?}");
        let text = serde_json::to_string(&role).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Role>(&text).ok(), Some(role), "{text}");
    }
}
