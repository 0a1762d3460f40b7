//! Subscriptions: `pg_subscription`. Their connection strings are readable to superusers only; without, they are left to
//! the census to report.

use serde::Deserialize;
use tokio_postgres::Client;

use super::named::Named;
use super::rows::rows;
use super::{Features, IntrospectError};
use crate::catalog::subscription::Subscription;
use crate::catalog::{Body, Class, Object};

#[derive(Deserialize)]
struct Readable {
    readable: bool,
}

/// Columns that came later are absent from older servers' rows (15: two-phase, disable on error; 16: origin,
/// password, run as owner; 17: failover).
#[derive(Deserialize)]
struct Row {
    subconninfo: String,
    subpublications: Vec<String>,
    subslotname: Option<String>,
    subsynccommit: String,
    subbinary: bool,
    /// A boolean before 16, then `f`, `t` or `p`.
    substream: serde_json::Value,
    #[serde(default)]
    subtwophasestate: Option<String>,
    #[serde(default)]
    subdisableonerr: Option<bool>,
    #[serde(default)]
    subpasswordrequired: Option<bool>,
    #[serde(default)]
    subrunasowner: Option<bool>,
    #[serde(default)]
    suborigin: Option<String>,
    #[serde(default)]
    subfailover: Option<bool>,
}

/// Reads this database's subscriptions, if the role may.
pub async fn read(client: &Client, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let may =
        "SELECT pg_catalog.has_column_privilege('pg_catalog.pg_subscription', 'subconninfo', 'SELECT') AS readable";
    let readable = rows::<Readable>(client, "privileges", may).await?;
    if readable.iter().any(|row| !row.readable) {
        return Ok(Vec::new());
    }
    let query = "SELECT s.oid::int8 AS \"OID\", s.* FROM pg_catalog.pg_subscription s
          WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d
                              WHERE d.datname = pg_catalog.current_database())";
    let named = format!(
        "SELECT pg_catalog.jsonb_set(pg_catalog.to_jsonb(q), '{{oid}}', pg_catalog.to_jsonb(q.\"OID\"))
                || pg_catalog.jsonb_build_object('name', q.subname) AS row FROM ({query}) q ORDER BY q.subname"
    );
    let rows = rows::<Wrapped>(client, "subscriptions", &named).await?;
    let object = |row: Wrapped| row.row.object(Class::Subscription, |row| Body::Subscription(subscription(row)));
    Ok(rows.into_iter().map(object).collect())
}

#[derive(Deserialize)]
struct Wrapped {
    row: Named<Row>,
}

fn subscription(row: Row) -> Subscription {
    let mut options = Vec::new();
    let mut push = |name: &str, value: &str| options.push((name.to_owned(), value.to_owned()));
    if row.subbinary {
        push("binary", "true");
    }
    // The default changed with 18: say it always.
    let streaming = match &row.substream {
        serde_json::Value::String(text) if text == "p" => "parallel",
        serde_json::Value::String(text) if text == "t" => "on",
        serde_json::Value::Bool(true) => "on",
        _ => "off",
    };
    push("streaming", streaming);
    if row.subtwophasestate.is_some_and(|state| state != "d") {
        push("two_phase", "on");
    }
    if row.subdisableonerr == Some(true) {
        push("disable_on_error", "true");
    }
    if row.subpasswordrequired == Some(false) {
        push("password_required", "false");
    }
    // Before 16 a subscription's owner ran everything; after, the table's owner does unless told.
    if row.subrunasowner != Some(false) {
        push("run_as_owner", "true");
    }
    if let Some(origin) = row.suborigin.filter(|origin| origin != "any") {
        push("origin", &origin);
    }
    if row.subsynccommit != "off" {
        push("synchronous_commit", &row.subsynccommit);
    }
    if row.subfailover == Some(true) {
        push("failover", "true");
    }
    Subscription { connection: row.subconninfo, publications: row.subpublications, slot: row.subslotname, options }
}
