//! Watches the snapshot while lanes work: does its holder live, is it too old, does DDL wait for us?

use std::collections::BTreeSet;
use std::time::Duration;

use super::lanes::Lost;
use crate::error::Error;
use crate::event::{Event, News};
use crate::source::error::SourceError;
use crate::source::holder::Holder;

/// How often the holder is asked.
const INTERVAL: Duration = Duration::from_secs(3);

/// Ends only with the reason why the attempt cannot go on.
pub async fn keep(holder: &Holder, age_limit: Option<Duration>, news: &News) -> Error {
    let mut told = BTreeSet::new();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let age = holder.since().elapsed();
        if age_limit.is_some_and(|limit| age > limit) {
            return SourceError::SnapshotTooOld { minutes: age.as_secs() / 60 }.into();
        }
        let blocked = match holder.watch().await {
            Ok(blocked) => blocked,
            Err(error) => return Lost(error).into(),
        };
        for waiting in blocked {
            if told.insert(waiting.pid) {
                let message = format!(
                    "session {} waits for {} on {} until this run has read it",
                    waiting.pid, waiting.mode, waiting.table
                );
                news.tell(Event::Warning { message });
            }
        }
    }
}
