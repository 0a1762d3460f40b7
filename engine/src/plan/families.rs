//! Pre-data in three parts: what comes first, tables that do not know of each other, and what comes last.
//!
//! A family is a table with everything of pre-data that hangs on it and on nothing else: its identity's sequence, its comment,
//! its defaults. Families need nothing but the first part, so any number of them may be made at the same time. Each lane makes
//! whole families: no two lanes ever lock the same relation.

use std::collections::HashMap;

use super::schedule::EntryTask;
use crate::catalog::ObjectId;
use crate::ddl::{Entry, EntryKind};

/// Pre-data, divided. Each part keeps the order that was given.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Needs no table of a family.
    pub first: Vec<EntryTask>,
    /// Tables and what hangs on them.
    pub families: Vec<Vec<EntryTask>>,
    /// The rest.
    pub last: Vec<EntryTask>,
}

/// Where an entry went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Family(usize),
    Last,
}

impl Parts {
    /// Divides entries that stand in an order in which they could run.
    pub fn of<'a>(tasks: &[EntryTask], entry: impl Fn(u32) -> Option<&'a Entry>) -> Self {
        let mut parts = Self::default();
        let mut places: HashMap<u32, Place> = HashMap::with_capacity(tasks.len());
        let mut families: HashMap<ObjectId, usize> = HashMap::new();
        for task in tasks {
            let needs: Vec<Place> = task.depends.iter().filter_map(|id| places.get(id)).copied().collect();
            let own = entry(task.id).and_then(|entry| parts.family(entry, &mut families));
            let strange =
                |need: &Place| *need == Place::Last || matches!(need, Place::Family(other) if Some(*other) != own);
            let place = match own {
                _ if needs.iter().any(strange) => Place::Last,
                Some(family) => Place::Family(family),
                None => Place::First,
            };
            places.insert(task.id, place);
            match place {
                Place::First => parts.first.push(task.clone()),
                Place::Family(family) => parts.families[family].push(task.clone()),
                Place::Last => parts.last.push(task.clone()),
            }
        }
        parts.families.retain(|family| !family.is_empty());
        parts
    }

    /// The family an entry belongs to: a table founds one, what hangs on it joins.
    fn family(&mut self, entry: &Entry, families: &mut HashMap<ObjectId, usize>) -> Option<usize> {
        let relation = entry.relation?;
        let founds = entry.kind == EntryKind::Create && entry.desc == "TABLE" && entry.object == Some(relation);
        if founds {
            families.insert(relation, self.families.len());
            self.families.push(Vec::new());
        }
        families.get(&relation).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::ddl::{Section, sample};
    use crate::ids::Oid;

    fn entry(id: u32, desc: &str, (object, relation): (u32, Option<u32>)) -> Entry {
        let named = |oid| ObjectId { class: Class::Relation, oid: Oid(oid) };
        Entry {
            object: Some(named(object)),
            relation: relation.map(named),
            ..sample::entry(id, EntryKind::Create, desc, Section::PreData)
        }
    }

    fn divide(entries: Vec<(Entry, Vec<u32>)>) -> [Vec<Vec<u32>>; 3] {
        let tasks: Vec<EntryTask> = entries
            .iter()
            .map(|(entry, depends)| EntryTask { id: entry.id, depends: depends.clone(), ..EntryTask::default() })
            .collect();
        let by_id = |id| entries.iter().map(|(entry, _)| entry).find(|entry| entry.id == id);
        let parts = Parts::of(&tasks, by_id);
        let ids = |tasks: &[EntryTask]| tasks.iter().map(|task| task.id).collect::<Vec<u32>>();
        [vec![ids(&parts.first)], parts.families.iter().map(|family| ids(family)).collect(), vec![ids(&parts.last)]]
    }

    #[test]
    fn tables_that_need_only_what_comes_first_are_families_with_what_hangs_on_them() {
        let parts = divide(vec![
            (entry(1, "SCHEMA", (1, None)), vec![]),
            (entry(2, "TABLE", (10, Some(10))), vec![1]),
            (entry(3, "TABLE", (11, Some(11))), vec![1]),
            (entry(4, "TYPE", (12, None)), vec![1]),
            (entry(5, "TABLE", (13, Some(13))), vec![1, 4]),
            (entry(6, "SEQUENCE", (14, Some(10))), vec![2]),
            (entry(7, "COMMENT", (11, Some(11))), vec![3]),
        ]);
        assert_eq!(parts, [vec![vec![1, 4]], vec![vec![2, 6], vec![3, 7], vec![5]], vec![vec![]]]);
    }

    #[test]
    fn what_needs_a_table_of_another_family_comes_last_and_takes_along_what_needs_it() {
        let parts = divide(vec![
            (entry(2, "TABLE", (10, Some(10))), vec![]),
            (entry(3, "TABLE", (11, Some(11))), vec![2]),
            (entry(4, "VIEW", (12, Some(12))), vec![2]),
            (entry(5, "FUNCTION", (13, None)), vec![4]),
            (entry(6, "COMMENT", (11, Some(11))), vec![3]),
            (entry(7, "DEFAULT", (10, Some(10))), vec![2, 5]),
            (entry(8, "FUNCTION", (15, None)), vec![]),
        ]);
        assert_eq!(parts, [vec![vec![8]], vec![vec![2]], vec![vec![3, 4, 5, 6, 7]]]);
    }
}
