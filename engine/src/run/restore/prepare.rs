//! Before the first write: the target's facts, its fitness, the plan.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use super::already;
use super::budget;
use super::cargo::Cargo;
use super::chosen;
use super::entries::Entries;
use super::feed::Feeds;
use super::globals::Made;
use super::read_back::ReadBack;
use super::renew::Renewal;
use super::second_try::SecondTry;
use super::{Run, open_lane, set_up};
use crate::catalog::extent::Extent;
use crate::connect::{self, ConnectOptions, Lane, Role, pooler};
use crate::ddl::{self, Carried, Dialect, Entry, EntryKind, Section, Toc};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::format::contents::DataKind;
use crate::ids::{Digest, ServerVersion};
use crate::plan::globals::GlobalsPlan;
use crate::plan::jobs::Choice;
use crate::plan::restore_plan::{self, PlanInput, RestorePlan, Stage};
use crate::plan::select_entries::RestoreFilters;
use crate::run::chunk_source::ChunkSource;
use crate::run::cpu_pool::CpuPool;
use crate::run::fingerprint::Reading;
use crate::run::jobs;
use crate::run::options::{RestoreOptions, Surroundings};
use crate::run::pace::Pace;
use crate::run::timeline::Timeline;
use crate::sql;
use crate::target::copy_progress::{self, table_key};
use crate::target::facts::{self, TargetFacts};
use crate::target::guards::{self, Tolerance};
use crate::target::prepared::{Rules, display_name};
use crate::target::progress::{self, Done, Found, RunMark};
use crate::target::settings::Writing;

/// The database that is restored into.
pub(super) struct Target {
    /// How to get there.
    pub(super) connect: ConnectOptions,
    /// It was just made by us (`--create`): what the template brought along does not count as content.
    pub(super) fresh: bool,
}

/// A restore that may begin.
pub(super) struct Prepared {
    lane: Lane,
    target: ConnectOptions,
    facts: TargetFacts,
    entries: Vec<Entry>,
    plan: RestorePlan,
    mark: RunMark,
    writing: Writing,
    /// What `-j auto` came to.
    jobs: Option<Choice>,
    found: Option<Box<Done>>,
    occupied: BTreeSet<usize>,
    /// What `--globals` has done by then.
    pub(super) made: Made,
    /// An earlier restore came to its end.
    pub(super) is_done: bool,
}

/// What a restore would do.
#[derive(Clone, Debug)]
pub struct RestorePreview {
    /// The entries about the cluster it would run first.
    pub globals: Vec<Entry>,
    /// The entries it would run, for the target's version.
    pub entries: Vec<Entry>,
    /// The plan.
    pub plan: RestorePlan,
    /// What the target cannot have: class, name, reason.
    pub losses: Vec<(String, String, String)>,
    /// Chunks an interrupted run has loaded.
    pub resumed_chunks: u64,
    /// What `-j auto` came to.
    pub jobs: Option<Choice>,
}

impl fmt::Display for RestorePreview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Choice { jobs, reason }) = &self.jobs {
            writeln!(f, "lanes: {jobs} ({reason})")?;
        }
        if !self.globals.is_empty() {
            writeln!(f, "globals:")?;
            self.globals.iter().try_for_each(|entry| writeln!(f, "  {}; {} - {}", entry.id, entry.desc, entry.name))?;
        }
        self.plan.describe(&self.entries).fmt(f)
    }
}

/// Looks at the target, refuses what must be refused, and plans.
pub(super) async fn prepare(
    cargo: &Cargo,
    target: &Target,
    options: &RestoreOptions,
    around: &Surroundings,
) -> Result<Prepared> {
    let connect = &target.connect;
    guards::refuse_protected(&connect.describe(), connect.database(), &options.protected)?;
    around.news.tell(Event::Phase { name: "connect" });
    let mut writing = Writing { role: options.role.clone(), triggers_off: false, lanes: options.jobs };
    let mut lane = open_first(connect, &writing).await?;
    let mut facts = facts::read(&mut lane).await?;
    let database = facts.database.clone();
    around.news.tell(Event::Server { role: "target", version: facts.version_text.clone(), database });
    guards::refuse_unfit(&facts)?;
    let header = &cargo.contents.header;
    for message in guards::warnings(&facts, cargo.contents.catalog.server.version, &header.encoding) {
        around.news.tell(Event::Warning { message });
    }
    around.news.tell(Event::Phase { name: "plan" });
    let mark = RunMark { origin: cargo.mark.clone(), options: digest(cargo, options, &facts) };
    let found = match progress::read(&mut lane, &mark).await? {
        Found::Other { origin, started, same_origin } => {
            return Err(progress::refuse_other(&origin, &started, same_origin));
        }
        Found::Same(done) => Some(done),
        Found::Nothing => None,
    };
    let entries = chosen::entries(cargo, (&mut lane, &facts), options, found.as_deref(), &around.news).await?;
    let made = entries.iter().filter(|entry| entry.desc == "ACCESS METHOD" && entry.kind == EntryKind::Create);
    facts.known.access_methods.extend(made.map(|entry| entry.name.clone()));
    let input = PlanInput {
        entries: &entries,
        tables: &cargo.contents.tables,
        catalog: &cargo.contents.catalog,
        clean: options.clean,
    };
    let plan = RestorePlan { estimated: cargo.dump.is_none(), ..restore_plan::plan(input) };
    let jobs = match options.auto_jobs {
        true => Some(choose_jobs(&mut lane, &plan, options, Extent::of(&cargo.contents.catalog)).await?),
        false => None,
    };
    if let Some(choice) = &jobs {
        jobs::tell(choice, &around.news);
        writing.lanes = choice.jobs;
    }
    writing.triggers_off = options.disable_triggers && !creates(&entries);
    let mut prepared = Prepared {
        lane,
        target: connect.clone(),
        facts,
        entries,
        plan,
        mark,
        writing,
        jobs,
        found,
        occupied: BTreeSet::new(),
        made: Made::default(),
        is_done: false,
    };
    if prepared.found.is_none() {
        prepared.guard(target, options, cargo, around).await?;
    }
    prepared.warn_of_triggers(around).await?;
    Ok(prepared)
}

/// `-j auto`: chunks, indexes and keys are what goes on side by side. The check reads with as many lanes again.
async fn choose_jobs(lane: &mut Lane, plan: &RestorePlan, options: &RestoreOptions, schema: Extent) -> Result<Choice> {
    let memory = options.memory.for_rows(schema, 0);
    let pieces = plan.chunks() + plan.stage(Stage::Build).len() as u64;
    let pieces = usize::try_from(pieces).unwrap_or(usize::MAX);
    jobs::with_server(lane, pieces, options.jobs, |jobs| budget::carries(memory, jobs)).await
}

/// What the dump carries, as a table of contents for a target's version. Numbers are those of the dump's own.
pub(super) fn table_of_contents(cargo: &Cargo, target: ServerVersion) -> Result<Toc> {
    let mut toc = ddl::write(&cargo.contents.catalog, Dialect { target });
    let carried: HashMap<u32, Carried> = cargo.contents.carried().map(|entry| (entry.id, entry)).collect();
    toc.entries.retain(|entry| carried.contains_key(&entry.id));
    let same = |entry: &&Entry| {
        carried.get(&entry.id).is_some_and(|other| (entry.object, entry.kind) == (other.object, other.kind))
    };
    if let Some(entry) = toc.entries.iter().find(|entry| !same(entry)) {
        return Err(renumbered(&entry.name));
    }
    if toc.entries.len() < carried.len() {
        return Err(renumbered("its last entry"));
    }
    Ok(toc)
}

/// Chosen by number, another entry would be restored in its place.
fn renumbered(name: &str) -> Error {
    Error::new(Kind::Bug, format!("the dump numbers its table of contents otherwise than this program: {name}"))
        .hint("Restore with the version of pgfreight that made the dump; `pgfreight show` names it.")
}

/// Whether only a part of the dump was asked for: then other things in the target are natural.
pub(super) fn is_partial(filters: &RestoreFilters) -> bool {
    filters.is_by_name() || filters.list.is_some()
}

/// The switches that leave kinds of entries out. Those about the cluster are not for this plan ([`super::globals`]).
pub(super) fn wanted(entry: &Entry, options: &RestoreOptions) -> bool {
    let about = |class: &str| entry.desc.starts_with(class) || entry.name.starts_with(class);
    match entry.kind {
        _ if entry.is_about_cluster() => false,
        _ if entry.is_about_database() && !options.create => false,
        EntryKind::Acl if options.no_privileges => false,
        EntryKind::Comment if options.no_comments => false,
        EntryKind::SecurityLabel if options.no_security_labels => false,
        EntryKind::Statistics if options.no_statistics || options.filters.schema_only => false,
        _ if options.no_publications && about("PUBLICATION") => false,
        _ if options.no_subscriptions && about("SUBSCRIPTION") => false,
        _ => true,
    }
}

fn creates(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| entry.section == Section::PreData && entry.kind == EntryKind::Create)
}

/// Everything that decides what is done; lanes, memory and the check do not.
fn digest(cargo: &Cargo, options: &RestoreOptions, facts: &TargetFacts) -> Digest {
    let RestoreOptions { filters, clean, create, no_owner, no_privileges, role, disable_triggers, .. } = options;
    let RestoreOptions { no_comments, no_publications, no_subscriptions, no_security_labels, .. } = options;
    let RestoreOptions { no_statistics, no_tablespaces, .. } = options;
    let text = format!(
        "{} {} {filters:?} {:?} {role:?}{}",
        env!("CARGO_PKG_VERSION"),
        facts.version.major(),
        [
            clean,
            create,
            &options.globals,
            no_owner,
            no_privileges,
            disable_triggers,
            no_comments,
            no_publications,
            no_subscriptions,
            no_security_labels,
            no_statistics,
            no_tablespaces
        ],
        cargo.choices,
    );
    Digest(*blake3::hash(text.as_bytes()).as_bytes())
}

/// The first lane, for which a second connection is made beside it: behind a pooler that lends connections per transaction our
/// settings would leak to others, and theirs to us.
async fn open_first(connect: &ConnectOptions, writing: &Writing) -> Result<Lane> {
    let (session, mut lane) = connect::pair(connect, Role::Target).await?;
    if pooler::lends(&mut lane, &session).await? {
        return Err(Error::new(Kind::Target, "there is a pooler in transaction mode between here and the target")
            .hint("Connect to the server itself, or to a session-mode port of the pooler."));
    }
    session.close().await;
    set_up(&mut lane, writing).await?;
    Ok(lane)
}

impl Prepared {
    /// Refuses a target that holds what it should not.
    async fn guard(
        &mut self,
        target: &Target,
        options: &RestoreOptions,
        cargo: &Cargo,
        around: &Surroundings,
    ) -> Result<()> {
        let all = target.fresh || options.clean || options.allow_non_empty || !creates(&self.entries);
        let tolerance = match all {
            true => Tolerance::Anything,
            false if cargo.partial || is_partial(&options.filters) => Tolerance::OtherThings,
            false => Tolerance::Nothing,
        };
        let created = self
            .entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::Create && entry.object.is_some() && entry.object == entry.relation)
            .map(|entry| (entry.schema.clone().unwrap_or_default(), entry.name.clone()));
        let created: Vec<already::Name> = created.collect();
        if let Err(refused) = guards::refuse_occupied(&self.facts, tolerance, created.iter().cloned()) {
            let names = (&*created, &self.facts.relations);
            let may_be = matches!(tolerance, Tolerance::Nothing) && !options.dry_run;
            self.is_done = may_be && already::is_done(cargo, names, &self.target, options, around).await?;
            return if self.is_done { Ok(()) } else { Err(refused) };
        }
        if !creates(&self.entries) {
            self.find_rows(options, cargo).await?;
        }
        Ok(())
    }

    /// Restoring only data: rows that are there already would be doubled.
    async fn find_rows(&mut self, options: &RestoreOptions, cargo: &Cargo) -> Result<()> {
        let (mut there, mut names) = (Vec::new(), Vec::new());
        for (number, load) in self.plan.loads.iter().enumerate() {
            let table = &cargo.contents.tables[load.table];
            if table.kind == DataKind::LargeObjects {
                self.occupied.insert(number);
            } else if self.facts.relations.contains(&(table.schema.clone(), table.name.clone())) {
                there.push(number);
                names.push(sql::qualified(Some(&table.schema), &table.name));
            }
        }
        let have = facts::have_rows(&mut self.lane, &names).await?;
        let occupied: Vec<usize> = there.into_iter().zip(have).filter(|(_, has)| *has).map(|(at, _)| at).collect();
        if let (Some(first), false) = (occupied.first(), options.allow_non_empty) {
            let name = &self.plan.loads[*first].name;
            return Err(Error::new(Kind::Target, format!("table {name} has rows already"))
                .hint("Empty it first, or say --allow-non-empty to add rows to them."));
        }
        self.occupied.extend(occupied);
        Ok(())
    }

    async fn warn_of_triggers(&mut self, around: &Surroundings) -> Result<()> {
        if self.writing.triggers_off {
            for name in facts::always_triggers(&mut self.lane).await? {
                let message = format!("trigger {name} fires in spite of --disable-triggers");
                around.news.tell(Event::Warning { message });
            }
        }
        Ok(())
    }

    /// The names that statements may refer to are others than when the target was looked at.
    pub(super) async fn know_again(&mut self) -> Result<()> {
        let known = facts::known(&mut self.lane).await.map_err(|error| error.context("looking at the target"))?;
        // Access methods of the dump count as known before they are made.
        self.facts.known.roles = known.roles;
        self.facts.known.tablespaces = known.tablespaces;
        Ok(())
    }

    pub(super) fn into_preview(self, globals: GlobalsPlan) -> RestorePreview {
        let mut losses = globals.losses;
        losses.extend(globals.entries.iter().chain(&self.entries).flat_map(|entry| {
            let lost = |reason: &String| (entry.desc.clone(), display_name(entry), reason.clone());
            entry.losses.iter().map(lost).collect::<Vec<_>>()
        }));
        RestorePreview {
            globals: globals.entries,
            losses,
            resumed_chunks: self.found.as_ref().map_or(0, |done| done.chunks.len() as u64),
            entries: self.entries,
            plan: self.plan,
            jobs: self.jobs,
        }
    }

    /// Writes the run down in the target and gives what it needs; from here on the target changes.
    pub(super) async fn begin(
        mut self,
        cargo: &Cargo,
        chunks: Arc<dyn ChunkSource>,
        options: &RestoreOptions,
        (around, timeline): (&Surroundings, Timeline),
    ) -> Result<(Lane, Run)> {
        let Progress { attempt, done, readings } = self.progress(cargo, &chunks, options, around).await?;
        if self.writing.triggers_off {
            self.lane = open_lane(&self.target, &self.writing).await?;
        }
        let run = Run {
            cargo: cargo.clone(),
            readings: Mutex::new(readings),
            chunks,
            target: self.target,
            options: RestoreOptions { jobs: self.writing.lanes, ..options.clone() },
            around: around.clone(),
            pool: CpuPool::for_lanes(self.writing.lanes)?,
            pace: Pace::new(options.rate_limit),
            timeline,
            facts: self.facts,
            cores: self.lane.shared_cores(),
            writing: self.writing,
            rules: Rules {
                no_owner: options.no_owner,
                no_tablespaces: options.no_tablespaces,
                exit_on_error: options.exit_on_error,
                attempt,
            },
            plan: self.plan,
            entries: Entries::new(self.entries),
            // They were told when they happened.
            losses: Mutex::new(self.made.lost.into_iter().collect()),
            globals: self.made.entries,
            spoiled: Mutex::default(),
            occupied: self.occupied,
            read_back: ReadBack::default(),
            second_try: SecondTry::default(),
            spare: Mutex::default(),
            feeds: Feeds::default(),
            begun: Mutex::new(done.begun.iter().map(|id| (*id, 0)).collect()),
            unread: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            done,
        };
        for lost in run.done.losses.clone() {
            run.lose(lost);
        }
        Ok((self.lane, run))
    }

    /// Begins, or finds out what an earlier run has left to do.
    async fn progress(
        &mut self,
        cargo: &Cargo,
        chunks: &Arc<dyn ChunkSource>,
        options: &RestoreOptions,
        around: &Surroundings,
    ) -> Result<Progress> {
        let is_copy = cargo.dump.is_none();
        let mut progress = Progress { attempt: is_copy.then_some(1), done: Done::default(), readings: readings(cargo) };
        let mut kept = Vec::new();
        match self.found.take() {
            Some(_) if is_copy => {
                let renewal =
                    Renewal { cargo, chunks, plan: &self.plan, entries: &self.entries, jobs: options.jobs, around };
                let renewed = renewal.renew(&mut self.lane, &self.mark).await?;
                (progress.attempt, progress.done, kept) = (Some(renewed.attempt), renewed.done, renewed.kept);
            }
            Some(found) => progress.done = *found,
            None => {
                let mut occupied: BTreeSet<String> = self.occupied.iter().map(|load| self.key(cargo, *load)).collect();
                // A continued copy may have to begin its large objects again: are all of them its own?
                if is_copy && copy_progress::has_large_objects(&mut self.lane).await? {
                    occupied.insert(copy_progress::LARGE_OBJECTS.to_owned());
                }
                progress::begin(&mut self.lane, &self.mark, &occupied).await?;
                progress.done.occupied = occupied;
            }
        }
        let names = &progress.done.occupied;
        let had_rows = (0..self.plan.loads.len()).filter(|load| names.contains(&self.key(cargo, *load)));
        let had_rows: Vec<usize> = had_rows.collect();
        self.occupied.extend(had_rows);
        if progress.done.restarted {
            self.forget_unlogged(cargo, &mut progress.done).await?;
        }
        for (place, reading) in kept.into_iter().filter(|(place, _)| progress.done.chunks.contains(place)) {
            progress.readings[place.0].add(reading);
        }
        Ok(progress)
    }

    fn key(&self, cargo: &Cargo, load: usize) -> String {
        table_key(&cargo.contents.tables[self.plan.loads[load].table])
    }

    async fn forget_unlogged(&mut self, cargo: &Cargo, done: &mut Done) -> Result<()> {
        let catalog = &cargo.contents.catalog;
        let is_unlogged = |object| {
            catalog.objects.iter().any(|found| {
                Some(found.id) == object && matches!(&found.body, crate::catalog::Body::Table(table) if table.unlogged)
            })
        };
        let loaded: BTreeSet<usize> = done.chunks.iter().map(|(table, _)| *table).collect();
        let tables: Vec<(usize, String)> = loaded
            .into_iter()
            .filter_map(|table| cargo.contents.tables.get(table).map(|data| (table, data)))
            .filter(|(_, data)| is_unlogged(data.object))
            .map(|(table, data)| (table, sql::qualified(Some(&data.schema), &data.name)))
            .collect();
        progress::forget_unlogged(&mut self.lane, &tables).await?;
        done.chunks.retain(|(table, _)| !tables.iter().any(|(unlogged, _)| unlogged == table));
        Ok(())
    }
}

/// How far an earlier run has come.
struct Progress {
    attempt: Option<u64>,
    done: Done,
    readings: Vec<Reading>,
}

/// What the tables' rows come to, as the contents have it.
fn readings(cargo: &Cargo) -> Vec<Reading> {
    let tables = cargo.contents.tables.iter();
    tables
        .map(|table| Reading {
            rows: table.rows,
            raw: if cargo.dump.is_some() { table.chunks.iter().map(|chunk| chunk.raw).sum() } else { 0 },
            fingerprint: table.fingerprint,
        })
        .collect()
}
