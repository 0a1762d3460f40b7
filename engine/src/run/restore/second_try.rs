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
    tasks: BTreeSet<Task>,
}

impl SecondTry {
    /// From here on refused tasks are put off.
    pub(super) fn open(&self) {
        locked(&self.0).open = true;
    }

    /// From here on a refusal counts. Gives what was put off.
    pub(super) fn close(&self) -> BTreeSet<Task> {
        let mut state = locked(&self.0);
        state.open = false;
        std::mem::take(&mut state.tasks)
    }

    /// Puts a task off; false where there is no second try.
    pub(super) fn put_off(&self, task: Task) -> bool {
        let mut state = locked(&self.0);
        if state.open {
            state.tasks.insert(task);
        }
        state.open
    }

    /// Whether refused entries are put off now.
    pub(super) fn is_open(&self) -> bool {
        locked(&self.0).open
    }

    /// Whether a task waits.
    pub(super) fn has(&self, task: Task) -> bool {
        locked(&self.0).tasks.contains(&task)
    }

    /// Whether a chunk of a load waits: what was refused once is not tried with every chunk of a big table.
    pub(super) fn has_chunk_of(&self, load: usize) -> bool {
        let of_load = |task: &Task| matches!(task, Task::Chunk { load: other, .. } if *other == load);
        locked(&self.0).tasks.iter().any(of_load)
    }
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
        assert_eq!(tries.close(), BTreeSet::from([chunk, entry]));
        assert!(!tries.put_off(entry) && tries.close().is_empty());
    }
}
