//! Lanes of a dump: each owns a connection in the snapshot and takes the next chunk until none is left.
//!
//! While a lane's last chunks go to the store, the next one is copied: neither server nor store waits for the other.
//!
//! A lost connection costs one chunk's work: the chunk goes back to the lane, which opens a new connection under the same
//! snapshot, within limits. If the snapshot itself is gone the whole attempt ends with [`Lost`], and the run begins again.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::chunk::{self, Bench};
use super::gather::Gather;
use super::packer::{Pack, Packer};
use super::polite::Gate;
use super::small::SealedChunk;
use super::storing::{Storing, Unstored};
use crate::connect::CopyOut;
use crate::error::{Error, Result};
use crate::event::{Event, News};
use crate::limits::{CHUNK_ATTEMPTS, PACK_BELOW};
use crate::plan::dump_plan::{DumpPlan, PlannedChunk, PlannedTable};
use crate::run::cpu_pool::CpuPool;
use crate::run::dump::budget::{Budget, Share};
use crate::run::options::Surroundings;
use crate::run::pace::Pace;
use crate::run::timeline::{Timeline, Work};
use crate::seal::SealSpec;
use crate::source::copy_out::{self, CopySource};
use crate::source::holder::Holder;
use crate::source::lane::{Locked, SnapshotLane};
use crate::store::Repository;

/// How often a lane asks again for a table that queued DDL keeps it from.
const LOCK_PATIENCE: u32 = 6;

/// Everything the lanes of one attempt share.
pub struct Hall {
    /// The snapshot.
    pub holder: Arc<Holder>,
    /// What to copy.
    pub plan: DumpPlan,
    /// Where to.
    pub repository: Repository,
    /// CPU work.
    pub pool: CpuPool,
    /// Memory.
    pub budget: Budget,
    /// How chunks are sealed.
    pub seal: SealSpec,
    /// Results.
    pub gather: Gather,
    /// Small chunks.
    pub packer: Mutex<Packer>,
    /// Next chunk of the plan.
    pub next: AtomicUsize,
    /// Lanes that have not found the plan empty.
    pub copying: AtomicUsize,
    /// Lanes.
    pub jobs: usize,
    /// How fast rows may be read.
    pub pace: Pace,
    /// Where polite lanes wait.
    pub gate: Gate,
    /// Who works for this dump on the server.
    pub crew: Mutex<Crew>,
    /// What lanes do when.
    pub timeline: Timeline,
    /// News and the wish to stop.
    pub around: Surroundings,
}

/// The server's processes of lanes.
#[derive(Debug, Default)]
pub struct Crew {
    /// Of lanes that were opened; those of closed ones stay, which does no harm.
    known: BTreeSet<i32>,
    /// Lanes that are opening a connection.
    opening: usize,
}

impl Hall {
    pub(super) fn bench(&self) -> Bench<'_> {
        let news = &self.around.news;
        Bench { pool: &self.pool, budget: &self.budget, repository: &self.repository, news, pace: &self.pace }
    }

    /// The server's processes that work for this dump; `None` while one of them is not known yet.
    pub fn backends(&self) -> Option<Vec<i32>> {
        let crew = self.crew();
        (crew.opening == 0).then(|| crew.known.iter().copied().chain(self.holder.backend()).collect())
    }

    fn crew(&self) -> MutexGuard<'_, Crew> {
        self.crew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn open_lane(&self) -> Result<SnapshotLane> {
        self.crew().opening += 1;
        let opened = self.holder.open_lane(self.jobs).await;
        let mut crew = self.crew();
        crew.opening -= 1;
        crew.known.extend(opened.as_ref().ok().and_then(SnapshotLane::backend));
        drop(crew);
        opened
    }

    /// The table of a chunk of the plan.
    pub(super) fn table(&self, index: usize) -> &PlannedTable {
        &self.plan.tables[self.plan.chunks[index].table]
    }

    /// What is copied of a table.
    pub(super) fn source<'a>(&'a self, table: &'a PlannedTable) -> CopySource<'a> {
        CopySource {
            kind: table.kind,
            schema: &table.schema,
            name: &table.name,
            columns: &table.columns,
            condition: table.condition.as_deref(),
            format: table.format,
            encoding: self.holder.encoding(),
        }
    }

    pub(super) fn work(&self, lane: usize, what: &str, chunk: &PlannedChunk) -> Work {
        let name = self.plan.tables[chunk.table].display_name();
        Work { lane, what: what.to_owned(), name, chunk: Some(chunk.number) }
    }

    fn packer(&self) -> MutexGuard<'_, Packer> {
        self.packer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the small chunks that still wait for company, if no other lane can bring more.
    pub(super) async fn last_pack(&self) -> Option<Unstored> {
        if self.copying.fetch_sub(1, Ordering::AcqRel) > 1 {
            return None;
        }
        let pack = self.packer().flush()?;
        Some(self.with_room(pack).await)
    }

    /// Waits for a pack's memory. Nothing else waits for what the lane holds.
    async fn with_room(&self, pack: Pack) -> Unstored {
        let mut share = Share::default();
        self.budget.grow(&mut share, pack.len() as u64).await;
        Unstored::Pack(pack, share)
    }
}

/// Runs one lane (numbered from 0) until the plan is empty; gives the moment it had nothing more to do.
pub async fn run(hall: Arc<Hall>, number: usize) -> Result<Instant> {
    let stop = hall.around.stop.clone();
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        done = until_empty(&hall, number) => done?,
    }
    Ok(Instant::now())
}

async fn until_empty(hall: &Arc<Hall>, number: usize) -> Result<()> {
    let mut lane: Option<SnapshotLane> = None;
    let mut storing = Storing::new(hall, number);
    loop {
        let pass = hall.gate.enter().await;
        let taken = hall.take();
        if taken.is_empty() {
            drop(pass);
            return storing.finish().await;
        }
        pass.pause().await;
        if taken.len() > 1 {
            let copying = hall.timeline.begin(Work::of(number, "copy", "small tables"));
            let sealed = hall.copy_together(&mut lane, taken.clone()).await?;
            copying.end();
            if let Some(sealed) = sealed {
                drop(pass);
                for sealed in sealed {
                    storing.begin(keep_small(hall, sealed).await).await?;
                }
                continue;
            }
        }
        let mut copied = None;
        for index in taken {
            storing.begin(copied).await?;
            let planned = &hall.plan.chunks[index];
            let copying = hall.timeline.begin(hall.work(number, "copy", planned));
            copied = with_retries(hall, &mut lane, index, planned).await?;
            copying.end();
        }
        // Whoever waits for the store keeps nobody from copying.
        drop(pass);
        storing.begin(copied).await?;
    }
}

async fn with_retries(
    hall: &Hall,
    lane: &mut Option<SnapshotLane>,
    index: usize,
    planned: &PlannedChunk,
) -> Result<Option<Unstored>> {
    let table = &hall.plan.tables[planned.table];
    let mut attempt = 1;
    loop {
        let error = match one(hall, lane, index, planned).await {
            Ok(unstored) => return Ok(unstored),
            Err(error) => error,
        };
        *lane = None;
        // The holder is asked first: without it a retry could only join another moment.
        if hall.holder.watch().await.is_err() {
            return Err(Lost(error).into());
        }
        attempt += 1;
        if !error.is_passing() || attempt > CHUNK_ATTEMPTS {
            return Err(error.context(format_args!("dumping {}", table.display_name())));
        }
        hall.around.news.tell(Event::Retry {
            what: format!("chunk of {}", table.display_name()),
            attempt,
            cause: error.to_string(),
        });
        tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
    }
}

async fn one(
    hall: &Hall,
    lane: &mut Option<SnapshotLane>,
    index: usize,
    planned: &PlannedChunk,
) -> Result<Option<Unstored>> {
    let table = &hall.plan.tables[planned.table];
    if planned.first {
        hall.around.news.tell(Event::TableStarted { table: table.display_name(), bytes: table.bytes });
    }
    let lane = match lane {
        Some(lane) => lane,
        None => lane.insert(hall.open_lane().await?),
    };
    let statement = copy_out::statement(hall.source(table), planned.span);
    if begin(&hall.around.news, lane, table, &statement).await? {
        copy(hall, index, table, lane.begun_copy()).await
    } else {
        let mut holder = hall.holder.lane().await;
        copy(hall, index, table, holder.copy_out(&statement).await?).await
    }
}

/// Begins a copy of a table on this lane. False if DDL stays in the way: then the holder, who has the lock, is to copy it.
pub async fn begin(news: &News, lane: &mut SnapshotLane, table: &PlannedTable, statement: &str) -> Result<bool> {
    if !table.locked {
        return lane.begin_copy(statement).await.map(|()| true);
    }
    for round in 0..LOCK_PATIENCE {
        if lane.begin_copy_locked((&table.schema, &table.name), statement).await? == Locked::Yes {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(50 << round)).await;
    }
    let message =
        format!("DDL waits for our lock on {}; its rows are read by the snapshot's holder", table.display_name());
    news.tell(Event::Warning { message });
    Ok(false)
}

async fn copy(hall: &Hall, index: usize, table: &PlannedTable, mut source: CopyOut<'_>) -> Result<Option<Unstored>> {
    let copied = chunk::copy(hall.bench(), (&hall.seal, table.format), &mut source).await?;
    if let Some((stored, origin)) = hall.gather.known(&copied.receipt.id) {
        hall.gather.reused(&hall.plan, index, (copied.receipt, stored, origin), &hall.around.news);
        return Ok(None);
    }
    let rest: usize = copied.rest.iter().map(bytes::Bytes::len).sum();
    if copied.spilled.is_empty() && (rest as u64) < PACK_BELOW {
        drop(copied.share);
        return Ok(pack(hall, (index, copied.rest, copied.receipt)).await);
    }
    Ok(Some(Unstored::Chunk(index, Box::new(copied))))
}

/// What becomes of a small chunk.
async fn keep_small(hall: &Hall, (index, bytes, receipt): SealedChunk) -> Option<Unstored> {
    match hall.gather.known(&receipt.id) {
        Some((stored, origin)) => {
            hall.gather.reused(&hall.plan, index, (receipt, stored, origin), &hall.around.news);
            None
        }
        None => pack(hall, (index, bytes, receipt)).await,
    }
}

/// Puts a chunk beside other small ones; gives all of them when they are enough for an object.
async fn pack(hall: &Hall, (index, bytes, receipt): SealedChunk) -> Option<Unstored> {
    let full = hall.packer().add(index, receipt, &bytes)?;
    Some(hall.with_room(full).await)
}

/// The snapshot's holder is gone: nothing under it can be finished.
#[derive(Debug, thiserror::Error)]
#[error("the connection that held the snapshot was lost")]
pub struct Lost(#[source] pub Error);

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        Error::new(crate::error::Kind::Source, lost.to_string())
            .because(lost)
            .hint("Run the same command again: what is already stored is reused.")
            .passing()
    }
}

/// Whether an error means that the attempt's snapshot is gone.
pub fn is_lost(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<Lost>())
}
