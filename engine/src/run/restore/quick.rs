//! Many small things in one go: ten thousand small tables must not be thirty thousand transactions.
//!
//! Chunks of small tables share a transaction, and so do the statements that build what small tables have. All of it commits, with
//! a progress row for each, or nothing does; then each is done alone, and whatever is wrong with one of them is told there. So
//! nothing here is an error but a wish to stop.

use std::time::Instant;

use super::serial::or_cancel;
use super::{Run, load};
use crate::connect::Lane;
use crate::error::{Kind, Result};
use crate::event::Counters;
use crate::format::contents::DataKind;
use crate::plan::schedule::{QUICK, Task};
use crate::run::chunk_source::{Place, WholeChunk};
use crate::run::timeline::Work;
use crate::target::apply;
use crate::target::copy_in;
use crate::target::prepared::{Prepared, display_name};

/// Tasks of one kind that a lane was given together.
pub(super) enum Together {
    /// Chunks: position of the load, number of the chunk.
    Chunks(Vec<(usize, usize)>),
    /// Entries.
    Entries(Vec<u32>),
}

impl Together {
    /// `None` where there is nothing to be gained, or something that must go alone is among them.
    pub(super) fn of(run: &Run, tasks: &[Task]) -> Option<Self> {
        let chunk = |task: &Task| match task {
            Task::Chunk { load, chunk } => may_share(run, *load).then_some((*load, *chunk)),
            _ => None,
        };
        let entry = |task: &Task| match task {
            Task::Entry { id } => Some(*id),
            _ => None,
        };
        match tasks {
            [] | [_] | [Task::First { .. }, ..] => None,
            [Task::Chunk { .. }, ..] => tasks.iter().map(chunk).collect::<Option<_>>().map(Self::Chunks),
            [Task::Entry { .. }, ..] => tasks.iter().map(entry).collect::<Option<_>>().map(Self::Entries),
        }
    }

    /// What they are in the timeline.
    pub(super) fn work(&self, run: &Run, lane: usize) -> Work {
        let (what, name) = match self {
            Self::Chunks(_) => ("load".to_owned(), "small tables".to_owned()),
            Self::Entries(ids) => {
                let first = ids.first().and_then(|id| run.entries.get(*id));
                (first.map(|entry| entry.desc.clone()).unwrap_or_default(), first.map(display_name).unwrap_or_default())
            }
        };
        Work { lane, what, name, chunk: None }
    }

    /// Does all of them in one transaction; false if nothing was done.
    ///
    /// # Errors
    /// `Kind::Cancelled` when stopped, or what happened to the connection.
    pub(super) async fn run(&self, run: &Run, lane: &mut Lane) -> Result<bool> {
        match self {
            Self::Chunks(chunks) => load_all(run, lane, chunks).await,
            Self::Entries(ids) => {
                let prepared: Vec<Prepared> = ids.iter().filter_map(|id| run.prepared(*id)).collect();
                entries(run, lane, &prepared).await
            }
        }
    }
}

fn may_share(run: &Run, load: usize) -> bool {
    let data = &run.cargo.contents.tables[run.plan.loads[load].table];
    data.kind == DataKind::Table && !run.second_try.has_chunk_of(load)
}

/// Runs entries and writes them down, all or none.
pub(super) async fn entries(run: &Run, lane: &mut Lane, prepared: &[Prepared]) -> Result<bool> {
    let clock = Instant::now();
    let token = lane.cancel_token();
    if !or_cancel(run, &token, apply::run_all(lane, prepared)).await? {
        return Ok(false);
    }
    let each = clock.elapsed().as_millis() as u64 / prepared.len().max(1) as u64;
    for entry in prepared {
        entry.lost().iter().for_each(|lost| run.lose(lost.clone()));
        run.entry_done(entry.id, each);
    }
    Ok(true)
}

/// Loads chunks in one transaction. They were opened to their end before it begins.
async fn load_all(run: &Run, lane: &mut Lane, chunks: &[(usize, usize)]) -> Result<bool> {
    let places: Vec<Place> = chunks.iter().map(|(load, chunk)| (run.plan.loads[*load].table, *chunk)).collect();
    let reading = run.chunks.read_whole(places.clone(), 2 * QUICK);
    let read = tokio::select! {
        biased;
        () = run.around.stop.cancelled() => return Err(super::cancelled()),
        read = reading => read,
    };
    let Some(whole) = read.ok().and_then(|read| read.into_iter().collect::<Option<Vec<WholeChunk>>>()) else {
        return Ok(false);
    };
    for (load, _) in chunks.iter().filter(|(_, chunk)| *chunk == 0) {
        load::tell_started(run, *load);
    }
    if !store(run, lane, &places, &whole).await? {
        return Ok(false);
    }
    for ((load, chunk), (place, whole)) in chunks.iter().zip(places.into_iter().zip(&whole)) {
        run.note(place, whole.read.reading).await?;
        load::tell_done(run, (*load, *chunk), whole.read);
    }
    Ok(true)
}

/// Everything up to the commit; false if it was taken back.
async fn store(run: &Run, lane: &mut Lane, places: &[Place], whole: &[WholeChunk]) -> Result<bool> {
    let contents = &run.cargo.contents;
    let tables: Vec<_> = places.iter().map(|place| (&contents.tables[place.0], *place)).collect();
    let begin = copy_in::begin_all(&tables, run.rules.attempt, &contents.header.encoding);
    let blocks: Vec<_> = whole.iter().map(|whole| whole.blocks.clone()).collect();
    let bytes: usize = blocks.iter().flatten().map(bytes::Bytes::len).sum();
    run.pace.pay(bytes).await;
    let token = lane.cancel_token();
    let rows = match or_cancel(run, &token, lane.copy_in_all(&begin, &blocks)).await {
        Ok(rows) => rows,
        Err(error) => return taken_back(lane, error).await,
    };
    if rows.iter().zip(whole).any(|(stored, whole)| *stored != whole.read.reading.rows) {
        lane.execute("ROLLBACK").await?;
        return Ok(false);
    }
    let notes = tables.iter().zip(whole).filter_map(|((data, place), whole)| {
        run.rules.attempt.map(|_| load::loaded_chunk(data, place.1, whole.read.reading).add_to(*place))
    });
    let end: Vec<String> = notes.chain(["COMMIT".to_owned()]).collect();
    if let Err(error) = lane.execute(&end.join("; ")).await {
        return taken_back(lane, error).await;
    }
    Counters::add(&run.around.news.counters.raw_bytes, bytes as u64);
    Ok(true)
}

/// A refusal takes everything back; a lost connection, and a wish to stop, stay what they are.
async fn taken_back(lane: &mut Lane, error: crate::Error) -> Result<bool> {
    if error.kind() == Kind::Cancelled || !lane.is_usable() {
        return Err(error);
    }
    lane.execute("ROLLBACK").await?;
    Ok(false)
}
