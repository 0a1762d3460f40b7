//! Loading one chunk: read and sent at the same time, committed only when all of it was proved.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::feed::{self, Feed};
use super::{Run, cancelled, locked};
use crate::connect::{self, CopyIn, Lane};
use crate::error::{Error, Kind, Result};
use crate::event::{Counters, Event};
use crate::format::contents::TableData;
use crate::plan::schedule::Task;
use crate::run::chunk_source::{Place, ReadChunk};
use crate::run::fingerprint::Reading;
use crate::target::copy_progress::{self, LoadedChunk, table_key};
use crate::target::prepared::Lost;
use crate::target::refusal::{ends_the_run, reason};
use crate::target::{copy_in, progress};

/// Opened blocks that wait to be sent.
pub(super) const QUEUE: usize = 2;

/// Says what is going to be loaded.
pub(super) fn tell_planned(run: &Run) {
    run.around.news.tell(Event::Planned {
        dump: run.cargo.dump.as_ref().map(|dump| dump.manifest.dump.clone()),
        tables: run.plan.loads.len() as u64,
        chunks: run.plan.chunks(),
        bytes: run.plan.bytes(),
        done_before: run.resumed_chunks(),
    });
}

/// Tells the beginning of a table.
pub(super) fn tell_started(run: &Run, load: usize) {
    let planned = &run.plan.loads[load];
    run.around.news.tell(Event::TableStarted { table: planned.name.clone(), bytes: planned.chunks.iter().sum() });
}

/// Tells the end of a chunk, and counts it.
pub(super) fn tell_done(run: &Run, (load, chunk): (usize, usize), ReadChunk { reading, stored }: ReadChunk) {
    let news = &run.around.news;
    Counters::add(&news.counters.rows, reading.rows);
    Counters::add(&news.counters.chunks, 1);
    let (table, chunk) = (run.plan.loads[load].name.clone(), chunk as u32);
    news.tell(Event::ChunkDone { table, chunk, rows: reading.rows, raw: reading.raw, stored, reused: false });
}

/// Tells the end of a table.
pub(super) fn tell_if_complete(run: &Run, load: usize, complete: bool) {
    let planned = &run.plan.loads[load];
    if complete && !locked(&run.spoiled).contains(&load) && !run.second_try.has_chunk_of(load) {
        run.around.news.tell(Event::TableDone { table: planned.name.clone(), rows: run.reading(planned.table).rows });
    }
}

/// Loads a chunk in a transaction of its own. What the target refuses about the rows is a loss of the table, unless the
/// user wants to stop at the first error; what is wrong with stored data always ends the run.
pub(super) async fn chunk(run: &Run, lane: &mut Lane, load: usize, chunk: usize) -> Result<()> {
    let planned = &run.plan.loads[load];
    let task = Task::Chunk { load, chunk };
    if run.second_try.has_chunk_of(load) && run.second_try.put_off(task) {
        return Ok(());
    }
    if chunk == 0 {
        tell_started(run, load);
    }
    match transactions(run, lane, load, chunk).await {
        Ok(read) => {
            run.note((planned.table, chunk), read.reading).await?;
            tell_done(run, (load, chunk), read);
            Ok(())
        }
        Err(error) if progress::is_done_already(&error) => {
            lane.execute("ROLLBACK").await?;
            committed_before(run, lane, (planned.table, chunk)).await
        }
        Err(error) => refused(run, lane, task, error).await,
    }
}

/// One transaction, or a second one that sends the chunk as it is stored.
async fn transactions(run: &Run, lane: &mut Lane, load: usize, chunk: usize) -> Result<ReadChunk> {
    let place = (run.plan.loads[load].table, chunk);
    let feed = run.feed(lane, load).await?;
    let is_recoded = matches!(feed, Feed::Recoded(_));
    match transaction(run, lane, place, feed).await {
        Err(error) if is_recoded && feed::is_worth_text(&error, lane) => {
            lane.execute("ROLLBACK").await?;
            transaction(run, lane, place, run.feed_as_stored(load)).await
        }
        outcome => outcome,
    }
}

/// Begin, write down, copy, commit. Gives what was read.
async fn transaction(run: &Run, lane: &mut Lane, (table, chunk): Place, feed: Feed) -> Result<ReadChunk> {
    let data = &run.cargo.contents.tables[table];
    let encoding = &run.cargo.contents.header.encoding;
    let (sender, mut blocks) = mpsc::channel(QUEUE);
    let reading = AbortOnDropHandle::new(tokio::spawn(run.chunks.read((table, chunk), sender)));
    let begin = copy_in::begin(data, &[(table, chunk)], run.rules.attempt, (feed.format(), encoding));
    let mut copy = lane.copy_in(&begin).await?;
    let last = match send(run, &mut copy, &mut blocks, feed).await {
        Ok(feed) => feed,
        Err(stopped) => {
            if stopped.kind() == Kind::Cancelled || feed::is_unsuitable(&stopped) {
                copy.abort("the restore does not go on with this copy").await?;
            }
            return Err(stopped);
        }
    };
    // The channel has ended: either everything was sent, or the reader failed and says why.
    let read = match read_to_its_end(reading).await.and_then(|read| Ok((read, last.end()?))) {
        Ok((read, end)) => {
            copy.send(&end).await?;
            read
        }
        Err(error) => {
            copy.abort(NOT_READ).await?;
            return Err(error);
        }
    };
    let loaded = copy.finish().await?;
    let expected = read.reading.rows;
    if loaded != expected {
        return Err(Error::new(Kind::Target, format!("{loaded} of {expected} rows of a chunk were stored"))
            .hint("A trigger or rule on the table drops rows: use --disable-triggers."));
    }
    let note = run.rules.attempt.map(|_| loaded_chunk(data, chunk, read.reading).add_to((table, chunk)));
    lane.execute(&copy_in::end(data, note.as_deref())).await?;
    Ok(read)
}

/// What is said to a server whose COPY is broken off because of what was to be sent.
pub(super) const NOT_READ: &str = "the chunk could not be read to its end, or is not what it should be";

/// Whether a chunk was read to its end, and what it is.
pub(super) async fn read_to_its_end(reading: AbortOnDropHandle<Result<ReadChunk>>) -> Result<ReadChunk> {
    reading.await.unwrap_or_else(|panic| Err(Error::new(Kind::Bug, "a chunk's reader failed").because(panic)))
}

/// What a copy writes down of a chunk.
pub(super) fn loaded_chunk(table: &TableData, chunk: usize, reading: Reading) -> LoadedChunk {
    let facts = &table.chunks[chunk];
    let Reading { rows, raw, fingerprint } = reading;
    LoadedChunk { table: table_key(table), from: facts.from, to: facts.to, rows, raw, fingerprint }
}

/// An earlier try has committed although its answer was lost: what a copy then held stands in the target alone.
async fn committed_before(run: &Run, lane: &mut Lane, place: Place) -> Result<()> {
    if run.rules.attempt.is_none() {
        return Ok(());
    }
    match copy_progress::loaded(lane, place).await? {
        None => Ok(()),
        Some(LoadedChunk { rows, raw, fingerprint, .. }) => run.note(place, Reading { rows, raw, fingerprint }).await,
    }
}

/// Sends what comes; gives what is to end it.
async fn send(run: &Run, copy: &mut CopyIn<'_>, blocks: &mut mpsc::Receiver<Bytes>, mut feed: Feed) -> Result<Feed> {
    while let Some(block) = next_block(run, blocks).await? {
        let raw = block.len();
        let (next, bytes) = feed.turn(block, &run.pool).await?;
        feed = next;
        send_block(run, copy, &bytes, raw).await?;
    }
    Ok(feed)
}

/// The next block of a chunk that is being read, until it ends or the restore is stopped.
pub(super) async fn next_block(run: &Run, blocks: &mut mpsc::Receiver<Bytes>) -> Result<Option<Bytes>> {
    tokio::select! {
        biased;
        () = run.around.stop.cancelled() => Err(cancelled()),
        block = blocks.recv() => Ok(block),
    }
}

/// Sends it, at the pace that the user wants; as so many bytes of the chunk it counts.
pub(super) async fn send_block(run: &Run, copy: &mut CopyIn<'_>, block: &[u8], raw: usize) -> Result<()> {
    for step in run.pace.steps(block) {
        copy.send(step).await?;
        run.pace.pay(step.len()).await;
    }
    Counters::add(&run.around.news.counters.raw_bytes, raw as u64);
    Ok(())
}

/// Decides what a failed chunk means.
async fn refused(run: &Run, lane: &mut Lane, task: Task, error: Error) -> Result<()> {
    let Task::Chunk { load, .. } = task else { return Err(error) };
    let planned = &run.plan.loads[load];
    let server = connect::server_error(&error).cloned();
    let refusal = server.filter(|server| !ends_the_run(&server.code));
    // A source that fails says nothing about the rows.
    if error.is_passing() || matches!(error.kind(), Kind::Cancelled | Kind::Source) {
        return Err(error);
    }
    if copy_progress::is_superseded(&error) {
        return Err(copy_progress::superseded(error));
    }
    let ends = run.rules.exit_on_error && !run.second_try.is_open();
    let Some(server) = refusal.filter(|_| !ends) else {
        return Err(error.context(format!("loading {}", planned.name)));
    };
    if lane.is_usable() {
        lane.execute("ROLLBACK").await?;
    }
    if run.second_try.put_off(task) {
        if server.code == "23503" {
            run.second_try.refers(load);
        }
        return Ok(());
    }
    locked(&run.spoiled).insert(load);
    run.lose(Lost { class: "TABLE DATA".into(), name: planned.name.clone(), reason: reason(&server) });
    Ok(())
}
