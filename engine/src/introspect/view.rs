//! Views and materialized views: `pg_class`, `pg_get_viewdef`.

use tokio_postgres::Row;

use super::relation::{HEAP, USER_RELATION, object, options};
use super::table::columns;
use super::{Client, Features, IntrospectError};
use crate::catalog::table::Column;
use crate::catalog::view::{Materialized, View};
use crate::catalog::{Body, Class, Object};

/// Reads all views and materialized views.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let sql = format!(
        "SELECT c.oid, n.nspname, c.relname AS name, c.relkind = 'm' AS materialized,
                pg_get_viewdef(c.oid) AS definition, c.reloptions, c.relispopulated AS populated,
                CASE WHEN am.amname <> '{HEAP}' THEN am.amname END AS access_method,
                ts.spcname AS tablespace, toast.reloptions AS toast_options
           FROM pg_class c
           JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
           LEFT JOIN pg_am am ON am.oid = c.relam
           LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
          WHERE c.relkind IN ('v', 'm') AND {USER_RELATION}
          ORDER BY n.nspname, c.relname"
    );
    let rows = async { Ok(client.query(&sql, &[]).await?) };
    let (mut columns, rows) = futures_util::try_join!(columns(client, &['v', 'm']), rows)?;
    rows.iter().map(|row| view(row, columns.remove(&row.try_get("oid")?).unwrap_or_default().columns)).collect()
}

fn view(row: &Row, columns: Vec<Column>) -> Result<Object, IntrospectError> {
    let materialized = match row.try_get("materialized")? {
        true => Some(Materialized {
            populated: row.try_get("populated")?,
            access_method: row.try_get("access_method")?,
            tablespace: row.try_get("tablespace")?,
            toast_options: options(row.try_get("toast_options")?),
        }),
        false => None,
    };
    let definition: &str = row.try_get("definition")?;
    let body = View {
        definition: definition.trim_end().trim_end_matches(';').to_owned(),
        columns,
        options: options(row.try_get("reloptions")?),
        materialized,
    };
    object(Class::Relation, row, None, Body::View(body))
}
