//! A stored chunk as a stream of plaintext blocks: pieces fetched in order, opened on the pool, checked to the end.
//!
//! Promise 5. Blocks are authenticated, but only `None` says that the chunk is complete and the one the contents describe;
//! a load must be able to take everything back until then.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::cpu_pool::CpuPool;
use super::opened::OpenedDump;
use crate::error::{Error, Kind, Result};
use crate::format::manifest::Piece;
use crate::limits::BATCH;
use crate::seal::{Expected, Opener, Progress};
use crate::store::Repository;

/// Reads one chunk of a dump.
#[must_use]
pub struct ChunkReader<'a> {
    repository: &'a Repository,
    pool: &'a CpuPool,
    pieces: std::vec::IntoIter<Piece>,
    current: Option<(Piece, blake3::Hasher, BoxStream<'static, Result<Bytes>>)>,
    opener: Option<Opener>,
    ended: bool,
    stored: u64,
}

/// What a chunk of a table must turn out to be.
pub fn expected(dump: &OpenedDump, (table, chunk): (usize, usize)) -> Expected {
    let facts = &dump.contents.tables[table].chunks[chunk];
    Expected {
        rows: facts.rows,
        raw: facts.raw,
        plain: facts.plain,
        sealed: dump.manifest.chunks[facts.chunk as usize].sealed,
        fingerprint: facts.fingerprint,
    }
}

impl<'a> ChunkReader<'a> {
    /// A reader before the first byte of chunk `chunk` of table `table`.
    pub fn new(
        repository: &'a Repository,
        pool: &'a CpuPool,
        dump: &OpenedDump,
        (table, chunk): (usize, usize),
    ) -> Result<Self> {
        let data = &dump.contents.tables[table];
        let stored = &dump.manifest.chunks[data.chunks[chunk].chunk as usize];
        let expected = expected(dump, (table, chunk));
        Ok(Self {
            repository,
            pool,
            pieces: stored.pieces.clone().into_iter(),
            current: None,
            opener: Some(Opener::new(&dump.decryption, data.format, Some(expected))?),
            ended: false,
            stored: 0,
        })
    }

    /// Stored bytes read so far.
    pub fn stored_read(&self) -> u64 {
        self.stored
    }

    /// The next plaintext block, never empty; `None` when the chunk is complete and proved.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let Some(opener) = self.opener.take() else { return Ok(None) };
            let (opener, plain, progress) = self.pool.run(move || pull(opener)).await??;
            match progress {
                Progress::Ended => {
                    let finished = self.pool.run(move || opener.finish()).await?;
                    finished?;
                    return Ok((!plain.is_empty()).then_some(plain));
                }
                Progress::Full => {
                    self.opener = Some(opener);
                    return Ok(Some(plain));
                }
                Progress::Hungry => {
                    self.opener = Some(self.feed(opener).await?);
                    if !plain.is_empty() {
                        return Ok(Some(plain));
                    }
                }
            }
        }
    }

    /// Gives the opener the next stored block, or tells it that there is none.
    async fn feed(&mut self, mut opener: Opener) -> Result<Opener> {
        match self.fetch().await? {
            Some(block) => {
                self.stored += block.len() as u64;
                let fed = self.pool.run(move || opener.feed(block).map(|()| opener)).await?;
                Ok(fed?)
            }
            None if self.ended => Err(Error::new(Kind::Bug, "an opener wants more than there is")),
            None => {
                self.ended = true;
                opener.end_of_sealed()?;
                Ok(opener)
            }
        }
    }

    /// The next stored block; checks a piece's digest when it ends.
    async fn fetch(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.current.is_none() {
                let Some(piece) = self.pieces.next() else { return Ok(None) };
                let range = piece.offset..piece.offset + piece.length;
                let blocks = self.repository.read_object(piece.object, range);
                self.current = Some((piece, blake3::Hasher::new(), blocks));
            }
            let Some((piece, hasher, blocks)) = &mut self.current else { continue };
            if let Some(block) = blocks.next().await {
                let block = block?;
                hasher.update(&block);
                return Ok(Some(block));
            }
            if *hasher.finalize().as_bytes() != piece.digest.0 {
                let what = format!("object {} does not hold what the manifest says", piece.object);
                return Err(Error::new(Kind::Verification, what)
                    .hint("The store's copy is damaged or was exchanged: restore from another dump."));
            }
            self.current = None;
        }
    }
}

fn pull(mut opener: Opener) -> Result<(Opener, Vec<u8>, Progress)> {
    let mut plain = Vec::with_capacity(BATCH);
    let progress = opener.pull(&mut plain)?;
    Ok((opener, plain, progress))
}
