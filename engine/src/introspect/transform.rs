//! Transforms: `pg_transform`.

use serde::Deserialize;

use super::named::{Named, signature};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::transform::Transform;
use crate::catalog::{Body, Class, Object};

#[derive(Deserialize)]
struct Row {
    sql_type: String,
    language: String,
    from_sql: Option<String>,
    to_sql: Option<String>,
}

/// Reads all transforms.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let query = format!(
        "SELECT t.oid::int8 AS oid, NULL AS schema,
                pg_catalog.format_type(t.trftype, NULL) || ' LANGUAGE ' || l.lanname AS name,
                pg_catalog.format_type(t.trftype, NULL) AS sql_type, l.lanname AS language, {} AS from_sql,
                {} AS to_sql
           FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang
          WHERE t.oid >= 16384 ORDER BY 3",
        signature("t.trffromsql"),
        signature("t.trftosql"),
    );
    let rows = rows::<Named<Row>>(client, "transforms", &query).await?;
    let transform = |row: Row| Transform {
        sql_type: row.sql_type,
        language: row.language,
        from_sql: row.from_sql,
        to_sql: row.to_sql,
    };
    Ok(rows.into_iter().map(|row| row.object(Class::Transform, |row| Body::Transform(transform(row)))).collect())
}
