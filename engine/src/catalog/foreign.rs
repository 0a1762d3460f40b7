//! Foreign-data wrappers, servers and user mappings.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An option list as stored: names unquoted, values as given.
pub type Options = Vec<(String, String)>;

/// A foreign-data wrapper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignDataWrapper {
    /// Handler function as SQL text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// Validator function as SQL text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<String>,
    /// Options.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Options,
}

/// A foreign server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignServer {
    /// Wrapper, unquoted.
    pub wrapper: String,
    /// TYPE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// VERSION.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Options.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Options,
}

/// A user mapping. Its options hold passwords: they live in the sealed contents only, and `Debug` hides them (promise 9).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserMapping {
    /// Server, unquoted.
    pub server: String,
    /// Role; absent for PUBLIC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Options; `None` where the reading role may not see them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Options>,
}

impl fmt::Debug for UserMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.options.iter().flatten().map(|(name, _)| name).collect::<Vec<_>>();
        f.debug_struct("UserMapping")
            .field("server", &self.server)
            .field("user", &self.user)
            .field("options", &names)
            .finish()
    }
}
