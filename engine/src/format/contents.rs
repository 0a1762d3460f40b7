//! The private half of a dump: `dumps/<dump-id>/contents.zst.age`. One canonical JSON value per line, so that a person
//! with `psql` alone can read it; see docs/RECOVER_BY_HAND.md.

mod read;
mod write;

use serde::{Deserialize, Serialize};

use super::CopyFormat;
use super::manifest::Manifest;
use crate::catalog::{Catalog, ObjectId};
use crate::ddl::{Carried, Entry};
use crate::error::{Error, Kind};
use crate::ids::{Digest, DumpId};

pub use read::ContentsError;
pub use write::Unfinished;

/// Everything about the data that only holders of an identity may know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// The run.
    pub header: Header,
    /// The schema as a model: restores write their DDL from it for their own target version.
    pub catalog: Catalog,
    /// The schema as statements for the source's version: for people, `show`, `schema` and recovery by hand.
    pub entries: Vec<Entry>,
    /// What [`Contents::forget_entries`] has left of them.
    #[serde(skip)]
    pub forgotten: Vec<Carried>,
    /// Tables (and large objects) with their chunks, largest first.
    pub tables: Vec<TableData>,
}

/// Facts about the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The dump this belongs to.
    pub dump: DumpId,
    /// Snapshot name as exported.
    pub snapshot: String,
    /// `client_encoding` of every chunk: the database's own encoding.
    pub encoding: String,
    /// Filters and switches as the user gave them, for the record.
    pub options: Vec<String>,
    /// What was not carried: class, name, reason.
    pub losses: Vec<(String, String, String)>,
}

/// What a table's chunks are copied from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataKind {
    /// Rows of a table.
    Table,
    /// Pages of large objects: oid, page number, bytes.
    LargeObjects,
}

/// A table's data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableData {
    /// What the rows are.
    pub kind: DataKind,
    /// The table; `None` for large objects.
    pub object: Option<ObjectId>,
    /// Schema, empty for large objects.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Column names in the order of the COPY.
    pub columns: Vec<String>,
    /// Text or binary.
    pub format: CopyFormat,
    /// Condition of extension configuration tables (`pg_extension.extcondition`), with its WHERE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Rows of all chunks.
    pub rows: u64,
    /// Sum of the chunks' fingerprints.
    pub fingerprint: Fingerprint,
    /// Chunks in block order.
    pub chunks: Vec<TableChunk>,
}

impl TableData {
    /// The name people know it by.
    pub fn display_name(&self) -> String {
        match self.kind {
            DataKind::Table => format!("{}.{}", self.schema, self.name),
            DataKind::LargeObjects => self.name.clone(),
        }
    }
}

/// One chunk of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableChunk {
    /// Position in `manifest.chunks`.
    pub chunk: u32,
    /// First heap block.
    pub from: u32,
    /// Block after the last one; `None` is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
    /// Rows.
    pub rows: u64,
    /// Plaintext bytes.
    pub raw: u64,
    /// BLAKE3 of the plaintext.
    pub plain: Digest,
    /// Order-independent sum of its rows' hashes.
    pub fingerprint: Fingerprint,
}

/// Order-independent sum (mod 2^128) of the XXH3-128 hashes of COPY rows; 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Fingerprint(pub u128);

impl std::ops::Add for Fingerprint {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let canonical = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let value = canonical.then(|| u128::from_str_radix(&text, 16).ok()).flatten();
        value.map(Self).ok_or_else(|| serde::de::Error::custom("fingerprint: not 32 lower-case hex digits"))
    }
}

/// How contents and manifest contradict each other or themselves.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Made for another dump.
    #[error("the contents belong to dump {0}")]
    Dump(DumpId),
    /// A chunk the manifest does not have.
    #[error("table {table}: chunk {chunk} is not in the manifest")]
    ChunkIndex {
        /// Position of the table.
        table: usize,
        /// The index.
        chunk: u32,
    },
    /// A stored chunk that no table has.
    #[error("chunk {0} belongs to no table")]
    Orphan(usize),
    /// Ranges that are not half-open, in order, without gap, from block 0 to an open end (promise 4).
    #[error("table {table}: its ranges do not cover it from block 0 to an open end")]
    Cover {
        /// Position of the table.
        table: usize,
    },
    /// Rows or fingerprint of the table are not the sum of its chunks'.
    #[error("table {table}: its rows or fingerprint are not the sum of its chunks'")]
    Sums {
        /// Position of the table.
        table: usize,
    },
    /// The same table twice.
    #[error("table {table} stands twice")]
    Twice {
        /// Position of the second.
        table: usize,
    },
}

impl Contents {
    /// Lets go of what the entries say: of a database of many tables they are a third of everything. Whoever writes them anew
    /// for another server, or compares what they write with one, needs only to know which there are.
    pub fn forget_entries(&mut self) {
        if self.forgotten.is_empty() {
            self.forgotten = self.entries.iter().map(Carried::from).collect();
            self.entries = Vec::new();
        }
    }

    /// Which entries there are, in order.
    pub fn carried(&self) -> impl Iterator<Item = Carried> + '_ {
        self.entries.iter().map(Carried::from).chain(self.forgotten.iter().copied())
    }

    /// Holds the contents against the manifest that names them.
    pub fn check(&self, manifest: &Manifest) -> Result<(), Mismatch> {
        if self.header.dump != manifest.dump {
            return Err(Mismatch::Dump(self.header.dump.clone()));
        }
        let mut used = vec![false; manifest.chunks.len()];
        let mut seen = std::collections::BTreeSet::new();
        for (table, data) in self.tables.iter().enumerate() {
            if !seen.insert((data.kind as u8, &data.schema, &data.name)) {
                return Err(Mismatch::Twice { table });
            }
            data.check_cover(table)?;
            data.check_sums(table)?;
            for chunk in &data.chunks {
                let index = chunk.chunk as usize;
                *used.get_mut(index).ok_or(Mismatch::ChunkIndex { table, chunk: chunk.chunk })? = true;
            }
        }
        match used.iter().position(|used| !used) {
            Some(orphan) => Err(Mismatch::Orphan(orphan)),
            None => Ok(()),
        }
    }
}

impl Mismatch {
    /// As the engine's error, with advice.
    pub fn into_error(self) -> Error {
        Error::new(Kind::Verification, "the dump's two halves contradict each other")
            .because(self)
            .hint("The writer was broken or the dump was tampered with; use another dump.")
    }
}

impl TableData {
    fn check_cover(&self, table: usize) -> Result<(), Mismatch> {
        let mut from = Some(0);
        for chunk in &self.chunks {
            let grows = chunk.to.is_none_or(|to| to > chunk.from);
            if from != Some(chunk.from) || !grows {
                return Err(Mismatch::Cover { table });
            }
            from = chunk.to;
        }
        if from.is_none() { Ok(()) } else { Err(Mismatch::Cover { table }) }
    }

    fn check_sums(&self, table: usize) -> Result<(), Mismatch> {
        let rows = self.chunks.iter().try_fold(0u64, |sum, chunk| sum.checked_add(chunk.rows));
        let fingerprint = self.chunks.iter().fold(Fingerprint::default(), |sum, chunk| sum + chunk.fingerprint);
        let agree = rows == Some(self.rows) && fingerprint == self.fingerprint;
        if agree { Ok(()) } else { Err(Mismatch::Sums { table }) }
    }
}

/// What a dump of this schema needs of its reader, sorted.
pub fn capabilities(catalog: &Catalog, encrypted: bool) -> Vec<String> {
    let mut names = super::capabilities(encrypted);
    names.extend(catalog.globals.is_some().then(|| super::GLOBALS.to_owned()));
    names.extend((!catalog.planner_statistics.is_empty()).then(|| super::STATISTICS.to_owned()));
    names.sort();
    names
}

/// The last line: how much stood before it, so that a shortened file is noticed by whoever reads it by hand.
/// The last line: how much stood before it, so that a shortened file is noticed by whoever reads it by hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct End {
    entries: u64,
    tables: u64,
}

#[cfg(test)]
mod tests;
