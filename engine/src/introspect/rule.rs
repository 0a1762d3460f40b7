//! Rewrite rules: `pg_rewrite`, without the ones that make views.

use tokio_postgres::Row;

use super::relation::{USER_RELATION, object, relation};
use super::trigger::enabled;
use super::{Client, Features, IntrospectError};
use crate::catalog::rule::Rule;
use crate::catalog::{Body, Class, Object};

/// Reads all rules.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let sql = format!(
        "SELECT r.oid, n.nspname, r.rulename AS name, r.ev_class, r.ev_enabled::text AS enabled,
                pg_get_ruledef(r.oid) AS definition
           FROM pg_rewrite r
           JOIN pg_class c ON c.oid = r.ev_class
           JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE {USER_RELATION} AND r.rulename <> '_RETURN'
          ORDER BY n.nspname, c.relname, r.rulename"
    );
    client.query(&sql, &[]).await?.iter().map(rule).collect()
}

fn rule(row: &Row) -> Result<Object, IntrospectError> {
    let definition: &str = row.try_get("definition")?;
    let body = Rule {
        definition: definition.trim_end().trim_end_matches(';').to_owned(),
        enabled: enabled(row.try_get("enabled")?),
    };
    object(Class::Rule, row, Some(relation(row.try_get("ev_class")?)), Body::Rule(body))
}
