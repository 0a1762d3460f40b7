//! Rows of COPY's text format as rows of its binary format (manual: "COPY", "Text Format" and "Binary Format").
//!
//! A server spends much of a load on reading numbers and dates. Its client does the same for a fraction of the price, because
//! it only has to read what a server's output functions write under the settings of a dump (`DateStyle` ISO, `TimeZone` UTC,
//! `bytea_output` hex), not all that people may type. Whatever looks different is [`Unsuitable`], and its chunk goes to the
//! server as the text that it is: nothing is guessed here.

mod bytes;
mod field;
mod number;
mod time;

pub use field::Field;

use crate::format::{BINARY_HEADER, BINARY_TRAILER};
use crate::limits::MIB;

/// The length of a null.
const NULL: [u8; 4] = [0xff; 4];

/// A row that is longer is better streamed as it is: the length of a binary field comes before the field.
const ROW_MAX: usize = MIB as usize;

/// Rows that this room does not read: of another number of fields, with a value that is not in the form in which a server writes
/// its type, or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a row is not in the form that servers write")]
pub struct Unsuitable;

/// Turns one chunk from text into binary.
#[derive(Debug)]
#[must_use]
pub struct Recoder {
    fields: std::sync::Arc<[Field]>,
    begun: bool,
    /// The beginning of a row whose end has not come yet.
    held: Vec<u8>,
}

impl Recoder {
    /// Before the first byte of a chunk, whose rows have these fields.
    pub fn new(fields: std::sync::Arc<[Field]>) -> Self {
        Self { fields, begun: false, held: Vec::new() }
    }

    /// Takes the next text and appends what it is in binary.
    ///
    /// # Errors
    /// [`Unsuitable`]: what was appended until here is of no use.
    pub fn push(&mut self, mut text: &[u8], out: &mut Vec<u8>) -> Result<(), Unsuitable> {
        self.begin(out);
        if !self.held.is_empty() {
            let (head, tail) = match memchr::memchr(b'\n', text) {
                Some(end) => text.split_at(end + 1),
                None => (text, &[][..]),
            };
            self.held.extend_from_slice(head);
            text = tail;
            if self.held.ends_with(b"\n") {
                rows(&self.fields, &self.held, out)?;
                self.held.clear();
            }
        }
        let (whole, begun) = text.split_at(memchr::memrchr(b'\n', text).map_or(0, |end| end + 1));
        rows(&self.fields, whole, out)?;
        self.held.extend_from_slice(begun);
        if self.held.len() > ROW_MAX { Err(Unsuitable) } else { Ok(()) }
    }

    /// The text has ended: appends what ends the binary file.
    ///
    /// # Errors
    /// [`Unsuitable`]: in the middle of a row.
    pub fn end(mut self, out: &mut Vec<u8>) -> Result<(), Unsuitable> {
        self.begin(out);
        out.extend_from_slice(&BINARY_TRAILER);
        if self.held.is_empty() { Ok(()) } else { Err(Unsuitable) }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            out.extend_from_slice(&BINARY_HEADER);
        }
    }
}

/// Whole rows.
fn rows(fields: &[Field], mut text: &[u8], out: &mut Vec<u8>) -> Result<(), Unsuitable> {
    let Some((last, before)) = fields.split_last() else { return Err(Unsuitable) };
    let count = u16::try_from(fields.len()).map_err(|_| Unsuitable)?.to_be_bytes();
    while !text.is_empty() {
        out.extend_from_slice(&count);
        for field in before {
            text = value(*field, text, out)?.strip_prefix(b"\t").ok_or(Unsuitable)?;
        }
        text = value(*last, text, out)?.strip_prefix(b"\n").ok_or(Unsuitable)?;
    }
    Ok(())
}

/// One value with its length; gives the text behind it.
fn value<'a>(field: Field, text: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Unsuitable> {
    if let [b'\\', b'N', rest @ ..] = text {
        out.extend_from_slice(&NULL);
        return Ok(rest);
    }
    field.append(text, out).ok_or(Unsuitable)
}

/// Appends a value of four bytes.
fn four(value: [u8; 4], out: &mut Vec<u8>) {
    let [a, b, c, d] = value;
    out.extend_from_slice(&[0, 0, 0, 4, a, b, c, d]);
}

/// Appends a value of eight bytes.
fn eight(value: [u8; 8], out: &mut Vec<u8>) {
    let [a, b, c, d, e, f, g, h] = value;
    out.extend_from_slice(&[0, 0, 0, 8, a, b, c, d, e, f, g, h]);
}

/// Appends a value whose length is known when it is there.
fn measured<T>(out: &mut Vec<u8>, append: impl FnOnce(&mut Vec<u8>) -> Option<T>) -> Option<T> {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    let done = append(out)?;
    let length = u32::try_from(out.len() - at - 4).ok()?;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Some(done)
}

#[cfg(test)]
mod tests;
