//! A second try for what the target refuses while its rows are still on their way.
//!
//! Rows may name an index that is not built yet (`regclass`), a check may call a function that reads a table which is
//! loaded later, an extension's tables may reference each other in a circle. No catalog tells. What is refused while tables
//! are loaded is therefore put off until everything else is there; only the second refusal counts.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::locked;
use crate::plan::schedule::Task;

/// Tasks that were put off.
#[derive(Debug, Default)]
pub(super) struct SecondTry(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: bool,
    put_off: PutOff,
}

/// What was put off.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PutOff {
    /// The tasks.
    pub(super) tasks: BTreeSet<Task>,
    /// Loads among them whose rows refer to rows that were not there, by number.
    pub(super) referring: BTreeSet<usize>,
}

impl PutOff {
    /// The chunks of a load among them, by number.
    pub(super) fn chunks_of(&self, load: usize) -> Vec<usize> {
        let chunk = |task: &Task| match task {
            Task::Chunk { load: of, chunk } if *of == load => Some(*chunk),
            _ => None,
        };
        self.tasks.iter().filter_map(chunk).collect()
    }

    /// Those chunks are loaded.
    pub(super) fn loaded(&mut self, load: usize) {
        self.tasks.retain(|task| !is_chunk_of(task, load));
        self.referring.remove(&load);
    }
}

impl SecondTry {
    /// From here on refused tasks are put off.
    pub(super) fn open(&self) {
        locked(&self.0).open = true;
    }

    /// From here on a refusal counts. Gives what was put off.
    pub(super) fn close(&self) -> PutOff {
        let mut state = locked(&self.0);
        state.open = false;
        std::mem::take(&mut state.put_off)
    }

    /// The rows of a load that was put off refer to rows that are not there.
    pub(super) fn refers(&self, load: usize) {
        locked(&self.0).put_off.referring.insert(load);
    }

    /// Puts a task off; false where there is no second try.
    pub(super) fn put_off(&self, task: Task) -> bool {
        let mut state = locked(&self.0);
        if state.open {
            state.put_off.tasks.insert(task);
        }
        state.open
    }

    /// Whether refused entries are put off now.
    pub(super) fn is_open(&self) -> bool {
        locked(&self.0).open
    }

    /// Whether a task waits.
    pub(super) fn has(&self, task: Task) -> bool {
        locked(&self.0).put_off.tasks.contains(&task)
    }

    /// Whether a chunk of a load waits: what was refused once is not tried with every chunk of a big table.
    pub(super) fn has_chunk_of(&self, load: usize) -> bool {
        locked(&self.0).put_off.tasks.iter().any(|task| is_chunk_of(task, load))
    }
}

fn is_chunk_of(task: &Task, load: usize) -> bool {
    matches!(task, Task::Chunk { load: of, .. } if *of == load)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_put_off_once() {
        let (tries, chunk, entry) = (SecondTry::default(), Task::Chunk { load: 1, chunk: 2 }, Task::Entry { id: 3 });
        assert!(!tries.put_off(chunk));
        tries.open();
        assert!(tries.put_off(chunk) && tries.put_off(entry) && tries.is_open());
        assert!(tries.has(entry) && !tries.has(Task::Entry { id: 4 }));
        assert!(tries.has_chunk_of(1) && !tries.has_chunk_of(2));
        tries.refers(1);
        let mut put_off = tries.close();
        assert_eq!((&put_off.tasks, &put_off.referring), (&BTreeSet::from([chunk, entry]), &BTreeSet::from([1])));
        assert_eq!((put_off.chunks_of(1), put_off.chunks_of(2)), (vec![2], Vec::new()));
        put_off.loaded(1);
        assert_eq!(put_off, PutOff { tasks: BTreeSet::from([entry]), referring: BTreeSet::new() });
        assert!(!tries.put_off(entry) && tries.close() == PutOff::default());
    }
}
