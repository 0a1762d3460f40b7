//! Access methods: `pg_am`.

use serde::Deserialize;

use super::named::{Named, function};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::access_method::AccessMethod;
use crate::catalog::{Body, Class, Object};

#[derive(Deserialize)]
struct Row {
    kind: String,
    handler: String,
}

/// Reads all access methods that `initdb` did not make.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let query = format!(
        "SELECT a.oid::int8 AS oid, NULL AS schema, a.amname AS name, a.amtype AS kind, {} AS handler
           FROM pg_catalog.pg_am a WHERE a.oid >= 16384 ORDER BY a.amname",
        function("a.amhandler")
    );
    let rows = rows::<Named<Row>>(client, "access methods", &query).await?;
    let method = |row: Row| AccessMethod { kind: row.kind, handler: row.handler };
    Ok(rows.into_iter().map(|row| row.object(Class::AccessMethod, |row| Body::AccessMethod(method(row)))).collect())
}
