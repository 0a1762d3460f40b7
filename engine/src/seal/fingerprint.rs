//! COPY framing, row counts and fingerprints in one pass, without ever holding a row.
//!
//! A row of the text format is the bytes before its line feed; a row of the binary format is a whole tuple, from its
//! field count to the end of its last field. Each row is hashed by XXH3-128 (seed 0) and the hashes are summed mod
//! 2^128, so the sum does not depend on the order of rows nor on how a table was cut into chunks. The binary header and
//! trailer belong to no row. The framing is checked strictly: only what a PostgreSQL server sends passes
//! (manual: "COPY", "File Formats").

use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

use crate::format::contents::Fingerprint;
use crate::format::{BINARY_HEADER, CopyFormat};

/// Where COPY data breaks the rules; offsets count plaintext bytes from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// Signature, flags or header extension are not the ones every supported server writes.
    #[error("the binary header is wrong at byte {0}")]
    Header(u64),
    /// A field count below -1.
    #[error("a field count is negative at byte {0}")]
    FieldCount(u64),
    /// A row with another number of fields than the first.
    #[error("a row has another number of fields than the first one, at byte {0}")]
    Ragged(u64),
    /// A field length below -1.
    #[error("a field length is negative at byte {0}")]
    FieldLength(u64),
    /// Bytes behind the trailer.
    #[error("there are bytes behind the trailer at byte {0}")]
    BehindTrailer(u64),
    /// The data ends inside a row, or before the trailer.
    #[error("the data ends inside a row, after {0} bytes")]
    Truncated(u64),
}

/// Counts and hashes the rows of one COPY file as it streams by.
pub struct RowHasher {
    state: State,
    row: Xxh3Default,
    fields: Option<u16>,
    seen: u64,
    rows: u64,
    sum: u128,
}

#[derive(Clone, Copy)]
enum State {
    /// Text; true while a row has begun in an earlier push.
    Text { inside: bool },
    /// Bytes of the header seen so far.
    Header(usize),
    /// Before or inside a big-endian number of `want` bytes (2: field count, 4: field length).
    Number { have: [u8; 4], len: usize, want: usize, left: u16 },
    /// Inside a field with `bytes` to come, `left` fields behind it.
    Field { bytes: u32, left: u16 },
    /// Behind the trailer.
    End,
}

const ROW_START: State = State::Number { have: [0; 4], len: 0, want: 2, left: 0 };

impl RowHasher {
    /// A hasher before the first byte of a file.
    pub fn new(format: CopyFormat) -> Self {
        let state = match format {
            CopyFormat::Text => State::Text { inside: false },
            CopyFormat::Binary => State::Header(0),
        };
        Self { state, row: Xxh3Default::new(), fields: None, seen: 0, rows: 0, sum: 0 }
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), FramingError> {
        match self.state {
            State::Text { inside } => self.push_text(bytes, inside),
            _ => self.push_binary(bytes)?,
        }
        self.seen += bytes.len() as u64;
        Ok(())
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.seen
    }

    /// Ends the file: rows and fingerprint, or an error if it ends too early.
    pub fn finish(self) -> Result<(u64, Fingerprint), FramingError> {
        match self.state {
            State::Text { inside: false } | State::End => Ok((self.rows, Fingerprint(self.sum))),
            _ => Err(FramingError::Truncated(self.seen)),
        }
    }

    fn count(&mut self, hash: u128) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    fn count_streamed(&mut self) {
        let hash = self.row.digest128();
        self.row.reset();
        self.count(hash);
    }

    fn push_text(&mut self, bytes: &[u8], inside: bool) {
        let mut start = 0;
        if inside {
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                self.row.update(bytes);
                return;
            };
            self.row.update(&bytes[..end]);
            self.count_streamed();
            start = end + 1;
        }
        let first = start;
        for end in memchr::memchr_iter(b'\n', &bytes[first..]).map(|at| at + first) {
            let hash = xxh3_128(&bytes[start..end]);
            self.count(hash);
            start = end + 1;
        }
        let rest = &bytes[start..];
        self.row.update(rest);
        self.state = State::Text { inside: !rest.is_empty() };
    }

    fn push_binary(&mut self, mut bytes: &[u8]) -> Result<(), FramingError> {
        let total = bytes.len();
        while !bytes.is_empty() {
            let at = self.seen + (total - bytes.len()) as u64;
            let used = match self.state {
                State::Header(len) => self.header(bytes, len, at)?,
                State::Number { len: 0, want: 2, .. } => match self.whole_tuples(bytes, at)? {
                    0 => self.number(bytes, at)?,
                    used => used,
                },
                State::Number { .. } => self.number(bytes, at)?,
                State::Field { bytes: want, left } => self.field(bytes, want, left),
                State::End | State::Text { .. } => return Err(FramingError::BehindTrailer(at)),
            };
            bytes = &bytes[used..];
        }
        Ok(())
    }

    fn header(&mut self, bytes: &[u8], len: usize, at: u64) -> Result<usize, FramingError> {
        let expected = &BINARY_HEADER[len..];
        let used = expected.len().min(bytes.len());
        if let Some(wrong) = bytes.iter().zip(expected).position(|(is, should)| is != should) {
            return Err(FramingError::Header(at + wrong as u64));
        }
        self.state = if len + used == BINARY_HEADER.len() { ROW_START } else { State::Header(len + used) };
        Ok(used)
    }

    /// The fast path: hashes every tuple that lies wholly within `bytes`; gives the bytes used.
    fn whole_tuples(&mut self, bytes: &[u8], at: u64) -> Result<usize, FramingError> {
        let mut start = 0;
        while let Some(count) = read_i16(bytes, start) {
            let Ok(count) = u16::try_from(count) else { break };
            self.check_fields(count, at + start as u64)?;
            let Some(end) = tuple_end(bytes, start + 2, count, at)? else { break };
            let hash = xxh3_128(&bytes[start..end]);
            self.count(hash);
            start = end;
        }
        Ok(start)
    }

    fn check_fields(&mut self, count: u16, at: u64) -> Result<(), FramingError> {
        match self.fields.get_or_insert(count) {
            fields if *fields == count => Ok(()),
            _ => Err(FramingError::Ragged(at)),
        }
    }

    fn number(&mut self, bytes: &[u8], at: u64) -> Result<usize, FramingError> {
        let State::Number { mut have, len, want, left } = self.state else { return Ok(0) };
        let used = (want - len).min(bytes.len());
        have[len..len + used].copy_from_slice(&bytes[..used]);
        if len + used < want {
            self.state = State::Number { have, len: len + used, want, left };
            return Ok(used);
        }
        if want == 2 {
            self.field_count(i16::from_be_bytes([have[0], have[1]]), at)?;
        } else {
            self.row.update(&have);
            let length = i32::from_be_bytes(have);
            let bytes = u32::try_from(length.max(0)).unwrap_or(0);
            if length < -1 {
                return Err(FramingError::FieldLength(at));
            }
            self.after_length(bytes, left);
        }
        Ok(used)
    }

    fn field_count(&mut self, count: i16, at: u64) -> Result<(), FramingError> {
        if count == -1 {
            self.state = State::End;
            return Ok(());
        }
        let fields = u16::try_from(count).map_err(|_| FramingError::FieldCount(at))?;
        self.check_fields(fields, at)?;
        self.row.update(&count.to_be_bytes());
        self.next_field(fields);
        Ok(())
    }

    fn after_length(&mut self, bytes: u32, left: u16) {
        if bytes == 0 {
            self.next_field(left);
        } else {
            self.state = State::Field { bytes, left };
        }
    }

    fn next_field(&mut self, left: u16) {
        if left == 0 {
            self.count_streamed();
            self.state = ROW_START;
        } else {
            self.state = State::Number { have: [0; 4], len: 0, want: 4, left: left - 1 };
        }
    }

    fn field(&mut self, bytes: &[u8], want: u32, left: u16) -> usize {
        let used = bytes.len().min(want as usize);
        self.row.update(&bytes[..used]);
        let rest = want - used as u32;
        self.after_length(rest, left);
        used
    }
}

impl std::fmt::Debug for RowHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowHasher").field("rows", &self.rows).field("bytes", &self.seen).finish_non_exhaustive()
    }
}

fn read_i16(bytes: &[u8], at: usize) -> Option<i16> {
    bytes.get(at..at + 2)?.try_into().ok().map(i16::from_be_bytes)
}

fn read_i32(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..at + 4)?.try_into().ok().map(i32::from_be_bytes)
}

/// Where a tuple ends whose fields begin at `at`, or `None` if it is not wholly in `bytes`.
fn tuple_end(bytes: &[u8], mut at: usize, fields: u16, base: u64) -> Result<Option<usize>, FramingError> {
    for _ in 0..fields {
        let Some(length) = read_i32(bytes, at) else { return Ok(None) };
        if length < -1 {
            return Err(FramingError::FieldLength(base + at as u64));
        }
        at += 4 + usize::try_from(length).unwrap_or(0);
        if at > bytes.len() {
            return Ok(None);
        }
    }
    Ok(Some(at))
}
