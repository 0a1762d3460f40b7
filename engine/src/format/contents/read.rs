//! Text to contents, and nothing that is not exactly what [`Contents::write`] writes.

use std::io::{BufRead, Read};

use serde::{Deserialize, Serialize};

use super::write::LineRef;
use super::{Contents, End, Header, TableData};
use crate::catalog::Catalog;
use crate::ddl::{Carried, Entry};
use crate::error::{Error, Kind};
use crate::format::canonical::{self, CanonicalError};
use crate::format::catalog_line;
use crate::limits;

/// What is read per line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(super) enum Line {
    Header(Header),
    Catalog(Box<Catalog>),
    Entry(Box<Entry>),
    Table(TableData),
    End(End),
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

impl Contents {
    /// Reads what [`Contents::write`] wrote, and nothing else.
    pub fn read(input: impl BufRead + Send) -> Result<Self, ContentsError> {
        let mut entries = Vec::new();
        let contents = read(input, |entry| entries.push(entry))?;
        Ok(Self { entries, ..contents })
    }

    /// The same without what the entries say, as [`Contents::forget_entries`] leaves them: each is let go of when it has been read.
    pub fn read_without_entries(input: impl BufRead + Send) -> Result<Self, ContentsError> {
        let mut forgotten = Vec::new();
        let contents = read(input, |entry| forgotten.push(Carried::from(&entry)))?;
        Ok(Self { forgotten, ..contents })
    }
}

/// Reads everything; the entries go one by one to `entry`. The catalog's line is as long as all the others together: it is understood
/// beside them.
fn read(input: impl BufRead + Send, entry: impl FnMut(Entry) + Send) -> Result<Contents, ContentsError> {
    let mut lines = Lines { input, number: 0, buffer: Vec::new() };
    let Some((_, Line::Header(header))) = lines.next()? else { return Err(ContentsError::Order(1)) };
    if !lines.advance()? {
        return Err(ContentsError::Order(2));
    }
    let catalog = std::mem::take(&mut lines.buffer);
    let (catalog, tables) = rayon::join(move || decode(&catalog), || behind(lines, entry));
    match catalog.map_err(|source| ContentsError::Line { number: 2, source })? {
        Line::Catalog(catalog) => {
            Ok(Contents { header, catalog: *catalog, entries: Vec::new(), forgotten: Vec::new(), tables: tables? })
        }
        _ => Err(ContentsError::Order(2)),
    }
}

/// What stands behind the catalog; gives the tables.
fn behind(mut lines: Lines<impl BufRead>, mut entry: impl FnMut(Entry)) -> Result<Vec<TableData>, ContentsError> {
    let (mut entries, mut tables) = (0, Vec::new());
    let end = loop {
        match lines.next()?.ok_or(ContentsError::Incomplete)? {
            (_, Line::Entry(read)) if tables.is_empty() => {
                entries += 1;
                entry(*read);
            }
            (_, Line::Table(table)) => tables.push(table),
            (_, Line::End(end)) => break end,
            (number, _) => return Err(ContentsError::Order(number)),
        }
    };
    match lines.next()? {
        None if end == (End { entries, tables: tables.len() as u64 }) => Ok(tables),
        None => Err(ContentsError::Incomplete),
        Some((number, _)) => Err(ContentsError::Order(number)),
    }
}

/// Lines of a file.
struct Lines<R> {
    input: R,
    /// Of the line in the buffer, counted from 1.
    number: u64,
    /// A line without its end.
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Puts the next line into the buffer; false at the end of the file.
    fn advance(&mut self) -> Result<bool, ContentsError> {
        self.buffer.clear();
        self.number += 1;
        let read = self.input.by_ref().take(limits::CONTENTS_LINE_MAX + 1).read_until(b'\n', &mut self.buffer)?;
        match (read as u64, self.buffer.pop()) {
            (0, _) => Ok(false),
            (read, _) if read > limits::CONTENTS_LINE_MAX => Err(ContentsError::TooLong(self.number)),
            (_, Some(b'\n')) => Ok(true),
            _ => Err(ContentsError::Incomplete),
        }
    }

    /// The next line and its number; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<(u64, Line)>, ContentsError> {
        if !self.advance()? {
            return Ok(None);
        }
        let number = self.number;
        let line = decode(&self.buffer).map_err(|source| ContentsError::Line { number, source })?;
        Ok(Some((number, line)))
    }
}

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
