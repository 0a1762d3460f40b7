//! Loading one chunk: fetched, opened and sent at the same time, committed only when all of it was proved.

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{Run, cancelled, locked};
use crate::connect::{self, CopyIn, Lane};
use crate::error::{Error, Kind, Result};
use crate::event::{Counters, Event};
use crate::plan::schedule::Task;
use crate::run::chunk_reader::ChunkReader;
use crate::target::apply::{self, Lost};
use crate::target::{copy_in, progress};

/// Opened blocks that wait to be sent.
pub(super) const QUEUE: usize = 2;

/// Says what is going to be loaded.
pub(super) fn tell_planned(run: &Run) {
    run.around.news.tell(Event::Planned {
        dump: run.dump.manifest.dump.clone(),
        tables: run.plan.loads.len() as u64,
        chunks: run.plan.chunks(),
        bytes: run.plan.bytes(),
        done_before: run.resumed_chunks(),
    });
}

/// Tells the end of a table.
pub(super) fn tell_if_complete(run: &Run, load: usize, complete: bool) {
    let planned = &run.plan.loads[load];
    if complete && !locked(&run.spoiled).contains(&load) && !run.second_try.has_chunk_of(load) {
        run.around.news.tell(Event::TableDone { table: planned.name.clone(), rows: planned.rows });
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
        let bytes = planned.chunks.iter().sum();
        run.around.news.tell(Event::TableStarted { table: planned.name.clone(), bytes });
    }
    match transaction(run, lane, planned.table, chunk).await {
        Ok(stored) => {
            let facts = &run.dump.contents.tables[planned.table].chunks[chunk];
            Counters::add(&run.around.news.counters.rows, facts.rows);
            Counters::add(&run.around.news.counters.chunks, 1);
            run.around.news.tell(Event::ChunkDone {
                table: planned.name.clone(),
                chunk: chunk as u32,
                rows: facts.rows,
                raw: facts.raw,
                stored,
                reused: false,
            });
            Ok(())
        }
        Err(error) if progress::is_done_already(&error) => {
            lane.execute("ROLLBACK").await?;
            Ok(())
        }
        Err(error) => refused(run, lane, task, error).await,
    }
}

/// Begin, write down, copy, commit. Gives the stored bytes read.
async fn transaction(run: &Run, lane: &mut Lane, table: usize, chunk: usize) -> Result<u64> {
    let data = &run.dump.contents.tables[table];
    let encoding = &run.dump.contents.header.encoding;
    lane.execute(&copy_in::begin(data, table, chunk, encoding)).await?;
    let (sender, mut blocks) = mpsc::channel(QUEUE);
    let reading = AbortOnDropHandle::new(tokio::spawn(read(Source::of(run, table, chunk), sender)));
    let mut copy = lane.copy_in(&copy_in::copy(data, encoding)).await?;
    if let Err(stopped) = send(run, &mut copy, &mut blocks).await {
        if stopped.kind() == Kind::Cancelled {
            copy.abort("the restore was stopped").await?;
        }
        return Err(stopped);
    }
    // The channel has ended: either everything was sent, or the reader failed and says why.
    let read =
        reading.await.unwrap_or_else(|panic| Err(Error::new(Kind::Bug, "a chunk's reader failed").because(panic)));
    let stored = match read {
        Ok(stored) => stored,
        Err(error) => {
            copy.abort("the stored chunk is not what it should be").await?;
            return Err(error);
        }
    };
    let loaded = copy.finish().await?;
    let expected = data.chunks[chunk].rows;
    if loaded != expected {
        return Err(Error::new(Kind::Target, format!("{loaded} of {expected} rows of a chunk were stored"))
            .hint("A trigger or rule on the table drops rows: use --disable-triggers."));
    }
    lane.execute(&copy_in::end(data)).await?;
    Ok(stored)
}

/// What the reading task owns.
struct Source {
    repository: crate::store::Repository,
    pool: crate::run::cpu_pool::CpuPool,
    dump: crate::run::opened::OpenedDump,
    place: (usize, usize),
    news: crate::event::News,
}

impl Source {
    fn of(run: &Run, table: usize, chunk: usize) -> Self {
        Self {
            repository: run.repository.clone(),
            pool: run.pool.clone(),
            dump: run.dump.clone(),
            place: (table, chunk),
            news: run.around.news.clone(),
        }
    }
}

/// Fetches and opens a chunk into a bounded queue; ends early when nobody listens any more.
async fn read(source: Source, blocks: mpsc::Sender<Vec<u8>>) -> Result<u64> {
    let mut reader = ChunkReader::new(&source.repository, &source.pool, &source.dump, source.place)?;
    let mut told = 0;
    while let Some(block) = reader.next().await? {
        Counters::add(&source.news.counters.stored_bytes, reader.stored_read() - told);
        told = reader.stored_read();
        if blocks.send(block).await.is_err() {
            break;
        }
    }
    Ok(reader.stored_read())
}

async fn send(run: &Run, copy: &mut CopyIn<'_>, blocks: &mut mpsc::Receiver<Vec<u8>>) -> Result<()> {
    loop {
        let block = tokio::select! {
            biased;
            () = run.around.stop.cancelled() => return Err(cancelled()),
            block = blocks.recv() => block,
        };
        let Some(block) = block else { return Ok(()) };
        for step in run.pace.steps(&block) {
            copy.send(step).await?;
            run.pace.pay(step.len()).await;
        }
        Counters::add(&run.around.news.counters.raw_bytes, block.len() as u64);
    }
}

/// Decides what a failed chunk means.
async fn refused(run: &Run, lane: &mut Lane, task: Task, error: Error) -> Result<()> {
    let Task::Chunk { load, .. } = task else { return Err(error) };
    let planned = &run.plan.loads[load];
    let server = connect::server_error(&error).cloned();
    let refusal = server.filter(|server| !apply::ends_the_run(&server.code));
    if error.is_passing() || error.kind() == Kind::Cancelled {
        return Err(error);
    }
    let ends = run.rules.exit_on_error && !run.second_try.is_open();
    let Some(server) = refusal.filter(|_| !ends) else {
        return Err(error.context(format!("loading {}", planned.name)));
    };
    if lane.is_usable() {
        lane.execute("ROLLBACK").await?;
    }
    if run.second_try.put_off(task) {
        return Ok(());
    }
    locked(&run.spoiled).insert(load);
    run.lose(Lost { class: "TABLE DATA".into(), name: planned.name.clone(), reason: apply::reason(&server) });
    Ok(())
}
