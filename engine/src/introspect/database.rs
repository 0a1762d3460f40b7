//! The server and the database as a whole: `pg_database`, `pg_db_role_setting`, `pg_shdescription`, `pg_shseclabel`.

use serde::Deserialize;

use super::acl::exploded;
use super::rows::rows;
use super::{Client, Feature, Features, IntrospectError};
use crate::catalog::{Acl, AclItem, Database, ServerFacts};
use crate::ids::{Oid, ServerVersion};

#[derive(Deserialize)]
struct FactsRow {
    version: String,
    version_text: String,
    standby: bool,
}

/// What the server says of itself.
pub async fn facts(client: &Client<'_>) -> Result<ServerFacts, IntrospectError> {
    let query = "SELECT pg_catalog.current_setting('server_version_num') AS version,
                        pg_catalog.current_setting('server_version') AS version_text,
                        pg_catalog.pg_is_in_recovery() AS standby";
    let row = one::<FactsRow>(client, "the server's version", query).await?;
    let version = ServerVersion(row.version.parse().unwrap_or_default());
    Ok(ServerFacts { version, version_text: row.version_text, standby: row.standby })
}

#[derive(Deserialize)]
struct Row {
    oid: u32,
    name: String,
    owner: String,
    encoding: String,
    collate: String,
    ctype: String,
    provider: Option<char>,
    locale: Option<String>,
    icu_rules: Option<String>,
    connection_limit: i32,
    is_template: bool,
    tablespace: Option<String>,
    current: Option<Vec<AclItem>>,
    initial: Option<Vec<AclItem>>,
    comment: Option<String>,
    labels: Option<Vec<(String, String)>>,
    settings: Option<Vec<(Option<String>, String)>>,
}

/// Reads the connected database's own properties.
pub async fn read(client: &Client<'_>, features: &Features) -> Result<Database, IntrospectError> {
    let default = "pg_catalog.acldefault('d', d.datdba)";
    let provider = features.either(Feature::DatabaseIcuLocale, "d.datlocprovider", "NULL");
    let icu_locale = features.either(Feature::DatabaseIcuLocale, "d.daticulocale", "NULL");
    let query = format!(
        "SELECT d.oid::int8 AS oid, d.datname AS name, pg_catalog.pg_get_userbyid(d.datdba) AS owner,
                pg_catalog.pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate,
                d.datctype AS ctype, {provider} AS provider, {locale} AS locale, {rules} AS icu_rules,
                d.datconnlimit AS connection_limit,
                d.datistemplate AS is_template, NULLIF(t.spcname, 'pg_default') AS tablespace,
                {current} AS current, {initial} AS initial,
                pg_catalog.shobj_description(d.oid, 'pg_database') AS comment,
                {labels} AS labels,
                (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(r.rolname, c.setting)
                          ORDER BY r.rolname NULLS FIRST, c.n)
                   FROM pg_catalog.pg_db_role_setting s
                   LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
                  CROSS JOIN pg_catalog.unnest(s.setconfig) WITH ORDINALITY c(setting, n)
                  WHERE s.setdatabase = d.oid) AS settings
           FROM pg_catalog.pg_database d
           LEFT JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
          WHERE d.datname = pg_catalog.current_database()",
        locale = features.either(Feature::BuiltinLocaleProvider, "d.datlocale", icu_locale),
        rules = features.either(Feature::IcuRules, "d.daticurules", "NULL"),
        current = exploded(&format!("coalesce(d.datacl, {default})")),
        initial = exploded(default),
        labels = labels("pg_database", "d.oid"),
    );
    Ok(database(one(client, "the database", &query).await?))
}

/// SQL: security labels of an object that all databases share, as pairs of provider and label.
pub(super) fn labels(catalog: &str, oid: &str) -> String {
    format!(
        "(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(l.provider, l.label) ORDER BY l.provider)
            FROM pg_catalog.pg_shseclabel l WHERE l.objoid = {oid}
             AND l.classoid = 'pg_catalog.{catalog}'::pg_catalog.regclass)"
    )
}

/// `name=value` as arrays of settings and options hold it.
pub(super) fn split_setting(setting: &str) -> (String, String) {
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    (name.to_owned(), value.to_owned())
}

/// The only row of a query that always has one.
pub(super) async fn one<T: serde::de::DeserializeOwned>(
    client: &Client<'_>,
    what: &'static str,
    query: &str,
) -> Result<T, IntrospectError> {
    rows::<T>(client, what, query).await?.pop().ok_or(IntrospectError::Missing { what })
}

fn database(row: Row) -> Database {
    let (current, initial) = (row.current.unwrap_or_default(), row.initial.unwrap_or_default());
    let settings = row.settings.unwrap_or_default().into_iter();
    let split = |(role, setting): (Option<String>, String)| {
        let (name, value) = split_setting(&setting);
        (role, name, value)
    };
    Database {
        name: row.name,
        oid: Oid(row.oid),
        owner: row.owner,
        encoding: row.encoding,
        collate: row.collate,
        ctype: row.ctype,
        locale_provider: row.provider.unwrap_or('c'),
        locale: row.locale,
        icu_rules: row.icu_rules,
        connection_limit: row.connection_limit,
        is_template: row.is_template,
        tablespace: row.tablespace,
        acl: (current != initial).then(|| Acl { current, initial, ..Acl::default() }),
        comment: row.comment,
        labels: row.labels.unwrap_or_default(),
        settings: settings.map(split).collect(),
    }
}
