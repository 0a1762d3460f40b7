//! Extensions (`pg_extension`). [`super::Object::schema`] is the schema its members live in.

use serde::{Deserialize, Serialize};

use crate::ids::Oid;

/// An extension.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Version in force (`extversion`); for the record: a restore takes the target's default version.
    pub version: String,
    /// `extrelocatable`.
    pub relocatable: bool,
    /// Tables and sequences whose contents belong to the user (`extconfig`, `extcondition`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<ConfigTable>,
}

/// A configuration table or sequence of an extension (`pg_extension_config_dump`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigTable {
    /// The relation.
    pub relation: Oid,
    /// The condition as registered, starting with `WHERE`; empty for all rows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub condition: String,
}
