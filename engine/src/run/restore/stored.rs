//! A dump's chunks, fetched from its store and opened.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use crate::error::Result;
use crate::event::{Counters, News};
use crate::run::chunk_reader::ChunkReader;
use crate::run::chunk_source::{ChunkSource, Place, ReadChunk};
use crate::run::cpu_pool::CpuPool;
use crate::run::fingerprint::Reading;
use crate::run::opened::OpenedDump;
use crate::store::Repository;

/// Everything that reading takes.
pub(super) struct StoredChunks {
    shared: Arc<Shared>,
}

struct Shared {
    repository: Repository,
    dump: OpenedDump,
    pool: CpuPool,
    news: News,
}

impl StoredChunks {
    pub(super) fn new(repository: &Repository, dump: &OpenedDump, news: &News) -> Result<Self> {
        let pool = CpuPool::with_all_cores()?;
        let shared = Shared { repository: repository.clone(), dump: dump.clone(), pool, news: news.clone() };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl ChunkSource for StoredChunks {
    fn read(&self, place: Place, blocks: mpsc::Sender<Bytes>) -> BoxFuture<'static, Result<ReadChunk>> {
        let shared = Arc::clone(&self.shared);
        async move { Box::pin(shared.read(place, &blocks)).await }.boxed()
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

    fn reading(&self, (table, chunk): Place) -> Reading {
        let facts = &self.dump.contents.tables[table].chunks[chunk];
        Reading { rows: facts.rows, raw: facts.raw, fingerprint: facts.fingerprint }
    }
}
