//! Procedural languages: `pg_language`.

use serde::Deserialize;

use super::named::{Named, function};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::language::Language;
use crate::catalog::{Body, Class, Object};

#[derive(Deserialize)]
struct Row {
    trusted: bool,
    handler: Option<String>,
    inline: Option<String>,
    validator: Option<String>,
}

/// Reads all languages that `initdb` did not make.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let query = format!(
        "SELECT l.oid::int8 AS oid, NULL AS schema, l.lanname AS name, l.lanpltrusted AS trusted, {} AS handler,
                {} AS inline, {} AS validator
           FROM pg_catalog.pg_language l WHERE l.oid >= 16384 AND l.lanispl ORDER BY l.lanname",
        function("l.lanplcallfoid"),
        function("l.laninline"),
        function("l.lanvalidator"),
    );
    let rows = rows::<Named<Row>>(client, "languages", &query).await?;
    let language = |row: Row| Language {
        trusted: row.trusted,
        handler: row.handler,
        inline: row.inline,
        validator: row.validator,
    };
    Ok(rows.into_iter().map(|row| row.object(Class::Language, |row| Body::Language(language(row)))).collect())
}
