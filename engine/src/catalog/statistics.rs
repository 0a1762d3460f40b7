//! Extended statistics (`pg_statistic_ext`).

use serde::{Deserialize, Serialize};

/// Extended statistics on a table (its parent).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// `pg_get_statisticsobjdef`.
    pub definition: String,
    /// `ALTER STATISTICS … SET STATISTICS`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<i32>,
}
