//! Transforms (`pg_transform`).

use serde::{Deserialize, Serialize};

/// A transform. Type and functions (with argument types) are SQL text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transform {
    /// Type.
    pub sql_type: String,
    /// Language, unquoted.
    pub language: String,
    /// FROM SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_sql: Option<String>,
    /// TO SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_sql: Option<String>,
}
