//! Where the rows of a restore come from: a dump's stored chunks, or a source that is being read at this moment.
//!
//! A load asks for one chunk after the other and takes a transaction back unless the chunk was read to its end. What lies
//! behind it, a store or a server, is not its business.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::fingerprint::Reading;
use crate::error::Result;

/// Position of a table in the contents, and number of one of its chunks.
pub type Place = (usize, usize);

/// A chunk that was read to its end and is what it should be.
#[derive(Clone, Copy, Debug)]
pub struct ReadChunk {
    /// Its rows, bytes and fingerprint.
    pub reading: Reading,
    /// Stored bytes that were read for it; 0 where nothing is stored.
    pub stored: u64,
}

/// The plaintext of a small chunk.
#[derive(Clone, Debug)]
pub struct WholeChunk {
    /// COPY data.
    pub blocks: Vec<Bytes>,
    /// What it is.
    pub read: ReadChunk,
}

/// Gives chunks. Several are read at the same time.
pub trait ChunkSource: Send + Sync {
    /// Reads a chunk into a bounded queue, and ends early when nobody listens any more. Blocks that came are to be believed
    /// only when the whole chunk was read ([`Ok`]).
    fn read(&self, place: Place, blocks: mpsc::Sender<Bytes>) -> BoxFuture<'static, Result<ReadChunk>>;

    /// Reads small chunks whole, in order; `None` for one that has more than `most` bytes or is better read by
    /// [`ChunkSource::read`] for another reason. What comes is complete and to be believed.
    fn read_whole(&self, places: Vec<Place>, most: u64) -> BoxFuture<'static, Result<Vec<Option<WholeChunk>>>>;

    /// What a chunk holds, where that is known before it is read.
    fn known(&self, place: Place) -> Option<Reading>;

    /// No chunk will be asked for any more: what was kept open for reading may go.
    ///
    /// # Errors
    /// What was read is not of one moment after all.
    fn release(&self) -> BoxFuture<'_, Result<()>>;
}
