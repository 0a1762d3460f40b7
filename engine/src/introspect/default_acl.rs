//! Default privileges: `pg_default_acl`.

use serde::Deserialize;

use super::acl::exploded;
use super::named::Named;
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::default_acl::DefaultAcl;
use crate::catalog::{Acl, AclItem, Body, Class, Object};

#[derive(Deserialize)]
struct Row {
    role: String,
    kind: String,
    current: Option<Vec<AclItem>>,
    initial: Option<Vec<AclItem>>,
}

/// Reads all default privileges. Those of one schema add to the global ones: they start from nothing.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let query = format!(
        "SELECT d.oid::int8 AS oid, n.nspname AS schema, pg_catalog.pg_get_userbyid(d.defaclrole) AS name,
                pg_catalog.pg_get_userbyid(d.defaclrole) AS role, d.defaclobjtype AS kind, {} AS current, {} AS initial
           FROM pg_catalog.pg_default_acl d
           LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
          ORDER BY n.nspname NULLS FIRST, 3, d.defaclobjtype",
        exploded("d.defaclacl"),
        exploded(
            "CASE WHEN d.defaclnamespace = 0 THEN pg_catalog.acldefault(
                 CASE WHEN d.defaclobjtype = 'S' THEN 's'::\"char\" ELSE d.defaclobjtype END, d.defaclrole) END"
        ),
    );
    let rows = rows::<Named<Row>>(client, "default privileges", &query).await?;
    Ok(rows.into_iter().map(default_acl).collect())
}

fn default_acl(mut row: Named<Row>) -> Object {
    let owner = std::mem::take(&mut row.rest.role);
    let acl = Acl {
        current: row.rest.current.take().unwrap_or_default(),
        initial: row.rest.initial.take().unwrap_or_default(),
        ..Acl::default()
    };
    let mut object = row.object(Class::DefaultAcl, |row| Body::DefaultAcl(DefaultAcl { kind: row.kind }));
    object.owner = Some(owner);
    object.acl = Some(Box::new(acl));
    object
}
