//! What a partial restore brings beside what was asked for.
//!
//! A table is of little use without the schema it stands in, the types of its columns, the functions and sequences of its
//! defaults, checks, indexes and triggers. What of it the target lacks comes along, with its owner, comments and privileges;
//! what the target has is left as it is. Two things never come along: other relations than sequences (a restore of one
//! table does not fill the target with tables nobody named; [`Pulled::missing`] names them), and what acts on the database
//! as a whole, such as publications. pg_restore brings nothing: it leaves the user to find out.

use std::collections::{BTreeSet, HashMap};

use crate::catalog::{Class, ObjectId};
use crate::ddl::{Entry, EntryKind, Section, Toc};
use crate::plan::select_entries::RestoreFilters;

/// What the target lacks of what a choice needs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pulled {
    /// Numbers of the entries to add, in table of contents order.
    pub entries: Vec<u32>,
    /// An entry of the restore and the entry it needs that is not brought.
    pub missing: Vec<(u32, u32)>,
}

/// A table of contents, ready to be walked from a choice to what it needs.
#[derive(Debug)]
pub struct Needs<'a> {
    toc: &'a Toc,
    by_id: HashMap<u32, &'a Entry>,
    of_object: HashMap<ObjectId, Vec<&'a Entry>>,
    chosen: Vec<u32>,
    made: BTreeSet<ObjectId>,
    unwanted: BTreeSet<u32>,
}

/// Whether a restore with these filters brings what it needs: not where a list names the entries one by one, nor where
/// nothing is created before the data.
pub fn applies(filters: &RestoreFilters) -> bool {
    let creates = filters.sections.is_empty() || filters.sections.contains(&Section::PreData);
    filters.is_by_name() && filters.list.is_none() && !filters.data_only && creates
}

impl<'a> Needs<'a> {
    /// Of some entries. What is unwanted does not come along.
    pub fn of(toc: &'a Toc, chosen: &[u32], unwanted: BTreeSet<u32>) -> Self {
        let by_id: HashMap<u32, &Entry> = toc.entries.iter().map(|entry| (entry.id, entry)).collect();
        let mut of_object: HashMap<ObjectId, Vec<&Entry>> = HashMap::new();
        for entry in &toc.entries {
            let owners: BTreeSet<ObjectId> = [entry.object, entry.relation].into_iter().flatten().collect();
            owners.into_iter().for_each(|object| of_object.entry(object).or_default().push(entry));
        }
        let chosen_entries = chosen.iter().filter_map(|id| by_id.get(id).copied());
        let is_maker = |entry: &&Entry| {
            let maker = entry.object.and_then(|object| maker(&of_object, object));
            maker.is_some_and(|maker| maker.id == entry.id)
        };
        let made = chosen_entries.filter(is_maker).filter_map(|entry| entry.object).collect();
        Self { toc, by_id, of_object, chosen: chosen.to_vec(), made, unwanted }
    }

    /// Everything that is needed, if the target had none of it: entries that create, in order.
    pub fn all(&self) -> Vec<&'a Entry> {
        let pulled = self.pull(&BTreeSet::new());
        let needed: BTreeSet<u32> =
            pulled.entries.iter().copied().chain(pulled.missing.iter().map(|(_, needed)| *needed)).collect();
        self.toc.entries.iter().filter(|entry| needed.contains(&entry.id) && makes(entry)).collect()
    }

    /// What is needed and not among what the target has.
    pub fn pull(&self, present: &BTreeSet<ObjectId>) -> Pulled {
        let mut objects = BTreeSet::new();
        let (mut entries, mut missing) = (BTreeSet::new(), BTreeSet::new());
        let mut work = self.chosen.clone();
        while let Some(id) = work.pop() {
            let needs = self.by_id.get(&id).into_iter().flat_map(|entry| &entry.depends);
            for needed in needs.filter_map(|need| self.by_id.get(need).copied()).filter(|entry| makes(entry)) {
                let needed = self.whole(needed);
                let Some(object) = needed.object.filter(|object| !self.made.contains(object)) else { continue };
                if present.contains(&object) || objects.contains(&object) {
                    continue;
                }
                if !self.comes_along(needed) {
                    missing.insert((id, needed.id));
                    continue;
                }
                objects.insert(object);
                let with_it: Vec<u32> = self.with(object, needed.id).collect();
                work.extend(&with_it);
                entries.extend(with_it);
            }
        }
        let chosen: BTreeSet<u32> = self.chosen.iter().copied().collect();
        entries.retain(|id| !chosen.contains(id) && !self.unwanted.contains(id));
        Pulled { entries: entries.into_iter().collect(), missing: missing.into_iter().collect() }
    }

    /// The relation, of something that is part of one.
    fn whole(&self, entry: &'a Entry) -> &'a Entry {
        entry.relation.and_then(|relation| maker(&self.of_object, relation)).unwrap_or(entry)
    }

    fn comes_along(&self, entry: &Entry) -> bool {
        let class = entry.object.map(|object| object.class);
        let is_other_relation = entry.relation.is_some() && entry.desc != "SEQUENCE";
        let is_database_wide = matches!(class, Some(Class::Publication | Class::Subscription | Class::EventTrigger));
        !(is_other_relation || is_database_wide || self.unwanted.contains(&entry.id))
    }

    /// All entries of an object, and the constraints of a domain that have entries of their own. A sequence comes without the table
    /// whose column owns it.
    fn with(&self, object: ObjectId, main: u32) -> impl Iterator<Item = u32> {
        let own = self.of_object.get(&object).into_iter().flatten();
        let own = own.filter(|entry| entry.desc != "SEQUENCE OWNED BY").map(|entry| entry.id);
        let of_domain = move |entry: &&Entry| {
            let is_constraint = entry.object.is_some_and(|object| object.class == Class::Constraint);
            is_constraint && entry.relation.is_none() && makes(entry) && entry.depends.contains(&main)
        };
        let constraints = self.toc.entries.iter().filter(move |_| object.class == Class::Type).filter(of_domain);
        own.chain(constraints.map(|entry| entry.id))
    }
}

/// An object is made by the first entry that creates; later ones attach it, or add to it.
fn maker<'a>(of_object: &HashMap<ObjectId, Vec<&'a Entry>>, object: ObjectId) -> Option<&'a Entry> {
    of_object.get(&object)?.iter().copied().find(|entry| makes(entry) && entry.object == Some(object))
}

fn makes(entry: &Entry) -> bool {
    entry.kind == EntryKind::Create
}
