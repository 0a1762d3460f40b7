//! `dump`: one snapshot, many lanes, one manifest.
//!
//! ```text
//!   holder ── exports ──► catalog reader ── introspect ──► select ──► lock ──► survey ──► plan
//!     │ watch                                                                              │
//!     ▼                                                                                    ▼
//!   lost? ──► again under a new snapshot, reusing by content        lanes: COPY ► seal ► upload ► journal
//!                                                                                          │
//!                              manifest, once ◄── contents beside a look at every object ◄─┘
//! ```
//!
//! Promise 1: the manifest is put last and once. Promise 3: a lost holder ends the attempt; nothing read under it is mixed
//! with another moment, but whatever has the same content is not uploaded again.

pub mod budget;
mod chunk;
mod commit;
mod contents;
mod gather;
mod journal;
mod known;
pub(in crate::run) mod lanes;
mod members;
mod packer;
mod polite;
mod small;
mod statistics;
mod storing;
pub(in crate::run) mod survey;
pub(in crate::run) mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::contents::Writing;
use self::gather::Gather;
use self::journal::Journal;
use self::known::Known;
pub(in crate::run) use self::lanes::is_lost;
use self::lanes::{Hall, Lost};
use self::survey::{Survey, Surveyed};
use super::cpu_pool::CpuPool;
use super::jobs;
use super::options::{DumpOptions, Surroundings};
use super::pace::Pace;
use super::report::{DumpReport, Loss};
use super::schema;
use super::timeline::Timeline;
use crate::catalog::extent::Extent;
use crate::connect::ConnectOptions;
use crate::ddl::Section;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::format::manifest::GridMemory;
use crate::ids::{DumpId, TableTag};
use crate::introspect::{self, Positions};
use crate::journal::Batch;
use crate::keys::WriterKey;
use crate::limits::{LANES_MAX, QUICK_LEVEL, SNAPSHOT_ATTEMPTS};
use crate::plan::dump_plan::DumpPlan;
use crate::plan::select::Selection;
use crate::seal::{Encryption, SealSpec};
use crate::source::holder::{Holder, news_of};
use crate::source::lane::LaneOptions;
use crate::source::reader::CatalogReader;
use crate::store::Repository;

/// How long a run waits for a server that went away to come back.
const RETURN_PATIENCE: Duration = Duration::from_secs(60);

/// What all attempts of one dump share.
struct Run<'a> {
    repository: &'a Repository,
    writer: &'a WriterKey,
    lanes: LaneOptions,
    options: &'a DumpOptions,
    around: &'a Surroundings,
    dump: DumpId,
    started: DateTime<Utc>,
    encryption: Encryption,
    pace: Pace,
    timeline: Timeline,
}

/// Dumps one database into the repository that `writer` is the key of.
///
/// # Errors
/// Any kind but `Target`. Whatever happens, no manifest exists unless `Ok` is returned; what was stored meanwhile is reused
/// by the next run.
pub async fn dump(
    repository: &Repository,
    writer: &WriterKey,
    source: &ConnectOptions,
    options: &DumpOptions,
    around: &Surroundings,
) -> Result<DumpReport> {
    if !(1..=LANES_MAX).contains(&options.jobs) {
        return Err(Error::new(Kind::Usage, format!("-j {} is not between 1 and {LANES_MAX}", options.jobs)));
    }
    refuse_loose_passwords(options)?;
    if options.role_passwords && writer.recipient().is_none() {
        let message = "hashes of passwords go into a repository that does not encrypt".to_owned();
        around.news.tell(Event::Warning { message });
    }
    let clock = Instant::now();
    let started = Utc::now();
    let run = Run {
        repository,
        writer,
        lanes: LaneOptions { connect: source.clone(), role: options.role.clone(), row_security: options.row_security },
        options,
        around,
        dump: new_dump_id(started)?,
        started,
        encryption: Encryption::of(writer.recipient())?,
        pace: Pace::new(options.rate_limit),
        timeline: Timeline::new(&around.news),
    };
    // Over budget is refused before anything begins; `auto` takes fewer lanes instead.
    run.budget(jobs::fewest(options.auto_jobs, options.jobs), Extent::default())?;
    let known = around.unless_stopped(cancelled, known::recall(repository, writer)).await?;
    let mut report = Box::pin(run.until_committed(known)).await?;
    report.seconds = clock.elapsed().as_secs_f64();
    Ok(report)
}

fn refuse_loose_passwords(options: &DumpOptions) -> Result<()> {
    match options.role_passwords && !options.globals {
        true => Err(Error::new(Kind::Usage, "--role-passwords was asked for without --globals")
            .hint("Passwords belong to roles, which --globals dumps.")),
        false => Ok(()),
    }
}

pub(in crate::run) fn new_dump_id(moment: DateTime<Utc>) -> Result<DumpId> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| Error::new(Kind::Bug, "no randomness").because(error))?;
    Ok(DumpId::begun(moment, random))
}

fn cancelled() -> Error {
    Error::new(Kind::Cancelled, "the dump was stopped before it was complete")
        .hint("Run the same command again: what is already stored is reused.")
}

impl Run<'_> {
    async fn until_committed(&self, mut known: Known) -> Result<DumpReport> {
        let mut restarts = 0;
        let writer = self.writer;
        let mut batch =
            Batch::new(writer.repository().clone(), self.dump.clone(), writer.id(), writer.recipient().is_some());
        loop {
            let error = match Box::pin(self.attempt(&mut known, &mut batch)).await {
                Ok(mut report) => {
                    report.restarts = restarts;
                    return Ok(report);
                }
                Err(error) => error,
            };
            if !is_another_moment_better(&error) || restarts + 1 >= SNAPSHOT_ATTEMPTS {
                return Err(error);
            }
            restarts += 1;
            self.around.news.tell(Event::Retry {
                what: "the dump, under a new snapshot".to_owned(),
                attempt: restarts + 1,
                cause: error.to_string(),
            });
        }
    }

    /// One snapshot's worth of work. What became durable is added to `known` whatever the outcome.
    async fn attempt(&self, known: &mut Known, batch: &mut Batch) -> Result<DumpReport> {
        self.phase("connect");
        let (holder, reader) =
            Box::pin(self.around.unless_stopped(cancelled, open_holder(&self.lanes, self.had_snapshot()))).await?;
        self.around.news.tell(Event::Server {
            role: "source",
            version: holder.version().to_string(),
            database: self.lanes.connect.database().to_owned(),
        });
        if let Some(message) = news_of(holder.version()) {
            self.around.news.tell(Event::Warning { message });
        }
        let surveying = async { Ok((self.extent(&reader).await?, self.survey(&holder, &reader, known).await?)) };
        let (extent, Surveyed { selected, selection, mut losses, plan }) =
            match self.around.unless_stopped(cancelled, Box::pin(surveying)).await {
                Ok(surveyed) => surveyed,
                Err(error) => {
                    holder.cancel().await;
                    return Err(error);
                }
            };
        drop(reader);
        let jobs = self.jobs(&holder, plan.chunks.len(), extent).await?;
        let gather = Gather::new(known.stored.clone(), batch.clone(), &plan);
        losses.sort();
        losses.dedup();
        let contents = Writing::begin(self, &holder, (selected, selection), &losses);
        let hall = Arc::new(self.hall(holder, plan, gather, (jobs, extent))?);
        let worked = self.work(&hall).await;
        let record = hall.gather.record(true);
        (known.stored, *batch) = hall.gather.state_for_next();
        if let Err(error) = worked {
            // What is durable must be known to the next run. If that fails as well, the first failure is the one to report.
            let _ = self.journal().write(record.as_ref()).await;
            return Err(error);
        }
        self.phase("commit");
        commit::Commit { run: self, contents, losses, hall: &hall, known, record }.finish().await
    }

    /// True once this run has written something: only then is patience with a dead server more useful than an error.
    fn had_snapshot(&self) -> bool {
        self.around.news.counters.raw_bytes.load(std::sync::atomic::Ordering::Relaxed) > 0
    }

    async fn survey(&self, holder: &Holder, reader: &CatalogReader, known: &Known) -> Result<Surveyed> {
        let tag = |database: &str, schema: &str, name: &str| self.writer.table_tag(database, schema, name);
        survey((holder, reader), self.options, KnownTables { grids: &known.grids, tag: &tag }, self.around).await
    }

    fn budget(&self, jobs: usize, schema: Extent) -> Result<budget::Budget> {
        budget::Budget::divide(self.options.memory, schema, jobs, self.options.level)
    }

    /// How much there is to read; refused before it is read where the memory cannot hold it.
    async fn extent(&self, reader: &CatalogReader) -> Result<Extent> {
        let extent = schema::extent(reader).await?;
        let jobs = jobs::fewest(self.options.auto_jobs, self.options.jobs);
        self.budget(jobs, extent)?;
        self.options.memory.tell(extent, budget::least(jobs, self.options.level), &self.around.news);
        Ok(extent)
    }

    /// How many lanes this attempt has.
    async fn jobs(&self, holder: &Holder, chunks: usize, schema: Extent) -> Result<usize> {
        if !self.options.auto_jobs {
            return Ok(self.options.jobs);
        }
        let carries = |jobs| self.budget(jobs, schema).is_ok();
        let choice = jobs::with_server(&mut *holder.lane().await, chunks, self.options.jobs, carries).await?;
        jobs::tell(&choice, &self.around.news);
        Ok(choice.jobs)
    }

    fn hall(&self, holder: Holder, plan: DumpPlan, gather: Gather, (jobs, schema): (usize, Extent)) -> Result<Hall> {
        self.around.news.tell(Event::Planned {
            dump: Some(self.dump.clone()),
            tables: plan.tables.len() as u64,
            chunks: plan.chunks.len() as u64,
            bytes: plan.bytes(),
            done_before: 0,
        });
        let level = self.options.level;
        Ok(Hall {
            gather,
            holder: Arc::new(holder),
            copying: AtomicUsize::new(plan.lanes(jobs)),
            plan,
            repository: self.repository.clone(),
            pool: if level <= QUICK_LEVEL { CpuPool::for_lanes(jobs)? } else { CpuPool::with_all_cores()? },
            budget: self.budget(jobs, schema)?,
            seal: SealSpec::new(*self.writer.content_key(), self.encryption.clone(), level)?,
            packer: std::sync::Mutex::default(),
            next: AtomicUsize::new(0),
            jobs,
            pace: self.pace.clone(),
            gate: polite::Gate::new(jobs),
            crew: std::sync::Mutex::default(),
            timeline: self.timeline.clone(),
            around: self.around.clone(),
        })
    }

    /// Runs the lanes to the end, the watch and the journal beside them.
    async fn work(&self, hall: &Arc<Hall>) -> Result<()> {
        self.phase("data");
        let mut lanes = JoinSet::new();
        for number in 0..hall.plan.lanes(hall.jobs) {
            lanes.spawn(lanes::run(Arc::clone(hall), number));
        }
        let ended = CancellationToken::new();
        let working = async {
            let outcome = tokio::select! {
                done = finish(&mut lanes, &self.timeline) => done,
                lost = watch::keep(&hall.holder, self.options.snapshot_age, &hall.around.news) => Err(lost),
                never = polite::watch(hall, self.options.polite) => match never {},
                () = ended.cancelled() => Ok(()),
            };
            lanes.shutdown().await;
            ended.cancel();
            outcome
        };
        // Not a branch of the choice above: a record that is being written is written to its end.
        let (outcome, kept) = tokio::join!(working, self.journal().keep(&hall.gather, &ended));
        outcome.and(kept)?;
        if self.around.stop.is_cancelled() {
            return Err(cancelled());
        }
        // Lanes lock a table when they come to it; with the holder gone before, it could have been truncated until then.
        hall.holder.watch().await.map_err(Lost)?;
        Ok(())
    }

    fn journal(&self) -> Journal<'_> {
        Journal { repository: self.repository, writer: self.writer }
    }

    fn phase(&self, name: &'static str) {
        self.around.news.tell(Event::Phase { name });
    }
}

/// Connects; a server that was there before and is restarting is given time.
pub(in crate::run) async fn open_holder(lanes: &LaneOptions, patient: bool) -> Result<(Holder, CatalogReader)> {
    let since = Instant::now();
    loop {
        match Holder::open(lanes).await {
            Err(error) if error.is_passing() && patient && since.elapsed() < RETURN_PATIENCE => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            other => return other,
        }
    }
}

/// Tables that were cut before.
pub(in crate::run) struct KnownTables<'a> {
    /// Their grids.
    pub(in crate::run) grids: &'a BTreeMap<TableTag, GridMemory>,
    /// What a table (database, schema, name) is known by.
    pub(in crate::run) tag: &'a (dyn Fn(&str, &str, &str) -> TableTag + Send + Sync),
}

/// Reads the schema in a snapshot, chooses from it, and locks, measures and plans what is chosen.
pub(in crate::run) async fn survey(
    (holder, reader): (&Holder, &CatalogReader),
    options: &DumpOptions,
    known: KnownTables<'_>,
    around: &Surroundings,
) -> Result<Surveyed> {
    around.news.tell(Event::Phase { name: "introspect" });
    if !options.auto_jobs && options.filters.carries(Section::Data) {
        holder.open_lanes_ahead(options.jobs);
    }
    let mut catalog = schema::catalog(holder, reader, Positions::Read).await?;
    if options.globals {
        let features = introspect::Features::of(holder.version());
        let client = introspect::Client::of(reader.client());
        catalog.globals = Some(introspect::globals::read(&client, &features, options.role_passwords).await?);
    }
    let mut filters = options.filters.clone();
    filters.search_path = holder.search_path().to_vec();
    let selection = Selection::of(&catalog, &filters)?;
    for (key, table) in &selection.dangling {
        let message = format!("foreign key {key} references {table}, which is not carried");
        around.news.tell(Event::Warning { message });
    }
    for message in members::left_behind(reader, &catalog, &selection).await? {
        around.news.tell(Event::Warning { message });
    }
    around.news.tell(Event::Phase { name: "lock" });
    let survey = Survey {
        holder,
        reader,
        catalog: &catalog,
        tables: survey::tables(&catalog, &selection.data),
        large_objects: selection.large_objects,
        options,
        grids: known.grids,
        news: &around.news,
        tag: &|schema: &str, name: &str| (known.tag)(&catalog.database.name, schema, name),
    };
    let planning = (survey.lock(), Box::pin(survey.plan()));
    let reading = statistics::read_beside((holder, reader), (&catalog, &selection), planning);
    let (plan, statistics) = match Box::pin(reading).await {
        Ok(done) => done,
        Err(error) => return Err(survey.explain(error).await),
    };
    holder.keep_lanes_ahead(plan.chunks.len());
    let mut selected = selection.reduce(catalog);
    statistics::add(&mut selected, &selection, statistics);
    let losses = selected.unsupported.iter().map(Loss::unsupported).collect();
    Ok(Surveyed { selected, selection, losses, plan })
}

/// Waits for all lanes; those that ended before the last one were idle since.
async fn finish(lanes: &mut JoinSet<Result<Instant>>, timeline: &Timeline) -> Result<()> {
    let mut ended = Vec::new();
    while let Some(joined) = lanes.join_next().await {
        match joined {
            Ok(done) => ended.push(done?),
            Err(panic) => return Err(Error::new(Kind::Bug, "a lane failed").because(panic)),
        }
    }
    ended.into_iter().for_each(|moment| timeline.idle(moment));
    Ok(())
}

/// Whether the run should begin again under a new snapshot: this one is gone, or tables changed before they were locked.
pub(in crate::run) fn is_another_moment_better(error: &Error) -> bool {
    is_lost(error) || is_changed(error)
}

fn is_changed(error: &Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<crate::source::error::SourceError>())
        .is_some_and(|error| matches!(error, crate::source::error::SourceError::Changed(_)))
}
