//! `cat`: one table's rows, as one COPY file, however many chunks they lie in.

use super::cat_text::TextRows;
use super::chunk_reader::ChunkReader;
use super::cpu_pool::CpuPool;
use super::opened::OpenedDump;
use super::options::Surroundings;
use crate::error::{Error, Kind, Result};
use crate::format::CopyFormat;
use crate::format::contents::{DataKind, TableData};
use crate::format::joined::Joined;
use crate::store::Repository;

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
            let joined = Joined::rows(data.format);
            Box::pin(copy(repository, dump, table, around, (joined, &mut write_lines))).await.map(drop)
        }
        (format, _) => {
            let joined = Joined::file(format);
            let joined = Box::pin(copy(repository, dump, table, around, (joined, &mut *out))).await?;
            out(joined.end())
        }
    }
}

/// The chunks one after the other.
async fn copy(
    repository: &Repository,
    dump: &OpenedDump,
    table: usize,
    around: &Surroundings,
    (mut joined, out): (Joined, Out<'_>),
) -> Result<Joined> {
    let pool = CpuPool::new(1)?;
    for chunk in 0..dump.contents.tables[table].chunks.len() {
        let mut reader = ChunkReader::new(repository, &pool, dump, (table, chunk))?;
        while let Some(block) = reader.next().await? {
            if around.stop.is_cancelled() {
                return Err(Error::new(Kind::Cancelled, "stopped before the table was complete"));
            }
            out(&joined.push(block))?;
        }
        joined.chunk_ends().map_err(|missing| Error::new(Kind::Verification, missing.to_string()))?;
    }
    Ok(joined)
}
