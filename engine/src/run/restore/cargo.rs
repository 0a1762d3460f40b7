//! What is restored: a dump's contents, or those of a database that is being copied.

use std::sync::Arc;

use crate::catalog::Globals;
use crate::error::{Error, Kind, Result};
use crate::format::contents::Contents;
use crate::run::opened::OpenedDump;

/// Everything about the freight but its rows.
#[derive(Clone)]
pub(in crate::run) struct Cargo {
    /// Schema, tables and chunks. Of a copy, rows and bytes are estimates until they were read.
    pub(in crate::run) contents: Arc<Contents>,
    /// Where it comes from: an interrupted run that came from elsewhere is not continued.
    pub(in crate::run) mark: String,
    /// Choices besides the restore's own options that decide what is done.
    pub(in crate::run) choices: String,
    /// It was filtered before it came here: other things in the target are natural.
    pub(in crate::run) partial: bool,
    /// The dump, if it is one.
    pub(in crate::run) dump: Option<OpenedDump>,
}

impl Cargo {
    /// A dump.
    pub(super) fn of(dump: &OpenedDump) -> Self {
        Self {
            contents: Arc::clone(&dump.contents),
            mark: dump.contents.header.dump.to_string(),
            choices: String::new(),
            partial: false,
            dump: Some(dump.clone()),
        }
    }

    /// The cluster-wide objects it holds.
    ///
    /// # Errors
    /// `Kind::Usage` if it holds none.
    pub(super) fn globals(&self) -> Result<&Globals> {
        match &self.dump {
            Some(dump) => dump.globals(),
            None => {
                let none = || Error::new(Kind::Bug, "a copy without the cluster-wide objects that were asked for");
                self.contents.catalog.globals.as_ref().ok_or_else(none)
            }
        }
    }

    /// What its rows are called in messages.
    pub(super) fn origin(&self) -> &'static str {
        if self.dump.is_some() { "dump" } else { "source" }
    }
}
