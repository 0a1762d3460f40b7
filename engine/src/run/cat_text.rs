//! Binary COPY rows as the lines COPY's text format has for them.

use crate::catalog::typ::Type;
use crate::catalog::{Body, Catalog, Object};
use crate::error::{Error, Kind, Result};
use crate::format::contents::TableData;
use crate::sql::binary::{Scalar, Shape};
use crate::sql::quote_ident;

/// Domains over domains: nobody nests deeper.
const DEPTH_MAX: usize = 32;

/// Turns binary rows into text lines, as they come. Holds one incomplete row.
#[derive(Debug)]
pub struct TextRows {
    shapes: Vec<Shape>,
    held: Vec<u8>,
}

impl TextRows {
    /// For a table of a dump.
    ///
    /// # Errors
    /// `Kind::Usage` if a column's type has no text form here.
    pub fn new(catalog: &Catalog, table: &TableData) -> Result<Self> {
        let unknown = |column: &str| {
            Error::new(
                Kind::Usage,
                format!("column {column} of {}.{} cannot be shown as text", table.schema, table.name),
            )
            .hint("Take the COPY file as it is with --copy, or dump with --copy-format text.")
        };
        let types = table.object.and_then(|id| catalog.get(id)).and_then(|object| match &object.body {
            Body::Table(body) => Some(&body.columns),
            _ => None,
        });
        let shape = |column: &String| {
            let named = types?.iter().find(|found| found.name == *column)?;
            resolve(catalog, &named.type_name, DEPTH_MAX)
        };
        let shapes = table.columns.iter().map(|column| shape(column).ok_or_else(|| unknown(column)));
        Ok(Self { shapes: shapes.collect::<Result<_>>()?, held: Vec::new() })
    }

    /// Takes bytes of rows (no header, no trailer) and appends the lines of all rows they complete.
    ///
    /// # Errors
    /// `Kind::Verification` for what is no row of this table.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let broken = || Error::new(Kind::Verification, "a binary row is not what its table's columns say");
        self.held.extend_from_slice(bytes);
        let mut used = 0;
        while let Some(length) = row_length(&self.held[used..]).ok_or_else(broken)? {
            self.line(&self.held[used..used + length], out).ok_or_else(broken)?;
            used += length;
        }
        self.held.drain(..used);
        Ok(())
    }

    fn line(&self, mut row: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let count = i16::from_be_bytes(head(&mut row)?);
        if usize::try_from(count) != Ok(self.shapes.len()) {
            return None;
        }
        let mut text = Vec::new();
        for (at, shape) in self.shapes.iter().enumerate() {
            if at > 0 {
                out.push(b'\t');
            }
            match usize::try_from(i32::from_be_bytes(head(&mut row)?)) {
                Err(_) => out.extend_from_slice(b"\\N"),
                Ok(length) => {
                    let (value, rest) = row.split_at_checked(length)?;
                    row = rest;
                    text.clear();
                    shape.render(value, &mut text).ok()?;
                    escape(&text, out);
                }
            }
        }
        out.push(b'\n');
        Some(())
    }
}

fn head<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

/// Length of the first row; `Some(None)` if it is not complete yet, `None` if it is no row.
fn row_length(bytes: &[u8]) -> Option<Option<usize>> {
    let mut rest = bytes;
    let Some(count) = head(&mut rest) else { return Some(None) };
    let count = i16::from_be_bytes(count);
    if count < 0 {
        return None;
    }
    for _ in 0..count {
        let Some(length) = head(&mut rest) else { return Some(None) };
        let length = match i32::from_be_bytes(length) {
            -1 => 0,
            length => usize::try_from(length).ok()?,
        };
        let Some(after) = rest.get(length..) else { return Some(None) };
        rest = after;
    }
    Some(Some(bytes.len() - rest.len()))
}

/// COPY's backslashes (manual: "COPY", "Text Format").
fn escape(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        let letter = match byte {
            b'\\' => b'\\',
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            11 => b'v',
            _ => {
                out.push(*byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}

/// The shape of a type as a column names it: built in, or an enum, a domain or a range of the dump's own.
fn resolve(catalog: &Catalog, name: &str, depth: usize) -> Option<Shape> {
    if let Some(shape) = Shape::builtin(name) {
        return Some(shape);
    }
    let own = catalog.objects.iter().filter_map(|object| match &object.body {
        Body::Type(body) => Some((object, body)),
        _ => None,
    });
    for (object, body) in own {
        if let Type::Range(range) = body
            && range.multirange.as_deref() == Some(name)
        {
            return Some(Shape::Multirange(Box::new(resolve(catalog, &range.subtype, depth.checked_sub(1)?)?)));
        }
        if fits(object, &object.name, name) {
            return match body {
                Type::Enum { .. } => Some(Shape::Scalar(Scalar::Text)),
                Type::Domain(domain) => resolve(catalog, &domain.base, depth.checked_sub(1)?),
                Type::Range(range) => {
                    Some(Shape::Range(Box::new(resolve(catalog, &range.subtype, depth.checked_sub(1)?)?)))
                }
                _ => None,
            };
        }
    }
    None
}

fn fits(object: &Object, name: &str, wanted: &str) -> bool {
    let schema = object.schema.as_deref().unwrap_or_default();
    wanted == format!("{}.{}", quote_ident(schema), quote_ident(name)) || wanted == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_may_come_in_any_pieces() {
        let mut file = Vec::new();
        for (id, note) in [(1i32, Some("a\tb")), (-2, None)] {
            file.extend(2i16.to_be_bytes());
            file.extend(4i32.to_be_bytes());
            file.extend(id.to_be_bytes());
            match note {
                None => file.extend((-1i32).to_be_bytes()),
                Some(note) => {
                    file.extend(i32::try_from(note.len()).expect("short").to_be_bytes());
                    file.extend(note.as_bytes());
                }
            }
        }
        for step in 1..file.len() {
            let shapes = vec![Shape::Scalar(Scalar::Int4), Shape::Scalar(Scalar::Text)];
            let mut rows = TextRows { shapes, held: Vec::new() };
            let mut out = Vec::new();
            for piece in file.chunks(step) {
                rows.push(piece, &mut out).expect("sound");
            }
            assert_eq!(String::from_utf8_lossy(&out), "1\ta\\tb\n-2\t\\N\n", "pieces of {step}");
        }
    }
}
