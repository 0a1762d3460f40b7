//! What can go wrong while reading a source.

use thiserror::Error as ThisError;

use crate::connect;
use crate::error::{Error, Kind};

/// Failures that this room finds by itself; what servers say comes as [`connect`] errors.
#[derive(Debug, ThisError)]
pub enum SourceError {
    /// A transaction pooler stands between.
    #[error("the connection goes through a pooler in transaction mode, which cannot hold a snapshot")]
    TransactionPooler,
    /// Row-level security would hide rows.
    #[error("row-level security would hide rows of {}", names(.0))]
    RowSecurity(Vec<String>),
    /// SELECT is missing.
    #[error("no permission to read {}", names(.0))]
    Unreadable(Vec<String>),
    /// Tables changed between the snapshot and the locks.
    #[error("{} changed while the dump was being planned", names(.0))]
    Changed(Vec<String>),
    /// Someone holds a conflicting lock for too long.
    #[error("could not lock {table} within the time allowed")]
    LockTimeout {
        /// The table.
        table: String,
    },
    /// The snapshot was held too long.
    #[error("the snapshot is {minutes} minutes old, which is more than allowed")]
    SnapshotTooOld {
        /// Its age.
        minutes: u64,
    },
}

/// At most ten names, then how many more.
fn names(all: &[String]) -> String {
    let shown = all.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > 10 { format!("{shown} and {} more", all.len() - 10) } else { shown }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        let hint = match &error {
            SourceError::TransactionPooler => {
                "Connect to the server itself or to the pooler's session-mode port (Supabase: 5432 instead of 6543)."
            }
            SourceError::RowSecurity(_) => {
                "Dump as the tables' owner or a role with BYPASSRLS, or accept fewer rows with --enable-row-security."
            }
            SourceError::Unreadable(_) => {
                "Grant SELECT (pg_read_all_data covers every table and sequence) or leave them out with -T or -N."
            }
            SourceError::Changed(_) => "Run the dump again, away from migrations.",
            SourceError::LockTimeout { .. } => {
                "Find the blocking session in pg_locks, or give more time with --lock-wait-timeout."
            }
            SourceError::SnapshotTooOld { .. } => {
                "Use more lanes (-j), dump less at a time, or raise --max-snapshot-age."
            }
        };
        let passing = matches!(error, SourceError::Changed(_));
        let what = error.to_string();
        let result = Error::new(Kind::Source, what).hint(hint).because(error);
        if passing { result.passing() } else { result }
    }
}

/// An error of a plain tokio-postgres call on a source session.
pub(crate) fn failed(doing: &str, error: tokio_postgres::Error) -> Error {
    connect::query_error(connect::Role::Source, error).context(doing)
}
