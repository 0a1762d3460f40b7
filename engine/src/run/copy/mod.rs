//! `copy`: one database into another, with nothing in between.
//!
//! ```text
//!   source: holder ── snapshot ── introspect ── select ── lock ── plan
//!              │ watched                                        │
//!              │            lane: COPY TO ► hash ► queue of blocks ► COPY FROM :lane   (as many as -j)
//!              ▼                                                    │ rows + progress row: one transaction
//!   released after the last row                                     ▼
//!                             target: everything a restore does, with the same plan, stages, checks and progress
//! ```
//!
//! The source's side is a dump's, the target's side a restore's; between them stands a [`super::chunk_source`] that reads
//! chunks the moment they are loaded. Killed anywhere, or cut off from its snapshot, a copy goes on under a new one; what was
//! loaded is kept where the source still holds the same ([`super::restore`], `renew.rs`).

mod freight;
mod live;
mod places;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use self::live::LiveChunks;
use self::places::Places;
use super::dump::survey::Surveyed;
use super::dump::{KnownTables, is_another_moment_better, open_holder, survey};
use super::options::{CopyOptions, Surroundings};
use super::report::{CopyReport, Loss};
use super::restore::cargo::Cargo;
use super::restore::{self, RestorePreview};
use super::schema;
use crate::connect::ConnectOptions;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::format::manifest::GridMemory;
use crate::ids::TableTag;
use crate::limits::SNAPSHOT_ATTEMPTS;
use crate::plan::dump_plan::DumpPlan;
use crate::source::holder::Holder;
use crate::source::lane::LaneOptions;
use crate::target::guards;

/// What all attempts of one copy share.
struct Run<'a> {
    lanes: LaneOptions,
    target: &'a ConnectOptions,
    options: &'a CopyOptions,
    around: &'a Surroundings,
}

/// A source that was read, ready to be copied.
struct Loaded {
    holder: Holder,
    plan: DumpPlan,
    losses: Vec<Loss>,
    cargo: Cargo,
}

/// Copies one database into another.
///
/// # Errors
/// `Kind::Source` and `Kind::Target` by side, `Kind::Verification` when the rows that arrived are not those that were read,
/// `Kind::Cancelled` when stopped. What is done by then stays in the target, and the same call goes on from there.
pub async fn copy(
    source: &ConnectOptions,
    target: &ConnectOptions,
    options: &CopyOptions,
    around: &Surroundings,
) -> Result<CopyReport> {
    let clock = Instant::now();
    let run = Run::new(source, target, options, around)?;
    let mut restarts = 0;
    let mut report = loop {
        let error = match Box::pin(run.attempt(restarts)).await {
            Ok(report) => break report,
            Err(error) => error,
        };
        if !is_another_moment_better(&error) || restarts + 1 >= SNAPSHOT_ATTEMPTS {
            return Err(error);
        }
        restarts += 1;
        around.news.tell(Event::Retry {
            what: "the copy, under a new snapshot".to_owned(),
            attempt: restarts + 1,
            cause: error.to_string(),
        });
    };
    report.restarts = restarts;
    report.seconds = clock.elapsed().as_secs_f64();
    Ok(report)
}

/// What would be done: reads both, writes nothing.
pub async fn preview(
    source: &ConnectOptions,
    target: &ConnectOptions,
    options: &CopyOptions,
    around: &Surroundings,
) -> Result<RestorePreview> {
    let run = Run::new(source, target, options, around)?;
    let loaded = around.unless_stopped(cancelled, Box::pin(run.load(false))).await?;
    let mut preview = Box::pin(restore::look(&loaded.cargo, target, &options.target, around)).await?;
    let losses = loaded.losses.iter();
    preview.losses.extend(losses.map(|loss| (loss.class.clone(), loss.name.clone(), loss.reason.clone())));
    Ok(preview)
}

impl<'a> Run<'a> {
    fn new(
        source: &ConnectOptions,
        target: &'a ConnectOptions,
        options: &'a CopyOptions,
        around: &'a Surroundings,
    ) -> Result<Self> {
        guards::refuse_protected(&target.describe(), target.database(), &options.target.protected)?;
        let from = &options.source;
        let lanes = LaneOptions { connect: source.clone(), role: from.role.clone(), row_security: from.row_security };
        Ok(Self { lanes, target, options, around })
    }

    /// One snapshot's worth of work.
    async fn attempt(&self, restarts: u32) -> Result<CopyReport> {
        let Loaded { holder, plan, losses, cargo } =
            self.around.unless_stopped(cancelled, Box::pin(self.load(restarts > 0))).await?;
        let tell = |loss: &Loss| {
            let Loss { class, name, reason } = loss.clone();
            self.around.news.tell(Event::Loss { class, name, reason });
        };
        losses.iter().filter(|_| restarts == 0).for_each(tell);
        let chunks = LiveChunks::new(holder, plan, &cargo.contents, self.options.target.jobs, &self.around.news)?;
        // Losing the snapshot ends the work on the target as the user's wish to stop does: in order.
        let stop = self.around.stop.child_token();
        let around = Surroundings { news: self.around.news.clone(), stop: stop.clone() };
        let source = Arc::new(chunks.clone());
        let working = restore::carry(&cargo, source, self.target, &self.options.target, &around);
        let mut working = Box::pin(working);
        let done = tokio::select! {
            done = &mut working => done,
            lost = chunks.watch(self.options.source.snapshot_age) => {
                stop.cancel();
                match working.await {
                    // It had come to its end in that moment, and needed the source no more.
                    Ok(done) => Ok(done),
                    Err(_) if self.around.stop.is_cancelled() => Err(cancelled()),
                    Err(_) => Err(lost),
                }
            }
        }?;
        let mut all = losses;
        all.extend(done.losses);
        Ok(CopyReport {
            tables: done.tables,
            rows: done.rows,
            raw_bytes: done.raw_bytes,
            entries: done.entries,
            globals: done.globals,
            resumed_chunks: done.resumed_chunks,
            restarts,
            proved_tables: done.proved_tables,
            losses: all,
            seconds: 0.0,
        })
    }

    /// Takes a snapshot of the source and reads everything but its rows.
    async fn load(&self, patient: bool) -> Result<Loaded> {
        self.around.news.tell(Event::Phase { name: "connect" });
        let (holder, reader) = Box::pin(open_holder(&self.lanes, patient)).await?;
        self.around.news.tell(Event::Server {
            role: "source",
            version: holder.version().to_string(),
            database: self.lanes.connect.database().to_owned(),
        });
        let extent = schema::extent(&reader).await?;
        restore::check_memory(&self.options.target, extent)?;
        let places = Places::look(&holder, &self.lanes.connect, self.target, &self.options.target).await?;
        let grids: BTreeMap<TableTag, GridMemory> =
            places.grids.iter().map(|(table, blocks)| (tag_of(table), GridMemory { blocks: *blocks })).collect();
        let tag = |_: &str, schema: &str, name: &str| tag_of(&crate::sql::qualified(Some(schema), name));
        let known = KnownTables { grids: &grids, tag: &tag };
        let surveyed = survey((&holder, &reader), &self.options.source, known, self.around).await;
        let Surveyed { selected, selection, mut losses, plan } = match surveyed {
            Ok(surveyed) => surveyed,
            Err(error) => {
                holder.cancel().await;
                return Err(error);
            }
        };
        losses.sort();
        losses.dedup();
        let chosen = freight::Chosen { holder: &holder, selected, selection: &selection, plan: &plan, losses: &losses };
        let cargo = freight::cargo(chosen, places.origin, &self.options.source)?;
        Ok(Loaded { holder, plan, losses, cargo })
    }
}

/// What a table is known by from one attempt to the next.
fn tag_of(table: &str) -> TableTag {
    TableTag(*blake3::hash(table.as_bytes()).as_bytes())
}

fn cancelled() -> Error {
    Error::new(Kind::Cancelled, "the copy was stopped before it was complete")
        .hint("What is done stays: run the same command again to continue.")
}
