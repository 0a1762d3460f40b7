//! Publications (`pg_publication`, `pg_publication_rel`, `pg_publication_namespace`).

use serde::{Deserialize, Serialize};

use super::ObjectId;
use super::table::Generated;

/// A publication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Publication {
    /// `FOR ALL TABLES`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all_tables: bool,
    /// Published operations, in the order insert, update, delete, truncate.
    pub publish: Vec<String>,
    /// `publish_via_partition_root`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub via_root: bool,
    /// `publish_generated_columns` (18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_columns: Option<Generated>,
    /// `FOR TABLE`, by qualified name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<PublishedTable>,
    /// `FOR TABLES IN SCHEMA` (15), by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schemas: Vec<ObjectId>,
}

/// One table of a publication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedTable {
    /// The table.
    pub table: ObjectId,
    /// Column list (15); empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Row filter (15), without its parentheses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}
