//! Rewrite rules (`pg_rewrite`).

use serde::{Deserialize, Serialize};

use super::trigger::Enabled;

/// A rule of a table or view (its parent), other than a view's own `_RETURN`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// `pg_get_ruledef`, without the semicolon.
    pub definition: String,
    /// When it fires.
    #[serde(default, skip_serializing_if = "Enabled::is_default")]
    pub enabled: Enabled,
}
