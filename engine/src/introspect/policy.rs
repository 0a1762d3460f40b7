//! Row-level security policies: `pg_policy`.

use tokio_postgres::Row;

use super::relation::{USER_RELATION, object, relation};
use super::{Client, Features, IntrospectError};
use crate::catalog::policy::Policy;
use crate::catalog::{Body, Class, Object};

/// Reads all policies.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    // PUBLIC is role 0, which is never in pg_roles: the array is empty then.
    let sql = format!(
        "SELECT p.oid, n.nspname, p.polname AS name, p.polrelid, p.polpermissive AS permissive,
                p.polcmd::text AS command,
                ARRAY(SELECT r.rolname FROM pg_roles r WHERE r.oid = ANY (p.polroles) ORDER BY r.rolname) AS roles,
                pg_get_expr(p.polqual, p.polrelid) AS using_expression,
                pg_get_expr(p.polwithcheck, p.polrelid) AS check_expression
           FROM pg_policy p
           JOIN pg_class c ON c.oid = p.polrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE {USER_RELATION}
          ORDER BY n.nspname, c.relname, p.polname"
    );
    client.query(&sql, &[]).await?.iter().map(policy).collect()
}

fn policy(row: &Row) -> Result<Object, IntrospectError> {
    let command = match row.try_get::<_, &str>("command")? {
        "r" => Some("SELECT"),
        "a" => Some("INSERT"),
        "w" => Some("UPDATE"),
        "d" => Some("DELETE"),
        _ => None,
    };
    let body = Policy {
        permissive: row.try_get("permissive")?,
        command: command.map(str::to_owned),
        roles: row.try_get("roles")?,
        using: row.try_get("using_expression")?,
        check: row.try_get("check_expression")?,
    };
    object(Class::Policy, row, Some(relation(row.try_get("polrelid")?)), Body::Policy(body))
}
