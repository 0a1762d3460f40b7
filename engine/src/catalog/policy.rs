//! Row-level security policies (`pg_policy`).

use serde::{Deserialize, Serialize};

/// A policy of a table (its parent).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// `AS PERMISSIVE`, not `AS RESTRICTIVE`.
    pub permissive: bool,
    /// `SELECT`, `INSERT`, `UPDATE` or `DELETE`; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Roles, unquoted, sorted; empty for PUBLIC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// `USING`, without its parentheses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub using: Option<String>,
    /// `WITH CHECK`, without its parentheses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}
