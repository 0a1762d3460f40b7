//! Is there a pooler in between, and of which kind?
//!
//! In transaction mode (and in statement mode) a pooler lends a server connection for one transaction only: two of our connections,
//! open at once and idle, are then served by the same backend process, or one of them by another each time. On a direct
//! connection or behind a session-mode pooler two open connections never share one. What is set on a lent connection is met by
//! whoever is lent it next, so both are asked before anything is set.

use std::time::{Duration, Instant};

use tokio_postgres::SimpleQueryMessage;

use super::{Lane, Session};
use crate::error::Result;

const BACKEND: &str = "SELECT pg_catalog.pg_backend_pid()";

/// What a lane and a session, idle and in no transaction, said of themselves.
pub struct Asked {
    /// The process that served the lane.
    lane: Option<String>,
    /// The process that served the session.
    session: Option<String>,
    /// The session's answer to one more question.
    pub answer: Option<String>,
    /// How long the lane's answer took: a round trip.
    pub trip: Duration,
}

/// Asks both which process serves them, the lane first, and the session one more question, a statement with one value, which then
/// needs no round trip of its own.
pub async fn ask(lane: &mut Lane, session: &Session, question: Option<&str>) -> Result<Asked> {
    let since = Instant::now();
    let before = lane_backend(lane).await?;
    let trip = since.elapsed();
    let (other, answer) = session_backend(session, question).await?;
    Ok(Asked { lane: before, session: other, answer, trip })
}

impl Asked {
    /// One process served both.
    pub fn shared(&self) -> bool {
        self.lane == self.session
    }

    /// The lane's process is another one later on.
    pub fn moved(&self, later: Option<&str>) -> bool {
        self.lane.as_deref() != later
    }
}

/// Whether the lane's connection is a pooler's, lent for one transaction at a time.
pub async fn lends(lane: &mut Lane, session: &Session) -> Result<bool> {
    let asked = ask(lane, session, None).await?;
    Ok(asked.shared() || asked.moved(lane_backend(lane).await?.as_deref()))
}

async fn lane_backend(lane: &mut Lane) -> Result<Option<String>> {
    let rows = lane.execute(BACKEND).await.map_err(|error| error.context("asking for the server process"))?;
    Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
}

/// By the simple protocol, because a pooler may not know our prepared statements.
async fn session_backend(session: &Session, question: Option<&str>) -> Result<(Option<String>, Option<String>)> {
    let messages = session.simple_query(&format!("{BACKEND}; {}", question.unwrap_or_default())).await;
    let messages = messages.map_err(|error| session.error(error).context("asking for the server process"))?;
    let mut values = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
        _ => None,
    });
    let mut next = || values.next().flatten();
    Ok((next(), next()))
}
