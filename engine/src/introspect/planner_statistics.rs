//! The planner's statistics: `pg_class`, `pg_stats`. Two questions for the whole database.
//!
//! `pg_stats` shows what the reader may read, and nothing of tables whose rows a policy hides from it; what it does not
//! show is not carried, and the target finds out by itself.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::relation::USER_RELATION;
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::features::Feature;
use crate::catalog::planner_statistics::{ColumnStatistics, KINDS, PlannerStatistics};
use crate::catalog::{Class, ObjectId};
use crate::ids::Oid;

#[derive(Deserialize)]
struct RelationRow {
    oid: u32,
    pages: i32,
    tuples: String,
    all_visible: i32,
    all_frozen: Option<i32>,
}

#[derive(Deserialize)]
struct ColumnRow {
    oid: u32,
    column: String,
    number: i16,
    inherited: bool,
    values: BTreeMap<String, String>,
}

/// Reads the statistics of every relation that has some, by OID; in a damaged catalog, of those the server can speak of.
pub async fn read(
    client: &tokio_postgres::Client,
    features: &Features,
) -> Result<Vec<PlannerStatistics>, IntrospectError> {
    let mut client = Client::begin(client).await?;
    loop {
        match whole(&client, features).await {
            Ok(statistics) => return Ok(statistics),
            Err(error) => client.take_care(error).await?,
        }
    }
}

async fn whole(client: &Client<'_>, features: &Features) -> Result<Vec<PlannerStatistics>, IntrospectError> {
    let mut columns: HashMap<u32, Vec<ColumnStatistics>> = HashMap::new();
    for row in rows::<ColumnRow>(client, "statistics of columns", &columns_query(features)).await? {
        let ColumnRow { oid, column, number, inherited, values } = row;
        columns.entry(oid).or_default().push(ColumnStatistics { column, number, inherited, values });
    }
    let relations = rows::<RelationRow>(client, "statistics of relations", &relations_query(features)).await?;
    let statistics = relations.into_iter().map(|row| PlannerStatistics {
        relation: ObjectId { class: Class::Relation, oid: Oid(row.oid) },
        pages: row.pages,
        tuples: row.tuples,
        all_visible: row.all_visible,
        all_frozen: row.all_frozen,
        columns: columns.remove(&row.oid).unwrap_or_default(),
    });
    // What was never looked at says so: no page, and a number of rows that is none.
    let is_known = |found: &PlannerStatistics| found.pages != 0 || found.tuples != "-1" || !found.columns.is_empty();
    Ok(statistics.filter(is_known).collect())
}

fn relations_query(features: &Features) -> String {
    let all_frozen = if features.has(Feature::FrozenPages) { "c.relallfrozen" } else { "NULL::int4" };
    format!(
        "SELECT c.oid::int8 AS oid, c.relpages AS pages, c.reltuples::text AS tuples, c.relallvisible AS all_visible,
                {all_frozen} AS all_frozen
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'p', 'm', 'f', 'i', 'I') AND {USER_RELATION} ORDER BY c.oid"
    )
}

fn columns_query(features: &Features) -> String {
    let known = KINDS.iter().filter(|kind| features.version().major() >= kind.since);
    let values: Vec<String> = known.map(|kind| format!("'{0}', s.{0}::pg_catalog.text", kind.name)).collect();
    format!(
        "SELECT c.oid::int8 AS oid, a.attname AS column, a.attnum AS number, s.inherited,
                pg_catalog.json_strip_nulls(pg_catalog.json_build_object({})) AS values
           FROM pg_catalog.pg_stats s
           JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname
           JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
           JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
          WHERE {USER_RELATION} ORDER BY c.oid, a.attnum, s.inherited",
        values.join(", ")
    )
}
