//! ACCESS SHARE locks on everything that will be copied, taken by the holder in batches.
//!
//! One statement per batch keeps 100,000 tables from being 100,000 round trips. Foreign tables cannot be locked on every
//! supported version and need none.

use std::time::Duration;

use super::error::SourceError;
use super::holder::Holder;
use crate::connect::{self, Lane};
use crate::error::Result;
use crate::sql;

/// Tables named in one LOCK statement.
const BATCH: usize = 200;

/// Locks the named tables (schema, name) until the holder's transaction ends.
///
/// # Errors
/// [`SourceError::LockTimeout`] when `wait` passes; [`SourceError::Changed`] when a table has gone since the snapshot.
pub async fn lock(holder: &Holder, tables: &[(String, String)], wait: Option<Duration>) -> Result<()> {
    let timeout = wait.map_or(0, |wait| wait.as_millis());
    let mut lane = holder.lane().await;
    let mut batches = tables.chunks(BATCH).peekable();
    let mut before = format!("SET lock_timeout = {timeout}; ");
    while let Some(batch) = batches.next() {
        // In the same text: far away each costs a round trip.
        let behind = if batches.peek().is_none() { "; SET lock_timeout = 0" } else { "" };
        let list: Vec<String> = batch.iter().map(|(schema, name)| sql::qualified(Some(schema), name)).collect();
        // ONLY, because every child is in the list by itself if it is wanted.
        let only: Vec<String> = list.iter().map(|name| format!("ONLY {name}")).collect();
        let statement = format!(
            "{}SAVEPOINT batch; LOCK TABLE {} IN ACCESS SHARE MODE; RELEASE SAVEPOINT batch{behind}",
            std::mem::take(&mut before),
            only.join(", ")
        );
        if let Err(error) = lane.execute(&statement).await {
            return Err(explain(&mut lane, error, &list).await);
        }
    }
    Ok(())
}

async fn explain(lane: &mut Lane, error: crate::Error, tables: &[String]) -> crate::Error {
    match connect::sqlstate(&error) {
        Some("55P03") => SourceError::LockTimeout { table: first_locked(lane, tables).await }.into(),
        // Undefined table or schema: gone between the snapshot and the lock.
        Some("42P01" | "3F000") => {
            let first = tables.first().cloned().unwrap_or_default();
            SourceError::Changed(vec![format!("one of {} tables from {first}", tables.len())]).into()
        }
        _ => error.context("locking tables"),
    }
}

/// Which table of a batch somebody has locked against us: the server's message does not say.
async fn first_locked(lane: &mut Lane, tables: &[String]) -> String {
    for table in tables {
        let statement = format!("ROLLBACK TO SAVEPOINT batch; LOCK TABLE ONLY {table} IN ACCESS SHARE MODE NOWAIT");
        match lane.execute(&statement).await {
            Ok(_) => {}
            Err(error) if connect::sqlstate(&error) == Some("55P03") => return table.clone(),
            Err(_) => break,
        }
    }
    match tables {
        [one] => one.clone(),
        _ => format!("one of {} tables", tables.len()),
    }
}
