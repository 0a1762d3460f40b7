//! Event triggers: `pg_event_trigger`.

use serde::Deserialize;

use super::named::{Named, function};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::event_trigger::EventTrigger;
use crate::catalog::{Body, Class, Object};

#[derive(Deserialize)]
struct Row {
    event: String,
    tags: Option<Vec<String>>,
    function: String,
    enabled: String,
}

/// Reads all event triggers.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let query = format!(
        "SELECT e.oid::int8 AS oid, NULL AS schema, e.evtname AS name, e.evtevent AS event, e.evttags AS tags,
                {} AS function, e.evtenabled AS enabled
           FROM pg_catalog.pg_event_trigger e WHERE e.oid >= 16384 ORDER BY e.evtname",
        function("e.evtfoid")
    );
    let rows = rows::<Named<Row>>(client, "event triggers", &query).await?;
    let object = |row: Named<Row>| row.object(Class::EventTrigger, |row| Body::EventTrigger(event_trigger(row)));
    Ok(rows.into_iter().map(object).collect())
}

fn event_trigger(row: Row) -> EventTrigger {
    EventTrigger { event: row.event, tags: row.tags.unwrap_or_default(), function: row.function, enabled: row.enabled }
}
