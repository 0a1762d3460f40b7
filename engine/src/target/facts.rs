//! What a target says of itself before anything is written.

use std::collections::BTreeSet;

use super::progress::{SCHEMA, single};
use crate::connect::Lane;
use crate::error::{Error, Kind, Result};
use crate::ids::ServerVersion;

/// A target as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetFacts {
    /// Its version.
    pub version: ServerVersion,
    /// `server_version`.
    pub version_text: String,
    /// Name of the database.
    pub database: String,
    /// Encoding of the database.
    pub encoding: String,
    /// It is a standby.
    pub standby: bool,
    /// Names that statements may refer to.
    pub known: Known,
    /// Relations users made: schema and name.
    pub relations: BTreeSet<(String, String)>,
    /// Other things users made (schemas with something in them, functions, types), for the message; at most a few.
    pub others: Vec<String>,
}

/// Cluster-wide names that a restore cannot make.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// Roles.
    pub roles: BTreeSet<String>,
    /// Tablespaces.
    pub tablespaces: BTreeSet<String>,
    /// Table access methods.
    pub access_methods: BTreeSet<String>,
    /// Schemas of the database without anything in them: they are no content, and are taken over.
    pub empty_schemas: BTreeSet<String>,
}

const SYSTEM: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Reads the facts.
pub async fn read(lane: &mut Lane) -> Result<TargetFacts> {
    facts(lane).await.map_err(|error| error.context("looking at the target"))
}

async fn facts(lane: &mut Lane) -> Result<TargetFacts> {
    let sql = "SELECT pg_catalog.current_database(), pg_catalog.getdatabaseencoding(), pg_catalog.pg_is_in_recovery(), \
               pg_catalog.current_setting('server_version')";
    let row = lane.execute(sql).await?.into_iter().next().unwrap_or_default();
    let Ok([Some(database), Some(encoding), Some(standby), Some(version_text)]) = <[Option<String>; 4]>::try_from(row)
    else {
        return Err(Error::new(Kind::Target, "the server answered a query without a row"));
    };
    Ok(TargetFacts {
        version: lane.version(),
        version_text,
        database,
        encoding,
        standby: standby == "t",
        known: known(lane).await?,
        relations: relations(lane).await?,
        others: others(lane).await?,
    })
}

/// Reads the names that statements may refer to.
pub async fn known(lane: &mut Lane) -> Result<Known> {
    Ok(Known {
        roles: names(lane, "SELECT rolname FROM pg_catalog.pg_roles").await?,
        tablespaces: names(lane, "SELECT spcname FROM pg_catalog.pg_tablespace").await?,
        access_methods: names(lane, "SELECT amname FROM pg_catalog.pg_am WHERE amtype = 't'").await?,
        empty_schemas: names(lane, &format!("SELECT nspname FROM pg_catalog.pg_namespace n WHERE NOT {}", holds("n")))
            .await?,
    })
}

async fn names(lane: &mut Lane, sql: &str) -> Result<BTreeSet<String>> {
    Ok(lane.execute(sql).await?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

fn not_of_extension(catalog: &str, alias: &str) -> String {
    format!(
        "NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass \
         AND d.objid = {alias}.oid AND d.deptype = 'e')"
    )
}

/// Condition on a row of `pg_namespace`: there is something in the schema.
fn holds(alias: &str) -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refclassid = \
         'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = {alias}.oid)"
    )
}

async fn relations(lane: &mut Lane) -> Result<BTreeSet<(String, String)>> {
    let sql = format!(
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE {SYSTEM} AND n.nspname <> '{SCHEMA}' AND c.relkind IN ('r', 'v', 'm', 'S', 'f', 'p') AND {}",
        not_of_extension("pg_class", "c")
    );
    let pair = |row: Vec<Option<String>>| {
        let mut fields = row.into_iter().flatten();
        Some((fields.next()?, fields.next()?))
    };
    Ok(lane.execute(&sql).await?.into_iter().filter_map(pair).collect())
}

async fn others(lane: &mut Lane) -> Result<Vec<String>> {
    let sql = format!(
        "(SELECT 'schema ' || n.nspname FROM pg_catalog.pg_namespace n WHERE {SYSTEM} AND n.nspname NOT IN ('public', \
         '{SCHEMA}') AND {} AND {} LIMIT 3) UNION ALL \
         (SELECT 'function ' || n.nspname || '.' || p.proname FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n \
         ON n.oid = p.pronamespace WHERE {SYSTEM} AND {} LIMIT 3) UNION ALL \
         (SELECT 'type ' || n.nspname || '.' || t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n \
         ON n.oid = t.typnamespace WHERE {SYSTEM} AND t.typtype IN ('d', 'e', 'r') AND {} LIMIT 3)",
        not_of_extension("pg_namespace", "n"),
        holds("n"),
        not_of_extension("pg_proc", "p"),
        not_of_extension("pg_type", "t"),
    );
    Ok(lane.execute(&sql).await?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// Whether a table (qualified and quoted) has a row.
pub async fn has_rows(lane: &mut Lane, table: &str) -> Result<bool> {
    Ok(single(lane, &format!("SELECT EXISTS (SELECT FROM ONLY {table})")).await?.as_deref() == Some("t"))
}

/// User triggers that fire even with `session_replication_role = replica`, qualified.
pub async fn always_triggers(lane: &mut Lane) -> Result<Vec<String>> {
    let sql = "SELECT t.tgrelid::pg_catalog.regclass || '.' || pg_catalog.quote_ident(t.tgname) \
               FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled IN ('A', 'R') ORDER BY 1";
    Ok(names(lane, sql).await?.into_iter().collect())
}
