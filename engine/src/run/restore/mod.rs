//! `restore`: a dump into a database, by several lanes, exactly once, and proved equal.
//!
//! ```text
//!   guards ── progress schema ── drops ── pre-data ──┬─ lane: chunk, chunk, index, …   ─┐              ┌─ foreign keys ─┐
//!                                                    ├─ lane: chunk, key, chunk, …      ├─ positions ──┤                ├──┐
//!                                                    └─ lane: …                         ┘              └─ read back ────┘  │
//!                                     progress schema dropped ◄── refreshes ◄── triggers, rules, policies, privileges, … ◄┘
//! ```
//!
//! With `--globals` the cluster's own objects are made behind the guards and before everything else.
//!
//! Killed anywhere, the same command continues: whatever was done stands in the target beside its progress row (promise
//! 6, [`crate::target::progress`]). A chunk commits only after it was opened to its end and agreed with the contents in
//! every fact (promise 5). Entries that fail are losses, named in the report, unless the user wants to stop at the first.

mod already;
mod budget;
pub(in crate::run) mod cargo;
mod check;
mod chosen;
mod database;
mod entries;
mod entry;
mod feed;
mod globals;
mod in_one_copy;
mod independent;
mod lanes;
mod load;
mod members;
mod prepare;
mod quick;
mod read_back;
mod renew;
mod second_try;
mod serial;
mod standing;
mod stored;
mod tail;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::chunk_source::{ChunkSource, Place};
use super::cpu_pool::CpuPool;
use super::fingerprint::Reading;
use super::opened::OpenedDump;
use super::options::{RestoreOptions, Surroundings};
use super::pace::Pace;
use super::report::{Loss, RestoreReport};
use super::timeline::Timeline;
use crate::catalog::extent::Extent;
use crate::connect::{self, ConnectOptions, Lane, Role};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::plan::restore_plan::{RestorePlan, Stage};
use crate::plan::schedule::{EntryTask, Schedule, Task};
use crate::source::settings::on_busy_cores;
use crate::store::Repository;
use crate::target::facts::TargetFacts;
use crate::target::prepared::{Lost, Prepared, Rules, display_name};
use crate::target::progress::Done;
use crate::target::settings::{self, Writing};

use cargo::Cargo;
use entries::Entries;
use stored::StoredChunks;

pub(super) use budget::{carries, check as check_memory};
pub use prepare::RestorePreview;

/// Everything the tasks of one restore share.
struct Run {
    cargo: Cargo,
    chunks: Arc<dyn ChunkSource>,
    /// What the tables' rows come to; of a copy, what was read of them by now.
    readings: Mutex<Vec<Reading>>,
    target: ConnectOptions,
    options: RestoreOptions,
    around: Surroundings,
    /// Hashes rows that are read back, and turns text into binary.
    pool: CpuPool,
    pace: Pace,
    timeline: Timeline,
    facts: TargetFacts,
    /// The server's cores, where they are ours too.
    cores: Option<usize>,
    writing: Writing,
    rules: Rules,
    plan: RestorePlan,
    entries: Entries,
    done: Done,
    losses: Mutex<BTreeSet<Lost>>,
    /// Tables that lost rows: positions of their loads.
    spoiled: Mutex<BTreeSet<usize>>,
    /// Tables that had rows before: positions of their loads.
    occupied: BTreeSet<usize>,
    /// What lanes read back while they would have waited.
    read_back: read_back::ReadBack,
    /// What was refused while tables were loaded.
    second_try: second_try::SecondTry,
    /// Connections between two stages.
    spare: Mutex<Vec<Lane>>,
    /// How rows are sent.
    feeds: feed::Feeds,
    /// Entries of which the first of two steps was run, and the milliseconds it took.
    begun: Mutex<BTreeMap<u32, u64>>,
    /// Chunks that are still to be loaded.
    unread: AtomicU64,
    applied: AtomicU64,
    /// Entries about the cluster that ran.
    globals: u64,
}

/// What would be done: reads the target, writes nothing.
pub async fn preview(
    dump: &OpenedDump,
    target: &ConnectOptions,
    options: &RestoreOptions,
    around: &Surroundings,
) -> Result<RestorePreview> {
    look(&Cargo::of(dump), target, options, around).await
}

/// What carrying a freight into a database would do.
pub(in crate::run) async fn look(
    cargo: &Cargo,
    target: &ConnectOptions,
    options: &RestoreOptions,
    around: &Surroundings,
) -> Result<RestorePreview> {
    let planned = match options.globals {
        true => Some(globals::plan(cargo, target, options).await?),
        false => None,
    };
    let target = prepare::Target { connect: target.clone(), fresh: false };
    let prepared = prepare::prepare(cargo, &target, options, around).await?;
    Ok(prepared.into_preview(planned.unwrap_or_default()))
}

/// Restores a dump. With `dry_run` it does what [`preview`] does.
///
/// # Errors
/// `Kind::Target` for the target's refusals and losses of connection beyond the retries, `Kind::Verification` when stored
/// data is not what the manifest says or the restored rows are not what the dump says, `Kind::Cancelled` when stopped.
pub async fn restore(
    repository: &Repository,
    dump: &OpenedDump,
    target: &ConnectOptions,
    options: &RestoreOptions,
    around: &Surroundings,
) -> Result<RestoreReport> {
    let chunks = StoredChunks::new(repository, dump, options.jobs, &around.news)?;
    carry(&Cargo::of(dump), Arc::new(chunks), target, options, around).await
}

/// Carries a freight into a database, whatever its rows come from.
pub(in crate::run) async fn carry(
    cargo: &Cargo,
    chunks: Arc<dyn ChunkSource>,
    target: &ConnectOptions,
    options: &RestoreOptions,
    around: &Surroundings,
) -> Result<RestoreReport> {
    let clock = Instant::now();
    let timeline = Timeline::new(&around.news);
    let schema = Extent::of(&cargo.contents.catalog);
    budget::check(options, schema)?;
    budget::tell(options, schema, &around.news);
    if options.globals {
        cargo.globals()?;
    }
    let mut made = globals::Made::default();
    let target = if options.create && !options.dry_run {
        database::create(cargo, target, options, around, &mut made).await?
    } else {
        prepare::Target { connect: target.clone(), fresh: false }
    };
    let mut prepared = prepare::prepare(cargo, &target, options, around).await?;
    if options.dry_run {
        let report = RestoreReport { seconds: clock.elapsed().as_secs_f64(), ..empty(cargo) };
        return Ok(report);
    }
    if prepared.is_done {
        return Ok(done_before(cargo, clock));
    }
    if options.globals && !options.create {
        made = globals::make(cargo, &target.connect, options, around).await?;
        prepared.know_again().await?;
    }
    prepared.made = made;
    let (lane, run) = prepared.begin(cargo, chunks, options, (around, timeline)).await?;
    let run = Arc::new(run);
    Box::pin(execute(&run, lane)).await.map_err(|error| run.how_to_continue(error))?;
    Ok(run.report(clock))
}

async fn execute(run: &Arc<Run>, lane: Lane) -> Result<()> {
    let mut serial = serial::Serial::new(run, lane);
    let mut problems = Vec::new();
    serial.drops().await?;
    for stage in Stage::ALL {
        let tasks = run.plan.stage(stage);
        run.around.news.tell(Event::Phase { name: stage.name() });
        match stage {
            // The last stage would get in the way of the check and of the end.
            Stage::Last => {}
            Stage::Build => build(run, tasks).await?,
            Stage::Positions => serial.in_any_order(&run.unfinished(tasks)).await?,
            Stage::Keys => problems = keys(run, tasks).await?,
            Stage::Refresh => tail::refresh(run).await?,
            Stage::Statistics => tail::statistics(run, &mut serial).await?,
            Stage::Before => {
                serial.before(&run.unfinished(tasks)).await?;
                members::name_missing(run, serial.lane().await?).await?;
                standing::leave_alone(run, serial.lane().await?).await?;
            }
            _ => serial.entries(&run.unfinished(tasks)).await?,
        }
    }
    run.close_spare().await;
    serial.last(run.plan.stage(Stage::Last)).await?;
    match problems.is_empty() {
        true => Ok(()),
        false => Err(check::unequal(&problems, run.cargo.origin())),
    }
}

/// Loads, and what needs one complete table; what was refused once more at the end, when everything else is there.
async fn build(run: &Arc<Run>, tasks: &[EntryTask]) -> Result<()> {
    let left_alone = locked(&run.spoiled).clone();
    let loads = run.plan.load_tasks(|load, chunk| left_alone.contains(&load) || run.is_loaded(load, chunk));
    let unread = loads.iter().flat_map(|load| &load.chunks).flatten().count();
    run.unread.store(unread as u64, Ordering::Relaxed);
    if unread == 0 {
        run.chunks.release().await?;
    }
    load::tell_planned(run);
    run.second_try.open();
    lanes::run(run, Schedule::new(&loads, &run.unfinished(tasks))).await?;
    let mut again = run.second_try.close();
    in_one_copy::load(run, &mut again).await?;
    let loads = run.plan.load_tasks(|load, chunk| !again.tasks.contains(&Task::Chunk { load, chunk }));
    let is_again = |task: &&EntryTask| again.tasks.contains(&Task::Entry { id: task.id });
    // In one step: nothing else has to be built any more.
    let in_one_step = |task: &EntryTask| EntryTask { first: None, ..task.clone() };
    let tasks: Vec<EntryTask> = tasks.iter().filter(is_again).map(in_one_step).collect();
    lanes::run(run, Schedule::new(&loads, &tasks)).await?;
    run.chunks.release().await
}

/// Foreign keys, while every row is read back: adding a key leaves readers alone and keeps few processors busy, and no
/// trigger can touch a row yet. Gives what differs.
///
/// Where the lanes are enough for every core of the server, only lanes without a key to add read: the keys of one table follow one
/// another, and more readers would only take the processor from that chain. The same lanes read what is left behind the keys,
/// and only small tables remain for readers of their own. Otherwise as many lanes again read beside them. Behind the keys the planner's
/// statistics are handed over, while the rest is read.
async fn keys(run: &Arc<Run>, tasks: &[EntryTask]) -> Result<Vec<String>> {
    let tasks = run.unfinished(tasks);
    if run.fills_server() {
        let loaded = run.plan.load_tasks(|_, _| true);
        lanes::run(run, Schedule::new(&loaded, &tasks).with_readers_passing()).await?;
        let (told, problems) = tokio::join!(tail::hand_over(run), check::fingerprints(run));
        return told.and(problems);
    }
    let adding = async {
        lanes::run(run, Schedule::new(&[], &tasks)).await?;
        tail::hand_over(run).await
    };
    // Both are waited for: a lane that is dropped would leave its statement running on the server.
    let (added, problems) = tokio::join!(adding, check::fingerprints(run));
    added.and(problems)
}

impl Run {
    /// A fresh connection to the target, set up for writing.
    async fn open_lane(&self) -> Result<Lane> {
        open_lane(&self.target, &self.writing).await
    }

    /// A connection that an earlier stage left, or a fresh one: what a server's process has mapped and looked up stays of use.
    async fn lane(&self) -> Result<Lane> {
        let spare = locked(&self.spare).pop();
        match spare {
            Some(lane) => Ok(lane),
            None => self.open_lane().await,
        }
    }

    /// Leaves a connection to the next stage.
    fn spare(&self, lane: Lane) {
        if lane.is_usable() {
            locked(&self.spare).push(lane);
        }
    }

    /// No stage with lanes follows.
    async fn close_spare(&self) {
        let spare = std::mem::take(&mut *locked(&self.spare));
        for lane in spare {
            lane.close().await;
        }
    }

    /// What a table's rows come to.
    fn reading(&self, table: usize) -> Reading {
        locked(&self.readings).get(table).copied().unwrap_or_default()
    }

    /// A chunk was loaded: of a copy, only now it is known what it holds. Behind the last one the source may go.
    async fn note(&self, place: Place, reading: Reading) -> Result<()> {
        if self.chunks.known(place).is_none()
            && let Some(sum) = locked(&self.readings).get_mut(place.0)
        {
            sum.add(reading);
        }
        match self.unread.fetch_sub(1, Ordering::Relaxed) {
            1 => self.chunks.release().await,
            _ => Ok(()),
        }
    }

    /// Whether the lanes keep every core of the server busy. Of a server elsewhere nobody knows the cores.
    fn fills_server(&self) -> bool {
        self.cores.is_some_and(|cores| self.options.jobs >= cores)
    }

    fn prepared(&self, id: u32) -> Option<Prepared> {
        self.entries.get(id).map(|entry| Prepared::new(entry, self.rules, &self.facts.known))
    }

    fn is_loaded(&self, load: usize, chunk: usize) -> bool {
        self.done.chunks.contains(&(self.plan.loads[load].table, chunk))
    }

    /// The tasks an earlier run has not done.
    fn unfinished(&self, tasks: &[EntryTask]) -> Vec<EntryTask> {
        let first = |task: &EntryTask| task.first.clone().filter(|_| !self.done.begun.contains(&task.id));
        let unfinished = tasks.iter().filter(|task| !self.done.entries.contains(&task.id));
        unfinished.map(|task| EntryTask { first: first(task), ..task.clone() }).collect()
    }

    fn lose(&self, lost: Lost) {
        let event = Event::Loss { class: lost.class.clone(), name: lost.name.clone(), reason: lost.reason.clone() };
        if locked(&self.losses).insert(lost) {
            self.around.news.tell(event);
        }
    }

    fn entry_done(&self, id: u32, milliseconds: u64) {
        self.applied.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.entries.get(id) {
            let name = display_name(entry);
            self.around.news.tell(Event::EntryDone { kind: entry.desc.clone(), name, milliseconds });
        }
    }

    fn stopped(&self) -> Result<()> {
        if self.around.stop.is_cancelled() { Err(cancelled()) } else { Ok(()) }
    }

    /// Errors after which the same command goes on say so.
    fn how_to_continue(&self, error: Error) -> Error {
        match error.kind() {
            Kind::Cancelled => error.hint("What is done stays: run the same command again to continue."),
            Kind::Target | Kind::Source | Kind::Store if error.advice().is_none() => {
                error.hint("What is done stays: after mending the cause, run the same command again to continue.")
            }
            _ => error,
        }
    }

    fn report(&self, clock: Instant) -> RestoreReport {
        let spoiled = locked(&self.spoiled).clone();
        let whole =
            || self.plan.loads.iter().enumerate().filter(|(load, _)| !spoiled.contains(load)).map(|(_, load)| load);
        let losses = locked(&self.losses).clone();
        RestoreReport {
            tables: whole().count() as u64,
            rows: whole().map(|load| self.reading(load.table).rows).sum(),
            raw_bytes: whole().map(|load| self.reading(load.table).raw).sum(),
            entries: self.applied.load(Ordering::Relaxed),
            globals: self.globals,
            resumed_chunks: self.resumed_chunks(),
            jobs: u32::try_from(self.options.jobs).unwrap_or(u32::MAX),
            idle_seconds: self.timeline.idle_seconds(),
            proved_tables: if self.options.no_check { 0 } else { self.checked().len() as u64 },
            losses: losses
                .iter()
                .map(|lost| Loss { class: lost.class.clone(), name: lost.name.clone(), reason: lost.reason.clone() })
                .collect(),
            seconds: clock.elapsed().as_secs_f64(),
            ..empty(&self.cargo)
        }
    }

    fn resumed_chunks(&self) -> u64 {
        let planned: BTreeSet<usize> = self.plan.loads.iter().map(|load| load.table).collect();
        self.done.chunks.iter().filter(|(table, _)| planned.contains(table)).count() as u64
    }
}

/// A connection set up for writing.
async fn open_lane(target: &ConnectOptions, writing: &Writing) -> Result<Lane> {
    let mut lane = connect::lane(target, Role::Target).await?;
    set_up(&mut lane, writing).await?;
    Ok(lane)
}

/// Sets a lane up for writing.
async fn set_up(lane: &mut Lane, writing: &Writing) -> Result<()> {
    let mut sql = settings::writing(lane.version(), writing);
    sql.push_str(on_busy_cores(lane, writing.lanes));
    lane.execute(&sql).await.map(drop).map_err(|error| {
        let refused = connect::sqlstate(&error) == Some("42501") && writing.triggers_off;
        let error = error.context("preparing a session on the target");
        match refused {
            true => error.hint("--disable-triggers needs a role that may set session_replication_role: a superuser."),
            false => error,
        }
    })
}

fn cancelled() -> Error {
    Error::new(Kind::Cancelled, "the restore was stopped")
}

/// The report of a restore that had come to its end before.
fn done_before(cargo: &Cargo, clock: Instant) -> RestoreReport {
    let tables = &cargo.contents.tables;
    RestoreReport {
        tables: tables.len() as u64,
        rows: tables.iter().map(|table| table.rows).sum(),
        raw_bytes: tables.iter().flat_map(|table| &table.chunks).map(|chunk| chunk.raw).sum(),
        resumed_chunks: tables.iter().map(|table| table.chunks.len() as u64).sum(),
        proved_tables: tables.len() as u64,
        seconds: clock.elapsed().as_secs_f64(),
        ..empty(cargo)
    }
}

fn empty(cargo: &Cargo) -> RestoreReport {
    RestoreReport {
        dump: cargo.contents.header.dump.clone(),
        tables: 0,
        rows: 0,
        raw_bytes: 0,
        entries: 0,
        globals: 0,
        resumed_chunks: 0,
        proved_tables: 0,
        jobs: 0,
        idle_seconds: 0.0,
        losses: Vec::new(),
        seconds: 0.0,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long to wait before an attempt (from 2).
fn pause(attempt: u32) -> std::time::Duration {
    std::time::Duration::from_millis(250 << attempt.min(6))
}
