//! What can go wrong while catalogs are read.

use thiserror::Error;

use crate::connect::{Role, query_error, sqlstate};
use crate::error::Error as EngineError;

/// A failed or incomprehensible catalog query.
#[derive(Debug, Error)]
pub enum IntrospectError {
    /// The server refused or the connection broke.
    #[error("reading the system catalogs")]
    Query(#[from] tokio_postgres::Error),
    /// The server does not show hashes of passwords.
    #[error("the server does not show the hashes of passwords")]
    Passwords(#[source] tokio_postgres::Error),
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
const DAMAGED: &str = "The catalogs contradict themselves: something refers to an object that was removed by force. \
    Look the number up in pg_depend and drop what needs it.";

impl IntrospectError {
    /// As the engine's error: whose fault it is depends on the side that was read.
    pub fn of(self, role: Role) -> EngineError {
        match self {
            Self::Query(error) => {
                let error = query_error(role, error).context("reading the system catalogs");
                match sqlstate(&error) {
                    Some(INTERNAL) => error.hint(DAMAGED),
                    _ => error,
                }
            }
            Self::Passwords(error) => query_error(role, error)
                .context("the server does not show the hashes of passwords")
                .hint("Superusers and members of pg_read_all_data see them: connect as one of those, or leave out --role-passwords."),
            other => {
                let what = other.to_string();
                EngineError::new(role.kind(), what)
                    .because(other)
                    .hint("The catalogs are damaged, or the server is of a kind this version does not know.")
            }
        }
    }
}

impl From<IntrospectError> for EngineError {
    fn from(error: IntrospectError) -> Self {
        error.of(Role::Source)
    }
}
