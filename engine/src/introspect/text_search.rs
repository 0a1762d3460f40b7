//! Text search parsers, templates, dictionaries and configurations: `pg_ts_*`.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::named::{Named, USER_SCHEMA, function};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::text_search::{Configuration, Dictionary, Parser, Template};
use crate::catalog::{Body, Class, Object};

/// Reads all four.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let parser = |body: Parser| Body::TextSearchParser(body);
    let template = |body: Template| Body::TextSearchTemplate(body);
    let dictionary = |body: Dictionary| Body::TextSearchDictionary(body);
    let configuration = |row: ConfigurationRow| {
        let mappings = row.mappings.unwrap_or_default();
        Body::TextSearchConfiguration(Configuration { parser: row.parser, mappings })
    };
    let queries = (parsers(), templates(), dictionaries(), configurations());
    let (parsers, templates, dictionaries, configurations) = futures_util::try_join!(
        kind(client, (Class::TextSearchParser, "text search parsers"), &queries.0, parser),
        kind(client, (Class::TextSearchTemplate, "text search templates"), &queries.1, template),
        kind(client, (Class::TextSearchDictionary, "text search dictionaries"), &queries.2, dictionary),
        kind(client, (Class::TextSearchConfiguration, "text search configurations"), &queries.3, configuration)
    )?;
    Ok([parsers, templates, dictionaries, configurations].into_iter().flatten().collect())
}

async fn kind<T: DeserializeOwned>(
    client: &Client<'_>,
    (class, what): (Class, &'static str),
    query: &str,
    body: impl Fn(T) -> Body,
) -> Result<Vec<Object>, IntrospectError> {
    let rows = rows::<Named<T>>(client, what, query).await?;
    Ok(rows.into_iter().map(|row| row.object(class, &body)).collect())
}

/// SQL: the qualified name of a row of another text search catalog.
fn name_of(catalog: &str, prefix: &str, oid: &str) -> String {
    format!(
        "(SELECT pg_catalog.quote_ident(xn.nspname) || '.' || pg_catalog.quote_ident(x.{prefix}name)
            FROM pg_catalog.{catalog} x JOIN pg_catalog.pg_namespace xn ON xn.oid = x.{prefix}namespace
           WHERE x.oid = {oid})"
    )
}

fn parsers() -> String {
    format!(
        "SELECT p.oid::int8 AS oid, n.nspname AS schema, p.prsname AS name, {} AS start, {} AS token, {} AS \"end\",
                {} AS headline, {} AS lextypes
           FROM pg_catalog.pg_ts_parser p JOIN pg_catalog.pg_namespace n ON n.oid = p.prsnamespace
          WHERE {USER_SCHEMA} ORDER BY n.nspname, p.prsname",
        function("p.prsstart"),
        function("p.prstoken"),
        function("p.prsend"),
        function("p.prsheadline"),
        function("p.prslextype"),
    )
}

fn templates() -> String {
    format!(
        "SELECT t.oid::int8 AS oid, n.nspname AS schema, t.tmplname AS name, {} AS init, {} AS lexize
           FROM pg_catalog.pg_ts_template t JOIN pg_catalog.pg_namespace n ON n.oid = t.tmplnamespace
          WHERE {USER_SCHEMA} ORDER BY n.nspname, t.tmplname",
        function("t.tmplinit"),
        function("t.tmpllexize"),
    )
}

fn dictionaries() -> String {
    format!(
        "SELECT d.oid::int8 AS oid, n.nspname AS schema, d.dictname AS name, {} AS template,
                d.dictinitoption AS options,
                EXISTS (SELECT FROM pg_catalog.pg_depend m
                         WHERE m.classid = 'pg_catalog.pg_ts_dict'::pg_catalog.regclass AND m.objid = d.oid
                           AND m.objsubid = 0 AND m.deptype = 'e' AND m.xmin <> d.xmin) AS altered
           FROM pg_catalog.pg_ts_dict d JOIN pg_catalog.pg_namespace n ON n.oid = d.dictnamespace
          WHERE {USER_SCHEMA} ORDER BY n.nspname, d.dictname",
        name_of("pg_ts_template", "tmpl", "d.dicttemplate"),
    )
}

#[derive(Deserialize)]
struct ConfigurationRow {
    parser: String,
    mappings: Option<Vec<(String, Vec<String>)>>,
}

fn configurations() -> String {
    format!(
        "SELECT c.oid::int8 AS oid, n.nspname AS schema, c.cfgname AS name, {parser} AS parser,
                (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                            (SELECT t.alias FROM pg_catalog.ts_token_type(c.cfgparser) t
                              WHERE t.tokid = m.maptokentype), m.dictionaries) ORDER BY m.maptokentype)
                   FROM (SELECT p.maptokentype,
                                pg_catalog.json_agg({dictionary} ORDER BY p.mapseqno) AS dictionaries
                           FROM pg_catalog.pg_ts_config_map p WHERE p.mapcfg = c.oid GROUP BY p.maptokentype) m)
                    AS mappings
           FROM pg_catalog.pg_ts_config c JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace
          WHERE {USER_SCHEMA} ORDER BY n.nspname, c.cfgname",
        parser = name_of("pg_ts_parser", "prs", "c.cfgparser"),
        dictionary = name_of("pg_ts_dict", "dict", "p.mapdict"),
    )
}
