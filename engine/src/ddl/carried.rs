//! Which entries a table of contents has, without what they say.

use super::{Entry, EntryKind, Section};
use crate::catalog::{Class, ObjectId};

/// What tells an entry from others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carried {
    /// Its number.
    pub id: u32,
    /// What it does.
    pub kind: EntryKind,
    /// Section.
    pub section: Section,
    /// The object.
    pub object: Option<ObjectId>,
}

impl From<&Entry> for Carried {
    fn from(entry: &Entry) -> Self {
        Self { id: entry.id, kind: entry.kind, section: entry.section, object: entry.object }
    }
}

impl Carried {
    /// Whether it makes or changes the database as a whole: only with `--create`, because the statements name the source's
    /// database, which may stand beside the target.
    pub fn is_about_database(self) -> bool {
        match self.kind {
            EntryKind::Database | EntryKind::DatabaseProperties => true,
            EntryKind::Comment | EntryKind::Acl | EntryKind::SecurityLabel => self.object.is_none(),
            _ => false,
        }
    }

    /// Whether it belongs to the schema: data and the database as a whole do not.
    pub fn is_schema(self) -> bool {
        match self.kind {
            EntryKind::TableData
            | EntryKind::Blobs
            | EntryKind::SequenceSet
            | EntryKind::Refresh
            | EntryKind::Statistics => false,
            _ if self.is_about_database() => false,
            _ => self.section != Section::Data && self.object.is_none_or(|id| id.class != Class::LargeObject),
        }
    }
}
