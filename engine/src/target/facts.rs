//! What a target says of itself before anything is written.

use std::collections::BTreeSet;

use super::progress::SCHEMA;
use crate::connect::{Lane, Rows};
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

/// One question each, all in one round trip.
async fn facts(lane: &mut Lane) -> Result<TargetFacts> {
    let sql = "SELECT pg_catalog.current_database(), pg_catalog.getdatabaseencoding(), pg_catalog.pg_is_in_recovery(), \
               pg_catalog.current_setting('server_version')";
    let questions = names_known().into_iter().chain([sql.to_owned(), relations(), others()]).collect::<Vec<_>>();
    let mut answers = lane.ask(&questions).await?.into_iter();
    let known = Known::of(&mut answers);
    let row = answers.next().into_iter().flatten().next().unwrap_or_default();
    let Ok([Some(database), Some(encoding), Some(standby), Some(version_text)]) = <[Option<String>; 4]>::try_from(row)
    else {
        return Err(Error::new(Kind::Target, "the server answered a query without a row"));
    };
    let pair = |row: Vec<Option<String>>| {
        let mut fields = row.into_iter().flatten();
        Some((fields.next()?, fields.next()?))
    };
    Ok(TargetFacts {
        version: lane.version(),
        version_text,
        database,
        encoding,
        standby: standby == "t",
        known,
        relations: answers.next().into_iter().flatten().filter_map(pair).collect(),
        others: first_column(answers.next()).collect(),
    })
}

/// Reads the names that statements may refer to.
pub async fn known(lane: &mut Lane) -> Result<Known> {
    Ok(Known::of(&mut lane.ask(&names_known()).await?.into_iter()))
}

/// The questions behind [`Known`], in the order of its fields.
fn names_known() -> [String; 4] {
    [
        "SELECT rolname FROM pg_catalog.pg_roles".to_owned(),
        "SELECT spcname FROM pg_catalog.pg_tablespace".to_owned(),
        "SELECT amname FROM pg_catalog.pg_am WHERE amtype = 't'".to_owned(),
        format!("SELECT nspname FROM pg_catalog.pg_namespace n WHERE NOT {}", holds("n")),
    ]
}

impl Known {
    /// Takes its answers.
    fn of(answers: &mut impl Iterator<Item = Rows>) -> Self {
        let mut next = || first_column(answers.next()).collect();
        Self { roles: next(), tablespaces: next(), access_methods: next(), empty_schemas: next() }
    }
}

fn first_column(rows: Option<Rows>) -> impl Iterator<Item = String> {
    rows.into_iter().flatten().filter_map(|row| row.into_iter().next().flatten())
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

fn relations() -> String {
    format!(
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE {SYSTEM} AND n.nspname <> '{SCHEMA}' AND c.relkind IN ('r', 'v', 'm', 'S', 'f', 'p') AND {}",
        not_of_extension("pg_class", "c")
    )
}

fn others() -> String {
    format!(
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
    )
}

/// Whether a table (qualified and quoted) has a row.
pub async fn has_rows(lane: &mut Lane, table: &str) -> Result<bool> {
    Ok(have_rows(lane, &[table.to_owned()]).await? == [true])
}

/// Tables that are looked at together; each is locked meanwhile.
const TOGETHER: usize = 200;

/// The same of many tables.
pub async fn have_rows(lane: &mut Lane, tables: &[String]) -> Result<Vec<bool>> {
    let mut have = Vec::with_capacity(tables.len());
    for tables in tables.chunks(TOGETHER) {
        let questions: Vec<String> =
            tables.iter().map(|table| format!("SELECT EXISTS (SELECT FROM ONLY {table})")).collect();
        let answers = lane.ask(&questions).await?.into_iter();
        have.extend(answers.map(|rows| first_column(Some(rows)).next().as_deref() == Some("t")));
    }
    Ok(have)
}

/// User triggers that fire even with `session_replication_role = replica`, qualified.
pub async fn always_triggers(lane: &mut Lane) -> Result<Vec<String>> {
    let sql = "SELECT t.tgrelid::pg_catalog.regclass || '.' || pg_catalog.quote_ident(t.tgname) \
               FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled IN ('A', 'R') ORDER BY 1";
    Ok(first_column(Some(lane.execute(sql).await?)).collect())
}
