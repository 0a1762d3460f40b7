//! Collations: `pg_collation`.

use serde::Deserialize;
use tokio_postgres::Client;

use super::named::{Named, USER_SCHEMA};
use super::rows::rows;
use super::{Features, IntrospectError};
use crate::catalog::collation::Collation;
use crate::catalog::{Body, Class, Object};

#[derive(Deserialize)]
struct Row {
    provider: String,
    deterministic: bool,
    collate: Option<String>,
    ctype: Option<String>,
    locale: Option<String>,
    rules: Option<String>,
}

/// Reads all collations usable in this database's encoding. Columns that came later are asked for by name, so that their
/// absence is no error (15: a column for the ICU locale; 16: rules; 17: one locale for ICU and builtin).
pub async fn read(client: &Client, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let query = format!(
        "SELECT c.oid::int8 AS oid, n.nspname AS schema, c.collname AS name, c.collprovider AS provider,
                c.collisdeterministic AS deterministic, c.collcollate AS collate, c.collctype AS ctype,
                coalesce(pg_catalog.to_jsonb(c)->>'colllocale', pg_catalog.to_jsonb(c)->>'colliculocale') AS locale,
                pg_catalog.to_jsonb(c)->>'collicurules' AS rules
           FROM pg_catalog.pg_collation c
           JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
          WHERE {USER_SCHEMA}
            AND c.collencoding IN (-1, pg_catalog.pg_char_to_encoding(pg_catalog.getdatabaseencoding()))
          ORDER BY n.nspname, c.collname"
    );
    let rows = rows::<Named<Row>>(client, "collations", &query).await?;
    Ok(rows.into_iter().map(|row| row.object(Class::Collation, |row| Body::Collation(collation(row)))).collect())
}

fn collation(row: Row) -> Collation {
    // Before 15 the ICU locale stood where libc's stands.
    let icu = row.provider == "i";
    let locale = row.locale.or_else(|| row.collate.clone().filter(|_| icu));
    Collation {
        deterministic: row.deterministic,
        collate: row.collate.filter(|_| row.provider == "c"),
        ctype: row.ctype.filter(|_| row.provider == "c"),
        provider: row.provider,
        locale,
        rules: row.rules,
    }
}
