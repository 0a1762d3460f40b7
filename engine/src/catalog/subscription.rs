//! Subscriptions (`pg_subscription`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A subscription. Its connection string may hold a password: it lives in the sealed contents only, and `Debug` hides
/// it (promise 9). A restore makes it disabled and unconnected.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// `subconninfo`.
    pub connection: String,
    /// `subpublications`, unquoted.
    pub publications: Vec<String>,
    /// `subslotname`; absent for NONE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Options that differ from their default, as `name` and SQL text, in a fixed order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<(String, String)>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("publications", &self.publications)
            .field("slot", &self.slot)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
