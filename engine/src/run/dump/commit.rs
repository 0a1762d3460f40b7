//! The end of a dump: contents and one look at every object, then the manifest (promise 1).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::contents::Writing;
use super::gather::Done;
use super::known::{Known, OldRun};
use super::lanes::Hall;
use super::{Run, survey};
use crate::error::{Error, Kind, Result};
use crate::event::{Counters, Event};
use crate::format::CURRENT;
use crate::format::contents::{Fingerprint, TableChunk, TableData};
use crate::format::journal::JournalRecord;
use crate::format::manifest::{GridMemory, Manifest, StoredChunk, StoredContents};
use crate::ids::{ContentId, TableTag};
use crate::run::report::{DumpReport, Loss};

/// What a finished attempt commits.
pub struct Commit<'a> {
    /// The run.
    pub run: &'a Run<'a>,
    /// The contents, but for the tables.
    pub contents: Writing,
    /// What is not carried, sorted.
    pub losses: Vec<Loss>,
    /// Plan and results.
    pub hall: &'a Hall,
    /// Superseded journals, remembered grids.
    pub known: &'a Known,
    /// The journal's last record.
    pub record: Option<JournalRecord>,
}

impl Commit<'_> {
    /// Stores contents and manifest.
    ///
    /// # Errors
    /// `Kind::Store`, or `Kind::Bug` if the books do not balance. Nothing is committed then.
    pub async fn finish(self) -> Result<DumpReport> {
        let run = self.run;
        let done = self.hall.gather.all().ok_or_else(|| Error::new(Kind::Bug, "a chunk of the plan has no result"))?;
        let (chunks, positions) = distinct(&done);
        let tables = self.tables(&done, &positions);
        self.tell_losses();
        let report = self.report(&done, &tables, &chunks);
        let grids = self.grids();
        let capabilities = self.contents.capabilities.clone();
        // Side by side: the store may be far away, and only the manifest has to come behind all others.
        let (recorded, stored, checked) = tokio::join!(
            run.journal().write(self.record.as_ref()),
            self.contents.finish(run, tables),
            check(run, &chunks),
        );
        recorded?;
        checked?;
        let manifest = manifest(run, capabilities, chunks, stored?, grids);
        run.repository.commit(&manifest, run.writer).await?;
        run.around.news.tell(Event::Committed { dump: run.dump.clone() });
        forget_journals(run, self.known, &manifest, self.hall.gather.records()).await;
        Ok(report)
    }

    fn tables(&self, done: &[Done], positions: &HashMap<ContentId, u32>) -> Vec<TableData> {
        let mut tables: Vec<TableData> = self
            .hall
            .plan
            .tables
            .iter()
            .map(|table| TableData {
                kind: table.kind,
                object: table.object,
                schema: table.schema.clone(),
                name: table.name.clone(),
                columns: table.columns.clone(),
                format: table.format,
                condition: table.condition.clone(),
                rows: 0,
                fingerprint: Fingerprint::default(),
                chunks: Vec::new(),
            })
            .collect();
        for (planned, done) in self.hall.plan.chunks.iter().zip(done) {
            let table = &mut tables[planned.table];
            let receipt = &done.receipt;
            table.rows += receipt.rows;
            table.fingerprint = table.fingerprint + receipt.fingerprint;
            table.chunks.push(TableChunk {
                chunk: positions.get(&receipt.id).copied().unwrap_or_default(),
                from: planned.span.from,
                to: planned.span.to,
                rows: receipt.rows,
                raw: receipt.raw,
                plain: receipt.plain,
                fingerprint: receipt.fingerprint,
            });
        }
        tables
    }

    /// Grids of this dump's tables and of those it left out: the next one may take them in again.
    fn grids(&self) -> BTreeMap<TableTag, GridMemory> {
        let mut grids = self.known.grids.clone();
        grids.extend(survey::grids(&self.hall.plan));
        grids
    }

    fn tell_losses(&self) {
        for Loss { class, name, reason } in self.losses.iter().cloned() {
            self.run.around.news.tell(Event::Loss { class, name, reason });
        }
    }

    fn report(&self, done: &[Done], tables: &[TableData], chunks: &[StoredChunk]) -> DumpReport {
        DumpReport {
            dump: self.run.dump.clone(),
            tables: tables.len() as u64,
            rows: tables.iter().map(|table| table.rows).sum(),
            raw_bytes: done.iter().map(|done| done.receipt.raw).sum(),
            stored_bytes: chunks.iter().map(StoredChunk::stored_len).sum(),
            uploaded_bytes: Counters::get(&self.run.around.news.counters.stored_bytes),
            chunks: done.len() as u64,
            reused_chunks: done.iter().filter(|done| done.reused).count() as u64,
            restarts: 0,
            jobs: u32::try_from(self.hall.jobs).unwrap_or(u32::MAX),
            idle_seconds: self.run.timeline.idle_seconds(),
            losses: self.losses.clone(),
            seconds: 0.0,
        }
    }
}

/// Removes the journals whose work is done, of this run and of earlier ones. What stays is harmless and goes with a later dump.
async fn forget_journals(run: &Run<'_>, known: &Known, manifest: &Manifest, records: u32) {
    let committed = manifest.chunks.iter().map(|chunk| chunk.id).collect();
    let old = known.runs.iter().filter(|old| old.is_superseded(&committed, manifest.finished));
    let mine = (0..records).map(|number| (&manifest.dump, number));
    if let Err(error) = run.repository.delete_records(old.flat_map(OldRun::records).chain(mine)).await {
        run.around.news.tell(Event::Warning { message: format!("finished journals stay behind: {error}") });
    }
}

/// Every content once, and where it stands in the manifest. Two chunks with the same rows share one entry.
fn distinct(done: &[Done]) -> (Vec<StoredChunk>, HashMap<ContentId, u32>) {
    let mut chunks = Vec::new();
    let mut positions = HashMap::new();
    for done in done {
        positions.entry(done.receipt.id).or_insert_with(|| {
            chunks.push(done.stored.clone());
            u32::try_from(chunks.len() - 1).unwrap_or(u32::MAX)
        });
    }
    (chunks, positions)
}

/// Every object the manifest will name is there with its length: also those that an earlier run stored.
async fn check(run: &Run<'_>, chunks: &[StoredChunk]) -> Result<()> {
    let objects: BTreeSet<_> =
        chunks.iter().flat_map(|chunk| &chunk.pieces).map(|piece| (piece.object, piece.object_length)).collect();
    let objects: Vec<_> = objects.into_iter().collect();
    let problems = run.repository.check_objects(&objects).await?;
    if problems.is_empty() {
        return Ok(());
    }
    let what = format!("{} objects are not in the store as they were stored, nothing was committed", problems.len());
    Err(Error::new(Kind::Store, what)
        .hint("Something deletes or changes objects under the repository: stop it, then dump again."))
}

fn manifest(
    run: &Run<'_>,
    capabilities: Vec<String>,
    chunks: Vec<StoredChunk>,
    contents: StoredContents,
    grids: BTreeMap<TableTag, GridMemory>,
) -> Manifest {
    Manifest {
        format: CURRENT,
        capabilities,
        repository: run.writer.repository().clone(),
        dump: run.dump.clone(),
        writer: run.writer.id(),
        tool: concat!("pgfreight ", env!("CARGO_PKG_VERSION")).to_owned(),
        started: run.started,
        finished: chrono::Utc::now(),
        encrypted: run.writer.recipient().is_some(),
        chunks,
        contents,
        grids,
    }
}
