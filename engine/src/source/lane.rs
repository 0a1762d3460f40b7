//! A lane inside the snapshot: a raw connection that imported it and copies chunks.
//!
//! NOWAIT etiquette. The holder has ACCESS SHARE on every table, yet a lane that needs the same lock would queue behind a
//! waiting ACCESS EXCLUSIVE: the DDL waits for the holder, the lane for the DDL, the holder for the lane, and no deadlock
//! detector sees it. So a lane asks with NOWAIT, and says [`Locked::Behind`] when DDL stands in the way.

use std::collections::BTreeSet;

use super::settings;
use crate::connect::{self, ConnectOptions, CopyOut, Lane, Role};
use crate::error::Result;
use crate::sql;

/// A lane that reads under the snapshot.
pub struct SnapshotLane {
    lane: Lane,
    backend: Option<i32>,
    locked: BTreeSet<(String, String)>,
}

/// Answer to a NOWAIT lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Locked {
    /// The lane may read the table.
    Yes,
    /// DDL is queued on it.
    Behind,
}

/// Who reads, and as whom.
#[derive(Clone, Debug)]
pub struct LaneOptions {
    /// Where to.
    pub connect: ConnectOptions,
    /// `SET ROLE`.
    pub role: Option<String>,
    /// `row_security = on` instead of failing.
    pub row_security: bool,
}

impl SnapshotLane {
    /// Connects, begins and imports the snapshot; without one it reads the present (verifying a live database).
    pub async fn open(options: &LaneOptions, snapshot: Option<&str>) -> Result<Self> {
        let mut lane = connect::lane(&options.connect, Role::Source).await?;
        if let Some(role) = &options.role {
            let set = format!("SET ROLE {}", sql::quote_ident(role));
            lane.execute(&set).await.map_err(|error| error.context("preparing a lane"))?;
        }
        let mut begin = settings::reading(lane.version(), options.row_security);
        // A chunk's plan must not depend on statistics: a TID range scan or a sequential one, nothing else.
        begin.push_str("; SET max_parallel_workers_per_gather = 0; SET enable_seqscan = on; SET jit = off");
        // One text, one round trip. No query may come before the snapshot.
        begin.push_str("; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        if let Some(snapshot) = snapshot {
            begin.push_str(&format!("; SET TRANSACTION SNAPSHOT {}", sql::quote_literal(snapshot)));
        }
        // The process is asked for, not taken from the connection's start: a pooler in between answers that itself.
        begin.push_str(&format!("; {}; SELECT pg_catalog.pg_backend_pid()", settings::UNCONVERTED));
        let answer = lane.execute(&begin).await.map_err(import_failed)?;
        let backend = answer.into_iter().flatten().flatten().next().and_then(|pid| pid.parse().ok());
        Ok(Self { lane, backend, locked: BTreeSet::new() })
    }

    /// The server's process behind it.
    pub fn backend(&self) -> Option<i32> {
        self.backend
    }

    /// Takes ACCESS SHARE on a table without waiting, once per table.
    pub async fn lock(&mut self, schema: &str, name: &str) -> Result<Locked> {
        let table = (schema.to_owned(), name.to_owned());
        if self.locked.contains(&table) {
            return Ok(Locked::Yes);
        }
        let statement = format!(
            "SAVEPOINT entry; LOCK TABLE ONLY {} IN ACCESS SHARE MODE NOWAIT; RELEASE SAVEPOINT entry",
            sql::qualified(Some(schema), name)
        );
        match self.lane.execute(&statement).await {
            Ok(_) => {
                self.locked.insert(table);
                Ok(Locked::Yes)
            }
            Err(error) if connect::sqlstate(&error) == Some("55P03") => {
                self.lane.execute("ROLLBACK TO SAVEPOINT entry").await?;
                Ok(Locked::Behind)
            }
            Err(error) => Err(error),
        }
    }

    /// Begins a COPY.
    pub async fn copy_out(&mut self, statement: &str) -> Result<CopyOut<'_>> {
        self.lane.copy_out(statement).await
    }

    /// Runs a statement.
    pub async fn execute(&mut self, statement: &str) -> Result<Vec<Vec<Option<String>>>> {
        self.lane.execute(statement).await
    }
}

fn import_failed(error: crate::Error) -> crate::Error {
    let missing = matches!(connect::sqlstate(&error), Some("22023" | "42704"));
    let error = error.context("joining the snapshot");
    if missing {
        return error.hint(
            "An exported snapshot exists on one server only: name that server's own address, not a balanced or reader endpoint.",
        );
    }
    error
}
