//! Journal of an unfinished dump: `runs/<dump-id>/NNNNNN`. Public like the manifest, signed like it, because what a
//! journal names is later referenced without being read again: whoever could plant a record could plant data.
//!
//! A record holds only where sealed chunks lie. Rows, sizes and digests of plaintext are private, and the dump host
//! cannot read what it sealed; a resumed dump computes them again while it copies the chunk, and saves sealing and
//! uploading.

use chrono::{DateTime, Utc};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

use super::FormatVersion;
use super::canonical::CanonicalError;
use super::check::{self, Contradiction};
use super::manifest::StoredChunk;
use super::signed::{self, Signable, SignedError, Vouched};
use crate::ids::{DumpId, RepositoryId, WriterId};
use crate::limits;

/// Chunks that became durable since the record before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalRecord {
    /// Format version it was written in.
    pub format: FormatVersion,
    /// Capabilities a reader must have, sorted.
    pub capabilities: Vec<String>,
    /// Repository it belongs to.
    pub repository: RepositoryId,
    /// The dump that was being made.
    pub dump: DumpId,
    /// Number in its run, from 0, without gaps.
    pub number: u32,
    /// Who signed.
    pub writer: WriterId,
    /// When it was written, UTC.
    pub written: DateTime<Utc>,
    /// Chunks that are durable.
    pub chunks: Vec<StoredChunk>,
}

impl Signable for JournalRecord {
    const NAME: &'static str = "journal";
    const LIMIT: u64 = limits::JOURNAL_MAX;

    fn writer(&self) -> WriterId {
        self.writer
    }
}

/// Where a record was read: it must belong there.
#[derive(Clone, Copy, Debug)]
pub struct RecordPlace<'a> {
    /// The repository's id.
    pub repository: &'a RepositoryId,
    /// The run whose folder it lay in.
    pub dump: &'a DumpId,
    /// The number its name says.
    pub number: u32,
}

/// Why a record is not used. A record is only a saving, so a refused one is left out with its reason, never fatal.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Envelope, version, form or signature.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// Nobody the reader knows signed it.
    #[error("not signed by this writer")]
    NotOurs,
    /// It belongs to another repository, run or number.
    #[error("it belongs elsewhere")]
    Place,
    /// It contradicts itself.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

impl JournalRecord {
    /// Encodes and signs.
    pub fn encode(&self, key: &SigningKey) -> Result<Vec<u8>, CanonicalError> {
        signed::encode(self, key)
    }

    /// Decodes what was read from `place`, signed by `writer` and nobody else.
    pub fn decode(file: &[u8], place: &RecordPlace<'_>, writer: WriterId) -> Result<Self, RecordError> {
        let (record, vouched) = signed::decode::<Self>(file, Some(&[writer]))?;
        if vouched != Vouched::Signed(writer) {
            return Err(RecordError::NotOurs);
        }
        let at_home = record.repository == *place.repository && record.dump == *place.dump;
        if !at_home || record.number != place.number {
            return Err(RecordError::Place);
        }
        check::sorted(&record.capabilities)?;
        check::chunks(&record.chunks)?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn read(file: &[u8], number: u32, writer: WriterId) -> Result<JournalRecord, RecordError> {
        let (repository, dump) = (samples::repository(), samples::dump(1));
        JournalRecord::decode(file, &RecordPlace { repository: &repository, dump: &dump, number }, writer)
    }

    #[test]
    fn only_this_writers_records_in_their_place_count() {
        let file = samples::record().encode(&samples::signing(1)).unwrap();
        assert_eq!(read(&file, 3, samples::writer(1)).unwrap(), samples::record());
        assert!(matches!(read(&file, 4, samples::writer(1)), Err(RecordError::Place)));
        assert!(matches!(read(&file, 3, samples::writer(2)), Err(RecordError::NotOurs)));
        let unsigned = signed::encode_unsigned(&samples::record()).unwrap();
        assert!(matches!(read(&unsigned, 3, samples::writer(1)), Err(RecordError::NotOurs)));
        let planted = String::from_utf8(file).unwrap().replace("\"offset\":0", "\"offset\":1");
        assert!(matches!(read(planted.as_bytes(), 3, samples::writer(1)), Err(RecordError::Signed(_))));
    }

    #[test]
    fn contradictions_are_refused_even_when_signed() {
        let mut record = samples::record();
        record.chunks[0].pieces[0].length = 0;
        let file = record.encode(&samples::signing(1)).unwrap();
        assert!(matches!(read(&file, 3, samples::writer(1)), Err(RecordError::Contradiction(_))));
    }
}
