//! The engine's one public error.
//!
//! Rules. Inner rooms keep small `thiserror` enums with typed fields and sources; at a room's front door they
//! become an [`Error`]: what happened, in which field of responsibility ([`Kind`]), what it is caused by, and one
//! hint that says what to do. Add context, never re-wrap. Texts are lower case without a full stop; hints are
//! sentences. No password, identity, connection secret or row value ever enters either. The command line turns
//! kinds into exit codes; the engine does not know them.

use std::error::Error as StdError;
use std::fmt;

/// Result of everything public in the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose field a failure lies in. Stable: scripts see it as the exit code and as `kind` in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A broken invariant of ours.
    Bug,
    /// The request cannot be meant: contradictory options, unknown names.
    Usage,
    /// The server that is read.
    Source,
    /// The server that is written.
    Target,
    /// The object store, its credentials or its capacity.
    Store,
    /// Recipients, identities, passphrases, writer keys, signatures by the wrong writer.
    Identity,
    /// The stored format: damaged syntax, unknown version or capability.
    Format,
    /// Content that does not match its digest, count or fingerprint.
    Verification,
    /// The user asked to stop.
    Cancelled,
}

/// What happened, why, and what to do.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    what: String,
    hint: Option<String>,
    retry: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A new error; `what` is lower case, without a full stop.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), hint: None, retry: false, source: None }
    }

    /// Names the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says what to do: one sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marks a failure that may pass when tried again (a lost connection, a server restarting).
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.retry = true;
        self
    }

    /// Puts a sentence of context in front: "dumping table x: …" keeps kind, hint and cause.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.what = format!("{context}: {}", self.what);
        self
    }

    /// Field of responsibility.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What happened, without causes.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do, if there is advice.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the same request may succeed when repeated.
    pub fn is_passing(&self) -> bool {
        self.retry
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
