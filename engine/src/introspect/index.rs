//! Indexes: `pg_index`, `pg_get_indexdef`. Those of constraints are read too: edges, comments and marks point at them.

use tokio_postgres::Row;

use super::relation::{USER_RELATION, object, relation};
use super::rows::each;
use super::{Client, Features, IntrospectError};
use crate::catalog::index::Index;
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Reads all indexes.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let sql = format!(
        "SELECT c.oid, n.nspname, c.relname AS name, i.indrelid,
                CASE WHEN con.oid IS NULL THEN pg_get_indexdef(c.oid) ELSE '' END AS definition,
                con.oid AS constraint_oid, i.indisclustered AS clustered, i.indisreplident AS replica_identity,
                c.relkind = 'I' OR (i.indisvalid AND i.indisready) AS valid, c.relkind = 'I' AS partitioned,
                inh.inhparent AS attached_to, ts.spcname AS tablespace,
                {columns} AS stat_columns, {targets} AS stat_targets
           FROM pg_index i
           JOIN pg_class c ON c.oid = i.indexrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_class t ON t.oid = i.indrelid
           LEFT JOIN pg_constraint con ON con.conindid = c.oid AND con.conrelid = i.indrelid
                AND con.contype IN ('p', 'u', 'x')
           LEFT JOIN pg_inherits inh ON inh.inhrelid = c.oid
           LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
          WHERE t.relkind IN ('r', 'p', 'm') AND {USER_RELATION}",
        columns = statistics("a.attnum"),
        targets = statistics("a.attstattarget::int4"),
    );
    let mut indexes = Vec::new();
    each(client, &sql, |row| {
        indexes.push(index(row)?);
        Ok(())
    })
    .await?;
    Ok(indexes)
}

/// Statistics targets: only expressions can have some, and few indexes have expressions.
fn statistics(column: &str) -> String {
    format!(
        "CASE WHEN i.indexprs IS NOT NULL THEN
              (SELECT array_agg({column} ORDER BY a.attnum) FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attstattarget >= 0) END"
    )
}

fn index(row: &Row) -> Result<Object, IntrospectError> {
    let constraint: Option<u32> = row.try_get("constraint_oid")?;
    let columns: Option<Vec<i16>> = row.try_get("stat_columns")?;
    let targets: Option<Vec<i32>> = row.try_get("stat_targets")?;
    let body = Index {
        definition: row.try_get("definition")?,
        constraint: constraint.map(|oid| ObjectId { class: Class::Constraint, oid: Oid(oid) }),
        clustered: row.try_get("clustered")?,
        replica_identity: row.try_get("replica_identity")?,
        valid: row.try_get("valid")?,
        partitioned: row.try_get("partitioned")?,
        attached_to: row.try_get::<_, Option<u32>>("attached_to")?.map(relation),
        tablespace: row.try_get("tablespace")?,
        statistics: columns.into_iter().flatten().zip(targets.into_iter().flatten()).collect(),
    };
    object(Class::Relation, row, Some(relation(row.try_get("indrelid")?)), Body::Index(body))
}
