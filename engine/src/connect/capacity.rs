//! Connections a server has left for us.

use super::Lane;
use crate::error::Result;

/// `max_connections` less the reserved ones (manual: "Connection Settings") and those in use, within the limits of the
/// role and of the database (`rolconnlimit`, `datconnlimit`). Who is connected is visible to everybody, what they do is not.
const FREE: &str = "SELECT greatest(0, least(\
     pg_catalog.current_setting('max_connections')::pg_catalog.int4 \
     - pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4 \
     - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int4 - used.everybody, \
     CASE WHEN r.rolconnlimit >= 0 THEN r.rolconnlimit - used.role END, \
     CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit - used.database END)) \
     FROM pg_catalog.pg_roles r, pg_catalog.pg_database d, (SELECT pg_catalog.count(*) AS everybody, \
     pg_catalog.count(*) FILTER (WHERE usename = session_user) AS role, \
     pg_catalog.count(*) FILTER (WHERE datname = pg_catalog.current_database()) AS database \
     FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend') used \
     WHERE r.rolname = session_user AND d.datname = pg_catalog.current_database()";

/// Connections the server would still grant to this session's role and database, nought at least.
///
/// # Errors
/// What the server or the connection says.
pub async fn free_connections(lane: &mut Lane) -> Result<usize> {
    let rows = lane.execute(FREE).await.map_err(|error| error.context("counting free connections"))?;
    let value = rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
    Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0))
}
