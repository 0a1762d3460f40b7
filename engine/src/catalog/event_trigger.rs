//! Event triggers (`pg_event_trigger`).

use serde::{Deserialize, Serialize};

/// An event trigger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTrigger {
    /// Event: `ddl_command_start`, ….
    pub event: String,
    /// `WHEN TAG IN (…)`; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Function as SQL text.
    pub function: String,
    /// `evtenabled`: `O` origin, `D` disabled, `R` replica, `A` always.
    pub enabled: String,
}
