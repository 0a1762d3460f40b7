//! Writes the journal of a run while its lanes work: every few seconds one signed record of what became durable.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::gather::Gather;
use crate::error::Result;
use crate::keys::WriterKey;
use crate::store::Repository;

/// How often it is looked whether a record is due.
const INTERVAL: Duration = Duration::from_millis(500);

/// The journal of one run, over all its attempts.
#[derive(Clone, Copy, Debug)]
pub struct Journal<'a> {
    /// Where it lies.
    pub repository: &'a Repository,
    /// Who signs.
    pub writer: &'a WriterKey,
}

impl Journal<'_> {
    /// Writes records until the lanes have `ended`, which a failure makes them do; then call [`Journal::write`].
    pub async fn keep(self, gather: &Gather, ended: &CancellationToken) -> Result<()> {
        loop {
            tokio::select! {
                () = ended.cancelled() => return Ok(()),
                () = tokio::time::sleep(INTERVAL) => {}
            }
            if let Some(record) = gather.record(false)
                && let Err(error) = self.repository.write_journal(&record, self.writer).await
            {
                ended.cancel();
                return Err(error);
            }
        }
    }

    /// Writes whatever waits.
    pub async fn write(self, gather: &Gather) -> Result<()> {
        match gather.record(true) {
            Some(record) => self.repository.write_journal(&record, self.writer).await,
            None => Ok(()),
        }
    }
}
