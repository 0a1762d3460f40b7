//! A dump's chunks, fetched from its store and opened.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use crate::error::Result;
use crate::event::{Counters, News};
use crate::format::CopyFormat;
use crate::run::chunk_reader::{ChunkReader, expected};
use crate::run::chunk_source::{ChunkSource, Place, ReadChunk, WholeChunk};
use crate::run::cpu_pool::CpuPool;
use crate::run::fingerprint::Reading;
use crate::run::opened::OpenedDump;
use crate::run::windows::Windows;
use crate::seal::{Decryption, Expected, Opener, Progress, SealError};
use crate::store::Repository;

/// Everything that reading takes.
pub(super) struct StoredChunks {
    shared: Arc<Shared>,
}

struct Shared {
    repository: Repository,
    dump: OpenedDump,
    pool: CpuPool,
    windows: Windows,
    news: News,
}

/// A small chunk that was fetched and is still sealed.
struct Sealed {
    format: CopyFormat,
    expected: Expected,
    bytes: Bytes,
}

impl StoredChunks {
    /// For so many lanes.
    pub(super) fn new(repository: &Repository, dump: &OpenedDump, lanes: usize, news: &News) -> Result<Self> {
        let pool = CpuPool::for_lanes(lanes)?;
        let (repository, dump, news) = (repository.clone(), dump.clone(), news.clone());
        Ok(Self { shared: Arc::new(Shared { repository, dump, pool, windows: Windows::default(), news }) })
    }
}

impl ChunkSource for StoredChunks {
    fn read(&self, place: Place, blocks: mpsc::Sender<Bytes>) -> BoxFuture<'static, Result<ReadChunk>> {
        let shared = Arc::clone(&self.shared);
        async move { Box::pin(shared.read(place, &blocks)).await }.boxed()
    }

    fn read_whole(&self, places: Vec<Place>, most: u64) -> BoxFuture<'static, Result<Vec<Option<WholeChunk>>>> {
        let shared = Arc::clone(&self.shared);
        async move { Box::pin(shared.read_whole(places, most)).await }.boxed()
    }

    fn known(&self, place: Place) -> Option<Reading> {
        Some(self.shared.reading(place))
    }

    fn release(&self) -> BoxFuture<'_, Result<()>> {
        futures_util::future::ready(Ok(())).boxed()
    }
}

impl Shared {
    /// The reader compares everything with what the contents say.
    async fn read(&self, place: Place, blocks: &mpsc::Sender<Bytes>) -> Result<ReadChunk> {
        let mut reader = ChunkReader::new(&self.repository, &self.pool, &self.dump, place)?;
        let mut told = 0;
        while let Some(block) = reader.next().await? {
            Counters::add(&self.news.counters.stored_bytes, reader.stored_read() - told);
            told = reader.stored_read();
            if blocks.send(block.into()).await.is_err() {
                break;
            }
        }
        Ok(ReadChunk { reading: self.reading(place), stored: reader.stored_read() })
    }

    /// Fetches one after the other, mostly from the same window, and opens all in one job.
    async fn read_whole(&self, places: Vec<Place>, most: u64) -> Result<Vec<Option<WholeChunk>>> {
        let mut sealed = Vec::with_capacity(places.len());
        for place in &places {
            sealed.push(self.fetch(*place, most).await?);
        }
        let decryption = self.dump.decryption.clone();
        let open = move |sealed: Option<Sealed>| match sealed {
            Some(sealed) => sealed.open(&decryption).map(Some),
            None => Ok(None),
        };
        let opened = self.pool.run(move || sealed.into_iter().map(open).collect::<Result<Vec<_>, SealError>>());
        let opened = opened.await??;
        let whole = |(place, opened): (Place, Option<(Bytes, u64)>)| {
            let (block, stored) = opened?;
            Counters::add(&self.news.counters.stored_bytes, stored);
            Some(WholeChunk { blocks: vec![block], read: ReadChunk { reading: self.reading(place), stored } })
        };
        Ok(places.into_iter().zip(opened).map(whole).collect())
    }

    async fn fetch(&self, place: Place, most: u64) -> Result<Option<Sealed>> {
        let expected = expected(&self.dump, place);
        let facts = &self.dump.contents.tables[place.0].chunks[place.1];
        let [piece] = self.dump.manifest.chunks[facts.chunk as usize].pieces.as_slice() else { return Ok(None) };
        if expected.raw > most || !Windows::suit(piece) {
            return Ok(None);
        }
        let format = self.dump.contents.tables[place.0].format;
        Ok(Some(Sealed { format, expected, bytes: self.windows.read(&self.repository, piece).await? }))
    }

    fn reading(&self, (table, chunk): Place) -> Reading {
        let facts = &self.dump.contents.tables[table].chunks[chunk];
        Reading { rows: facts.rows, raw: facts.raw, fingerprint: facts.fingerprint }
    }
}

impl Sealed {
    /// The whole plaintext, proved to be what was expected, and the length of what it was sealed in.
    fn open(self, decryption: &Decryption) -> Result<(Bytes, u64), SealError> {
        let stored = self.bytes.len() as u64;
        let mut opener = Opener::new(decryption, self.format, Some(self.expected))?;
        opener.feed(self.bytes)?;
        opener.end_of_sealed()?;
        // One byte more than there should be: nothing that follows is overlooked.
        let mut plain = Vec::with_capacity(usize::try_from(self.expected.raw).unwrap_or_default() + 1);
        match opener.pull(&mut plain)? {
            Progress::Ended => opener.finish().map(|_| (plain.into(), stored)),
            Progress::Full | Progress::Hungry => Err(SealError::Mismatch { what: "length" }),
        }
    }
}
