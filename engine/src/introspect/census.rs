//! What is in the database and not in the model (promise 10).
//!
//! Every row a user made, in every system catalog that has OIDs, is either an object of the model, a part of one
//! (internal to it, member of an extension, a partition's copy), or named here. A catalog this version has never heard
//! of is asked as well.

use std::collections::HashSet;

use serde::Deserialize;
use tokio_postgres::Client;

use super::IntrospectError;
use super::rows::rows;
use crate::catalog::{Class, Object, ObjectId, Unsupported};
use crate::ids::Oid;

/// Catalogs whose rows are no objects of a database: parts of other objects, or the cluster's.
const NOT_COUNTED: [&str; 14] = [
    "pg_amop",
    "pg_amproc",
    "pg_auth_members",
    "pg_authid",
    "pg_database",
    "pg_enum",
    "pg_largeobject",
    "pg_largeobject_metadata",
    "pg_parameter_acl",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_statistic_ext_data",
    "pg_tablespace",
    "pg_user_mapping",
];

#[derive(Deserialize)]
struct CatalogRow {
    name: String,
}

#[derive(Deserialize)]
struct Row {
    catalog: String,
    oid: u32,
}

#[derive(Deserialize)]
struct IdentityRow {
    class: Option<String>,
    identity: Option<String>,
    catalog: String,
    oid: u32,
}

/// Finds what the model lacks, in a deterministic order.
pub async fn read(client: &Client, objects: &[Object]) -> Result<Vec<Unsupported>, IntrospectError> {
    let catalogs = rows::<CatalogRow>(client, "system catalogs", CATALOGS).await?;
    let asked = catalogs.iter().filter(|row| !NOT_COUNTED.contains(&row.name.as_str())).map(|row| question(&row.name));
    let found = rows::<Row>(client, "the census", &asked.collect::<Vec<_>>().join(" UNION ALL ")).await?;
    let known: HashSet<ObjectId> = objects.iter().map(|object| object.id).collect();
    let missing: Vec<Row> = found.into_iter().filter(|row| !is_known(row, &known)).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let list = missing.iter().map(|row| format!("('{}', {})", row.catalog, row.oid)).collect::<Vec<_>>();
    let query = format!(
        "SELECT x.type AS class, x.identity, v.catalog, v.oid FROM (VALUES {}) v(catalog, oid)
          CROSS JOIN LATERAL pg_catalog.pg_identify_object(
                ('pg_catalog.' || v.catalog)::pg_catalog.regclass, v.oid::pg_catalog.oid, 0) x
          WHERE x.schema IS NULL OR x.schema !~ '^pg_(toast|temp)'",
        list.join(", ")
    );
    let mut unsupported: Vec<Unsupported> =
        rows::<IdentityRow>(client, "the census", &query).await?.into_iter().map(named).collect();
    unsupported.sort();
    Ok(unsupported)
}

/// Catalogs with OIDs, by name.
const CATALOGS: &str = "SELECT c.relname AS name FROM pg_catalog.pg_class c
   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'oid' AND a.attnum > 0
  WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind = 'r' ORDER BY c.relname";

/// The rows of a catalog that users made and that are no part of something else.
fn question(catalog: &str) -> String {
    let own = match catalog {
        "pg_class" => "o.relnamespace <> 'pg_toast'::pg_catalog.regnamespace AND o.relpersistence <> 't'",
        "pg_constraint" => "o.contype <> 't'",
        "pg_trigger" => "NOT o.tgisinternal",
        "pg_rewrite" => "o.rulename <> '_RETURN'",
        "pg_namespace" => "o.nspname !~ '^pg_(toast|temp)'",
        "pg_subscription" => {
            "o.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d
                           WHERE d.datname = pg_catalog.current_database())"
        }
        _ => "true",
    };
    format!(
        "SELECT '{catalog}' AS catalog, o.oid::int8 AS oid FROM pg_catalog.{catalog} o
          WHERE o.oid >= 16384 AND {own}
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                             WHERE d.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND d.objid = o.oid
                               AND d.objsubid = 0 AND d.deptype IN ('i', 'e', 'P', 'S'))"
    )
}

fn is_known(row: &Row, known: &HashSet<ObjectId>) -> bool {
    Class::of_catalog(&row.catalog).is_some_and(|class| known.contains(&ObjectId { class, oid: Oid(row.oid) }))
}

fn named(row: IdentityRow) -> Unsupported {
    Unsupported { class: row.class.unwrap_or(row.catalog), name: row.identity.unwrap_or_else(|| row.oid.to_string()) }
}
