//! System objects whose owner or privileges were changed after `initdb`, and the functions that come with a range type.

use serde::{Deserialize, Serialize};

/// An object somebody else creates, of which only owner and ACL are carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// Object type as GRANT calls it: `TABLE`, `FUNCTION`, `LANGUAGE`, `TYPE`, `SCHEMA`.
    pub word: String,
    /// Qualified name as SQL text, functions with their arguments.
    pub identity: String,
    /// The owner is not the one `initdb` gave.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owner_changed: bool,
}
