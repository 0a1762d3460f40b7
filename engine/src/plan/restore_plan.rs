//! What a restore does, and in which order.
//!
//! Stages follow one another; within a parallel stage [`super::schedule::Schedule`] decides. An entry belongs to the
//! earliest stage its kind allows that is not before any entry it depends on:
//!
//! | stage | what | how |
//! |---|---|---|
//! | [`Stage::Before`] | pre-data: schemas, types, functions, tables, … | in order |
//! | [`Stage::Build`] | table data; indexes and keys as soon as their table is complete | lanes |
//! | [`Stage::Positions`] | sequences' positions | in order; many of them by lanes |
//! | [`Stage::Keys`] | foreign keys | lanes |
//! | [`Stage::Rest`] | rules, triggers, policies, statistics, publications, then all privileges | in order |
//! | [`Stage::Refresh`] | materialized views, by dependencies | lanes |
//! | [`Stage::Statistics`] | the planner's statistics, or `ANALYZE` | beside the check and the refreshes |
//! | [`Stage::Last`] | event triggers (which would fire for us) and database settings (which would bind us) | in order |

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use super::schedule::{EntryTask, LoadTask, QUICK};
use crate::catalog::constraint::ConstraintRule;
use crate::catalog::{Body, Catalog, Object, ObjectId};
use crate::ddl::two_steps::{self, TwoSteps};
use crate::ddl::{Entry, EntryKind, Section};
use crate::format::contents::{DataKind, TableData};
use crate::limits::MIB;

/// COPY bytes of a table from which on its keys are made in two steps: below, the second round trip costs more than it is worth.
const WORTH_TWO_STEPS: u64 = MIB;

/// When an entry runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// Pre-data.
    Before,
    /// Loads, and what needs one complete table.
    Build,
    /// Sequence positions.
    Positions,
    /// Foreign keys: they need two complete tables and a key.
    Keys,
    /// What is quick.
    Rest,
    /// Materialized views' contents.
    Refresh,
    /// What the planner knows: of full tables, built indexes and refreshed views.
    Statistics,
    /// What would get in our way.
    Last,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::Before,
        Self::Build,
        Self::Positions,
        Self::Keys,
        Self::Rest,
        Self::Refresh,
        Self::Statistics,
        Self::Last,
    ];

    /// Name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "pre-data",
            Self::Build => "data, indexes and keys",
            Self::Positions => "sequence positions",
            Self::Keys => "foreign keys",
            Self::Rest => "triggers, rules, policies and privileges",
            Self::Refresh => "materialized views",
            Self::Statistics => "statistics",
            Self::Last => "event triggers and database settings",
        }
    }
}

/// A table (or the large objects) to load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedLoad {
    /// Position in the contents' tables.
    pub table: usize,
    /// Number of its entry.
    pub entry: u32,
    /// Qualified name for people.
    pub name: String,
    /// Plaintext bytes of each chunk.
    pub chunks: Vec<u64>,
    /// Rows.
    pub rows: u64,
    /// Loads that go before, where foreign keys are in force already.
    pub after: Vec<usize>,
}

/// A whole plan: pure data, printable.
#[derive(Clone, Debug, Default)]
pub struct RestorePlan {
    /// Entries whose drop statements run first (`--clean`), in order.
    pub drops: Vec<u32>,
    /// Tables to load, as they stand in the contents: largest first.
    pub loads: Vec<PlannedLoad>,
    /// Entries by stage, each stage in table of contents order.
    pub stages: BTreeMap<Stage, Vec<EntryTask>>,
    /// Entries that are made in two steps.
    pub two_steps: BTreeMap<u32, TwoSteps>,
    /// Rows are not known yet, and bytes are estimates: of a copy.
    pub estimated: bool,
}

/// What is planned from.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The entries that shall run, in order, `TABLE DATA` included.
    pub entries: &'a [Entry],
    /// The dump's tables.
    pub tables: &'a [TableData],
    /// The dump's schema.
    pub catalog: &'a Catalog,
    /// `--clean`.
    pub clean: bool,
}

/// Plans a restore.
pub fn plan(input: PlanInput<'_>) -> RestorePlan {
    let mut plan = RestorePlan { loads: loads(&input), ..RestorePlan::default() };
    order_by_entries(&input, &mut plan.loads);
    if input.clean {
        plan.drops = input.entries.iter().rev().filter(|entry| entry.drop.is_some()).map(|entry| entry.id).collect();
    }
    let has_pre_data = input.entries.iter().any(|entry| entry.section == Section::PreData);
    if !has_pre_data {
        order_by_foreign_keys(&input, &mut plan.loads);
    }
    let of_table = loads_by_table(&input, &plan.loads);
    plan.two_steps = in_two_steps(&input, !has_pre_data);
    let mut stages: HashMap<u32, Stage> = HashMap::new();
    for entry in input.entries {
        let Some(base) = base_stage(entry) else { continue };
        let stage = entry.depends.iter().filter_map(|id| stages.get(id)).copied().fold(base, Stage::max);
        stages.insert(entry.id, stage);
        let mut needed: Vec<usize> = Vec::new();
        for relation in entry.relation.iter().chain(entry.locks.iter().map(|(relation, _)| relation)) {
            needed.extend(of_table.get(relation).into_iter().flatten());
        }
        needed.sort_unstable();
        needed.dedup();
        let weight = needed.iter().map(|&load| plan.loads[load].chunks.iter().sum::<u64>()).sum();
        let steps = plan.two_steps.get(&entry.id);
        // Of a relation whose rows are not loaded here nobody knows how many it has, unless it is made here and stays empty.
        let is_known = !needed.is_empty() || (has_pre_data && plan.loads.is_empty());
        let quick = entry.kind == EntryKind::Create && is_known && weight <= QUICK;
        plan.stages.entry(stage).or_default().push(EntryTask {
            id: entry.id,
            depends: entry.depends.clone(),
            loads: needed,
            locks: steps.map_or_else(|| entry.locks.clone(), |steps| steps.second_locks.clone()),
            weight,
            first: steps.map(|steps| steps.first_locks.clone()),
            quick,
        });
    }
    plan
}

/// The keys of large tables that can be made in two steps. Tables that are made and not loaded are empty.
fn in_two_steps(input: &PlanInput<'_>, are_there: bool) -> BTreeMap<u32, TwoSteps> {
    let loaded = input.entries.iter().filter(|entry| entry.kind == EntryKind::TableData);
    let loaded: HashSet<ObjectId> = loaded.filter_map(|entry| entry.object).collect();
    let size = |data: &TableData| data.chunks.iter().map(|chunk| chunk.raw).sum::<u64>();
    let large = input.tables.iter().filter(|data| size(data) >= WORTH_TWO_STEPS).filter_map(|data| data.object);
    let large: HashSet<ObjectId> = large.filter(|object| are_there || loaded.contains(object)).collect();
    if large.is_empty() {
        return BTreeMap::new();
    }
    let objects: HashMap<ObjectId, &Object> = input.catalog.objects.iter().map(|object| (object.id, object)).collect();
    let find = |id: ObjectId| objects.get(&id).copied();
    let is_large = |entry: &&Entry| entry.relation.is_some_and(|relation| large.contains(&relation));
    let stepped = |entry: &Entry| Some((entry.id, two_steps::of(entry, find)?));
    input.entries.iter().filter(is_large).filter_map(stepped).collect()
}

/// The stage an entry's kind asks for; `None` for those that are loads or not statements of this database.
fn base_stage(entry: &Entry) -> Option<Stage> {
    Some(match (entry.kind, entry.section) {
        (EntryKind::TableData | EntryKind::Blobs | EntryKind::Database, _) => return None,
        (EntryKind::DatabaseProperties, _) => Stage::Last,
        (EntryKind::SequenceSet, _) => Stage::Positions,
        (EntryKind::Refresh, _) => Stage::Refresh,
        (EntryKind::Statistics, _) => Stage::Statistics,
        // Privileges come late even for pre-data: an owner may have revoked his own.
        (EntryKind::Acl, _) => Stage::Rest,
        (_, Section::PreData) => Stage::Before,
        _ if is_large_objects(entry) => Stage::Before,
        _ if entry.desc == "EVENT TRIGGER" || entry.name.starts_with("EVENT TRIGGER ") => Stage::Last,
        (EntryKind::Create, _) => match entry.desc.as_str() {
            "INDEX" | "CONSTRAINT" | "CHECK CONSTRAINT" | "INDEX ATTACH" => Stage::Build,
            "FK CONSTRAINT" => Stage::Keys,
            _ => Stage::Rest,
        },
        _ => Stage::Rest,
    })
}

fn is_large_objects(entry: &Entry) -> bool {
    entry.kind == EntryKind::Blobs || (entry.kind == EntryKind::Create && entry.desc == "BLOB METADATA")
}

fn loads(input: &PlanInput<'_>) -> Vec<PlannedLoad> {
    let by_object: HashMap<ObjectId, u32> = input
        .entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::TableData)
        .filter_map(|entry| entry.object.map(|object| (object, entry.id)))
        .collect();
    // Their contents have no entry of their own: they go with the objects.
    let blobs = input.entries.iter().find(|entry| is_large_objects(entry)).map(|entry| entry.id);
    let planned = |(table, data): (usize, &TableData)| {
        let (entry, name) = match data.kind {
            DataKind::LargeObjects => (blobs?, data.name.clone()),
            DataKind::Table => (*by_object.get(&data.object?)?, format!("{}.{}", data.schema, data.name)),
        };
        let chunks = data.chunks.iter().map(|chunk| chunk.raw).collect();
        Some(PlannedLoad { table, entry, name, chunks, rows: data.rows, after: Vec::new() })
    };
    input.tables.iter().enumerate().filter_map(planned).collect()
}

/// Which loads a statement about a relation needs: its own, and those of all its children.
fn loads_by_table(input: &PlanInput<'_>, loads: &[PlannedLoad]) -> HashMap<ObjectId, Vec<usize>> {
    let parents: HashMap<ObjectId, &[ObjectId]> = input
        .catalog
        .objects
        .iter()
        .filter_map(|object| match &object.body {
            Body::Table(table) if !table.parents.is_empty() => Some((object.id, table.parents.as_slice())),
            _ => None,
        })
        .collect();
    let mut of_table: HashMap<ObjectId, Vec<usize>> = HashMap::new();
    for (number, load) in loads.iter().enumerate() {
        let mut waiting: Vec<ObjectId> = input.tables[load.table].object.into_iter().collect();
        let mut seen: HashSet<ObjectId> = HashSet::new();
        while let Some(relation) = waiting.pop() {
            if seen.insert(relation) {
                of_table.entry(relation).or_default().push(number);
                waiting.extend(parents.get(&relation).copied().unwrap_or_default());
            }
        }
    }
    of_table
}

/// Data that depends on data: extensions' tables keep their foreign keys while they are loaded.
fn order_by_entries(input: &PlanInput<'_>, loads: &mut [PlannedLoad]) {
    let by_entry: HashMap<u32, usize> = loads.iter().enumerate().map(|(load, planned)| (planned.entry, load)).collect();
    for entry in input.entries.iter().filter(|entry| entry.kind == EntryKind::TableData) {
        let Some(&load) = by_entry.get(&entry.id) else { continue };
        loads[load].after.extend(entry.depends.iter().filter_map(|id| by_entry.get(id)));
    }
}

/// Without pre-data the target's foreign keys may be in force: referenced tables go first. Loops stay loops; the
/// schedule breaks them, and the server decides.
fn order_by_foreign_keys(input: &PlanInput<'_>, loads: &mut [PlannedLoad]) {
    let of_table = loads_by_table(input, loads);
    for object in &input.catalog.objects {
        let Body::Constraint(constraint) = &object.body else { continue };
        let (ConstraintRule::ForeignKey(key), Some(table)) = (&constraint.rule, object.parent) else { continue };
        let referenced = of_table.get(&key.references).cloned().unwrap_or_default();
        for &load in of_table.get(&table).into_iter().flatten() {
            loads[load].after.extend(referenced.iter().filter(|other| **other != load));
        }
    }
    for load in loads {
        load.after.sort_unstable();
        load.after.dedup();
    }
}

impl RestorePlan {
    /// The entries of a stage.
    pub fn stage(&self, stage: Stage) -> &[EntryTask] {
        self.stages.get(&stage).map_or(&[], Vec::as_slice)
    }

    /// Chunks in all loads.
    pub fn chunks(&self) -> u64 {
        self.loads.iter().map(|load| load.chunks.len() as u64).sum()
    }

    /// Plaintext bytes of all loads.
    pub fn bytes(&self) -> u64 {
        self.loads.iter().flat_map(|load| &load.chunks).sum()
    }

    /// The loads as tasks; `is_done` tells chunks that are in the target already.
    pub fn load_tasks(&self, is_done: impl Fn(usize, usize) -> bool) -> Vec<LoadTask> {
        let task = |(number, load): (usize, &PlannedLoad)| LoadTask {
            chunks: load
                .chunks
                .iter()
                .enumerate()
                .map(|(chunk, bytes)| (!is_done(number, chunk)).then_some(*bytes))
                .collect(),
            after: load.after.clone(),
        };
        self.loads.iter().enumerate().map(task).collect()
    }

    /// The plan as lines for people, entries as `pg_restore -l` shows them.
    pub fn describe<'a>(&'a self, entries: &'a [Entry]) -> impl fmt::Display + 'a {
        Described { plan: self, entries: entries.iter().map(|entry| (entry.id, entry)).collect() }
    }
}

struct Described<'a> {
    plan: &'a RestorePlan,
    entries: HashMap<u32, &'a Entry>,
}

impl Described<'_> {
    fn line(&self, f: &mut fmt::Formatter<'_>, id: u32) -> fmt::Result {
        let Some(entry) = self.entries.get(&id) else { return Ok(()) };
        let schema = entry.schema.as_deref().unwrap_or("-");
        let owner = entry.owner.as_deref().unwrap_or_default();
        writeln!(f, "  {id}; {} {schema} {} {owner}", entry.desc, entry.name)
    }
}

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.plan.drops.is_empty() {
            writeln!(f, "drop first:")?;
            self.plan.drops.iter().try_for_each(|id| self.line(f, *id))?;
        }
        for stage in Stage::ALL {
            let tasks = self.plan.stage(stage);
            let loads: &[PlannedLoad] = if stage == Stage::Build { &self.plan.loads } else { &[] };
            if tasks.is_empty() && loads.is_empty() {
                continue;
            }
            writeln!(f, "{}:", stage.name())?;
            for load in loads {
                let bytes: u64 = load.chunks.iter().sum();
                let chunks = load.chunks.len();
                if self.plan.estimated {
                    writeln!(f, "  {}; load {}: about {bytes} bytes in {chunks} chunks", load.entry, load.name)?;
                    continue;
                }
                writeln!(
                    f,
                    "  {}; load {}: {} rows, {bytes} bytes in {chunks} chunks",
                    load.entry, load.name, load.rows
                )?;
            }
            tasks.iter().try_for_each(|task| self.line(f, task.id))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
