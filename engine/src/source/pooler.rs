//! Is there a pooler in between, and of which kind?
//!
//! In transaction mode a pooler lends a server connection for one transaction only: two of our connections, open at once
//! and idle, are then served by the same backend process. On a direct connection or a session-mode pooler two open
//! connections never share one.

use std::time::{Duration, Instant};

use tokio_postgres::SimpleQueryMessage;

use crate::connect::{Lane, Session};
use crate::error::Result;
use crate::source::error::{SourceError, failed};

const BACKEND: &str = "SELECT pg_catalog.pg_backend_pid()";

/// What a lane and a session, idle and in no transaction, said of themselves.
pub struct Asked {
    /// The process that served the lane.
    lane: Option<String>,
    /// The session's answer to one more question.
    pub answer: Option<String>,
    /// How long the lane's answer took: a round trip.
    pub trip: Duration,
}

/// Asks both which process serves them, the lane first, and the session one more question, a statement with one value, which then
/// needs no round trip of its own.
///
/// # Errors
/// If one process served both: a transaction-mode (or statement-mode) pooler.
pub async fn ask(lane: &mut Lane, session: &Session, question: Option<&str>) -> Result<Asked> {
    let since = Instant::now();
    let before = lane_backend(lane).await?;
    let trip = since.elapsed();
    let (other, answer) = session_backend(session, question).await?;
    match before == other {
        true => Err(SourceError::TransactionPooler.into()),
        false => Ok(Asked { lane: before, answer, trip }),
    }
}

impl Asked {
    /// Refuses the lane if another process serves it later on.
    pub fn refuse_another(&self, later: Option<&str>) -> Result<()> {
        match self.lane.as_deref() == later {
            true => Ok(()),
            false => Err(SourceError::TransactionPooler.into()),
        }
    }
}

/// Refuses transaction-mode (and statement-mode) poolers; both connections are open, idle and in no transaction.
pub async fn refuse_transaction_mode(lane: &mut Lane, session: &Session) -> Result<()> {
    let asked = ask(lane, session, None).await?;
    asked.refuse_another(lane_backend(lane).await?.as_deref())
}

async fn lane_backend(lane: &mut Lane) -> Result<Option<String>> {
    let rows = lane.execute(BACKEND).await.map_err(|error| error.context("asking for the server process"))?;
    Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
}

/// By the simple protocol, because a pooler may not know our prepared statements.
async fn session_backend(session: &Session, question: Option<&str>) -> Result<(Option<String>, Option<String>)> {
    let messages = session.simple_query(&format!("{BACKEND}; {}", question.unwrap_or_default())).await;
    let messages = messages.map_err(|error| failed("asking for the server process", error))?;
    let mut values = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
        _ => None,
    });
    let mut next = || values.next().flatten();
    Ok((next(), next()))
}
