//! What can go wrong while catalogs are read.

use thiserror::Error;

use crate::connect::{Role, query_error, sqlstate};
use crate::error::{Error as EngineError, Kind};

/// A failed or incomprehensible catalog query.
#[derive(Debug, Error)]
pub enum IntrospectError {
    /// The server refused or the connection broke.
    #[error("reading the system catalogs")]
    Query(#[from] tokio_postgres::Error),
    /// A row that does not have the shape its reader expects.
    #[error("a row of {what} does not have the expected shape")]
    Shape {
        /// What was read.
        what: &'static str,
        /// Where it differs.
        #[source]
        source: serde_json::Error,
    },
    /// A query that always has an answer had none.
    #[error("the server gave no answer about {what}")]
    Missing {
        /// What was asked for.
        what: &'static str,
    },
}

/// SQLSTATE of what the server itself did not expect, such as a reference to nothing in its catalogs.
const INTERNAL: &str = "XX000";
const DAMAGED: &str = "The source's catalogs contradict themselves: something refers to an object that was removed by force. \
    Look the number up in pg_depend and drop what needs it; nothing was dumped.";

impl From<IntrospectError> for EngineError {
    fn from(error: IntrospectError) -> Self {
        match error {
            IntrospectError::Query(error) => {
                let error = query_error(Role::Source, error).context("reading the system catalogs");
                match sqlstate(&error) {
                    Some(INTERNAL) => error.hint(DAMAGED),
                    _ => error,
                }
            }
            other => {
                let what = other.to_string();
                Self::new(Kind::Source, what)
                    .because(other)
                    .hint("The catalogs are damaged, or the server is of a kind this version does not know.")
            }
        }
    }
}
