//! Foreign-data wrappers, servers and user mappings.

use serde::Deserialize;

use super::named::{Named, function, options};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::foreign::{ForeignDataWrapper, ForeignServer, Options, UserMapping};
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Reads wrappers, servers and mappings.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let queries = (wrappers(), servers(), mappings());
    let (wrappers, servers, mappings) = futures_util::try_join!(
        rows::<Named<WrapperRow>>(client, "foreign-data wrappers", &queries.0),
        rows::<Named<ServerRow>>(client, "foreign servers", &queries.1),
        rows::<Named<MappingRow>>(client, "user mappings", &queries.2)
    )?;
    let wrappers = wrappers.into_iter().map(wrapper);
    Ok(wrappers.chain(servers.into_iter().map(server)).chain(mappings.into_iter().map(mapping)).collect())
}

#[derive(Deserialize)]
struct WrapperRow {
    handler: Option<String>,
    validator: Option<String>,
    options: Option<Options>,
}

fn wrappers() -> String {
    format!(
        "SELECT w.oid::int8 AS oid, NULL AS schema, w.fdwname AS name, {} AS handler, {} AS validator, {} AS options
           FROM pg_catalog.pg_foreign_data_wrapper w WHERE w.oid >= 16384 ORDER BY w.fdwname",
        function("w.fdwhandler"),
        function("w.fdwvalidator"),
        options("w.fdwoptions"),
    )
}

fn wrapper(row: Named<WrapperRow>) -> Object {
    row.object(Class::ForeignDataWrapper, |row| {
        Body::ForeignDataWrapper(ForeignDataWrapper {
            handler: row.handler,
            validator: row.validator,
            options: row.options.unwrap_or_default(),
        })
    })
}

#[derive(Deserialize)]
struct ServerRow {
    wrapper: String,
    kind: Option<String>,
    version: Option<String>,
    options: Option<Options>,
}

fn servers() -> String {
    format!(
        "SELECT s.oid::int8 AS oid, NULL AS schema, s.srvname AS name, w.fdwname AS wrapper, s.srvtype AS kind,
                s.srvversion AS version, {} AS options
           FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
          WHERE s.oid >= 16384 ORDER BY s.srvname",
        options("s.srvoptions"),
    )
}

fn server(row: Named<ServerRow>) -> Object {
    row.object(Class::ForeignServer, |row| {
        Body::ForeignServer(ForeignServer {
            wrapper: row.wrapper,
            kind: row.kind,
            version: row.version,
            options: row.options.unwrap_or_default(),
        })
    })
}

#[derive(Deserialize)]
struct MappingRow {
    server: String,
    server_oid: u32,
    user: Option<String>,
    readable: bool,
    options: Option<Options>,
}

/// The view shows options only to whom they belong; the same rule tells whether "none" means "none".
fn mappings() -> String {
    format!(
        "SELECT m.umid::int8 AS oid, NULL AS schema, coalesce(r.rolname, 'public') AS name, m.srvname AS server,
                m.srvid::int8 AS server_oid, r.rolname AS user, {} AS options,
                m.umoptions IS NOT NULL OR pg_catalog.current_setting('is_superuser') = 'on'
                  OR (m.umuser = 0 AND pg_catalog.pg_has_role(s.srvowner, 'USAGE'))
                  OR (m.umuser <> 0 AND r.rolname = current_user
                      AND (pg_catalog.pg_has_role(s.srvowner, 'USAGE')
                           OR pg_catalog.has_server_privilege(s.oid, 'USAGE'))) AS readable
           FROM pg_catalog.pg_user_mappings m
           JOIN pg_catalog.pg_foreign_server s ON s.oid = m.srvid
           LEFT JOIN pg_catalog.pg_roles r ON r.oid = m.umuser
          WHERE m.umid >= 16384 ORDER BY m.srvname, m.umuser <> 0, r.rolname",
        options("m.umoptions"),
    )
}

fn mapping(row: Named<MappingRow>) -> Object {
    let parent = ObjectId { class: Class::ForeignServer, oid: Oid(row.rest.server_oid) };
    let mut object = row.object(Class::UserMapping, |row| {
        let options = row.readable.then(|| row.options.unwrap_or_default());
        Body::UserMapping(UserMapping { server: row.server, user: row.user, options })
    });
    object.parent = Some(parent);
    object
}
