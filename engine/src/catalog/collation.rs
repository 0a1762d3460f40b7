//! Collations (`pg_collation`).

use serde::{Deserialize, Serialize};

/// A collation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collation {
    /// `collprovider`: `c` libc, `i` ICU, `b` builtin (17+), `d` database default.
    pub provider: String,
    /// `collisdeterministic`.
    pub deterministic: bool,
    /// `LC_COLLATE` (libc).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collate: Option<String>,
    /// `LC_CTYPE` (libc).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctype: Option<String>,
    /// Locale (ICU, builtin).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Tailoring rules (ICU, 16+).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
}
