//! The planner's statistics: `pg_class`, `pg_stats` or, for superusers, `pg_statistic`. Two questions for the whole database.
//!
//! `pg_stats` shows what the reader may read, and nothing of tables whose rows a policy hides from it; what it does not
//! show is not carried, and the target finds out by itself.

use rustc_hash::FxHashMap;
use serde::Deserialize;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::client::Damage;
use super::column_statistics::{self, Asked};
use super::relation::{USER_RELATION, relation};
use super::rows::{each, rows};
use super::{Client, Features, IntrospectError};
use crate::catalog::features::Feature;
use crate::catalog::planner_statistics::{ColumnStatistics, KINDS, PlannerStatistics, Values};
use crate::catalog::{Object, ObjectId, Unsupported};
use crate::sql::{qualified, quote_ident};

/// What the planner knows, and what the server could not say of it.
#[derive(Debug, Default)]
pub struct Found {
    /// By relation's OID.
    pub statistics: Vec<PlannerStatistics>,
    /// By relation: columns, or whole relations, whose statistics are left out.
    pub damaged: Vec<(ObjectId, Unsupported)>,
}

#[derive(Deserialize)]
struct RelationRow {
    oid: u32,
    pages: i32,
    tuples: String,
    all_visible: i32,
    all_frozen: Option<i32>,
}

#[derive(Deserialize)]
struct NameRow {
    name: String,
}

/// Reads the statistics of every relation that has some, by OID; in a damaged catalog, of those columns the server can speak of:
/// the others get their names from `objects`. A superuser asks the table; who is refused there asks the view.
pub async fn read(
    (client, superuser): (&tokio_postgres::Client, bool),
    features: &Features,
    objects: &[Object],
) -> Result<Found, IntrospectError> {
    let mut client = Client::of(client);
    let mut asked = if superuser { Asked::Table } else { Asked::View };
    let mut answer = futures_util::try_join!(client.begin(), whole(&client, features, asked)).map(|((), found)| found);
    let statistics = loop {
        match answer {
            Ok(statistics) => break statistics,
            Err(error) if asked == Asked::Table && is_refused(&error) => {
                asked = Asked::View;
                client.begin_again().await?;
            }
            Err(error) => client.take_care(error).await?,
        }
        answer = whole(&client, features, asked).await;
    };
    let mut found = Found { statistics, damaged: Vec::new() };
    for damage in client.damage() {
        if let Damage::Row { key, reason, no_text } = damage {
            found.leave_out(&client, objects, &key, (reason, no_text)).await?;
        }
    }
    found.damaged.sort_by(|(_, a), (_, b)| a.cmp(b));
    found.damaged.dedup();
    Ok(found)
}

impl Found {
    /// Says what cannot be said of a column or a relation, by its key. A relation that is not among the objects is left out
    /// itself. Values that are no text are nobody's fault: the target is to look for itself.
    async fn leave_out(
        &mut self,
        client: &Client<'_>,
        objects: &[Object],
        key: &str,
        (reason, no_text): (String, bool),
    ) -> Result<(), IntrospectError> {
        let mut parts = key.split('.');
        let oid = parts.next().and_then(|oid| oid.parse().ok()).unwrap_or_default();
        let number = parts.next().and_then(|number| number.parse::<i16>().ok());
        let inherited = parts.next() == Some("t");
        let id = relation(oid);
        let Some(object) = objects.iter().find(|object| object.id == id) else { return Ok(()) };
        let mut name = qualified(object.schema.as_deref(), &object.name);
        if let Some(number) = number {
            let column = column_name(client, oid, number).await?;
            let known = self.statistics.iter_mut().find(|found| found.relation == id);
            if let (true, Some(known), Some(column)) = (no_text, known, &column) {
                let (column, values) = (column.clone(), Values::default());
                known.columns.push(ColumnStatistics { column, number, inherited, values });
                known.columns.sort_by_key(|column| (column.number, column.inherited));
                return Ok(());
            }
            let column = column.map_or_else(|| number.to_string(), |column| quote_ident(&column).into_owned());
            name = format!("{name}.{column}");
        }
        let reason = format!("{reason}; or ANALYZE the table again, or leave statistics out with --no-statistics");
        self.damaged.push((id, Unsupported { class: "planner statistics".to_owned(), name, reason: Some(reason) }));
        Ok(())
    }
}

/// The name of a column, if it is a text.
async fn column_name(client: &Client<'_>, oid: u32, number: i16) -> Result<Option<String>, IntrospectError> {
    let query = format!(
        "SELECT a.attname AS name FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = {oid} AND a.attnum = {number}"
    );
    Ok(rows::<NameRow>(client, "names of columns", &query).await?.pop().map(|row| row.name))
}

/// Insufficient privilege.
fn is_refused(error: &IntrospectError) -> bool {
    matches!(error, IntrospectError::Query(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE))
}

async fn whole(
    client: &Client<'_>,
    features: &Features,
    asked: Asked,
) -> Result<Vec<PlannerStatistics>, IntrospectError> {
    let kinds: Vec<&str> = known_kinds(features).collect();
    let mut columns: FxHashMap<u32, Vec<ColumnStatistics>> = FxHashMap::default();
    let (of_columns, of_relations) = (column_statistics::question(&kinds, asked), relations_query(features));
    let reading = each(client, &of_columns, |row| {
        columns.entry(row.try_get("relation")?).or_default().push(column(row, &kinds)?);
        Ok(())
    });
    // Sent at once, answered in turn.
    let ((), relations) =
        futures_util::try_join!(reading, rows::<RelationRow>(client, "statistics of relations", &of_relations))?;
    let statistics = relations.into_iter().map(|row| PlannerStatistics {
        relation: relation(row.oid),
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

/// What a server of that version knows of a column.
fn known_kinds(features: &Features) -> impl Iterator<Item = &'static str> {
    KINDS.iter().filter(|kind| features.version().major() >= kind.since).map(|kind| kind.name)
}

fn column(row: &Row, kinds: &[&str]) -> Result<ColumnStatistics, tokio_postgres::Error> {
    let mut values = Vec::new();
    for kind in kinds {
        if let Some(value) = row.try_get::<_, Option<String>>(*kind)? {
            values.push(((*kind).to_owned(), value));
        }
    }
    Ok(ColumnStatistics {
        column: row.try_get("column")?,
        number: row.try_get("number")?,
        inherited: row.try_get("inherited")?,
        values: Values::of(values).unwrap_or_default(),
    })
}
