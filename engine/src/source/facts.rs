//! What planning needs to know of the tables besides the model: sizes, readability, columns, column types.
//!
//! Sizes and file nodes come from the server's present, the rest from the snapshot. That difference is used: a table
//! whose file node in the snapshot's `pg_class` is not the present one was rewritten or truncated in between, and the
//! snapshot would show it empty or wrong (manual: "Caveats" of "Concurrency Control": TRUNCATE and rewriting
//! ALTER TABLE are not MVCC-safe). A table whose name in the snapshot means another one at present, or whose columns
//! have other names, would be copied from the wrong place: COPY goes by names, and names by the present.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::error::failed;
use crate::error::Result;
use crate::ids::Oid;
use crate::limits::HEAP_PAGE;
use crate::plan::copy_format::TypeFacts;

/// One table with rows of its own (ordinary or foreign; partitioned ones have none).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFacts {
    /// Its OID.
    pub oid: Oid,
    /// Schema, unquoted.
    pub schema: String,
    /// Name, unquoted.
    pub name: String,
    /// `r` or `f`.
    pub kind: char,
    /// Heap access method with block addressing, so that block ranges make sense.
    pub heap: bool,
    /// Bytes of the main fork.
    pub heap_bytes: u64,
    /// Bytes of its TOAST table.
    pub toast_bytes: u64,
    /// The current role may SELECT.
    pub readable: bool,
    /// Row-level security applies to the current role.
    pub row_security: bool,
    /// Dropped, truncated, rewritten, renamed or replaced since the snapshot.
    pub changed: bool,
    /// Columns that COPY carries: neither dropped nor generated, in physical order.
    pub columns: Vec<ColumnFacts>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Name, unquoted.
    pub name: String,
    /// Its type.
    pub type_oid: Oid,
}

/// Present names, of tables and columns, are asked only of rows that somebody has touched since: whatever changes a row of the
/// catalog leaves its mark, `xmax`, on the version that the snapshot sees (manual: "System Columns"), and looking up every
/// column of every table is dear. A name that is gone at present is null there.
const TABLES: &str = "
SELECT c.oid, n.nspname, c.relname, c.relkind::pg_catalog.text AS kind, coalesce(a.amname = 'heap', false) AS heap,
       coalesce(pg_catalog.pg_relation_size(c.oid), 0) AS heap_bytes,
       coalesce(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0)), 0) AS toast_bytes,
       coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
         AND (pg_catalog.has_table_privilege(c.oid, 'SELECT')
           OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT')), true) AS readable,
       coalesce(c.relrowsecurity AND pg_catalog.row_security_active(c.oid), false) AS row_security,
       CASE WHEN c.xmax = 0 AND n.xmax = 0 THEN false
            WHEN c.relkind = 'r' AND c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid) THEN true
            ELSE (SELECT i.object_names FROM pg_catalog.pg_identify_object_as_address(
                      'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0) i)
                 IS DISTINCT FROM ARRAY[n.nspname::pg_catalog.text, c.relname::pg_catalog.text] END AS changed
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam
WHERE c.oid = ANY ($1) ORDER BY c.oid";

const COLUMNS: &str = "
SELECT a.attrelid, a.attname, a.atttypid,
       CASE WHEN a.xmax = 0 THEN false
            ELSE (SELECT (i.object_names)[3] FROM pg_catalog.pg_identify_object_as_address(
                      'pg_catalog.pg_class'::pg_catalog.regclass, a.attrelid, a.attnum) i)
                 IS DISTINCT FROM a.attname::pg_catalog.text END AS renamed
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attrelid, a.attnum";

/// Facts of the given tables, in OID order. A table that has vanished comes back as `changed`.
pub async fn tables(client: &Client, oids: &[Oid]) -> Result<Vec<TableFacts>> {
    let wanted: Vec<u32> = oids.iter().map(|oid| oid.0).collect();
    let arguments: [(&(dyn ToSql + Sync), Type); 1] = [(&wanted, Type::OID_ARRAY)];
    // Asked in one go: the answers come one after the other.
    let (rows, sizes) = tokio::join!(client.query_typed(COLUMNS, &arguments), client.query_typed(TABLES, &arguments));
    let rows = rows.map_err(|error| failed("reading columns", error))?;
    let mut columns: BTreeMap<u32, Vec<ColumnFacts>> = BTreeMap::new();
    let mut renamed = BTreeSet::new();
    for row in &rows {
        if row.get("renamed") {
            renamed.insert(row.get::<_, u32>(0));
        }
        let column = ColumnFacts { name: row.get(1), type_oid: Oid(row.get(2)) };
        columns.entry(row.get(0)).or_default().push(column);
    }
    let rows = sizes.map_err(|error| failed("reading table sizes", error))?;
    Ok(rows
        .iter()
        .map(|row| {
            let oid: u32 = row.get("oid");
            TableFacts {
                oid: Oid(oid),
                schema: row.get("nspname"),
                name: row.get("relname"),
                kind: row.get::<_, &str>("kind").chars().next().unwrap_or('r'),
                heap: row.get("heap"),
                heap_bytes: row.get::<_, i64>("heap_bytes").unsigned_abs(),
                toast_bytes: row.get::<_, i64>("toast_bytes").unsigned_abs(),
                readable: row.get("readable"),
                row_security: row.get("row_security"),
                changed: row.get::<_, bool>("changed") || renamed.contains(&oid),
                columns: columns.remove(&oid).unwrap_or_default(),
            }
        })
        .collect())
}

const TYPES: &str = "
SELECT t.oid, t.typtype::pg_catalog.text, coalesce(CASE WHEN e.typarray = t.oid THEN t.typelem END, nullif(t.typbasetype, 0), r.rngsubtype, m.rngsubtype) AS inner_type
FROM pg_catalog.pg_type t
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_range m ON m.rngmultitypid = t.oid
WHERE t.typtype <> 'p'";

/// All types of the database.
pub async fn types(client: &Client) -> Result<BTreeMap<Oid, TypeFacts>> {
    let rows = client.query_typed(TYPES, &[]).await.map_err(|error| failed("reading types", error))?;
    Ok(rows
        .iter()
        .map(|row| {
            let oid = Oid(row.get(0));
            let kind = row.get::<_, &str>(1).chars().next().unwrap_or('b');
            (oid, TypeFacts { oid, kind, inner: row.get::<_, Option<u32>>(2).map(Oid) })
        })
        .collect())
}

const SIZES: &str = "
SELECT w.n, pg_catalog.pg_relation_size(c.oid)
-- Several arrays side by side: only the unqualified name means that, and nothing shadows it under an empty search_path.
FROM unnest($1::pg_catalog.text[], $2::pg_catalog.text[]) WITH ORDINALITY AS w (schema, name, n)
JOIN pg_catalog.pg_namespace s ON s.nspname = w.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid AND c.relname = w.name AND c.relkind = 'r'
JOIN pg_catalog.pg_am a ON a.oid = c.relam AND a.amname = 'heap'";

/// Heap blocks of tables named by schema and name, in the order given; `None` for what is no heap table there.
pub async fn sizes(client: &Client, tables: &[(&str, &str)]) -> Result<Vec<Option<u64>>> {
    let schemas: Vec<&str> = tables.iter().map(|(schema, _)| *schema).collect();
    let names: Vec<&str> = tables.iter().map(|(_, name)| *name).collect();
    let rows = client.query(SIZES, &[&schemas, &names]).await.map_err(|error| failed("reading table sizes", error))?;
    let mut sizes = vec![None; tables.len()];
    for row in &rows {
        let position = usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or(usize::MAX);
        if let Some(size) = sizes.get_mut(position) {
            *size = Some(row.get::<_, i64>(1).unsigned_abs().div_ceil(HEAP_PAGE));
        }
    }
    Ok(sizes)
}
