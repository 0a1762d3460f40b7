//! Procedural languages (`pg_language`).

use serde::{Deserialize, Serialize};

/// A language. Functions are SQL text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Language {
    /// `lanpltrusted`.
    pub trusted: bool,
    /// Call handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// Inline handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
    /// Validator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<String>,
}
