//! Subscriptions: `pg_subscription`. Their connection strings are readable to superusers only; without, they are left to
//! the census to report.

use serde::Deserialize;

use super::named::Named;
use super::rows::rows;
use super::{Client, Feature, Features, IntrospectError};
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
    connection: String,
    publications: Vec<String>,
    slot: Option<String>,
    synchronous_commit: String,
    binary: bool,
    /// `f`, `t` or `p`.
    streaming: String,
    two_phase: bool,
    disable_on_error: bool,
    password_required: bool,
    run_as_owner: bool,
    origin: Option<String>,
    failover: bool,
}

/// Reads this database's subscriptions, if the role may.
pub async fn read(client: &Client<'_>, features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let may =
        "SELECT pg_catalog.has_column_privilege('pg_catalog.pg_subscription', 'subconninfo', 'SELECT') AS readable";
    let readable = rows::<Readable>(client, "privileges", may).await?;
    if readable.iter().any(|row| !row.readable) {
        return Ok(Vec::new());
    }
    let with_15 = |column| features.either(Feature::SubscriptionOptions15, column, "false");
    let with_16 = |column, before| features.either(Feature::SubscriptionOptions16, column, before);
    let query = format!(
        "SELECT s.oid::int8 AS oid, NULL AS schema, s.subname AS name, s.subconninfo AS connection,
                s.subpublications AS publications, s.subslotname AS slot, s.subsynccommit AS synchronous_commit,
                s.subbinary AS binary, {streaming} AS streaming, {two_phase} AS two_phase,
                {disable_on_error} AS disable_on_error, {password_required} AS password_required,
                {run_as_owner} AS run_as_owner, {origin} AS origin, {failover} AS failover
           FROM pg_catalog.pg_subscription s
          WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d
                              WHERE d.datname = pg_catalog.current_database())
          ORDER BY s.subname",
        streaming = with_16("s.substream::pg_catalog.text", "CASE WHEN s.substream THEN 't' ELSE 'f' END"),
        two_phase = with_15("s.subtwophasestate <> 'd'"),
        disable_on_error = with_15("s.subdisableonerr"),
        password_required = with_16("s.subpasswordrequired", "true"),
        // Before, a subscription's owner ran everything; now the table's owner does unless told.
        run_as_owner = with_16("s.subrunasowner", "true"),
        origin = with_16("s.suborigin", "NULL"),
        failover = features.either(Feature::SubscriptionFailover, "s.subfailover", "false"),
    );
    let rows = rows::<Named<Row>>(client, "subscriptions", &query).await?;
    let object = |row: Named<Row>| row.object(Class::Subscription, |row| Body::Subscription(subscription(row)));
    Ok(rows.into_iter().map(object).collect())
}

fn subscription(row: Row) -> Subscription {
    let mut options = Vec::new();
    let mut push = |name: &str, value: &str| options.push((name.to_owned(), value.to_owned()));
    if row.binary {
        push("binary", "true");
    }
    // The default changed with 18: say it always.
    let streaming = match row.streaming.as_str() {
        "p" => "parallel",
        "t" => "on",
        _ => "off",
    };
    push("streaming", streaming);
    if row.two_phase {
        push("two_phase", "on");
    }
    if row.disable_on_error {
        push("disable_on_error", "true");
    }
    if !row.password_required {
        push("password_required", "false");
    }
    if row.run_as_owner {
        push("run_as_owner", "true");
    }
    if let Some(origin) = row.origin.filter(|origin| origin != "any") {
        push("origin", &origin);
    }
    if row.synchronous_commit != "off" {
        push("synchronous_commit", &row.synchronous_commit);
    }
    if row.failover {
        push("failover", "true");
    }
    Subscription { connection: row.connection, publications: row.publications, slot: row.slot, options }
}
