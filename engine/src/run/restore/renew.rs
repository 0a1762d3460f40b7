//! A copy that is continued: its source has gone on since, and two moments are never mixed (promise 3).
//!
//! Whatever an earlier attempt has done is kept only where it is what this attempt would do. An entry is kept if the same
//! statements stand in the new plan; one that made something else is a change of the schema, and the copy is refused. A
//! chunk is kept if the source's rows of the same range have the fingerprint of those that were loaded; where one chunk of a
//! table differs, the whole table is emptied and loaded again, because nobody can tell in the target which rows came from
//! which range. What would get in the way of loading again (foreign keys, triggers, row security) is taken back first and
//! made again in its turn.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::cargo::Cargo;
use super::{cancelled, load};
use crate::connect::Lane;
use crate::ddl::{Entry, EntryKind};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::format::contents::{DataKind, TableData};
use crate::plan::restore_plan::RestorePlan;
use crate::run::chunk_source::{ChunkSource, Place};
use crate::run::fingerprint::Reading;
use crate::run::options::Surroundings;
use crate::sql::qualified;
use crate::target::copy_progress::{self, Entered, Kept, LARGE_OBJECTS, LoadedChunk, Written, table_key};
use crate::target::prepared::{Lost, display_name};
use crate::target::progress::{self, Done, Found, RunMark};

/// What gets in the way of emptying and loading a table again. Rules do not: COPY leaves them alone.
const IN_THE_WAY: [&str; 4] = ["FK CONSTRAINT", "TRIGGER", "EVENT TRIGGER", "ROW SECURITY"];

/// What is compared.
pub(super) struct Renewal<'a> {
    pub(super) cargo: &'a Cargo,
    pub(super) chunks: &'a Arc<dyn ChunkSource>,
    pub(super) plan: &'a RestorePlan,
    pub(super) entries: &'a [Entry],
    pub(super) jobs: usize,
    pub(super) around: &'a Surroundings,
}

/// What came of it.
pub(super) struct Renewed {
    pub(super) attempt: u64,
    pub(super) done: Done,
    /// What the kept chunks hold.
    pub(super) kept: Vec<(Place, Reading)>,
}

/// Chunks that may be kept, and tables that cannot be.
#[derive(Default)]
struct Sorted {
    candidates: Vec<(Place, LoadedChunk)>,
    changed: BTreeSet<usize>,
    /// Large objects were loaded.
    had_objects: bool,
}

impl Renewal<'_> {
    /// Takes over from an earlier attempt.
    pub(super) async fn renew(&self, lane: &mut Lane, mark: &RunMark) -> Result<Renewed> {
        self.around.news.tell(Event::Phase { name: "compare" });
        let attempt = copy_progress::take_over(lane).await?;
        // Only now: what was under way has ended, one way or the other.
        let Found::Same(mut done) = progress::read(lane, mark).await? else {
            return Err(Error::new(Kind::Target, "the progress of the copy that was to be continued has gone")
                .hint("It may have come to its end by itself: compare both databases."));
        };
        let written = copy_progress::read(lane).await?;
        let mut entries = self.entries(&written.entries)?;
        let mut sorted = self.sort(&written)?;
        let differing = self.compare(&sorted).await?;
        sorted.changed.extend(differing);
        let objects = self.large_objects();
        let objects_change = entries.lost_objects || objects.is_some_and(|table| sorted.changed.contains(&table));
        if objects_change {
            entries.kept.retain(|(_, entered)| !entered.is_of_large_objects());
            sorted.changed.extend(objects);
        }
        self.refuse_occupied(&sorted.changed, &done.occupied)?;
        let (undo, undone) = self.undo(&sorted.changed, &entries.kept);
        // A key may have another number now, or be none of this copy's any more: what was begun is begun again.
        let undo: Vec<String> = written.begun.iter().cloned().chain(undo).collect();
        done.begun.clear();
        entries.kept.retain(|(id, _)| !undone.contains(id));
        let forgiven = self.losses_of(&undone);
        done.losses
            .retain(|lost| !forgiven.iter().any(|other| (&other.class, &other.name) == (&lost.class, &lost.name)));
        sorted.candidates.retain(|((table, _), _)| !sorted.changed.contains(table));
        let kept = Kept { entries: entries.kept, dropped: written.dropped, chunks: sorted.candidates, forgiven };
        copy_progress::rewrite(lane, attempt, &undo, &kept).await?;
        let had_objects = sorted.had_objects || entries.lost_objects;
        self.remove_stray_objects(lane, had_objects, &kept, &done).await?;
        self.tell(&sorted.changed);
        done.entries = kept.entries.iter().map(|(id, _)| *id).chain(kept.dropped.then_some(progress::DROPS)).collect();
        done.chunks = kept.chunks.iter().map(|(place, _)| *place).collect();
        let kept = kept.chunks.into_iter().map(|(place, chunk)| (place, reading(&chunk))).collect();
        Ok(Renewed { attempt, done: *done, kept })
    }

    /// Entries under their new numbers; refuses what was made and is otherwise now.
    fn entries(&self, written: &[Entered]) -> Result<Recognised> {
        let mut numbers: HashMap<String, VecDeque<u32>> = HashMap::new();
        for entry in self.entries.iter().filter(|_| !written.is_empty()) {
            numbers.entry(Entered::of(entry).digest).or_default().push_back(entry.id);
        }
        let mut found = Recognised::default();
        let mut changed = Vec::new();
        for entered in written {
            match numbers.get_mut(&entered.digest).and_then(VecDeque::pop_front) {
                Some(id) => found.kept.push((id, entered.clone())),
                None if entered.is_of_large_objects() => found.lost_objects = true,
                None if goes_with_the_rows(&entered.what) => {}
                None => changed.push(entered.what.clone()),
            }
        }
        match changed.as_slice() {
            [] => Ok(found),
            [one] => Err(schema_changed(one)),
            [first, rest @ ..] => Err(schema_changed(&format!("{first} and {} more", rest.len()))),
        }
    }

    /// Finds each loaded chunk in the new plan. A table that is cut otherwise is as good as changed.
    fn sort(&self, written: &Written) -> Result<Sorted> {
        let planned = self.plan.loads.iter().map(|load| load.table);
        let had_objects = written.chunks.iter().any(|chunk| chunk.table == LARGE_OBJECTS);
        let tables: BTreeMap<String, usize> =
            planned.map(|table| (table_key(&self.cargo.contents.tables[table]), table)).collect();
        let mut sorted = Sorted { had_objects, ..Sorted::default() };
        for chunk in &written.chunks {
            let Some(&table) = tables.get(&chunk.table) else {
                if chunk.table == LARGE_OBJECTS {
                    continue;
                }
                return Err(schema_changed(&format!("rows of {}", chunk.table)));
            };
            match self.place(table, chunk) {
                Some(number) => sorted.candidates.push(((table, number), chunk.clone())),
                None => {
                    sorted.changed.insert(table);
                }
            }
        }
        Ok(sorted)
    }

    fn place(&self, table: usize, chunk: &LoadedChunk) -> Option<usize> {
        let ranges = &self.cargo.contents.tables[table].chunks;
        ranges.iter().position(|range| (range.from, range.to) == (chunk.from, chunk.to))
    }

    /// Reads the candidates at the source; gives the tables of which one differs.
    async fn compare(&self, sorted: &Sorted) -> Result<BTreeSet<usize>> {
        let tables = sorted.candidates.iter().filter(|((table, _), _)| !sorted.changed.contains(table));
        let mut differs = std::pin::pin!(
            futures_util::stream::iter(tables)
                .map(|(place, chunk)| async move {
                    let equal = self.read(*place).await? == reading(chunk);
                    Ok::<_, Error>((!equal).then_some(place.0))
                })
                .buffer_unordered(self.jobs.max(1))
        );
        let mut changed = BTreeSet::new();
        loop {
            tokio::select! {
                biased;
                () = self.around.stop.cancelled() => return Err(cancelled()),
                next = differs.try_next() => match next? {
                    Some(table) => changed.extend(table),
                    None => break,
                },
            }
        }
        Ok(changed)
    }

    /// Reads a chunk to its end for nothing but what it comes to.
    async fn read(&self, place: Place) -> Result<Reading> {
        let (sender, mut blocks) = mpsc::channel(load::QUEUE);
        let reading = self.chunks.read(place, sender);
        let (read, ()) = tokio::join!(reading, async { while blocks.recv().await.is_some() {} });
        Ok(read?.reading)
    }

    fn large_objects(&self) -> Option<usize> {
        let is_of_objects = |table: &usize| self.cargo.contents.tables[*table].kind == DataKind::LargeObjects;
        self.plan.loads.iter().map(|load| load.table).find(is_of_objects)
    }

    /// Rows that were there before us cannot be told from ours.
    fn refuse_occupied(&self, changed: &BTreeSet<usize>, occupied: &BTreeSet<String>) -> Result<()> {
        let tables = changed.iter().map(|table| &self.cargo.contents.tables[*table]);
        match tables.into_iter().find(|table| occupied.contains(&table_key(table))) {
            None => Ok(()),
            Some(table) => {
                let what = format!("rows of {} changed at the source since they were copied", table.display_name());
                Err(Error::new(Kind::Target, what).hint(
                    "The table held rows of its own before, so it cannot be emptied: put it in order by hand, and drop \
                     schema _pgfreight.",
                ))
            }
        }
    }

    /// The statements that make room for tables that have changed, and the entries they undo.
    fn undo(&self, changed: &BTreeSet<usize>, kept: &[(u32, Entered)]) -> (Vec<String>, BTreeSet<u32>) {
        if changed.is_empty() {
            return (Vec::new(), BTreeSet::new());
        }
        let mut undone = self.in_the_way(kept);
        let creates = |entry: &&Entry| undone.contains(&entry.id) && entry.kind == EntryKind::Create;
        let mut statements: Vec<String> =
            self.entries.iter().rev().filter(creates).filter_map(|entry| entry.drop.clone()).collect();
        // Contents and statistics of what is loaded again are made again.
        let is_made_of_rows = |entry: &&Entry| matches!(entry.kind, EntryKind::Refresh | EntryKind::Statistics);
        undone.extend(self.entries.iter().filter(is_made_of_rows).map(|entry| entry.id));
        let is_table = |table: &&TableData| table.kind == DataKind::Table;
        let tables = changed.iter().map(|table| &self.cargo.contents.tables[*table]).filter(is_table);
        let tables: Vec<String> =
            tables.map(|table| format!("ONLY {}", qualified(Some(&table.schema), &table.name))).collect();
        if !tables.is_empty() {
            statements.push(format!("TRUNCATE {}", tables.join(", ")));
        }
        (statements, undone)
    }

    /// Kept entries that are in the way, and what hangs on them, comments for instance.
    fn in_the_way(&self, kept: &[(u32, Entered)]) -> BTreeSet<u32> {
        let is_kept: BTreeSet<u32> = kept.iter().map(|(id, _)| *id).collect();
        let mut found: BTreeSet<u32> = BTreeSet::new();
        let mut objects = BTreeSet::new();
        // In order, so that nothing comes before what it depends on.
        for entry in self.entries.iter().filter(|entry| is_kept.contains(&entry.id)) {
            let itself = entry.kind == EntryKind::Create && IN_THE_WAY.contains(&entry.desc.as_str());
            let says = matches!(entry.kind, EntryKind::Comment | EntryKind::SecurityLabel);
            let about_one = says && entry.object.is_some_and(|object| objects.contains(&object));
            // The table of ROW SECURITY stays, and so does what is said of it.
            if itself && entry.desc != "ROW SECURITY" {
                objects.extend(entry.object);
            }
            if itself || about_one || entry.depends.iter().any(|id| found.contains(id)) {
                found.insert(entry.id);
            }
        }
        found
    }

    fn losses_of(&self, undone: &BTreeSet<u32>) -> Vec<Lost> {
        let entries = self.entries.iter().filter(|entry| undone.contains(&entry.id));
        let lost = |entry: &Entry| Lost { class: entry.desc.clone(), name: display_name(entry), reason: String::new() };
        entries.map(lost).collect()
    }

    /// Large objects of which nothing is kept are removed, also those that a kill kept from being written down.
    async fn remove_stray_objects(&self, lane: &mut Lane, had: bool, kept: &Kept, done: &Done) -> Result<()> {
        let is_kept = kept.entries.iter().any(|(_, entered)| entered.is_of_large_objects())
            || kept.chunks.iter().any(|(_, chunk)| chunk.table == LARGE_OBJECTS);
        let may_be_ours = had || self.large_objects().is_some();
        match may_be_ours && !is_kept && !done.occupied.contains(LARGE_OBJECTS) {
            true => copy_progress::remove_large_objects(lane).await,
            false => Ok(()),
        }
    }

    fn tell(&self, changed: &BTreeSet<usize>) {
        for table in changed.iter().map(|table| &self.cargo.contents.tables[*table]) {
            let name = table.display_name();
            let message = format!("rows of {name} changed at the source since they were copied: they are copied again");
            self.around.news.tell(Event::Warning { message });
        }
    }
}

/// Entries that were found again.
#[derive(Default)]
struct Recognised {
    kept: Vec<(u32, Entered)>,
    /// Some large object is gone or has another owner.
    lost_objects: bool,
}

fn reading(chunk: &LoadedChunk) -> Reading {
    Reading { rows: chunk.rows, raw: chunk.raw, fingerprint: chunk.fingerprint }
}

/// What differs whenever rows do, and is made again without harm.
fn goes_with_the_rows(what: &str) -> bool {
    ["SEQUENCE SET ", "STATISTICS DATA ", "MATERIALIZED VIEW DATA "].iter().any(|class| what.starts_with(class))
}

fn schema_changed(what: &str) -> Error {
    Error::new(Kind::Source, format!("the source's schema changed since this copy began: {what}"))
        .hint("The target holds what was there before: copy into an empty database, or drop what the target has and begin again.")
}
