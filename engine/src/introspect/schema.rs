//! Schemas: `pg_namespace`.

use serde::Deserialize;

use super::named::{Named, USER_SCHEMA};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::schema::Schema;
use crate::catalog::{Body, Class, Object};

#[derive(Deserialize)]
struct Row {}

/// Reads all schemas that users fill. `public` counts as born with the database.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let query = format!(
        "SELECT n.oid::int8 AS oid, NULL AS schema, n.nspname AS name FROM pg_catalog.pg_namespace n
          WHERE {USER_SCHEMA} ORDER BY n.nspname"
    );
    let rows = rows::<Named<Row>>(client, "schemas", &query).await?;
    Ok(rows.into_iter().map(schema).collect())
}

fn schema(row: Named<Row>) -> Object {
    let mut object = row.object(Class::Schema, |_| Body::Schema(Schema {}));
    object.builtin = object.name == "public";
    object
}
