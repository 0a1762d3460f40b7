//! Indexes (`pg_index`).

use serde::{Deserialize, Serialize};

use super::ObjectId;

/// An index of a table or materialized view (its parent).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// `pg_get_indexdef`; empty where a constraint makes the index.
    pub definition: String,
    /// The constraint whose index this is. Such an index is made by that constraint's entry and has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<ObjectId>,
    /// The table was last clustered on it (`indisclustered`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clustered: bool,
    /// The table's replica identity (`indisreplident`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replica_identity: bool,
    /// False for what a failed `CREATE INDEX CONCURRENTLY` leaves behind; always true for partitioned indexes.
    pub valid: bool,
    /// Index of a partitioned table (`relkind = 'I'`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partitioned: bool,
    /// The partitioned index it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached_to: Option<ObjectId>,
    /// Tablespace, if it is another than the database's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tablespace: Option<String>,
    /// Statistics targets of its columns: number from 1, target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statistics: Vec<(i16, i32)>,
}
