//! Contents to text, line by line.

use std::io::Write;
use std::sync::Arc;

use serde::Serialize;

use super::{Contents, End, Header, TableData};
use crate::catalog::Catalog;
use crate::ddl::Entry;
use crate::format::line_limit::Limited;
use crate::format::{canonical, catalog_line};

/// What is written per line; `line` says which kind it is.
#[derive(Serialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(super) enum LineRef<'a> {
    Header(&'a Header),
    Entry(&'a Entry),
    Table(&'a TableData),
    End(End),
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
