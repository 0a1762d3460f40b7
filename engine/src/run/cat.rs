//! `cat`: one table's rows, as one COPY file, however many chunks they lie in.

use super::cat_text::TextRows;
use super::chunk_reader::ChunkReader;
use super::cpu_pool::CpuPool;
use super::opened::OpenedDump;
use super::options::Surroundings;
use crate::error::{Error, Kind, Result};
use crate::format::CopyFormat;
use crate::format::contents::{DataKind, TableData};
use crate::store::Repository;

/// `PGCOPY\n\xff\r\n\0`, flags, length of the header extension (manual: "COPY", "Binary Format").
const BINARY_HEADER: usize = 19;

/// A field count of -1 ends a binary file.
const BINARY_TRAILER: [u8; 2] = [0xff, 0xff];

/// Finds a table by `schema.name`, or by its bare name if only one schema has it.
///
/// # Errors
/// `Kind::Usage` if there is none or more than one.
pub fn find_table<'a>(dump: &'a OpenedDump, wanted: &str) -> Result<(usize, &'a TableData)> {
    let fits = |table: &TableData| {
        table.kind == DataKind::Table && (table.name == wanted || wanted == format!("{}.{}", table.schema, table.name))
    };
    let found: Vec<(usize, &TableData)> =
        dump.contents.tables.iter().enumerate().filter(|(_, table)| fits(table)).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::new(Kind::Usage, format!("the dump holds no rows of a table {wanted}"))
            .hint("`pgfreight show --tables` lists its tables; name one as schema.name.")),
        _ => Err(Error::new(Kind::Usage, format!("more than one schema has a table {wanted}"))
            .hint("Name it as schema.name.")),
    }
}

/// The form rows are wanted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Lines of COPY's text format, whatever the dump holds.
    Text,
    /// The COPY file as the dump holds it.
    Copy,
}

type Out<'a> = &'a mut (dyn FnMut(&[u8]) -> Result<()> + Send);

/// Hands a table's rows to `out` block by block, in block order. Every block is authenticated; a chunk that turns out
/// damaged is an error after its blocks were handed out, as with any stream.
///
/// # Errors
/// `Kind::Store`, `Kind::Verification`, `Kind::Cancelled`, and what `out` returns.
pub async fn cat(
    repository: &Repository,
    dump: &OpenedDump,
    (table, form): (usize, Form),
    around: &Surroundings,
    out: Out<'_>,
) -> Result<()> {
    let data = &dump.contents.tables[table];
    match (data.format, form) {
        (CopyFormat::Binary, Form::Text) => {
            let mut rows = TextRows::new(&dump.contents.catalog, data)?;
            let mut lines = Vec::new();
            let mut write_lines = |bytes: &[u8]| {
                lines.clear();
                rows.push(bytes, &mut lines)?;
                if lines.is_empty() { Ok(()) } else { out(&lines) }
            };
            Box::pin(copy(repository, dump, table, around, (Frame { first: false }, &mut write_lines))).await
        }
        (CopyFormat::Binary, Form::Copy) => {
            Box::pin(copy(repository, dump, table, around, (Frame { first: true }, &mut *out))).await?;
            out(&BINARY_TRAILER)
        }
        (CopyFormat::Text, _) => Box::pin(copy(repository, dump, table, around, (Frame { first: true }, out))).await,
    }
}

/// The chunks one after the other, binary ones without their trailers and with the headers that `frame` lets through.
async fn copy(
    repository: &Repository,
    dump: &OpenedDump,
    table: usize,
    around: &Surroundings,
    (mut frame, out): (Frame, Out<'_>),
) -> Result<()> {
    let pool = CpuPool::new(1)?;
    let data = &dump.contents.tables[table];
    for chunk in 0..data.chunks.len() {
        let mut reader = ChunkReader::new(repository, &pool, dump, (table, chunk))?;
        let mut held = Vec::new();
        let mut begun = false;
        while let Some(mut block) = reader.next().await? {
            if around.stop.is_cancelled() {
                return Err(Error::new(Kind::Cancelled, "stopped before the table was complete"));
            }
            if data.format == CopyFormat::Text {
                out(&block)?;
                continue;
            }
            held.append(&mut block);
            begun = begun || frame.header(&mut held, &mut *out)?;
            // The last two bytes may be the trailer: only the end of the chunk tells.
            let sure = if begun { held.len().saturating_sub(BINARY_TRAILER.len()) } else { 0 };
            out(&held[..sure])?;
            held.drain(..sure);
        }
        if data.format == CopyFormat::Binary && held != BINARY_TRAILER {
            return Err(Error::new(Kind::Verification, "a binary chunk does not end with its trailer"));
        }
    }
    Ok(())
}

/// Lets the first chunk's header through and takes those of the others away.
struct Frame {
    first: bool,
}

impl Frame {
    fn header(&mut self, held: &mut Vec<u8>, out: Out<'_>) -> Result<bool> {
        let Some(length) = held.get(15..BINARY_HEADER) else { return Ok(false) };
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]);
        let end = BINARY_HEADER + usize::try_from(length).unwrap_or(usize::MAX - BINARY_HEADER);
        if held.len() < end {
            return Ok(false);
        }
        if self.first {
            out(&held[..end])?;
            self.first = false;
        }
        held.drain(..end);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_header_is_let_through() {
        let mut file = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        file.extend_from_slice(b"rows");
        let mut written = Vec::new();
        let mut out = |bytes: &[u8]| {
            written.extend_from_slice(bytes);
            Ok(())
        };
        let mut frame = Frame { first: true };
        let mut short = file[..10].to_vec();
        assert!(!frame.header(&mut short, &mut out).expect("waits"));
        let mut one = file.clone();
        assert!(frame.header(&mut one, &mut out).expect("complete"));
        let mut two = file.clone();
        assert!(frame.header(&mut two, &mut out).expect("complete"));
        assert_eq!((one.as_slice(), two.as_slice()), (&b"rows"[..], &b"rows"[..]));
        assert_eq!(written, &file[..19]);
    }
}
