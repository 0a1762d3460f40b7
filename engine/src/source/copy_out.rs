//! The COPY statements that read chunks, for dumps and for reading a database back when it is verified.
//!
//! Columns are always named (promise: values never land in wrong columns). Ranges are half-open heap block ranges as ctid
//! conditions, which 14 and later answer by a TID range scan (manual: release notes of 14).

use crate::format::CopyFormat;
use crate::format::contents::{DataKind, TableData};
use crate::plan::dump_plan::Span;
use crate::sql;

/// Bytes of a large object in one row.
pub const LARGE_OBJECT_PAGE: u32 = 1 << 20;

/// What a COPY reads.
#[derive(Clone, Copy, Debug)]
pub struct CopySource<'a> {
    /// Table rows or large objects.
    pub kind: DataKind,
    /// Schema, unquoted.
    pub schema: &'a str,
    /// Table, unquoted.
    pub name: &'a str,
    /// Columns in order.
    pub columns: &'a [String],
    /// `WHERE …` of an extension's configuration table.
    pub condition: Option<&'a str>,
    /// Format.
    pub format: CopyFormat,
    /// Encoding of the rows: the database's own, so that nothing is converted. Statements stay UTF-8.
    pub encoding: &'a str,
}

impl<'a> CopySource<'a> {
    /// The source of a dumped table's rows, for reading them back.
    pub fn of(table: &'a TableData, encoding: &'a str) -> Self {
        Self {
            encoding,
            kind: table.kind,
            schema: &table.schema,
            name: &table.name,
            columns: &table.columns,
            condition: table.condition.as_deref(),
            format: table.format,
        }
    }
}

/// The statement that copies one span out.
pub fn statement(source: CopySource<'_>, span: Span) -> String {
    let what = match source.kind {
        DataKind::LargeObjects => format!("({})", large_objects(span)),
        DataKind::Table => table(source, span),
    };
    format!("COPY {what} TO STDOUT{}", options(source.format, source.encoding))
}

/// The option list of a COPY in either direction, with a leading space; nothing where defaults do.
pub fn options(format: CopyFormat, encoding: &str) -> String {
    let mut options = Vec::new();
    if format == CopyFormat::Binary {
        options.push("FORMAT binary".to_owned());
    }
    if encoding != "UTF8" {
        options.push(format!("ENCODING {}", sql::quote_literal(encoding)));
    }
    if options.is_empty() { String::new() } else { format!(" ({})", options.join(", ")) }
}

fn table(source: CopySource<'_>, span: Span) -> String {
    let name = sql::qualified(Some(source.schema), source.name);
    let columns: Vec<String> = source.columns.iter().map(|column| sql::quote_ident(column).into()).collect();
    let columns = columns.join(", ");
    if span == Span::WHOLE && source.condition.is_none() {
        // The plain form is a little faster and reads the same rows in the same order.
        return if columns.is_empty() { name } else { format!("{name} ({columns})") };
    }
    let mut conditions = Vec::new();
    if span.from > 0 {
        conditions.push(format!("ctid >= '({},0)'::pg_catalog.tid", span.from));
    }
    if let Some(to) = span.to {
        conditions.push(format!("ctid < '({to},0)'::pg_catalog.tid"));
    }
    let mut query = format!("SELECT {columns} FROM ONLY {name}");
    match source.condition {
        // As the extension wrote it: it begins with WHERE. Such tables are never split.
        Some(condition) => query.push_str(&format!(" {condition}")),
        None if conditions.is_empty() => {}
        None => query.push_str(&format!(" WHERE {}", conditions.join(" AND "))),
    }
    format!("({query})")
}

/// Pages of large objects in OID order. Each object is opened, measured and closed by a chain of lateral subqueries
/// (`OFFSET 0` keeps them apart), so that descriptors do not pile up in the server. Every subquery names the OID: a
/// descriptor is the same number for every object, and a Memoize node (14) that knew nothing else would give one
/// object's size to all.
fn large_objects(span: Span) -> String {
    let page = LARGE_OBJECT_PAGE;
    let upper = span.to.map(|to| format!(" AND oid < {to}")).unwrap_or_default();
    format!(
        "SELECT m.oid, p.n, pg_catalog.lo_get(m.oid, p.n * {page}, {page}) FROM \
         (SELECT oid FROM pg_catalog.pg_largeobject_metadata WHERE oid >= {from}{upper} ORDER BY oid OFFSET 0) m \
         CROSS JOIN LATERAL (SELECT pg_catalog.lo_open(m.oid, 262144) AS fd OFFSET 0) o \
         CROSS JOIN LATERAL (SELECT pg_catalog.lo_lseek64(o.fd, 0, 2) + m.oid::pg_catalog.int8 * 0 AS size OFFSET 0) s \
         CROSS JOIN LATERAL (SELECT pg_catalog.lo_close(o.fd) + (s.size + m.oid::pg_catalog.int8) * 0 AS closed OFFSET 0) c \
         CROSS JOIN LATERAL pg_catalog.generate_series(0::pg_catalog.int8, \
         greatest(s.size - 1, 0) / {page} + c.closed) p(n)",
        from = span.from,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source<'a>(columns: &'a [String], condition: Option<&'a str>) -> CopySource<'a> {
        CopySource {
            kind: DataKind::Table,
            schema: "s",
            name: "T",
            columns,
            condition,
            format: CopyFormat::Text,
            encoding: "UTF8",
        }
    }

    #[test]
    fn whole_tables_use_the_plain_form_with_named_columns() {
        let columns = ["a".to_owned(), "B c".to_owned()];
        assert_eq!(statement(source(&columns, None), Span::WHOLE), r#"COPY s."T" (a, "B c") TO STDOUT"#);
        assert_eq!(statement(source(&[], None), Span::WHOLE), r#"COPY s."T" TO STDOUT"#);
    }

    #[test]
    fn spans_are_half_open() {
        let columns = ["a".to_owned()];
        let span = Span { from: 8192, to: Some(16384) };
        assert_eq!(
            statement(source(&columns, None), span),
            r#"COPY (SELECT a FROM ONLY s."T" WHERE ctid >= '(8192,0)'::pg_catalog.tid AND ctid < '(16384,0)'::pg_catalog.tid) TO STDOUT"#
        );
        let tail = statement(source(&columns, None), Span { from: 8192, to: None });
        assert!(tail.ends_with("WHERE ctid >= '(8192,0)'::pg_catalog.tid) TO STDOUT"), "{tail}");
    }

    #[test]
    fn other_encodings_are_named() {
        assert_eq!(options(CopyFormat::Binary, "LATIN1"), " (FORMAT binary, ENCODING 'LATIN1')");
        assert_eq!(options(CopyFormat::Text, "UTF8"), "");
    }

    #[test]
    fn conditions_of_configuration_tables_are_kept() {
        let columns = ["a".to_owned()];
        let text = statement(source(&columns, Some("WHERE NOT builtin")), Span::WHOLE);
        assert_eq!(text, r#"COPY (SELECT a FROM ONLY s."T" WHERE NOT builtin) TO STDOUT"#);
    }
}
