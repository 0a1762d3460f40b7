//! Who does what next in a restore: chunks to load and statements to run, handed to lanes one at a time.
//!
//! Pure state machine: it is told what has ended and says what to begin. The rules, in order:
//! 1. A statement runs when what it depends on has ended and every table it needs is completely loaded.
//! 2. A key of a large table has two steps ([`crate::ddl::two_steps`]), each with its own locks; the second follows the first.
//! 3. Statements whose relation locks collide never run side by side, so lanes never wait for each other on the server
//!    and cannot deadlock there.
//! 4. Runnable statements go before loads, those of the largest table first: an index is built while its table is
//!    still in the server's cache, and the longest chain of work starts early.
//! 5. Loads go table by table, the largest first; several lanes share a table.
//!
//! Same inputs and same order of endings, same decisions (promise 11).

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use crate::catalog::ObjectId;
use crate::ddl::LockKind;
use crate::limits::SMALL_TABLE;

/// Plaintext bytes up to which a table's load, and what is built of it, is over at once.
pub const QUICK: u64 = SMALL_TABLE;

/// Quick tasks that are done in one go: enough for round trips and commits to weigh nothing beside the statements, few enough
/// for the server's lock table and for what is lost when one of them is refused.
const TOGETHER: usize = 32;

/// What is left is taken in so many shares per lane, so that no lane ends long before the others.
const SHARES: usize = 4;

/// A table to load.
#[derive(Clone, Debug, Default)]
pub struct LoadTask {
    /// Plaintext bytes of each chunk; `None` if it is loaded already.
    pub chunks: Vec<Option<u64>>,
    /// Positions of loads that must be complete before this one begins.
    pub after: Vec<usize>,
}

/// A statement (or a few) to run.
#[derive(Clone, Debug, Default)]
pub struct EntryTask {
    /// Number in the table of contents.
    pub id: u32,
    /// Numbers it depends on; those that are not tasks here count as done.
    pub depends: Vec<u32>,
    /// Positions of loads that must be complete; those that are not loads here count as complete.
    pub loads: Vec<usize>,
    /// Locks it takes.
    pub locks: Vec<(ObjectId, LockKind)>,
    /// How much work it is, e.g. bytes of its table.
    pub weight: u64,
    /// It is known to be over at once: it may share a transaction with others of its kind.
    pub quick: bool,
    /// Locks of a first step that runs apart and before it; `None` where there is none.
    pub first: Option<Vec<(ObjectId, LockKind)>>,
}

/// Something to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Task {
    /// Load a chunk.
    Chunk {
        /// Position of the load.
        load: usize,
        /// Number of the chunk within it.
        chunk: usize,
    },
    /// Run the first step of an entry.
    First {
        /// The entry's number.
        id: u32,
    },
    /// Run an entry, or what is left of it behind its first step.
    Entry {
        /// Its number.
        id: u32,
    },
}

/// What a lane that asks shall do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Do this, then say that it ended.
    Run(Task),
    /// Nothing can begin before something ends.
    Wait,
    /// Everything has ended.
    Done,
}

#[derive(Debug)]
struct Load {
    waiting: BTreeSet<usize>,
    unfinished: usize,
    blocked_by: usize,
    bytes: u64,
}

#[derive(Debug)]
struct Entry {
    blocked_by: usize,
    locks: Vec<(ObjectId, LockKind)>,
    weight: u64,
    quick: bool,
    ended: bool,
}

/// What waits for something else to end.
#[derive(Clone, Copy, Debug)]
enum Waiter {
    Load(usize),
    Entry(Task),
}

/// The locks that are held on a relation.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    /// Of statements, shared or not.
    statements: usize,
    /// The one statement that holds it has it alone.
    exclusive: bool,
    /// Lanes that read it back.
    readers: usize,
}

/// The state of one stage of a restore.
#[derive(Debug)]
pub struct Schedule {
    loads: Vec<Load>,
    /// Entries and their first steps.
    entries: HashMap<Task, Entry>,
    /// Loads whose chunks may begin, largest first.
    open_loads: BTreeSet<(Reverse<u64>, usize)>,
    /// Entries that may begin as far as dependencies go, heaviest first.
    ready: BTreeSet<(Reverse<u64>, Task)>,
    after_load: Vec<Vec<Waiter>>,
    after_entry: HashMap<Task, Vec<Task>>,
    locks: HashMap<ObjectId, Held>,
    running: usize,
    unended: usize,
    readers_pass: bool,
}

impl Schedule {
    /// A schedule before anything has begun.
    pub fn new(loads: &[LoadTask], entries: &[EntryTask]) -> Self {
        let mut schedule = Self {
            loads: Vec::with_capacity(loads.len()),
            entries: HashMap::with_capacity(entries.len()),
            open_loads: BTreeSet::new(),
            ready: BTreeSet::new(),
            after_load: vec![Vec::new(); loads.len()],
            after_entry: HashMap::new(),
            locks: HashMap::new(),
            running: 0,
            readers_pass: false,
            unended: loads.iter().map(unloaded).sum::<usize>(),
        };
        for (number, load) in loads.iter().enumerate() {
            schedule.add_load(number, load, loads);
        }
        schedule.add_entries(entries, loads);
        schedule
    }

    fn add_load(&mut self, number: usize, load: &LoadTask, all: &[LoadTask]) {
        let blockers: BTreeSet<usize> =
            load.after.iter().copied().filter(|&other| other != number && unloaded(&all[other]) > 0).collect();
        for &blocker in &blockers {
            self.after_load[blocker].push(Waiter::Load(number));
        }
        let waiting: BTreeSet<usize> =
            load.chunks.iter().enumerate().filter_map(|(chunk, bytes)| bytes.map(|_| chunk)).collect();
        let bytes = load.chunks.iter().flatten().sum();
        if blockers.is_empty() && !waiting.is_empty() {
            self.open_loads.insert((Reverse(bytes), number));
        }
        self.loads.push(Load { unfinished: waiting.len(), waiting, blocked_by: blockers.len(), bytes });
    }

    fn add_entries(&mut self, entries: &[EntryTask], loads: &[LoadTask]) {
        let known: BTreeSet<u32> = entries.iter().map(|entry| entry.id).collect();
        for entry in entries {
            let ids = entry.depends.iter().copied().filter(|id| *id != entry.id && known.contains(id));
            let depends: BTreeSet<Task> = ids.map(|id| Task::Entry { id }).collect();
            let is_needed = |load: &usize| loads.get(*load).is_some_and(|load| unloaded(load) > 0);
            let needed: BTreeSet<usize> = entry.loads.iter().copied().filter(is_needed).collect();
            let (whole, first) = (Task::Entry { id: entry.id }, Task::First { id: entry.id });
            match &entry.first {
                None => self.add_step(whole, (&depends, &needed), (&entry.locks, entry.weight), entry.quick),
                Some(locks) => {
                    self.add_step(first, (&depends, &needed), (locks, entry.weight), false);
                    self.add_step(whole, (&[first].into(), &BTreeSet::new()), (&entry.locks, entry.weight), false);
                }
            }
        }
    }

    fn add_step(
        &mut self,
        step: Task,
        (depends, needed): (&BTreeSet<Task>, &BTreeSet<usize>),
        (locks, weight): (&[(ObjectId, LockKind)], u64),
        quick: bool,
    ) {
        for &other in depends {
            self.after_entry.entry(other).or_default().push(step);
        }
        for &load in needed {
            self.after_load[load].push(Waiter::Entry(step));
        }
        let blocked_by = depends.len() + needed.len();
        if blocked_by == 0 {
            self.ready.insert((Reverse(weight), step));
        }
        self.entries.insert(step, Entry { blocked_by, locks: locks.to_vec(), weight, quick, ended: false });
        self.unended += 1;
    }

    /// Its statements take no lock that would keep a reader waiting, or that a reader keeps waiting.
    #[must_use]
    pub fn with_readers_passing(self) -> Self {
        Self { readers_pass: true, ..self }
    }

    /// Whether a reader never keeps a statement waiting.
    pub fn readers_pass(&self) -> bool {
        self.readers_pass
    }

    /// What to do next.
    pub fn take_next(&mut self) -> Next {
        if let Some(task) = self.next_entry().or_else(|| self.next_chunk()).or_else(|| self.break_loop()) {
            self.running += 1;
            return Next::Run(task);
        }
        if self.unended == 0 { Next::Done } else { Next::Wait }
    }

    /// Tasks that a lane may do in one go with `first`, which it has just been given: none unless all are quick. They are of the
    /// same kind, take their locks as if each were run by a lane of its own, and leave enough for `lanes` lanes to share.
    pub fn take_more(&mut self, first: Task, lanes: usize) -> Vec<Task> {
        let most = (self.unended / (SHARES * lanes.max(1))).min(TOGETHER).saturating_sub(1);
        let mut more = Vec::new();
        while more.len() < most && self.is_quick(first) {
            let next = match first {
                Task::Chunk { .. } => self.next_quick_chunk(),
                Task::First { .. } => None,
                Task::Entry { .. } => self.next_quick_entry(),
            };
            let Some(task) = next else { break };
            self.running += 1;
            more.push(task);
        }
        more
    }

    /// Whether a task is over at once.
    pub fn is_quick(&self, task: Task) -> bool {
        match task {
            Task::Chunk { load, .. } => self.loads.get(load).is_some_and(|load| load.bytes <= QUICK),
            step => self.entries.get(&step).is_some_and(|entry| entry.quick),
        }
    }

    fn next_quick_chunk(&mut self) -> Option<Task> {
        let (Reverse(bytes), _) = self.open_loads.first()?;
        if *bytes <= QUICK { self.next_chunk() } else { None }
    }

    fn next_quick_entry(&mut self) -> Option<Task> {
        let may = |step: Task| self.is_quick(step) && self.is_lockable(step);
        let key = self.ready.iter().copied().find(|(_, step)| may(*step))?;
        self.ready.remove(&key);
        self.lock(key.1);
        Some(key.1)
    }

    fn next_entry(&mut self) -> Option<Task> {
        let key = self.ready.iter().copied().find(|(_, step)| self.is_lockable(*step))?;
        self.ready.remove(&key);
        self.lock(key.1);
        Some(key.1)
    }

    fn next_chunk(&mut self) -> Option<Task> {
        let key = self.open_loads.iter().copied().next()?;
        let load = &mut self.loads[key.1];
        let chunk = load.waiting.pop_first()?;
        if load.waiting.is_empty() {
            self.open_loads.remove(&key);
        }
        Some(Task::Chunk { load: key.1, chunk })
    }

    /// With nothing running and nothing able to begin, dependencies form a loop: the first load, else the first entry, begins
    /// anyway, and the server says what is missing.
    fn break_loop(&mut self) -> Option<Task> {
        if self.running > 0 {
            return None;
        }
        if let Some(number) = self.loads.iter().position(|load| !load.waiting.is_empty()) {
            self.loads[number].blocked_by = 0;
            self.open_loads.insert((Reverse(self.loads[number].bytes), number));
            return self.next_chunk();
        }
        let blocked = self.entries.iter().filter(|(_, entry)| !entry.ended && entry.blocked_by > 0);
        let step = blocked.map(|(step, _)| *step).min()?;
        self.entries.get_mut(&step)?.blocked_by = 0;
        self.lock(step);
        Some(step)
    }

    /// A task has ended, well or not: what depends on it may begin.
    pub fn ended(&mut self, task: Task) {
        self.running = self.running.saturating_sub(1);
        self.unended = self.unended.saturating_sub(1);
        match task {
            Task::Chunk { load, .. } => {
                self.loads[load].unfinished -= 1;
                if self.loads[load].unfinished == 0 {
                    for waiter in std::mem::take(&mut self.after_load[load]) {
                        self.release(waiter);
                    }
                }
            }
            step => {
                self.unlock(step);
                if let Some(entry) = self.entries.get_mut(&step) {
                    entry.ended = true;
                }
                for other in self.after_entry.remove(&step).unwrap_or_default() {
                    self.release(Waiter::Entry(other));
                }
            }
        }
    }

    /// A task could not be done now and is handed out again.
    pub fn give_back(&mut self, task: Task) {
        self.running = self.running.saturating_sub(1);
        match task {
            Task::Chunk { load, chunk } => {
                self.loads[load].waiting.insert(chunk);
                self.open_loads.insert((Reverse(self.loads[load].bytes), load));
            }
            step => {
                self.unlock(step);
                if let Some(entry) = self.entries.get(&step) {
                    self.ready.insert((Reverse(entry.weight), step));
                }
            }
        }
    }

    /// A lane with nothing to do wants to read a relation meanwhile: granted unless a statement has it alone, or one that
    /// wants it alone waits for nothing but readers. It counts as running until [`Schedule::read`].
    pub fn try_read(&mut self, relation: ObjectId) -> bool {
        if self.readers_pass {
            return true;
        }
        let held = self.locks.get(&relation).copied().unwrap_or_default();
        let is_exclusive = |(id, kind): &(ObjectId, LockKind)| *id == relation && *kind == LockKind::Exclusive;
        let wants = |(_, step): &(Reverse<u64>, Task)| self.entries[step].locks.iter().any(is_exclusive);
        if held.exclusive || held.statements == 0 && self.ready.iter().any(wants) {
            return false;
        }
        self.locks.entry(relation).or_default().readers += 1;
        self.running += 1;
        true
    }

    /// A reader has ended.
    pub fn read(&mut self, relation: ObjectId) {
        if self.readers_pass {
            return;
        }
        self.running = self.running.saturating_sub(1);
        self.let_go(relation, |held| held.readers -= 1);
    }

    /// Tasks that have begun and not ended, readers included.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Whether all chunks of a load have ended; false for one that is not in this schedule.
    pub fn is_loaded(&self, load: usize) -> bool {
        self.loads.get(load).is_some_and(|load| load.unfinished == 0)
    }

    fn release(&mut self, waiter: Waiter) {
        match waiter {
            Waiter::Load(number) => {
                let load = &mut self.loads[number];
                if load.blocked_by == 0 {
                    return;
                }
                load.blocked_by -= 1;
                if load.blocked_by == 0 && !load.waiting.is_empty() {
                    self.open_loads.insert((Reverse(load.bytes), number));
                }
            }
            Waiter::Entry(step) => {
                let Some(entry) = self.entries.get_mut(&step).filter(|entry| entry.blocked_by > 0) else { return };
                entry.blocked_by -= 1;
                if entry.blocked_by == 0 {
                    self.ready.insert((Reverse(entry.weight), step));
                }
            }
        }
    }

    fn is_lockable(&self, step: Task) -> bool {
        let Some(entry) = self.entries.get(&step) else { return false };
        entry.locks.iter().all(|(relation, kind)| match (self.locks.get(relation), kind) {
            (None, _) => true,
            (Some(held), LockKind::Share) => !held.exclusive,
            (Some(_), LockKind::Exclusive) => false,
        })
    }

    fn lock(&mut self, step: Task) {
        let Some(entry) = self.entries.get(&step) else { return };
        for (relation, kind) in &entry.locks {
            let held = self.locks.entry(*relation).or_default();
            held.statements += 1;
            held.exclusive |= *kind == LockKind::Exclusive;
        }
    }

    fn unlock(&mut self, step: Task) {
        let Some(entry) = self.entries.get(&step) else { return };
        for (relation, _) in entry.locks.clone() {
            self.let_go(relation, |held| held.statements -= 1);
        }
    }

    fn let_go(&mut self, relation: ObjectId, of: impl Fn(&mut Held)) {
        if let Some(held) = self.locks.get_mut(&relation) {
            of(held);
            if held.statements + held.readers == 0 {
                self.locks.remove(&relation);
            }
        }
    }
}

fn unloaded(load: &LoadTask) -> usize {
    load.chunks.iter().flatten().count()
}

#[cfg(test)]
mod tests;
