//! A restore that is repeated after its end.
//!
//! The last transaction takes the progress away. Whoever was cut off before hearing of its commit starts the same command
//! again and finds a full database that says nothing of us. If it has every relation of the dump, it is compared with the
//! dump, schema and rows; where nothing differs, nothing is left to do.

use std::collections::BTreeSet;

use super::cargo::Cargo;
use crate::connect::ConnectOptions;
use crate::error::{Kind, Result};
use crate::event::Event;
use crate::run::diff;
use crate::run::options::{DiffOptions, RestoreOptions, Surroundings};
use crate::source::lane::LaneOptions;

/// Schema and name of a relation.
pub(super) type Name = (String, String);

/// Whether the target is what a whole restore of the dump would make of it. Reads every row, but only where the target has
/// all of the dump's relations.
///
/// # Errors
/// `Kind::Cancelled` when the user stops; whatever else keeps us from comparing is no reason to go on.
pub(super) async fn is_done(
    cargo: &Cargo,
    (created, there): (&[Name], &BTreeSet<Name>),
    target: &ConnectOptions,
    options: &RestoreOptions,
    around: &Surroundings,
) -> Result<bool> {
    // A source may have changed since it was copied: only a dump can be compared with.
    let Some(dump) = &cargo.dump else { return Ok(false) };
    let filters = &options.filters;
    let whole = !filters.schema_only && !filters.data_only && filters.sections.is_empty();
    if !whole || created.is_empty() || !created.iter().all(|name| there.contains(name)) {
        return Ok(false);
    }
    let message = "the target has all relations of the dump: comparing both".to_owned();
    around.news.tell(Event::Warning { message });
    let database = LaneOptions { connect: target.clone(), role: options.role.clone(), row_security: false };
    let how = DiffOptions { jobs: options.jobs, ..DiffOptions::default() };
    match Box::pin(diff::database(dump, &database, &how, around)).await {
        Ok(report) => Ok(!report.differs() && report.is_complete()),
        Err(error) if error.kind() == Kind::Cancelled => {
            Err(error.hint("Nothing was changed: run the same command again to compare again."))
        }
        // Then the target is refused for what it has, whatever kept us from comparing it.
        Err(_) => Ok(false),
    }
}
