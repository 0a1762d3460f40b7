//! `--create`: the database itself, made from a connection to another one.

use super::cargo::Cargo;
use super::globals::{self, Made};
use super::open_lane;
use super::prepare::{Target, table_of_contents};
use crate::connect::{ConnectOptions, Lane};
use crate::ddl::{Entry, EntryKind};
use crate::error::{Error, Kind, Result};
use crate::run::options::{RestoreOptions, Surroundings};
use crate::sql;
use crate::target::apply::Rules;
use crate::target::guards;
use crate::target::progress::SCHEMA;
use crate::target::settings::Writing;

/// Makes the dump's database beside the one `connect` names, or finds the one an interrupted run has made; before it, with
/// `--globals`, the roles and tablespaces it may need.
pub(super) async fn create(
    cargo: &Cargo,
    connect: &ConnectOptions,
    options: &RestoreOptions,
    around: &Surroundings,
    made: &mut Made,
) -> Result<Target> {
    let name = &cargo.contents.catalog.database.name;
    let target = connect.with_database(name);
    guards::refuse_protected(&target.describe(), name, &options.protected)?;
    around.news.tell(crate::event::Event::Phase { name: "create" });
    let writing = Writing { role: options.role.clone(), ..Writing::default() };
    let mut lane = open_lane(connect, &writing).await?;
    let exists = exists(&mut lane, name).await?;
    let unfinished = exists && is_unfinished(&target, &writing).await?;
    if exists && !unfinished && !options.clean {
        return Err(Error::new(Kind::Target, format!("database {name} exists already"))
            .hint("Use --clean to drop it first, or restore into an empty database without --create."));
    }
    if options.globals {
        *made = globals::make(cargo, connect, options, around).await?;
    }
    if unfinished {
        return Ok(Target { connect: target, fresh: false });
    }
    let entry = entry(cargo, &lane)?;
    if exists {
        let drop = format!("DROP DATABASE {}", sql::quote_ident(name));
        lane.execute(&drop).await.map_err(|error| error.context(format!("dropping database {name}")))?;
    }
    let rules = Rules { no_owner: options.no_owner, ..Rules::default() };
    // CREATE DATABASE runs in no transaction: each statement on its own.
    for statement in entry.create.iter().chain(entry.set_owner.as_ref().filter(|_| !rules.no_owner)) {
        lane.execute(statement).await.map_err(|error| error.context(format!("creating database {name}")))?;
    }
    lane.close().await;
    Ok(Target { connect: target, fresh: true })
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
