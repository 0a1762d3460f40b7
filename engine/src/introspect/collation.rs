//! Collations: `pg_collation`.

use serde::Deserialize;

use super::named::{Named, USER_SCHEMA};
use super::rows::rows;
use super::{Client, Feature, Features, IntrospectError};
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

/// Reads all collations usable in this database's encoding.
pub async fn read(client: &Client<'_>, features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let icu_locale = features.either(Feature::DatabaseIcuLocale, "c.colliculocale", "NULL");
    let locale = features.either(Feature::BuiltinLocaleProvider, "c.colllocale", icu_locale);
    let rules = features.either(Feature::IcuRules, "c.collicurules", "NULL");
    let query = format!(
        "SELECT c.oid::int8 AS oid, n.nspname AS schema, c.collname AS name, c.collprovider AS provider,
                c.collisdeterministic AS deterministic, c.collcollate AS collate, c.collctype AS ctype,
                {locale} AS locale, {rules} AS rules
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
