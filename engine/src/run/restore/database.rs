//! `--create`: the database itself, made from a connection to another one.

use super::cargo::Cargo;
use super::globals::{self, Made};
use super::open_lane;
use super::prepare::{Target, table_of_contents};
use crate::catalog::Database;
use crate::catalog::features::{Feature, Features};
use crate::connect::{self, ConnectOptions, Lane};
use crate::ddl::database::create_with_libc;
use crate::ddl::{Entry, EntryKind};
use crate::error::{Error, Kind, Result};
use crate::run::options::{RestoreOptions, Surroundings};
use crate::sql;
use crate::target::prepared::Lost;
use crate::target::progress::SCHEMA;
use crate::target::settings::Writing;
use crate::target::{facts, guards};

/// `datlocprovider` of ICU.
const ICU: char = 'i';

/// What a server that is built without something says when it is asked for it (manual: "PostgreSQL Error Codes").
const NOT_BUILT_IN: &str = "0A000";

/// Makes the dump's database beside the one `from` names, or finds the one an interrupted run has made; before it, with
/// `--globals`, the roles and tablespaces it may need.
pub(super) async fn create(
    cargo: &Cargo,
    from: &ConnectOptions,
    options: &RestoreOptions,
    around: &Surroundings,
    made: &mut Made,
) -> Result<Target> {
    let name = &cargo.contents.catalog.database.name;
    let target = from.with_database(name);
    guards::refuse_protected(&target.describe(), name, &options.protected)?;
    around.news.tell(crate::event::Event::Phase { name: "create" });
    let writing = Writing { role: options.role.clone(), ..Writing::default() };
    let mut lane = open_lane(from, &writing).await?;
    let database = &cargo.contents.catalog.database;
    let found = find(&mut lane, &target, database, &writing).await?;
    if found == Found::Other && !options.clean {
        return Err(Error::new(Kind::Target, format!("database {name} exists already"))
            .hint("Use --clean to drop it first, or restore into an empty database without --create."));
    }
    if options.globals {
        *made = globals::make(cargo, from, options, around).await?;
    }
    let entry = entry(cargo, &lane)?;
    if found == Found::Other {
        let drop = format!("DROP DATABASE {}", sql::quote_ident(name));
        lane.execute(&drop).await.map_err(|error| error.context(format!("dropping database {name}")))?;
    }
    if matches!(found, Found::Nothing | Found::Other) {
        make(&mut lane, &entry, database).await?;
    }
    if let Some(owner) = entry.set_owner.as_ref().filter(|_| found != Found::Begun && !options.no_owner) {
        lane.execute(owner).await.map_err(|error| told(database, error))?;
    }
    made.lose(lost(&mut lane, &entry, database).await?.into_iter(), around);
    lane.close().await;
    Ok(Target { connect: target, fresh: found != Found::Begun })
}

/// `CREATE DATABASE` runs in no transaction: each statement on its own.
async fn make(lane: &mut Lane, entry: &Entry, database: &Database) -> Result<()> {
    for statement in &entry.create {
        let Err(error) = lane.execute(statement).await else { continue };
        if database.locale_provider != ICU || connect::sqlstate(&error) != Some(NOT_BUILT_IN) {
            return Err(told(database, error));
        }
        let plain = create_with_libc(database, &Features::of(lane.version()));
        lane.execute(&plain).await.map_err(|error| told(database, error))?;
    }
    Ok(())
}

fn told(database: &Database, error: Error) -> Error {
    error.context(format!("creating database {}", database.name))
}

/// What the database lacks, as it stands: an interrupted run may have made it.
async fn lost(lane: &mut Lane, entry: &Entry, database: &Database) -> Result<Vec<Lost>> {
    let lose = |reason: String| Lost { class: entry.desc.clone(), name: entry.name.clone(), reason };
    let mut lost: Vec<Lost> = entry.losses.iter().cloned().map(lose).collect();
    if database.locale_provider == ICU && Features::of(lane.version()).has(Feature::DatabaseIcuLocale) {
        let name = sql::quote_literal(&database.name);
        let sql = format!("SELECT 1 FROM pg_catalog.pg_database WHERE datname = {name} AND datlocprovider <> 'i'");
        if !lane.execute(&sql).await?.is_empty() {
            let locale = database.locale.as_deref().unwrap_or_default();
            lost.push(lose(format!(
                "locale {locale} of provider icu: the server is built without ICU, and libc sorts instead. Restore into a \
                 server with ICU to keep the order of texts."
            )));
        }
    }
    Ok(lost)
}

fn entry(cargo: &Cargo, lane: &Lane) -> Result<Entry> {
    let toc = table_of_contents(cargo, lane.version())?;
    toc.entries
        .into_iter()
        .find(|entry| entry.kind == EntryKind::Database)
        .ok_or_else(|| Error::new(Kind::Bug, "nothing says how the database is made"))
}

/// What there is of the database before anything is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    /// No database of that name.
    Nothing,
    /// One that some restore has begun; which one is looked at later.
    Begun,
    /// An empty one that sorts and encodes as the dump's: a run was ended between making it and writing anything into it.
    Empty,
    /// Any other.
    Other,
}

async fn find(lane: &mut Lane, target: &ConnectOptions, database: &Database, writing: &Writing) -> Result<Found> {
    let text = sql::quote_literal;
    let sql = format!(
        "SELECT pg_catalog.pg_encoding_to_char(encoding) = {} AND datcollate = {} AND datctype = {}
           FROM pg_catalog.pg_database WHERE datname = {}",
        text(&database.encoding),
        text(&database.collate),
        text(&database.ctype),
        text(&database.name)
    );
    let Some(alike) = lane.execute(&sql).await?.into_iter().flatten().next() else { return Ok(Found::Nothing) };
    let mut inside = open_lane(target, writing).await?;
    let sql = format!("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = '{SCHEMA}'");
    let found = if !inside.execute(&sql).await?.is_empty() {
        Found::Begun
    } else {
        let facts = facts::read(&mut inside).await?;
        let empty = facts.relations.is_empty() && facts.others.is_empty();
        if empty && alike.as_deref() == Some("t") { Found::Empty } else { Found::Other }
    };
    inside.close().await;
    Ok(found)
}
