//! Writes the journal of a run while its lanes work: every few seconds one signed record of what became durable.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::gather::Gather;
use crate::error::Result;
use crate::format::journal::JournalRecord;
use crate::keys::WriterKey;
use crate::store::Repository;

/// How often it is looked whether a record is due.
const INTERVAL: Duration = Duration::from_millis(500);

/// The journal of one run, over all its attempts. Records are written one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Journal<'a> {
    /// Where it lies.
    pub repository: &'a Repository,
    /// Who signs.
    pub writer: &'a WriterKey,
}

impl Journal<'_> {
    /// Writes records until the lanes have `ended`, which a failure makes them do; what waits then is the caller's to write.
    pub async fn keep(self, gather: &Gather, ended: &CancellationToken) -> Result<()> {
        loop {
            tokio::select! {
                () = ended.cancelled() => return Ok(()),
                () = tokio::time::sleep(INTERVAL) => {}
            }
            if let Err(error) = self.write(gather.record(false).as_ref()).await {
                ended.cancel();
                return Err(error);
            }
        }
    }

    /// Writes a record, if there is one.
    pub async fn write(self, record: Option<&JournalRecord>) -> Result<()> {
        match record {
            Some(record) => self.repository.write_journal(record, self.writer).await,
            None => Ok(()),
        }
    }
}
