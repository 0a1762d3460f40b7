//! Watches the snapshot while lanes work: does its holder live, is it too old, does DDL wait for us?

use std::collections::BTreeSet;
use std::time::Duration;

use super::lanes::{Hall, Lost};
use crate::error::Error;
use crate::event::Event;
use crate::source::error::SourceError;

/// How often the holder is asked.
const INTERVAL: Duration = Duration::from_secs(3);

/// Ends only with the reason why the attempt cannot go on.
pub async fn keep(hall: &Hall, age_limit: Option<Duration>) -> Error {
    let mut told = BTreeSet::new();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let age = hall.holder.since().elapsed();
        if age_limit.is_some_and(|limit| age > limit) {
            return SourceError::SnapshotTooOld { minutes: age.as_secs() / 60 }.into();
        }
        let blocked = match hall.holder.watch().await {
            Ok(blocked) => blocked,
            Err(error) => return Lost(error).into(),
        };
        for waiting in blocked {
            if told.insert(waiting.pid) {
                let message = format!(
                    "session {} waits for {} on {} until this dump ends",
                    waiting.pid, waiting.mode, waiting.table
                );
                hall.around.news.tell(Event::Warning { message });
            }
        }
    }
}
