//! The lanes: tasks with a connection each, that take from the schedule whatever comes next.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::quick::Together;
use super::serial::retry_or;
use super::{Run, entry, load, locked};
use crate::catalog::ObjectId;
use crate::connect::Lane;
use crate::error::{Error, Kind, Result};
use crate::plan::schedule::{Next, Schedule, Task};
use crate::run::timeline::Work;
use crate::target::prepared::display_name;

/// What lanes share in one stage.
struct Shared {
    run: Arc<Run>,
    schedule: Mutex<Schedule>,
    /// Loads that a lane may read back when it would wait.
    worth_reading: Vec<usize>,
    /// Lanes that have nothing more to begin read what is left of them.
    reads_rest: bool,
    /// Something has ended: those who wait look again.
    ended: Notify,
    /// A lane failed: nobody begins anything more.
    failed: CancellationToken,
}

/// Runs a schedule to its end. The first error stops all lanes, each after its transaction was taken back.
pub(super) async fn run(run: &Arc<Run>, mut schedule: Schedule) -> Result<()> {
    let Next::Run(first) = schedule.take_next() else { return Ok(()) };
    schedule.give_back(first);
    let shared = Arc::new(Shared {
        run: Arc::clone(run),
        worth_reading: run.worth_reading(),
        reads_rest: schedule.readers_pass(),
        schedule: Mutex::new(schedule),
        ended: Notify::new(),
        failed: CancellationToken::new(),
    });
    let mut lanes = JoinSet::new();
    for number in 0..run.options.jobs {
        lanes.spawn(lane(Arc::clone(&shared), number));
    }
    let mut outcome = Ok(());
    while let Some(ended) = lanes.join_next().await {
        let result = ended.unwrap_or_else(|panic| Err(Error::new(Kind::Bug, "a lane failed").because(panic)));
        if let Err(error) = result {
            shared.failed.cancel();
            shared.ended.notify_waiters();
            if outcome.is_ok() {
                outcome = Err(error);
            }
        }
    }
    outcome
}

async fn lane(shared: Arc<Shared>, number: usize) -> Result<()> {
    let mut connection: Option<Lane> = None;
    loop {
        let ended = shared.ended.notified();
        tokio::pin!(ended);
        // Before looking: an end between the look and the wait must not be missed.
        ended.as_mut().enable();
        shared.run.stopped()?;
        if shared.failed.is_cancelled() {
            return Ok(());
        }
        let next = locked(&shared.schedule).take_next();
        match next {
            Next::Done if shared.reads_rest && fill_in(&shared, number, &mut connection).await? => {}
            Next::Done => break,
            Next::Wait if fill_in(&shared, number, &mut connection).await? => {}
            Next::Wait => {
                let idle = Instant::now();
                tokio::select! {
                    () = ended => {}
                    () = shared.run.around.stop.cancelled() => {}
                    () = shared.failed.cancelled() => return Ok(()),
                }
                shared.run.timeline.idle(idle);
            }
            Next::Run(task) => {
                let mut tasks = vec![task];
                tasks.extend(locked(&shared.schedule).take_more(task, shared.run.options.jobs));
                if together(&shared, number, &mut connection, &tasks).await? {
                    tasks.into_iter().for_each(|task| finish(&shared, task));
                    continue;
                }
                for task in tasks {
                    let working = shared.run.timeline.begin(work(&shared.run, number, task));
                    perform(&shared, &mut connection, task).await?;
                    working.end();
                    finish(&shared, task);
                }
            }
        }
    }
    if let Some(connection) = connection {
        shared.run.spare(connection);
    }
    Ok(())
}

/// A task has ended: others may begin.
fn finish(shared: &Shared, task: Task) {
    locked(&shared.schedule).ended(task);
    shared.ended.notify_waiters();
    if let Task::Chunk { load, .. } = task {
        let complete = locked(&shared.schedule).is_loaded(load);
        load::tell_if_complete(&shared.run, load, complete);
    }
}

/// Does quick tasks in one transaction; false if each is to be done alone.
async fn together(shared: &Shared, number: usize, connection: &mut Option<Lane>, tasks: &[Task]) -> Result<bool> {
    let run = &shared.run;
    let Some(together) = Together::of(run, tasks) else { return Ok(false) };
    let working = run.timeline.begin(together.work(run, number));
    let outcome = match opened(run, connection).await {
        Ok(lane) => together.run(run, lane).await,
        Err(error) => Err(error),
    };
    working.end();
    match outcome {
        Err(error) if error.kind() != Kind::Cancelled => {
            // Whatever happened to the connection happens again, and is told, where each is done alone.
            *connection = None;
            Ok(false)
        }
        outcome => outcome,
    }
}

/// Reads a piece of a complete table back in the place of waiting; false if there is none.
async fn fill_in(shared: &Shared, number: usize, connection: &mut Option<Lane>) -> Result<bool> {
    let run = &shared.run;
    let Some((load, relation)) = readable(shared) else { return Ok(false) };
    let reading = run.timeline.begin(Work::of(number, "check", &run.plan.loads[load].name));
    let outcome = match opened(run, connection).await {
        Ok(lane) => run.read_piece(lane, load).await,
        // The check will say what is wrong, if it still is.
        Err(_) => Ok(false),
    };
    reading.end();
    locked(&shared.schedule).read(relation);
    shared.ended.notify_waiters();
    let is_sound = outcome?;
    if !is_sound {
        *connection = None;
    }
    Ok(is_sound)
}

/// A complete load that may be read now, with its relation, which counts as read from here on.
fn readable(shared: &Shared) -> Option<(usize, ObjectId)> {
    let run = &shared.run;
    let mut schedule = locked(&shared.schedule);
    let relation = |load: usize| run.cargo.contents.tables[run.plan.loads[load].table].object;
    let loaded =
        shared.worth_reading.iter().copied().filter(|load| schedule.is_loaded(*load) && run.is_readable(*load));
    let candidates: Vec<(usize, ObjectId)> = loaded.filter_map(|load| Some((load, relation(load)?))).collect();
    candidates.into_iter().find(|(_, relation)| schedule.try_read(*relation))
}

/// The lane's connection, a new one where there is none or the old one is of no use any more.
async fn opened<'a>(run: &Run, connection: &'a mut Option<Lane>) -> Result<&'a mut Lane> {
    if connection.as_ref().is_some_and(|lane| !lane.is_usable()) {
        *connection = None;
    }
    match connection {
        Some(lane) => Ok(lane),
        none => Ok(none.insert(run.lane().await?)),
    }
}

/// Does a task, again on a new connection when the old one is lost.
async fn perform(shared: &Shared, connection: &mut Option<Lane>, task: Task) -> Result<()> {
    let run = &shared.run;
    let mut attempt = 1;
    loop {
        let error = match once(shared, connection, task).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // Whatever state it is in, the server takes the transaction back with the connection.
        *connection = None;
        attempt += 1;
        retry_or(run, error, attempt, &describe(run, task)).await?;
    }
}

async fn once(shared: &Shared, connection: &mut Option<Lane>, task: Task) -> Result<()> {
    let run = &shared.run;
    let lane = opened(run, connection).await?;
    match task {
        Task::Chunk { load, chunk } => load::chunk(run, lane, load, chunk).await,
        Task::First { id } => entry::first_step(run, lane, id, is_crowded(shared, id)).await,
        Task::Entry { id } => entry::run(run, lane, id, is_crowded(shared, id)).await,
    }
}

/// Whether an entry builds an index while other lanes give every core of the server something to do. Of a server elsewhere
/// nobody knows the cores: there its own setting stands.
fn is_crowded(shared: &Shared, id: u32) -> bool {
    let builds = shared.run.entries.get(id).is_some_and(|entry| matches!(entry.desc.as_str(), "INDEX" | "CONSTRAINT"));
    builds && shared.run.cores.is_some_and(|cores| locked(&shared.schedule).running() >= cores)
}

/// What a task is in the timeline.
fn work(run: &Run, lane: usize, task: Task) -> Work {
    match task {
        Task::Chunk { load, chunk } => {
            let name = run.plan.loads[load].name.clone();
            Work { lane, what: "load".to_owned(), name, chunk: u32::try_from(chunk).ok() }
        }
        Task::First { id } | Task::Entry { id } => {
            let entry = run.entries.get(id);
            let what = entry.map(|entry| entry.desc.clone()).unwrap_or_default();
            Work { lane, what, name: entry.map(display_name).unwrap_or_default(), chunk: None }
        }
    }
}

fn describe(run: &Run, task: Task) -> String {
    match task {
        Task::Chunk { load, chunk } => format!("loading {} chunk {chunk}", run.plan.loads[load].name),
        Task::First { id } | Task::Entry { id } => match run.entries.get(id) {
            Some(entry) => format!("{} {}", entry.desc, display_name(entry)),
            None => format!("entry {id}"),
        },
    }
}
