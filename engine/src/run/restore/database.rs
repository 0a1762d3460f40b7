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
use crate::target::apply::Lost;
use crate::target::guards;
use crate::target::progress::SCHEMA;
use crate::target::settings::Writing;

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
    let exists = exists(&mut lane, name).await?;
    let unfinished = exists && is_unfinished(&target, &writing).await?;
    if exists && !unfinished && !options.clean {
        return Err(Error::new(Kind::Target, format!("database {name} exists already"))
            .hint("Use --clean to drop it first, or restore into an empty database without --create."));
    }
    if options.globals {
        *made = globals::make(cargo, from, options, around).await?;
    }
    let entry = entry(cargo, &lane)?;
    let database = &cargo.contents.catalog.database;
    if !unfinished {
        if exists {
            let drop = format!("DROP DATABASE {}", sql::quote_ident(name));
            lane.execute(&drop).await.map_err(|error| error.context(format!("dropping database {name}")))?;
        }
        make(&mut lane, &entry, database, options.no_owner).await?;
    }
    made.lose(lost(&mut lane, &entry, database).await?.into_iter(), around);
    lane.close().await;
    Ok(Target { connect: target, fresh: !unfinished })
}

/// `CREATE DATABASE` runs in no transaction: each statement on its own.
async fn make(lane: &mut Lane, entry: &Entry, database: &Database, no_owner: bool) -> Result<()> {
    let told = |error: Error| error.context(format!("creating database {}", database.name));
    for statement in &entry.create {
        let Err(error) = lane.execute(statement).await else { continue };
        if database.locale_provider != ICU || connect::sqlstate(&error) != Some(NOT_BUILT_IN) {
            return Err(told(error));
        }
        let plain = create_with_libc(database, &Features::of(lane.version()));
        lane.execute(&plain).await.map_err(told)?;
    }
    if let Some(owner) = entry.set_owner.as_ref().filter(|_| !no_owner) {
        lane.execute(owner).await.map_err(told)?;
    }
    Ok(())
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

async fn exists(lane: &mut Lane, name: &str) -> Result<bool> {
    let sql = format!("SELECT 1 FROM pg_catalog.pg_database WHERE datname = {}", sql::quote_literal(name));
    Ok(!lane.execute(&sql).await?.is_empty())
}

/// Whether some restore has begun there; which one is looked at later.
async fn is_unfinished(target: &ConnectOptions, writing: &Writing) -> Result<bool> {
    let mut lane = open_lane(target, writing).await?;
    let sql = format!("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = '{SCHEMA}'");
    let found = !lane.execute(&sql).await?.is_empty();
    lane.close().await;
    Ok(found)
}
