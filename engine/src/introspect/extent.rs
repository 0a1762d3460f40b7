//! How much there is to read, asked before it is read: `pg_class` and `pg_proc`.

use super::{Client, IntrospectError};
use crate::catalog::extent::Extent;

/// One question, one row. Numbers below 16384 are the system's own (`FirstNormalObjectId`), TOAST tables belong to their tables.
const QUESTION: &str = "
    SELECT count(*) AS relations,
           coalesce(sum(relnatts) FILTER (WHERE relkind IN ('r', 'p', 'v', 'm', 'f')), 0)::int8 AS columns,
           (SELECT count(*) FROM pg_catalog.pg_proc WHERE oid >= 16384) AS routines
      FROM pg_catalog.pg_class
     WHERE oid >= 16384 AND relnamespace <> 'pg_toast'::pg_catalog.regnamespace";

/// Asks.
///
/// # Errors
/// What the server says.
pub async fn read(client: &Client<'_>) -> Result<Extent, IntrospectError> {
    let row =
        client.query(QUESTION, &[]).await?.pop().ok_or(IntrospectError::Missing { what: "the catalogs' size" })?;
    let number = |name: &str| Ok::<_, IntrospectError>(u64::try_from(row.try_get::<_, i64>(name)?).unwrap_or(0));
    Ok(Extent { relations: number("relations")?, columns: number("columns")?, routines: number("routines")? })
}
