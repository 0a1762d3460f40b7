//! Triggers (`pg_trigger`).

use serde::{Deserialize, Serialize};

use super::ObjectId;

/// When a trigger or rule fires, by `session_replication_role`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enabled {
    /// `O`: in origin and local sessions.
    #[default]
    Origin,
    /// `D`: never.
    Disabled,
    /// `R`: in replica sessions.
    Replica,
    /// `A`: always.
    Always,
}

impl Enabled {
    /// True for what every trigger and rule is born with.
    pub fn is_default(&self) -> bool {
        *self == Self::Origin
    }
}

/// A trigger of a table or view (its parent).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// `pg_get_triggerdef`.
    pub definition: String,
    /// When it fires.
    #[serde(default, skip_serializing_if = "Enabled::is_default")]
    pub enabled: Enabled,
    /// For a partition's copy: the trigger of the partitioned table it was cloned from. Copies are in the model only
    /// where they differ from the original: in their state or by a comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloned_from: Option<ObjectId>,
}
