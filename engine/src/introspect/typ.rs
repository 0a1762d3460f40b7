//! Types and the constraints of domains: `pg_type`, `pg_enum`, `pg_range`, `pg_constraint`.
//!
//! Row types of tables, arrays and multiranges come with something else and are left out.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::named::{Named, USER_SCHEMA, function};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::constraint::{Constraint, ConstraintRule};
use crate::catalog::typ::{Attribute, Composite, Domain, DomainNotNull, Type};
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Reads all types, and the constraints of domains as objects whose parent the domain is.
pub async fn read(client: &Client<'_>, features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let _ = features;
    let queries = (shells(), enums(), composites(), domains(), ranges(), bases());
    let labels = |row: EnumRow| Type::Enum { labels: row.labels.unwrap_or_default() };
    let (shells, enums, composites, domains, ranges, bases, constraints) = futures_util::try_join!(
        kind(client, &queries.0, |_: Shell| Type::Shell),
        kind(client, &queries.1, labels),
        kind(client, &queries.2, composite),
        kind(client, &queries.3, domain),
        kind(client, &queries.4, Type::Range),
        kind(client, &queries.5, |row| Type::Base(Box::new(row))),
        constraints(client)
    )?;
    Ok([shells, enums, composites, domains, ranges, bases, constraints].into_iter().flatten().collect())
}

async fn kind<T: DeserializeOwned>(
    client: &Client<'_>,
    query: &str,
    body: impl Fn(T) -> Type,
) -> Result<Vec<Object>, IntrospectError> {
    let rows = rows::<Named<T>>(client, "types", query).await?;
    Ok(rows.into_iter().map(|row| row.object(Class::Type, |rest| Body::Type(body(rest)))).collect())
}

/// The query for one kind of types.
fn query(columns: &str, joins: &str, which: &str) -> String {
    format!(
        "SELECT t.oid::int8 AS oid, n.nspname AS schema, t.typname AS name{columns}
           FROM pg_catalog.pg_type t
           JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace {joins}
          WHERE {USER_SCHEMA} AND {which}
          ORDER BY n.nspname, t.typname"
    )
}

/// SQL: a collation where it is another than the type's own.
fn collation(own: &str, types: &str) -> String {
    format!(
        "(SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(c.collname)
            FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace cn ON cn.oid = c.collnamespace
           WHERE c.oid = {own} AND {own} <> {types})"
    )
}

#[derive(Deserialize)]
struct Shell {}

fn shells() -> String {
    query("", "", "NOT t.typisdefined")
}

#[derive(Deserialize)]
struct EnumRow {
    labels: Option<Vec<String>>,
}

fn enums() -> String {
    let labels = ", (SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder)
                       FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid) AS labels";
    query(labels, "", "t.typtype = 'e' AND t.typisdefined")
}

#[derive(Deserialize)]
struct CompositeRow {
    relation: u32,
    attributes: Option<Vec<AttributeRow>>,
}

#[derive(Deserialize)]
struct AttributeRow {
    name: String,
    sql_type: String,
    collation: Option<String>,
}

fn composites() -> String {
    let attributes = format!(
        ", t.typrelid::int8 AS relation,
         (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname,
                     'sql_type', pg_catalog.format_type(a.atttypid, a.atttypmod),
                     'collation', {}) ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type at ON at.oid = a.atttypid
           WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS attributes",
        collation("a.attcollation", "at.typcollation")
    );
    let joins = "JOIN pg_catalog.pg_class r ON r.oid = t.typrelid AND r.relkind = 'c'";
    query(&attributes, joins, "t.typtype = 'c'")
}

fn composite(row: CompositeRow) -> Type {
    let attributes = row.attributes.unwrap_or_default().into_iter();
    let attributes = attributes.map(|a| Attribute { name: a.name, sql_type: a.sql_type, collation: a.collation });
    Type::Composite(Composite { relation: Oid(row.relation), attributes: attributes.collect() })
}

#[derive(Deserialize)]
struct DomainRow {
    base: String,
    collation: Option<String>,
    expression: Option<String>,
    literal: Option<String>,
    not_null: bool,
    not_null_name: Option<String>,
}

fn domains() -> String {
    let columns = format!(
        ", pg_catalog.format_type(t.typbasetype, t.typtypmod) AS base, {} AS collation,
         pg_catalog.pg_get_expr(t.typdefaultbin, 'pg_catalog.pg_type'::pg_catalog.regclass) AS expression,
         t.typdefault AS literal, t.typnotnull AS not_null,
         (SELECT nn.conname FROM pg_catalog.pg_constraint nn WHERE nn.contypid = t.oid AND nn.contype = 'n'
             AND nn.conname <> t.typname || '_not_null' LIMIT 1) AS not_null_name",
        collation("t.typcollation", "b.typcollation")
    );
    let joins = "JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype";
    query(&columns, joins, "t.typtype = 'd'")
}

fn domain(row: DomainRow) -> Type {
    // Defaults set before they could be expressions are stored as a bare literal.
    let default = row.expression.or_else(|| row.literal.map(|text| format!("'{}'", text.replace('\'', "''"))));
    let not_null = row.not_null.then_some(DomainNotNull { name: row.not_null_name });
    Type::Domain(Domain { base: row.base, collation: row.collation, default, not_null })
}

fn ranges() -> String {
    let columns = format!(
        ", pg_catalog.format_type(r.rngsubtype, NULL) AS subtype,
         (SELECT pg_catalog.quote_ident(on_.nspname) || '.' || pg_catalog.quote_ident(o.opcname)
            FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace on_ ON on_.oid = o.opcnamespace
           WHERE o.oid = r.rngsubopc AND NOT (o.opcdefault AND o.opcintype = r.rngsubtype)) AS operator_class,
         {} AS collation, {} AS canonical, {} AS difference,
         pg_catalog.format_type(r.rngmultitypid, NULL) AS multirange",
        collation("r.rngcollation", "s.typcollation"),
        function("r.rngcanonical"),
        function("r.rngsubdiff"),
    );
    let joins = "JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid JOIN pg_catalog.pg_type s ON s.oid = r.rngsubtype";
    query(&columns, joins, "t.typtype = 'r'")
}

fn bases() -> String {
    let columns = format!(
        ", t.typlen AS length, {} AS input, {} AS output, {} AS receive, {} AS send, {} AS modifier_input,
         {} AS modifier_output, {} AS analyze, {} AS subscript, t.typcollation <> 0 AS collatable,
         t.typdefault AS \"default\",
         CASE WHEN t.typelem <> 0 THEN pg_catalog.format_type(t.typelem, NULL) END AS element,
         t.typdelim AS delimiter, t.typbyval AS by_value, t.typalign AS alignment, t.typstorage AS storage,
         t.typcategory AS category, t.typispreferred AS preferred",
        function("t.typinput"),
        function("t.typoutput"),
        function("t.typreceive"),
        function("t.typsend"),
        function("t.typmodin"),
        function("t.typmodout"),
        function("t.typanalyze"),
        function("t.typsubscript"),
    );
    let joins = "LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid";
    query(&columns, joins, "t.typtype = 'b' AND t.typisdefined AND e.oid IS NULL")
}

#[derive(Deserialize)]
struct ConstraintRow {
    domain: u32,
    not_null: bool,
    expression: Option<String>,
    validated: bool,
}

/// Constraints of domains. NOT NULL is printed with its domain, but comments and dependencies need it to be here.
async fn constraints(client: &Client<'_>) -> Result<Vec<Object>, IntrospectError> {
    let query = format!(
        "SELECT k.oid::int8 AS oid, n.nspname AS schema, k.conname AS name, k.contypid::int8 AS domain,
                k.contype = 'n' AS not_null, pg_catalog.pg_get_expr(k.conbin, 0) AS expression,
                k.convalidated AS validated
           FROM pg_catalog.pg_constraint k
           JOIN pg_catalog.pg_type t ON t.oid = k.contypid
           JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
          WHERE {USER_SCHEMA} AND k.contype IN ('c', 'n')
          ORDER BY n.nspname, t.typname, k.conname"
    );
    let rows = rows::<Named<ConstraintRow>>(client, "constraints of domains", &query).await?;
    Ok(rows.into_iter().map(constraint).collect())
}

fn constraint(row: Named<ConstraintRow>) -> Object {
    let parent = ObjectId { class: Class::Type, oid: Oid(row.rest.domain) };
    let mut object = row.object(Class::Constraint, |row| {
        let rule = match row.not_null {
            true => ConstraintRule::NotNull { column: String::new() },
            false => ConstraintRule::Check { expression: row.expression.unwrap_or_default() },
        };
        Body::Constraint(Constraint {
            rule,
            validated: row.validated,
            enforced: true,
            local: true,
            inherited: false,
            no_inherit: false,
            deferrable: false,
            deferred: false,
            triggers: Vec::new(),
        })
    });
    object.parent = Some(parent);
    object
}
