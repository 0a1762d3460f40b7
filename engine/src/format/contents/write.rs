//! Contents to text, line by line.

use std::borrow::Borrow;
use std::io::Write;
use std::ops::Deref;
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
        if !self.forgotten.is_empty() {
            return Err(std::io::Error::other("the entries were let go of"));
        }
        write(out, (&self.header, &self.catalog), || Ok(&self.entries), || Ok(&self.tables))
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
        write(out, (&self.header, self.catalog), self.entries, self.tables)
    }
}

/// Writes line by line; lets go of the catalog and of every entry as soon as it is written.
fn write<E: IntoIterator<Item: Borrow<Entry>>, T: Borrow<Vec<TableData>>>(
    out: impl Write,
    (header, catalog): (&Header, impl Deref<Target = Catalog>),
    entries: impl FnOnce() -> std::io::Result<E>,
    tables: impl FnOnce() -> std::io::Result<T>,
) -> std::io::Result<()> {
    let mut out = Limited::new(out);
    line_to(&mut out)(LineRef::Header(header))?;
    catalog_line::write(&catalog, &mut out)?;
    drop(catalog);
    out.write_all(b"\n")?;
    let mut line = line_to(&mut out);
    let mut end = End { entries: 0, tables: 0 };
    for entry in entries()? {
        line(LineRef::Entry(entry.borrow()))?;
        end.entries += 1;
    }
    for table in tables()?.borrow() {
        line(LineRef::Table(table))?;
        end.tables += 1;
    }
    line(LineRef::End(end))
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
