//! The entries of a restore, by number.

use crate::ddl::Entry;

/// Entries in no more room than they take: of a database of many tables they are the larger part of what is held.
#[derive(Debug, Default)]
pub(super) struct Entries(Vec<Entry>);

impl Entries {
    /// In whatever order they are given.
    pub(super) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by_key(|entry| entry.id);
        Self(entries)
    }

    /// The entry with a number.
    pub(super) fn get(&self, id: u32) -> Option<&Entry> {
        self.0.binary_search_by_key(&id, |entry| entry.id).ok().map(|at| &self.0[at])
    }

    /// All, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> + Clone {
        self.0.iter()
    }
}
