//! What earlier runs left in the store that this one may refer to.
//!
//! Only signed records of the pinned writer count, or anybody with access to the bucket could plant pieces of his own
//! under a content id he has seen. And only objects that are there now, with the right length.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt};

use crate::error::Result;
use crate::format::manifest::{Acceptance, GridMemory};
use crate::ids::{ContentId, DumpId, TableTag, WriterId};
use crate::journal::Stored;
use crate::keys::WriterKey;
use crate::store::{ObjectProblem, Repository, UnfinishedRun};

/// Committed dumps that are looked at, newest first: several databases may share a repository.
const DUMPS_LOOKED_AT: usize = 8;

/// Manifests that are read at a time; of a very large repository each has megabytes.
const MANIFESTS_AT_ONCE: usize = 4;

/// A journal nobody has written to for so long belongs to nobody: runs write every few seconds while there is news, and
/// the longest chunk takes minutes.
const ABANDONED: TimeDelta = TimeDelta::hours(24);

/// What can be reused.
#[derive(Debug, Default)]
pub struct Known {
    /// Stored chunks by content.
    pub stored: Stored,
    /// Grids that the last dump of each table used.
    pub grids: BTreeMap<TableTag, GridMemory>,
    /// Unfinished runs of this writer whose journals were read.
    pub runs: Vec<OldRun>,
}

/// A run that was not finished when this one began: broken off, or still going.
#[derive(Debug)]
pub struct OldRun {
    /// Its dump.
    pub dump: DumpId,
    /// Numbers of its journal's records, refused ones too.
    records: Vec<u32>,
    /// When it last wrote its journal; `None` if no record is this writer's.
    written: Option<DateTime<Utc>>,
    /// What it had stored.
    chunks: BTreeSet<ContentId>,
}

impl OldRun {
    fn of(run: &UnfinishedRun) -> Self {
        let chunks = run.records.iter().flat_map(|record| &record.chunks).map(|chunk| chunk.id).collect();
        let refused = run.refused.iter().map(|(number, _)| *number);
        Self {
            dump: run.dump.clone(),
            records: run.records.iter().map(|record| record.number).chain(refused).collect(),
            written: run.records.iter().map(|record| record.written).max(),
            chunks,
        }
    }

    /// Its journal, record by record.
    pub fn records(&self) -> impl Iterator<Item = (&DumpId, u32)> {
        self.records.iter().map(|number| (&self.dump, *number))
    }

    /// Whether a dump that is committed now with these chunks makes its journal superfluous: everything in it stands in
    /// that dump, or nobody has written to it for so long that nobody will. A run of another database that is still going
    /// on would otherwise lose what it could resume from, and of another writer's nothing is known here.
    pub fn is_superseded(&self, committed: &BTreeSet<ContentId>, now: DateTime<Utc>) -> bool {
        let is_over = |written| now - written > ABANDONED || self.chunks.is_subset(committed);
        self.written.is_some_and(is_over)
    }
}

/// Reads the newest manifests and all journals, side by side: the store may be far away.
pub async fn recall(repository: &Repository, writer: &WriterKey) -> Result<Known> {
    let (mut known, runs) = tokio::try_join!(of_dumps(repository, writer.id()), repository.read_journals(writer.id()))?;
    for run in runs {
        known.runs.push(OldRun::of(&run));
        run.records.iter().for_each(|record| known.stored.add_record(record));
    }
    keep_present(repository, &mut known).await?;
    Ok(known)
}

/// What the newest committed dumps hold.
async fn of_dumps(repository: &Repository, writer: WriterId) -> Result<Known> {
    let mut known = Known::default();
    let writers = [writer];
    let mut dumps = repository.list_dumps().await?;
    dumps.reverse();
    dumps.truncate(DUMPS_LOOKED_AT);
    let reading = dumps.iter().map(|dump| repository.read_manifest(dump, Some(&writers)));
    let mut reads = stream::iter(reading).buffered(MANIFESTS_AT_ONCE);
    while let Some(read) = reads.next().await {
        // A dump that this writer cannot vouch for is nothing to build on; verify and restore will say so.
        let Ok(manifest) = read.and_then(|read| read.accept(Acceptance::Known)) else { continue };
        for (tag, grid) in &manifest.grids {
            known.grids.entry(*tag).or_insert(*grid);
        }
        known.stored.add_dump(&manifest);
    }
    Ok(known)
}

/// Drops chunks whose objects are missing or have another length.
async fn keep_present(repository: &Repository, known: &mut Known) -> Result<()> {
    let problems = repository.check_objects(&known.stored.objects()).await?;
    let gone: BTreeSet<_> = problems.iter().map(ObjectProblem::object).collect();
    known.stored.forget(&gone);
    Ok(())
}
