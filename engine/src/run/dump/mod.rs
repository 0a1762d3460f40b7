//! `dump`: one snapshot, many lanes, one manifest.
//!
//! ```text
//!   holder ── exports ──► catalog reader ── introspect ──► select ──► lock ──► survey ──► plan
//!     │ watch                                                                              │
//!     ▼                                                                                    ▼
//!   lost? ──► again under a new snapshot, reusing by content        lanes: COPY ► seal ► upload ► journal
//!                                                                                          │
//!                                   manifest, once ◄── every object checked ◄── contents ◄─┘
//! ```
//!
//! Promise 1: the manifest is put last and once. Promise 3: a lost holder ends the attempt; nothing read under it is mixed
//! with another moment, but whatever has the same content is not uploaded again.

pub mod budget;
mod chunk;
mod commit;
mod gather;
mod journal;
mod known;
mod lanes;
mod members;
mod packer;
mod survey;
mod watch;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::gather::Gather;
use self::journal::Journal;
use self::known::Known;
use self::lanes::{Hall, Lost};
use self::survey::{Survey, Surveyed};
use super::cpu_pool::CpuPool;
use super::options::{DumpOptions, Surroundings};
use super::report::{DumpReport, Loss};
use crate::catalog::features::Features;
use crate::connect::ConnectOptions;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::ids::DumpId;
use crate::introspect;
use crate::journal::Batch;
use crate::keys::WriterKey;
use crate::limits::{LANES_MAX, SNAPSHOT_ATTEMPTS};
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
    budget: budget::Budget,
    pool: CpuPool,
    encryption: Encryption,
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
        budget: budget::Budget::divide(options.memory, options.jobs, options.level)?,
        pool: CpuPool::with_all_cores()?,
        encryption: Encryption::of(writer.recipient())?,
    };
    let known = stoppable(around, known::recall(repository, writer)).await?;
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

fn new_dump_id(moment: DateTime<Utc>) -> Result<DumpId> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| Error::new(Kind::Bug, "no randomness").because(error))?;
    Ok(DumpId::begun(moment, random))
}

/// Gives way when the user wants to stop.
async fn stoppable<T>(around: &Surroundings, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        () = around.stop.cancelled() => Err(cancelled()),
        done = work => done,
    }
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
            let again = lanes::is_lost(&error) || is_changed(&error);
            if !again || restarts + 1 >= SNAPSHOT_ATTEMPTS {
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
        let (holder, reader) = Box::pin(stoppable(self.around, self.open_holder())).await?;
        self.around.news.tell(Event::Server {
            role: "source",
            version: holder.version().to_string(),
            database: self.lanes.connect.database().to_owned(),
        });
        if let Some(message) = news_of(holder.version()) {
            self.around.news.tell(Event::Warning { message });
        }
        let surveyed = match stoppable(self.around, Box::pin(self.survey(&holder, &reader, known))).await {
            Ok(surveyed) => surveyed,
            Err(error) => {
                holder.cancel().await;
                return Err(error);
            }
        };
        drop(reader);
        let hall = Arc::new(self.hall(
            holder,
            surveyed.plan.clone(),
            Gather::new(known.stored.clone(), batch.clone(), &surveyed.plan),
        )?);
        let worked = self.work(&hall).await;
        (known.stored, *batch) = hall.gather.state_for_next();
        worked?;
        self.phase("commit");
        commit::Commit { run: self, surveyed, hall: &hall, known }.finish().await
    }

    /// Connects; a server that is starting or restarting is given time.
    async fn open_holder(&self) -> Result<(Holder, CatalogReader)> {
        let since = Instant::now();
        loop {
            match Holder::open(&self.lanes).await {
                Err(error) if error.is_passing() && self.had_snapshot() && since.elapsed() < RETURN_PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                other => return other,
            }
        }
    }

    /// True once this run has written something: only then is patience with a dead server more useful than an error.
    fn had_snapshot(&self) -> bool {
        self.around.news.counters.raw_bytes.load(std::sync::atomic::Ordering::Relaxed) > 0
    }

    async fn survey(&self, holder: &Holder, reader: &CatalogReader, known: &Known) -> Result<Surveyed> {
        self.phase("introspect");
        let mut catalog = introspect::read(reader.client()).await?;
        if self.options.globals {
            let features = introspect::Features::of(holder.version());
            catalog.globals = Some(
                introspect::globals::read(
                    &introspect::Client::of(reader.client()),
                    &features,
                    self.options.role_passwords,
                )
                .await?,
            );
        }
        let mut filters = self.options.filters.clone();
        filters.search_path = holder.search_path().to_vec();
        let selection = Selection::of(&catalog, &filters)?;
        if selection.statistics {
            let features = Features::of(catalog.server.version);
            catalog.planner_statistics = introspect::planner_statistics::read(reader.client(), &features).await?;
        }
        self.tell_dangling(&selection);
        for message in members::left_behind(reader, &catalog, &selection).await? {
            self.around.news.tell(Event::Warning { message });
        }
        self.phase("lock");
        let tag = |schema: &str, name: &str| self.writer.table_tag(&catalog.database.name, schema, name);
        let survey = Survey {
            holder,
            reader,
            catalog: &catalog,
            wanted: &selection.data,
            large_objects: selection.large_objects,
            options: self.options,
            known,
            tag: &tag,
        };
        let plan = survey.plan().await?;
        let selected = selection.reduce(&catalog);
        let losses = selected.unsupported.iter().map(Loss::unsupported).collect();
        Ok(Surveyed { selected, selection, losses, plan })
    }

    fn tell_dangling(&self, selection: &Selection) {
        for (key, table) in &selection.dangling {
            let message = format!("foreign key {key} references {table}, which is not in the dump");
            self.around.news.tell(Event::Warning { message });
        }
    }

    fn hall(&self, holder: Holder, plan: DumpPlan, gather: Gather) -> Result<Hall> {
        self.around.news.tell(Event::Planned {
            dump: self.dump.clone(),
            tables: plan.tables.len() as u64,
            chunks: plan.chunks.len() as u64,
            bytes: plan.bytes(),
            done_before: 0,
        });
        Ok(Hall {
            gather,
            holder: Arc::new(holder),
            plan,
            repository: self.repository.clone(),
            pool: self.pool.clone(),
            budget: self.budget.clone(),
            seal: SealSpec::new(*self.writer.content_key(), self.encryption.clone(), self.options.level)?,
            packer: std::sync::Mutex::default(),
            next: AtomicUsize::new(0),
            around: self.around.clone(),
        })
    }

    /// Runs the lanes to the end, the watch and the journal beside them.
    async fn work(&self, hall: &Arc<Hall>) -> Result<()> {
        let journal = Journal { repository: self.repository, writer: self.writer };
        self.phase("data");
        let mut lanes = JoinSet::new();
        for _ in 0..self.options.jobs.min(hall.plan.chunks.len()) {
            lanes.spawn(lanes::run(Arc::clone(hall)));
        }
        let ended = CancellationToken::new();
        let working = async {
            let outcome = tokio::select! {
                done = finish(&mut lanes) => done,
                lost = watch::keep(hall, self.options.snapshot_age) => Err(lost),
                () = ended.cancelled() => Ok(()),
            };
            lanes.shutdown().await;
            ended.cancel();
            outcome
        };
        // Not a branch of the choice above: a record that is being written is written to its end.
        let (outcome, kept) = tokio::join!(working, journal.keep(&hall.gather, &ended));
        let stopped = self.around.stop.is_cancelled();
        let outcome = match outcome.and(kept) {
            Ok(()) if !stopped => finished(hall).await,
            other => other,
        };
        // Also after a failure: what is durable must be known to the next run.
        let written = journal.write(&hall.gather).await;
        outcome?;
        written?;
        if stopped { Err(cancelled()) } else { Ok(()) }
    }

    fn phase(&self, name: &'static str) {
        self.around.news.tell(Event::Phase { name });
    }
}

/// Ends an attempt whose lanes have copied everything: the last small chunks are stored, and the locks have held.
/// Lanes lock a table when they come to it; with the holder gone before, it could have been truncated until then.
async fn finished(hall: &Hall) -> Result<()> {
    hall.holder.watch().await.map_err(Lost)?;
    hall.flush().await
}

async fn finish(lanes: &mut JoinSet<Result<()>>) -> Result<()> {
    while let Some(joined) = lanes.join_next().await {
        match joined {
            Ok(done) => done?,
            Err(panic) => return Err(Error::new(Kind::Bug, "a lane failed").because(panic)),
        }
    }
    Ok(())
}

fn is_changed(error: &Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<crate::source::error::SourceError>())
        .is_some_and(|error| matches!(error, crate::source::error::SourceError::Changed(_)))
}
