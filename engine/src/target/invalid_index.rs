//! Indexes that are invalid on the source: what a failed `CREATE INDEX CONCURRENTLY` leaves behind.
//!
//! The command first writes the index into the catalog, commits, and then waits for every transaction that may still write
//! to the table without knowing it (manual: "Building Indexes Concurrently"). A second session holds such a transaction
//! open until the command gives up waiting: the index stays, invalid and empty, whatever the rows are, and no row is read.

use std::time::Duration;

use crate::connect::{self, Lane};
use crate::error::{Error, Kind, Result};
use crate::sql::{quote_ident, quote_literal};

/// How long the command waits, doubled each time: the wait may have been for the table's lock, before anything was written.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const ATTEMPTS: u32 = 7;

/// SQLSTATE of a lock that was not granted in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// SQLSTATE of a relation that exists.
const DUPLICATE_TABLE: &str = "42P07";

/// What is to be made.
#[derive(Clone, Copy, Debug)]
pub struct InvalidIndex<'a> {
    /// The table, qualified and quoted.
    pub table: &'a str,
    /// The index, qualified and quoted.
    pub index: &'a str,
    /// The tablespace it lies in, unquoted; the default one without.
    pub tablespace: Option<&'a str>,
    /// `CREATE INDEX CONCURRENTLY …`, then what is set on the index.
    pub statements: &'a [String],
}

/// Makes an invalid index. One that is there already is left alone. `holder` ends idle, `builder` too.
///
/// # Errors
/// The server's refusal, or `Kind::Target` if the index could not be written down in any attempt.
pub async fn make(holder: &mut Lane, builder: &mut Lane, what: InvalidIndex<'_>) -> Result<()> {
    let Some((create, settings)) = what.statements.split_first() else { return Ok(()) };
    if let Some(name) = what.tablespace {
        builder.execute(&format!("SET default_tablespace = {}", quote_ident(name))).await?;
    }
    holder.execute(&format!("BEGIN; LOCK TABLE ONLY {} IN ROW EXCLUSIVE MODE", what.table)).await?;
    let made = build(builder, create, what.index).await;
    holder.execute("ROLLBACK").await?;
    made?;
    for sql in settings {
        builder.execute(sql).await?;
    }
    Ok(())
}

async fn build(builder: &mut Lane, create: &str, index: &str) -> Result<()> {
    for attempt in 0..ATTEMPTS {
        let wait = FIRST_WAIT.as_millis() << attempt;
        builder.execute(&format!("SET lock_timeout = {wait}")).await?;
        if let Err(error) = builder.execute(create).await
            && !matches!(connect::sqlstate(&error), Some(LOCK_NOT_AVAILABLE | DUPLICATE_TABLE))
        {
            return Err(error);
        }
        if exists(builder, index).await? {
            builder.execute("SET lock_timeout = 0").await?;
            return Ok(());
        }
    }
    Err(Error::new(Kind::Target, format!("index {index} could not be made invalid, as it is on the source"))
        .hint("Another session kept the table locked."))
}

async fn exists(lane: &mut Lane, index: &str) -> Result<bool> {
    let sql = format!("SELECT pg_catalog.to_regclass({}) IS NOT NULL", quote_literal(index));
    let rows = lane.execute(&sql).await?;
    Ok(rows.first().and_then(|row| row.first()).is_some_and(|value| value.as_deref() == Some("t")))
}
