//! Access methods (`pg_am`).

use serde::{Deserialize, Serialize};

/// An access method.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessMethod {
    /// `amtype`: `i` index, `t` table.
    pub kind: String,
    /// Handler function as SQL text.
    pub handler: String,
}
