//! The private half of a dump: `dumps/<dump-id>/contents.zst.age`. One canonical JSON value per line, so that a person
//! with `psql` alone can read it; see docs/RECOVER_BY_HAND.md.

use std::io::{BufRead, Read, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::canonical::{self, CanonicalError};
use super::line_limit::Limited;
use super::manifest::Manifest;
use super::{CopyFormat, catalog_line};
use crate::catalog::{Catalog, ObjectId};
use crate::ddl::{Carried, Entry};
use crate::error::{Error, Kind};
use crate::ids::{Digest, DumpId};
use crate::limits;

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

/// What is written per line; `line` says which kind it is.
#[derive(Serialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum LineRef<'a> {
    Header(&'a Header),
    Entry(&'a Entry),
    Table(&'a TableData),
    End(End),
}

/// What is read per line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Line {
    Header(Header),
    Catalog(Box<Catalog>),
    Entry(Box<Entry>),
    Table(TableData),
    End(End),
}

/// The last line: how much stood before it, so that a shortened file is noticed by whoever reads it by hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct End {
    entries: u64,
    tables: u64,
}

/// Why contents are refused.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// Reading failed below: the store, decryption, decompression.
    #[error("reading the contents")]
    Read(#[from] std::io::Error),
    /// A line that is not in its one form.
    #[error("line {number}")]
    Line {
        /// Counted from 1.
        number: u64,
        /// What is wrong with it.
        source: CanonicalError,
    },
    /// A line longer than any honest one.
    #[error("line {0} is too long")]
    TooLong(u64),
    /// Lines out of order: header, catalog, entries, tables, end.
    #[error("line {0} stands in the wrong place")]
    Order(u64),
    /// The end is missing or counts something else.
    #[error("incomplete: the last line is missing or counts something else")]
    Incomplete,
}

impl ContentsError {
    /// As the engine's error, with advice.
    pub fn into_error(self) -> Error {
        Error::new(Kind::Format, "the dump's contents cannot be read")
            .because(self)
            .hint("Verify the dump with an identity; if it is damaged, use another one.")
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
    /// Writes the plaintext form, line by line: canonical JSON each, ended by a newline.
    ///
    /// # Errors
    /// What `out` says, or [`super::line_limit::TooLarge`] where no reader would take it.
    pub fn write(&self, out: impl Write) -> std::io::Result<()> {
        self.refuse_forgotten()?;
        let mut out = Limited::new(out);
        schema_to(&mut out, &self.header, &self.catalog)?;
        let mut line = line_to(&mut out);
        self.entries.iter().try_for_each(|entry| line(LineRef::Entry(entry)))?;
        tables_to(line, self.entries.len(), &self.tables)
    }

    fn refuse_forgotten(&self) -> std::io::Result<()> {
        match self.forgotten.is_empty() {
            true => Ok(()),
            false => Err(std::io::Error::other("the entries were let go of")),
        }
    }

    /// Reads what [`Contents::write`] wrote, and nothing else.
    pub fn read(mut input: impl BufRead) -> Result<Self, ContentsError> {
        let mut number = 0;
        let mut buffer = Vec::new();
        let mut next = || read_line(&mut input, &mut number, &mut buffer);
        let Some((_, Line::Header(header))) = next()? else { return Err(ContentsError::Order(1)) };
        let Some((_, Line::Catalog(catalog))) = next()? else { return Err(ContentsError::Order(2)) };
        let mut contents =
            Self { header, catalog: *catalog, entries: Vec::new(), forgotten: Vec::new(), tables: Vec::new() };
        let end = loop {
            match next()?.ok_or(ContentsError::Incomplete)? {
                (_, Line::Entry(entry)) if contents.tables.is_empty() => contents.entries.push(*entry),
                (_, Line::Table(table)) => contents.tables.push(table),
                (_, Line::End(end)) => break end,
                (number, _) => return Err(ContentsError::Order(number)),
            }
        };
        let counted = End { entries: contents.entries.len() as u64, tables: contents.tables.len() as u64 };
        match next()? {
            None if end == counted => Ok(contents),
            None => Err(ContentsError::Incomplete),
            Some((number, _)) => Err(ContentsError::Order(number)),
        }
    }

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

/// Contents of which a part is still being made.
pub struct Unfinished<E, T> {
    /// The run.
    pub header: Header,
    /// The schema, let go of as soon as it is written.
    pub catalog: Arc<Catalog>,
    /// Asked for the entries when everything before them is written.
    pub entries: E,
    /// Asked for the tables when everything else is written.
    pub tables: T,
}

impl<E, T> Unfinished<E, T>
where
    E: FnOnce() -> std::io::Result<Vec<Entry>>,
    T: FnOnce() -> std::io::Result<Vec<TableData>>,
{
    /// Writes what [`Contents::write`] writes. What is written is let go of: until the last row is copied, nobody needs it.
    ///
    /// # Errors
    /// As [`Contents::write`], and what `entries` and `tables` say.
    pub fn write(self, out: impl Write) -> std::io::Result<()> {
        let Self { header, catalog, entries, tables } = self;
        let mut out = Limited::new(out);
        schema_to(&mut out, &header, &catalog)?;
        drop(catalog);
        let mut line = line_to(&mut out);
        let entries = entries()?;
        let count = entries.len();
        entries.into_iter().try_for_each(|entry| line(LineRef::Entry(&entry)))?;
        tables_to(line, count, &tables()?)
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

/// Writes the first two lines.
fn schema_to(out: &mut impl Write, header: &Header, catalog: &Catalog) -> std::io::Result<()> {
    line_to(out)(LineRef::Header(header))?;
    catalog_line::write(catalog, out)?;
    out.write_all(b"\n")
}

/// Writes the lines behind so many entries.
fn tables_to(
    mut line: impl FnMut(LineRef<'_>) -> std::io::Result<()>,
    entries: usize,
    tables: &[TableData],
) -> std::io::Result<()> {
    tables.iter().try_for_each(|table| line(LineRef::Table(table)))?;
    line(LineRef::End(End { entries: entries as u64, tables: tables.len() as u64 }))
}

/// Writes lines but the catalog's.
fn line_to(out: &mut impl Write) -> impl FnMut(LineRef<'_>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    move |line| {
        bytes.clear();
        canonical::encode_into(&mut bytes, &line).map_err(std::io::Error::other)?;
        bytes.push(b'\n');
        out.write_all(&bytes)
    }
}

/// Reads one line; `None` at the end of the file.
fn read_line(
    input: &mut impl BufRead,
    number: &mut u64,
    buffer: &mut Vec<u8>,
) -> Result<Option<(u64, Line)>, ContentsError> {
    buffer.clear();
    *number += 1;
    let read = input.by_ref().take(limits::CONTENTS_LINE_MAX + 1).read_until(b'\n', buffer)?;
    if read == 0 {
        return Ok(None);
    }
    if read as u64 > limits::CONTENTS_LINE_MAX {
        return Err(ContentsError::TooLong(*number));
    }
    let line = buffer.strip_suffix(b"\n").ok_or(ContentsError::Incomplete)?;
    let line = decode(line).map_err(|source| ContentsError::Line { number: *number, source })?;
    // The catalog's line is as long as all the others together.
    buffer.clear();
    buffer.shrink_to(LINE_KEPT);
    Ok(Some((*number, line)))
}

/// Room for a line that is kept for the next one, in bytes.
const LINE_KEPT: usize = 1 << 20;

/// A line by its kind. Where the kind is plain to see, the value is read as that kind at once: a reader that has to look for
/// the kind first keeps all it meets on the way, which for a catalog is many times its size.
fn decode(line: &[u8]) -> Result<Line, CanonicalError> {
    const KIND: &[u8] = b"\"line\":\"";
    let kind = memchr::memmem::find(line, KIND).map(|at| &line[at + KIND.len()..]);
    match kind {
        Some(kind) if kind.starts_with(b"catalog\"") => {
            let catalog: Box<Catalog> = serde_json::from_slice(line)?;
            catalog_line::check(&catalog, line)?;
            Ok(Line::Catalog(catalog))
        }
        Some(kind) if kind.starts_with(b"entry\"") => {
            let entry = canonical::decode_as(line, |entry| canonical::encode(&LineRef::Entry(entry)))?;
            Ok(Line::Entry(Box::new(entry)))
        }
        Some(kind) if kind.starts_with(b"table\"") => {
            canonical::decode_as(line, |table| canonical::encode(&LineRef::Table(table))).map(Line::Table)
        }
        _ => canonical::decode(line),
    }
}

#[cfg(test)]
mod tests;
