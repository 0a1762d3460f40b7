//! What can go wrong while statements are put in order.

use thiserror::Error;

use crate::error::{Error as EngineError, Kind};

/// A catalog that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DdlError {
    /// Objects that need each other, with no way to create one of them first.
    #[error("objects depend on each other and none can be created first: {}", members.join(", "))]
    Loop {
        /// Class and qualified name of each.
        members: Vec<String>,
    },
}

impl From<DdlError> for EngineError {
    fn from(error: DdlError) -> Self {
        Self::new(Kind::Source, error.to_string())
            .hint("Leave one of them out with --exclude-table or --exclude-schema, or redefine it without the others.")
    }
}
