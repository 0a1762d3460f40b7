//! Encoding conversions: `pg_conversion`.

use serde::Deserialize;

use super::named::{Named, USER_SCHEMA, function};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::conversion::Conversion;
use crate::catalog::{Body, Class, Object};

#[derive(Deserialize)]
struct Row {
    from_encoding: String,
    to_encoding: String,
    function: String,
    is_default: bool,
}

/// Reads all conversions.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let query = format!(
        "SELECT c.oid::int8 AS oid, n.nspname AS schema, c.conname AS name,
                pg_catalog.pg_encoding_to_char(c.conforencoding) AS from_encoding,
                pg_catalog.pg_encoding_to_char(c.contoencoding) AS to_encoding, {} AS function,
                c.condefault AS is_default
           FROM pg_catalog.pg_conversion c
           JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
          WHERE {USER_SCHEMA} ORDER BY n.nspname, c.conname",
        function("c.conproc")
    );
    let rows = rows::<Named<Row>>(client, "conversions", &query).await?;
    let conversion = |row: Row| Conversion {
        from: row.from_encoding,
        to: row.to_encoding,
        function: row.function,
        default: row.is_default,
    };
    Ok(rows.into_iter().map(|row| row.object(Class::Conversion, |row| Body::Conversion(conversion(row)))).collect())
}
