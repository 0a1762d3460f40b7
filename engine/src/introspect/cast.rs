//! Casts: `pg_cast`.

use serde::Deserialize;

use super::named::{Named, signature};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::cast::Cast;
use crate::catalog::{Body, Class, Object};

#[derive(Deserialize)]
struct Row {
    source: String,
    target: String,
    method: String,
    function: Option<String>,
    context: String,
}

/// Reads all casts but those `initdb` made and those that come with a range type.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let query = format!(
        "SELECT c.oid::int8 AS oid, NULL AS schema,
                pg_catalog.format_type(c.castsource, NULL) || ' AS ' || pg_catalog.format_type(c.casttarget, NULL)
                    AS name,
                pg_catalog.format_type(c.castsource, NULL) AS source,
                pg_catalog.format_type(c.casttarget, NULL) AS target, c.castmethod AS method, {} AS function,
                c.castcontext AS context
           FROM pg_catalog.pg_cast c
          WHERE c.oid >= 16384
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                             WHERE d.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND d.objid = c.oid
                               AND d.deptype = 'i')
          ORDER BY 3",
        signature("c.castfunc")
    );
    let rows = rows::<Named<Row>>(client, "casts", &query).await?;
    let cast = |row: Row| Cast {
        source: row.source,
        target: row.target,
        method: row.method,
        function: row.function,
        context: row.context,
    };
    Ok(rows.into_iter().map(|row| row.object(Class::Cast, |row| Body::Cast(cast(row)))).collect())
}
