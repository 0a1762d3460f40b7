//! A lane inside the snapshot: a raw connection that imported it and copies chunks.
//!
//! NOWAIT etiquette. The holder has ACCESS SHARE on every table, yet a lane that needs the same lock would queue behind a
//! waiting ACCESS EXCLUSIVE: the DDL waits for the holder, the lane for the DDL, the holder for the lane, and no deadlock
//! detector sees it. So a lane asks with NOWAIT, and says [`Locked::Behind`] when DDL stands in the way.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};

use super::settings;
use crate::connect::{self, ConnectOptions, CopyOut, Lane, Role, Rows};
use crate::error::{Error, Kind, Result};
use crate::sql;

/// Lets go of what was locked since the savepoint, and of the savepoint.
const LEAVE: &str = "ROLLBACK TO SAVEPOINT entries; RELEASE SAVEPOINT entries";

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
    /// Connects, begins and imports the snapshot; without one it reads the present (verifying a live database). It is one of so
    /// many lanes that work side by side.
    pub async fn open(options: &LaneOptions, snapshot: Option<&str>, lanes: usize) -> Result<Self> {
        let mut lane = connect::lane(&options.connect, Role::Source).await?;
        if let Some(role) = &options.role {
            let set = format!("SET ROLE {}", sql::quote_ident(role));
            lane.execute(&set).await.map_err(|error| error.context("preparing a lane"))?;
        }
        let mut begin = settings::reading(lane.version(), options.row_security);
        // A chunk's plan must not depend on statistics: a TID range scan or a sequential one, nothing else.
        begin.push_str("; SET max_parallel_workers_per_gather = 0; SET enable_seqscan = on; SET jit = off");
        begin.push_str(settings::on_busy_cores(&lane, lanes));
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

    /// Takes ACCESS SHARE on a table without waiting, once per table, and begins a COPY of it: one round trip, which is most of
    /// what a small table costs.
    pub async fn begin_copy_locked(&mut self, (schema, name): (&str, &str), copy: &str) -> Result<Locked> {
        let table = (schema.to_owned(), name.to_owned());
        if self.locked.contains(&table) {
            return self.begin_copy(copy).await.map(|()| Locked::Yes);
        }
        let statements = format!(
            "SAVEPOINT entry; LOCK TABLE ONLY {} IN ACCESS SHARE MODE NOWAIT; RELEASE SAVEPOINT entry; {copy}",
            sql::qualified(Some(schema), name)
        );
        match self.begin_copy(&statements).await {
            Ok(()) => {
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

    /// Takes ACCESS SHARE on tables without waiting and copies each: one round trip for all. Behind it the locks are let go, so
    /// that ever so many tables fit into the server's lock table. After an error [`Self::leave_copies`] may make the lane usable.
    pub async fn copy_all_locked(
        &mut self,
        tables: &[(&str, &str)],
        copies: &[String],
        most: usize,
    ) -> Result<Vec<Bytes>> {
        let only = |(schema, name): &(&str, &str)| format!("ONLY {}", sql::qualified(Some(schema), name));
        let only: Vec<String> = tables.iter().map(only).collect();
        self.copies(&format!("LOCK TABLE {} IN ACCESS SHARE MODE NOWAIT; ", only.join(", ")), copies, most).await
    }

    /// The same of tables that nobody locks.
    pub async fn copy_all(&mut self, copies: &[String], most: usize) -> Result<Vec<Bytes>> {
        self.copies("", copies, most).await
    }

    /// The payload of each copy; an error if one has `most` bytes or more.
    async fn copies(&mut self, before: &str, copies: &[String], most: usize) -> Result<Vec<Bytes>> {
        let text = format!("SAVEPOINT entries; {before}{}; {LEAVE}", copies.join("; "));
        self.lane.begin_copies_out(&text).await?;
        let mut payload = Vec::with_capacity(copies.len());
        let mut buffer = BytesMut::with_capacity(most);
        while let Some(mut copy) = self.lane.next_copy_out().await? {
            buffer.clear();
            if copy.read(&mut buffer, most).await? {
                return Err(Error::new(Kind::Source, format!("a table is larger than {most} bytes")));
            }
            payload.push(Bytes::copy_from_slice(&buffer));
        }
        match payload.len() == copies.len() {
            true => Ok(payload),
            false => Err(Error::new(Kind::Source, "not as many copies as were asked for")),
        }
    }

    /// Makes the lane usable after copies that the server refused.
    pub async fn leave_copies(&mut self) -> Result<()> {
        self.lane.execute(LEAVE).await.map(drop)
    }

    /// Begins a COPY, which [`Self::begun_copy`] then reads.
    pub async fn begin_copy(&mut self, statement: &str) -> Result<()> {
        self.lane.begin_copy_out(statement).await
    }

    /// The COPY that was begun.
    pub fn begun_copy(&mut self) -> CopyOut<'_> {
        self.lane.begun_copy_out()
    }

    /// Begins a COPY of what needs no lock.
    pub async fn copy_out(&mut self, statement: &str) -> Result<CopyOut<'_>> {
        self.lane.copy_out(statement).await
    }

    /// Runs a statement.
    pub async fn execute(&mut self, statement: &str) -> Result<Rows> {
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
