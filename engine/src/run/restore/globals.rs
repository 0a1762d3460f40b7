//! `--globals`: the cluster's own objects, made before anything that may name them.
//!
//! All of it is one transaction, but for `CREATE TABLESPACE`, which runs in none. The target is looked at first, and only
//! what it lacks is made ([`crate::plan::globals`]): interrupted, the same command goes on.

use super::cargo::Cargo;
use super::{cancelled, open_lane};
use crate::catalog::Globals;
use crate::connect::{self, ConnectOptions, Role, Session};
use crate::ddl::{Dialect, Entry, EntryKind};
use crate::error::Result;
use crate::event::Event;
use crate::introspect::{self, Features, IntrospectError};
use crate::plan::globals::{self as planning, GlobalsInput, GlobalsPlan, LeaveOut};
use crate::run::options::{RestoreOptions, Surroundings};
use crate::source::settings;
use crate::target::apply;
use crate::target::facts::Known;
use crate::target::prepared::{Lost, Prepared, Rules, display_name};
use crate::target::settings::Writing;

/// What was done about the cluster's objects.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Entries that ran.
    pub(super) entries: u64,
    /// What was not carried.
    pub(super) lost: Vec<Lost>,
}

/// What would be done: reads the target, writes nothing.
pub(super) async fn plan(cargo: &Cargo, connect: &ConnectOptions, options: &RestoreOptions) -> Result<GlobalsPlan> {
    let wanted = cargo.globals()?;
    let session = connect::session(connect, Role::Target).await?;
    let found = look(&session, wanted.passwords).await.map_err(|error| error.context("looking at the cluster"))?;
    let plan = planning::plan(GlobalsInput {
        dump: wanted,
        target: &found.globals,
        dialect: Dialect { target: session.version() },
        connected: &found.connected,
        leave_out: LeaveOut {
            owner: options.no_owner,
            privileges: options.no_privileges,
            comments: options.no_comments,
            labels: options.no_security_labels,
            tablespaces: options.no_tablespaces,
        },
        list: options.filters.list.as_deref(),
    });
    session.close().await;
    Ok(plan)
}

/// A cluster as it was found.
struct Found {
    globals: Globals,
    connected: String,
}

async fn look(session: &Session, passwords: bool) -> Result<Found> {
    let failed = |error| IntrospectError::Query(error).of(Role::Target);
    session.batch_execute(&settings::reading(session.version(), false)).await.map_err(failed)?;
    let row = session.query_one("SELECT session_user::pg_catalog.text", &[]).await.map_err(failed)?;
    let features = Features::of(session.version());
    let client = introspect::Client::of(session);
    let globals = match introspect::globals::read(&client, &features, passwords).await {
        // Roles can be made without seeing the passwords of others.
        Err(IntrospectError::Passwords(_)) => introspect::globals::read(&client, &features, false).await,
        other => other,
    };
    Ok(Found { globals: globals.map_err(|error| error.of(Role::Target))?, connected: row.get(0) })
}

/// Makes what is missing; what fails is lost, unless the user wants to stop at the first.
pub(super) async fn make(
    cargo: &Cargo,
    connect: &ConnectOptions,
    options: &RestoreOptions,
    around: &Surroundings,
) -> Result<Made> {
    around.news.tell(Event::Phase { name: "globals" });
    let plan = plan(cargo, connect, options).await?;
    let mut made = Made::default();
    made.lose(plan.losses.into_iter().map(|(class, name, reason)| Lost { class, name, reason }), around);
    let writing = Writing { role: options.role.clone(), ..Writing::default() };
    let mut lane = open_lane(connect, &writing).await?;
    let rules = Rules { exit_on_error: options.exit_on_error, ..Rules::default() };
    // From here on it is a matter of moments, and a tablespace should get its privileges too: no stop in between.
    if around.stop.is_cancelled() {
        return Err(cancelled());
    }
    // What cannot stand in a transaction is alone.
    for batch in plan.entries.chunk_by(|a, b| !is_outside(a) && !is_outside(b)) {
        let prepared: Vec<Prepared> =
            batch.iter().map(|entry| Prepared::new(entry, rules, &Known::default())).collect();
        let applied = match prepared.as_slice() {
            [alone] if is_outside(&batch[0]) => apply::run_outside(&mut lane, alone, rules).await?,
            together => apply::run_together(&mut lane, together, rules).await?,
        };
        made.lose(applied.lost.into_iter(), around);
        made.entries += batch.len() as u64;
        for entry in batch {
            let name = display_name(entry);
            around.news.tell(Event::EntryDone { kind: entry.desc.clone(), name, milliseconds: 0 });
        }
    }
    lane.close().await;
    Ok(made)
}

/// `CREATE TABLESPACE` runs in no transaction.
fn is_outside(entry: &Entry) -> bool {
    entry.kind == EntryKind::Create && entry.desc == "TABLESPACE"
}

impl Made {
    /// Remembers and tells.
    pub(super) fn lose(&mut self, lost: impl Iterator<Item = Lost>, around: &Surroundings) {
        for lost in lost {
            let Lost { class, name, reason } = lost.clone();
            around.news.tell(Event::Loss { class, name, reason });
            self.lost.push(lost);
        }
    }
}
