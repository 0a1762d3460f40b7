//! The line of the catalog: as long as all others of the contents together, so that it is written, and compared, piece by
//! piece and never held as a whole beside the catalog itself.

use std::io::{self, Write};

use serde::Serialize;

use super::canonical::{self, CanonicalError};
use crate::catalog::Catalog;

/// Writes what [`canonical::encode`] gives of the catalog as a line.
pub(super) fn write(catalog: &Catalog, out: &mut impl Write) -> io::Result<()> {
    let Catalog { server, database, objects, edges, unsupported, planner_statistics, globals, census } = catalog;
    // In the order of their names, as canonical JSON has it.
    let mut fields = Fields { out, first: true };
    if let Some(census) = census {
        fields.one("census", census)?;
    }
    fields.one("database", database)?;
    fields.list("edges", edges)?;
    if let Some(globals) = globals {
        fields.one("globals", globals)?;
    }
    fields.one("line", "catalog")?;
    fields.list("objects", objects)?;
    if !planner_statistics.is_empty() {
        fields.list("planner_statistics", planner_statistics)?;
    }
    fields.one("server", server)?;
    fields.one("unsupported", unsupported)?;
    fields.out.write_all(b"}")
}

/// Whether these bytes are what [`write`] writes of the catalog.
pub(super) fn check(catalog: &Catalog, line: &[u8]) -> Result<(), CanonicalError> {
    let mut comparison = Comparison { expected: line, at: 0 };
    let equal = write(catalog, &mut comparison);
    match equal {
        Ok(()) if comparison.at == line.len() => Ok(()),
        _ => Err(CanonicalError::Spelling { at: comparison.at }),
    }
}

/// An object that is being written.
struct Fields<'a, W> {
    out: &'a mut W,
    first: bool,
}

impl<W: Write> Fields<'_, W> {
    fn name(&mut self, name: &str) -> io::Result<()> {
        let before = if std::mem::take(&mut self.first) { '{' } else { ',' };
        write!(self.out, "{before}\"{name}\":")
    }

    fn one(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
        self.name(name)?;
        self.out.write_all(&canonical::encode(value).map_err(io::Error::other)?)
    }

    fn list(&mut self, name: &str, values: &[impl Serialize]) -> io::Result<()> {
        self.name(name)?;
        let mut bytes = vec![b'['];
        for (number, value) in values.iter().enumerate() {
            if number > 0 {
                bytes.push(b',');
            }
            canonical::encode_into(&mut bytes, value).map_err(io::Error::other)?;
            self.out.write_all(&bytes)?;
            bytes.clear();
        }
        bytes.push(b']');
        self.out.write_all(&bytes)
    }
}

/// Takes only what it expects.
struct Comparison<'a> {
    expected: &'a [u8],
    at: usize,
}

impl Write for Comparison<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let rest = self.expected.get(self.at..).unwrap_or_default();
        if rest.starts_with(bytes) {
            self.at += bytes.len();
            return Ok(bytes.len());
        }
        self.at += rest.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        Err(io::Error::other("it differs"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
