//! Casts (`pg_cast`).

use serde::{Deserialize, Serialize};

/// A cast. Types and function are SQL text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cast {
    /// Source type.
    pub source: String,
    /// Target type.
    pub target: String,
    /// `castmethod`: `f` function, `i` input/output, `b` binary-coercible.
    pub method: String,
    /// Function with its argument types, for method `f`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// `castcontext`: `e` explicit, `a` assignment, `i` implicit.
    pub context: String,
}
