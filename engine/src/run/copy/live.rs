//! A source's chunks, read under one snapshot at the moment they are loaded.
//!
//! Every load reads on a connection of its own, which the next load takes over. While one block is hashed and sent, the next
//! one comes in; nothing is compressed, encrypted or stored in between.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::connect::CopyOut;
use crate::error::{Error, Kind, Result};
use crate::event::News;
use crate::format::CopyFormat;
use crate::format::contents::Contents;
use crate::limits::BATCH;
use crate::plan::dump_plan::{DumpPlan, Span};
use crate::run::chunk_source::{ChunkSource, Place, ReadChunk, WholeChunk};
use crate::run::cpu_pool::CpuPool;
use crate::run::dump::lanes::{self, Lost};
use crate::run::dump::watch;
use crate::run::fingerprint::{self, Reading};
use crate::seal::RowHasher;
use crate::source::copy_out::{self, CopySource};
use crate::source::holder::Holder;
use crate::source::lane::SnapshotLane;

/// Reads chunks from a live source.
#[derive(Clone)]
pub(super) struct LiveChunks {
    shared: Arc<Shared>,
}

struct Shared {
    /// The snapshot; gone once everything was read.
    holder: Mutex<Option<Arc<Holder>>>,
    plan: DumpPlan,
    contents: Arc<Contents>,
    pool: CpuPool,
    news: News,
    /// So many chunks are read side by side.
    lanes: usize,
    /// Connections in the snapshot that nobody uses at the moment.
    idle: Mutex<Vec<SnapshotLane>>,
    released: CancellationToken,
}

impl LiveChunks {
    /// Chunks of a plan; the contents name the same tables in the same order.
    pub(super) fn new(
        holder: Holder,
        plan: DumpPlan,
        contents: &Arc<Contents>,
        lanes: usize,
        news: &News,
    ) -> Result<Self> {
        let shared = Shared {
            holder: Mutex::new(Some(Arc::new(holder))),
            plan,
            contents: Arc::clone(contents),
            pool: CpuPool::for_lanes(lanes)?,
            news: news.clone(),
            lanes,
            idle: Mutex::default(),
            released: CancellationToken::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Watches the snapshot; ends only with the reason why nothing more can be read under it.
    pub(super) async fn watch(&self, age_limit: Option<Duration>) -> Error {
        if let Some(holder) = self.shared.holder() {
            tokio::select! {
                lost = watch::keep(&holder, age_limit, &self.shared.news) => return lost,
                () = self.shared.released.cancelled() => {}
            }
        }
        std::future::pending().await
    }
}

impl ChunkSource for LiveChunks {
    fn read(&self, place: Place, blocks: mpsc::Sender<Bytes>) -> BoxFuture<'static, Result<ReadChunk>> {
        let shared = Arc::clone(&self.shared);
        async move {
            let reading = shared.read(place, blocks).await?;
            Ok(ReadChunk { reading, stored: 0 })
        }
        .boxed()
    }

    fn read_whole(&self, places: Vec<Place>, most: u64) -> BoxFuture<'static, Result<Vec<Option<WholeChunk>>>> {
        let shared = Arc::clone(&self.shared);
        async move {
            let mut whole = Vec::with_capacity(places.len());
            for place in places {
                whole.push(shared.read_whole(place, most).await?);
            }
            Ok(whole)
        }
        .boxed()
    }

    fn known(&self, _place: Place) -> Option<Reading> {
        None
    }

    /// Locks and snapshot have held until here, or tables could have been emptied before a lane came to them.
    fn release(&self) -> BoxFuture<'_, Result<()>> {
        async {
            let Some(holder) = self.shared.holder() else { return Ok(()) };
            holder.watch().await.map_err(Lost)?;
            self.shared.released.cancel();
            locked(&self.shared.idle).clear();
            locked(&self.shared.holder).take();
            Ok(())
        }
        .boxed()
    }
}

impl Shared {
    fn holder(&self) -> Option<Arc<Holder>> {
        locked(&self.holder).clone()
    }

    async fn read(&self, (table, chunk): Place, blocks: mpsc::Sender<Bytes>) -> Result<Reading> {
        let name = self.contents.tables[table].display_name();
        let Some(holder) = self.holder() else {
            return Err(Error::new(Kind::Bug, format!("{name} is read after the snapshot was given up")));
        };
        let error = match self.read_under(&holder, (table, chunk), blocks).await {
            Ok(reading) => return Ok(reading),
            Err(error) => error,
        };
        // The holder is asked first: without it another try could only join another moment.
        match holder.watch().await {
            Ok(_) => Err(error.context(format_args!("reading {name}"))),
            Err(_) => Err(Lost(error).into()),
        }
    }

    /// Sizes are estimates: what turns out to be more is given up in the middle and left to a load of its own.
    async fn read_whole(&self, place: Place, most: u64) -> Result<Option<WholeChunk>> {
        let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
        let (mut blocks, mut held) = (Vec::new(), 0);
        let collecting = async {
            while let Some(block) = receiver.recv().await {
                held += block.len() as u64;
                if held > most {
                    receiver.close();
                    return;
                }
                blocks.push(block);
            }
        };
        let (read, ()) = tokio::join!(self.read(place, sender), collecting);
        if held > most {
            return Ok(None);
        }
        Ok(Some(WholeChunk { blocks, read: ReadChunk { reading: read?, stored: 0 } }))
    }

    async fn read_under(&self, holder: &Holder, (table, chunk): Place, blocks: mpsc::Sender<Bytes>) -> Result<Reading> {
        let data = &self.contents.tables[table];
        let facts = &data.chunks[chunk];
        let source = CopySource::of(data, holder.encoding());
        let statement = copy_out::statement(source, Span { from: facts.from, to: facts.to });
        let idle = locked(&self.idle).pop();
        let mut lane = match idle {
            Some(lane) => lane,
            None => holder.open_lane(self.lanes).await?,
        };
        let reading = if lanes::begin(&self.news, &mut lane, &self.plan.tables[table], &statement).await? {
            self.pump(lane.begun_copy(), data.format, blocks).await?
        } else {
            let mut holder = holder.lane().await;
            self.pump(holder.copy_out(&statement).await?, data.format, blocks).await?
        };
        locked(&self.idle).push(lane);
        Ok(reading)
    }

    async fn pump(&self, mut copy: CopyOut<'_>, format: CopyFormat, blocks: mpsc::Sender<Bytes>) -> Result<Reading> {
        let mut hasher = RowHasher::new(format);
        let mut next = BytesMut::with_capacity(BATCH);
        let mut more = copy.read(&mut next, BATCH).await?;
        while !next.is_empty() {
            let block = next.freeze();
            let hashed = block.clone();
            let hashing = self.pool.run(move || {
                let result = hasher.push(&hashed);
                (hasher, result)
            });
            next = BytesMut::new();
            let reading = async { if more { copy.read(&mut next, BATCH).await } else { Ok(false) } };
            let (hashed, sent, read) = tokio::join!(hashing, blocks.send(block), reading);
            let (returned, result) = hashed?;
            result.map_err(fingerprint::framing)?;
            hasher = returned;
            more = read?;
            if sent.is_err() {
                return Err(Error::new(Kind::Source, "nobody wants the rest of a chunk"));
            }
        }
        let counted = copy.rows();
        let raw = hasher.bytes();
        let (rows, fingerprint) = hasher.finish().map_err(fingerprint::framing)?;
        if counted.is_some_and(|counted| counted != rows) {
            return Err(Error::new(Kind::Verification, "the server counts other rows than it sent")
                .hint("Something between here and the source changes COPY data: connect to the server itself."));
        }
        Ok(Reading { rows, raw, fingerprint })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
