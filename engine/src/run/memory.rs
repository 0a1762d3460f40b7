//! The memory that a run may use (promise 7): what rows and lanes share, and what the schema takes.

use crate::catalog::extent::Extent;
use crate::event::{Event, News};
use crate::limits::{MEMORY_BUDGET, MIB};

/// What every budget has room for: a schema of some thousand relations, bytes.
const USUAL_SCHEMA: u64 = 16 * MIB;

/// What rows and lanes keep beside the largest schema, bytes, where nobody has set a limit.
const ROWS: u64 = MEMORY_BUDGET / 2;

/// How much a run may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Memory {
    /// [`MEMORY_BUDGET`] for everything, unless the schema takes more than half of it: a dump that runs every night must not fail because
    /// there are more tables, nor creep. What goes beyond is told, not refused.
    #[default]
    Usual,
    /// So many bytes for everything: what does not fit is refused at the start.
    Limit(u64),
}

impl Memory {
    /// What is left for rows and lanes, which need `least` bytes, beside a schema of this extent.
    pub fn for_rows(self, schema: Extent, least: u64) -> u64 {
        let beside = Self::beside(schema);
        match self {
            Self::Usual => MEMORY_BUDGET.saturating_sub(beside).max(ROWS).max(least.min(MEMORY_BUDGET)),
            Self::Limit(bytes) => bytes.saturating_sub(beside),
        }
    }

    /// What a schema of this extent takes beyond what every budget has room for, bytes.
    pub fn beside(schema: Extent) -> u64 {
        schema.memory().saturating_sub(USUAL_SCHEMA)
    }

    /// All of it, bytes.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Usual => MEMORY_BUDGET,
            Self::Limit(bytes) => bytes,
        }
    }

    /// Says so where the usual budget does not do for a schema, and rows and lanes that need `least` bytes.
    pub fn tell(self, schema: Extent, least: u64, news: &News) {
        let all = self.for_rows(schema, least) + Self::beside(schema);
        if self == Self::Usual && all > MEMORY_BUDGET {
            let message = format!(
                "{} relations take about {} MiB of memory: up to {} MiB in all, the usual budget is {} (--memory sets a limit)",
                schema.relations,
                schema.memory() / MIB,
                all / MIB,
                MEMORY_BUDGET / MIB
            );
            news.tell(Event::Warning { message });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::Observer;

    #[derive(Default)]
    struct Ear(Mutex<Vec<Event>>);

    impl Observer for Ear {
        fn event(&self, event: &Event) {
            self.0.lock().expect("not poisoned").push(event.clone());
        }
    }

    #[test]
    fn only_what_goes_beyond_the_usual_budget_without_a_limit_is_told() {
        let large = Extent { relations: 400_000, columns: 400_000, routines: 0 };
        let told = |memory: Memory, schema, used| {
            let ear = Arc::new(Ear::default());
            memory.tell(schema, used, &News::new(ear.clone()));
            let events = ear.0.lock().expect("not poisoned");
            events.iter().map(|event| format!("{event:?}")).collect::<Vec<String>>()
        };
        let said = told(Memory::Usual, large, 80 * MIB);
        assert!(matches!(&*said, [one] if one.contains("400000 relations") && one.contains("1983 MiB")), "{said:?}");
        assert_eq!(told(Memory::Usual, Extent::default(), 80 * MIB).len(), 0);
        assert_eq!(told(Memory::Limit(4096 * MIB), large, 80 * MIB).len(), 0);
    }

    #[test]
    fn a_limit_is_for_the_schema_as_well() {
        let large = Extent { relations: 400_000, columns: 400_000, routines: 0 };
        assert_eq!(Memory::Limit(MEMORY_BUDGET).for_rows(large, MIB), 0);
        let small = Extent { relations: 100, columns: 1_000, routines: 10 };
        assert_eq!(Memory::Limit(MEMORY_BUDGET).for_rows(small, MIB), MEMORY_BUDGET);
        let beside = Memory::Limit(MEMORY_BUDGET + Memory::beside(large));
        assert_eq!(beside.for_rows(large, MIB), MEMORY_BUDGET);
    }

    #[test]
    fn the_usual_budget_holds_until_a_schema_takes_half_of_it() {
        let schema = |relations| Extent { relations, columns: 0, routines: 0 };
        let all = |relations, least| {
            let rows = Memory::Usual.for_rows(schema(relations), least);
            assert!(rows >= least.min(MEMORY_BUDGET), "lanes that fit without a schema fit beside one");
            rows + Memory::beside(schema(relations))
        };
        for relations in [0, 3_000, 10_000, 25_000] {
            assert!(all(relations, 100 * MIB) <= MEMORY_BUDGET, "{relations}");
        }
        assert!(all(400_000, 100 * MIB) > MEMORY_BUDGET);
        assert_eq!(Memory::Usual.for_rows(schema(400_000), 200 * MIB), 200 * MIB);
        assert_eq!(Memory::Usual.for_rows(schema(0), 300 * MIB), MEMORY_BUDGET, "more lanes than that are refused");
    }
}
