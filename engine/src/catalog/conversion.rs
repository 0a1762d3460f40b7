//! Encoding conversions (`pg_conversion`).

use serde::{Deserialize, Serialize};

/// A conversion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// Source encoding.
    pub from: String,
    /// Destination encoding.
    pub to: String,
    /// Function as SQL text.
    pub function: String,
    /// `condefault`.
    pub default: bool,
}
