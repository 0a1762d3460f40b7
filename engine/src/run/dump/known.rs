//! What earlier runs left in the store that this one may refer to.
//!
//! Only signed records of the pinned writer count, or anybody with access to the bucket could plant pieces of his own
//! under a content id he has seen. And only objects that are there now, with the right length.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::Result;
use crate::format::manifest::{Acceptance, GridMemory};
use crate::ids::{ContentId, DumpId, TableTag};
use crate::journal::Stored;
use crate::keys::WriterKey;
use crate::store::{ObjectProblem, Repository, UnfinishedRun};

/// Committed dumps that are looked at, newest first: several databases may share a repository.
const DUMPS_LOOKED_AT: usize = 8;

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
    /// When it last wrote its journal.
    written: Option<DateTime<Utc>>,
    /// What it had stored.
    chunks: BTreeSet<ContentId>,
}

impl OldRun {
    fn of(run: &UnfinishedRun) -> Self {
        let chunks = run.records.iter().flat_map(|record| &record.chunks).map(|chunk| chunk.id).collect();
        Self { dump: run.dump.clone(), written: run.records.iter().map(|record| record.written).max(), chunks }
    }

    /// Whether a dump that is committed now with these chunks makes its journal superfluous: everything in it stands in
    /// that dump, or nobody has written to it for so long that nobody will. A run of another database that is still going
    /// on would otherwise lose what it could resume from.
    pub fn is_superseded(&self, committed: &BTreeSet<ContentId>, now: DateTime<Utc>) -> bool {
        self.chunks.is_subset(committed) || self.written.is_none_or(|written| now - written > ABANDONED)
    }
}

/// Reads the newest manifests and all journals.
pub async fn recall(repository: &Repository, writer: &WriterKey) -> Result<Known> {
    let mut known = Known::default();
    let writers = [writer.id()];
    let dumps = repository.list_dumps().await?;
    for dump in dumps.iter().rev().take(DUMPS_LOOKED_AT) {
        // A dump that this writer cannot vouch for is nothing to build on; verify and restore will say so.
        let Ok(read) = repository.read_manifest(dump, Some(&writers)).await else { continue };
        let Ok(manifest) = read.accept(Acceptance::Known) else { continue };
        for (tag, grid) in &manifest.grids {
            known.grids.entry(*tag).or_insert(*grid);
        }
        known.stored.add_dump(&manifest);
    }
    for run in repository.read_journals(writer.id()).await? {
        known.runs.push(OldRun::of(&run));
        run.records.iter().for_each(|record| known.stored.add_record(record));
    }
    keep_present(repository, &mut known).await?;
    Ok(known)
}

/// Drops chunks whose objects are missing or have another length.
async fn keep_present(repository: &Repository, known: &mut Known) -> Result<()> {
    let problems = repository.check_objects(&known.stored.objects()).await?;
    let gone: BTreeSet<_> = problems.iter().map(ObjectProblem::object).collect();
    known.stored.forget(&gone);
    Ok(())
}
