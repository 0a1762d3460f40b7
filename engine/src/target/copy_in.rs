//! The statements around the load of one chunk.
//!
//! A table's chunk: begin, write the chunk down, COPY, commit. Large objects take a detour through a temporary table, in the
//! same transaction.

use super::progress;
use crate::format::CopyFormat;
use crate::format::contents::{DataKind, TableData};
use crate::source::copy_out;
use crate::sql;

/// Encoding of rows that the server neither knows nor converts.
pub(super) const NO_ENCODING: &str = "SQL_ASCII";

/// Opens the transaction of a table's chunks, writes them down in it and begins the COPY that takes them all: one text, one
/// round trip. The rows come in the format and the encoding given, whatever the table's are.
pub fn begin(
    table: &TableData,
    places: &[(usize, usize)],
    attempt: Option<u64>,
    (format, encoding): (CopyFormat, &str),
) -> String {
    let mut sql = begin_written_down(places, attempt, encoding);
    if table.kind == DataKind::LargeObjects {
        sql.push_str(
            "; CREATE TEMPORARY TABLE _pgfreight_pages (loid pg_catalog.oid, page pg_catalog.int8, \
             bytes pg_catalog.bytea) ON COMMIT DROP",
        );
    }
    sql + "; " + &copy(table, format, encoding)
}

/// The same for chunks of several tables, none of them of large objects: the COPYs follow one another in their order.
pub fn begin_all(chunks: &[(&TableData, (usize, usize))], attempt: Option<u64>, encoding: &str) -> String {
    let places: Vec<(usize, usize)> = chunks.iter().map(|(_, place)| *place).collect();
    let mut sql = begin_written_down(&places, attempt, encoding);
    for (table, _) in chunks {
        sql.push_str("; ");
        sql.push_str(&copy(table, table.format, encoding));
    }
    sql
}

fn begin_written_down(places: &[(usize, usize)], attempt: Option<u64>, encoding: &str) -> String {
    let mut sql = format!("BEGIN; {}", progress::chunks_done(places, attempt));
    if encoding == NO_ENCODING {
        // Binary rows follow client_encoding, not the option of COPY: bytes of no encoding pass unconverted.
        sql.push_str("; SET LOCAL client_encoding = 'SQL_ASCII'");
    }
    sql
}

/// The COPY itself; columns are always named.
fn copy(table: &TableData, format: CopyFormat, encoding: &str) -> String {
    let options = copy_out::options(format, encoding);
    if table.kind == DataKind::LargeObjects {
        return format!("COPY pg_temp._pgfreight_pages (loid, page, bytes) FROM STDIN{options}");
    }
    let name = sql::qualified(Some(&table.schema), &table.name);
    let columns: Vec<_> = table.columns.iter().map(|column| sql::quote_ident(column)).collect();
    let columns = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    format!("COPY {name}{columns} FROM STDIN{options}")
}

/// What follows the COPY, the end of the transaction included; before that `last`, if there is something to say.
pub fn end(table: &TableData, last: Option<&str>) -> String {
    let commit = last.map_or_else(|| "COMMIT".to_owned(), |last| format!("{last}; COMMIT"));
    if table.kind != DataKind::LargeObjects {
        return commit;
    }
    let page = copy_out::LARGE_OBJECT_PAGE;
    // Objects exist already unless only data is restored.
    format!(
        "SELECT pg_catalog.count(pg_catalog.lo_create(loid)) FROM (SELECT DISTINCT loid FROM pg_temp._pgfreight_pages) p \
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata m WHERE m.oid = p.loid); \
         SELECT pg_catalog.count(*) FROM (SELECT pg_catalog.lo_put(loid, page * {page}, bytes) \
         FROM pg_temp._pgfreight_pages WHERE pg_catalog.length(bytes) > 0 OFFSET 0) p; {commit}"
    )
}
