//! Extended statistics: `pg_statistic_ext`.

use tokio_postgres::Row;

use super::relation::{USER_RELATION, object, relation};
use super::{Client, Features, IntrospectError};
use crate::catalog::statistics::Statistics;
use crate::catalog::{Body, Class, Object};

/// Reads all extended statistics objects; the schema is their own, which may be another than their table's.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let sql = format!(
        "SELECT s.oid, own.nspname, s.stxname AS name, s.stxrelid, pg_get_statisticsobjdef(s.oid) AS definition,
                NULLIF(s.stxstattarget, -1)::int4 AS target
           FROM pg_statistic_ext s
           JOIN pg_namespace own ON own.oid = s.stxnamespace
           JOIN pg_class c ON c.oid = s.stxrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE {USER_RELATION}
          ORDER BY own.nspname, s.stxname"
    );
    client.query(&sql, &[]).await?.iter().map(statistics).collect()
}

fn statistics(row: &Row) -> Result<Object, IntrospectError> {
    let body = Statistics { definition: row.try_get("definition")?, target: row.try_get("target")? };
    object(Class::Statistics, row, Some(relation(row.try_get("stxrelid")?)), Body::Statistics(body))
}
