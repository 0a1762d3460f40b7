//! The journal a run writes: chunks gather, and every so often become a record.

use chrono::{DateTime, TimeDelta, Utc};

use crate::format::journal::JournalRecord;
use crate::format::layout::RECORD_MAX;
use crate::format::manifest::StoredChunk;
use crate::format::{CURRENT, capabilities};
use crate::ids::{DumpId, RepositoryId, WriterId};

/// Longest time a durable chunk waits for its record: what a killed run may have to upload again.
const EVERY: TimeDelta = TimeDelta::seconds(5);

/// Most chunks per record, so that records stay far below their size limit.
const MOST: usize = 1_000;

/// Chunks on their way into the journal of one run.
#[derive(Clone, Debug)]
pub struct Batch {
    repository: RepositoryId,
    dump: DumpId,
    writer: WriterId,
    encrypted: bool,
    number: u32,
    waiting: Vec<StoredChunk>,
    since: Option<DateTime<Utc>>,
}

impl Batch {
    /// The journal of a run that begins.
    pub fn new(repository: RepositoryId, dump: DumpId, writer: WriterId, encrypted: bool) -> Self {
        Self { repository, dump, writer, encrypted, number: 0, waiting: Vec::new(), since: None }
    }

    /// Adds a chunk that is durable.
    pub fn add(&mut self, chunk: StoredChunk, now: DateTime<Utc>) {
        self.since.get_or_insert(now);
        self.waiting.push(chunk);
    }

    /// Records that were taken so far; they are numbered from 0.
    pub fn records(&self) -> u32 {
        self.number
    }

    /// The next record, if it is time for one.
    pub fn due(&mut self, now: DateTime<Utc>) -> Option<JournalRecord> {
        let waited = self.since.is_some_and(|since| now - since >= EVERY);
        if waited || self.waiting.len() >= MOST { self.take(now) } else { None }
    }

    /// The next record with whatever waits, if anything does; none any more when the numbers are used up, which only
    /// costs a resumed run some uploads.
    pub fn take(&mut self, now: DateTime<Utc>) -> Option<JournalRecord> {
        self.since = None;
        if self.waiting.is_empty() || self.number > RECORD_MAX {
            self.waiting.clear();
            return None;
        }
        let record = JournalRecord {
            format: CURRENT,
            capabilities: capabilities(self.encrypted),
            repository: self.repository.clone(),
            dump: self.dump.clone(),
            number: self.number,
            writer: self.writer,
            written: now,
            chunks: std::mem::take(&mut self.waiting),
        };
        self.number += 1;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::samples;

    #[test]
    fn records_come_by_time_and_by_count() {
        let mut batch = Batch::new(samples::repository(), samples::dump(1), samples::writer(1), true);
        let start = DateTime::UNIX_EPOCH;
        assert!(batch.due(start).is_none());
        batch.add(samples::chunk(1, 0, 100), start);
        assert!(batch.due(start + TimeDelta::seconds(4)).is_none());
        let first = batch.due(start + EVERY).unwrap();
        assert_eq!((first.number, first.chunks.len()), (0, 1));
        for _ in 0..MOST {
            batch.add(samples::chunk(2, 0, 100), start);
        }
        assert_eq!(batch.due(start).unwrap().number, 1);
        assert!(batch.take(start).is_none());
    }
}
