//! What a run is asked to do: plain values with public defaults; no clap, no files, no environment.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::memory::Memory;
use crate::error::{Error, Result};
use crate::event::News;
use crate::limits;
use crate::plan::copy_format::CopyFormatChoice;
use crate::plan::select::{Filters, RestoreFilters};

/// What every verb that works for a while is given besides its own options.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The way out for events and counters.
    pub news: News,
    /// Cancelled when the user wants to stop: the run ends at the next safe point with `Kind::Cancelled`.
    pub stop: CancellationToken,
}

impl Surroundings {
    /// Gives way when the user wants to stop: then the error is what `stopped` says.
    pub(in crate::run) async fn unless_stopped<T>(
        &self,
        stopped: fn() -> Error,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(stopped()),
            done = work => done,
        }
    }

    /// Surroundings nobody listens to and nobody stops.
    pub fn quiet() -> Self {
        Self { news: News::quiet(), stop: CancellationToken::new() }
    }
}

/// Options of a dump.
#[derive(Clone, Debug)]
pub struct DumpOptions {
    /// Lanes: connections that copy at a time, 1 to [`limits::LANES_MAX`].
    pub jobs: usize,
    /// `-j auto`: at most `jobs` lanes, as many as suit the server, this machine, the memory and the work
    /// ([`crate::plan::jobs`]).
    pub auto_jobs: bool,
    /// zstd level, 1 to 19.
    pub level: i32,
    /// Which objects and data.
    pub filters: Filters,
    /// Text, binary, or the faster one that is exact.
    pub copy_format: CopyFormatChoice,
    /// Memory the run may use.
    pub memory: Memory,
    /// `--lock-wait-timeout`: how long to wait for table locks; `None` waits for ever.
    pub lock_wait: Option<Duration>,
    /// How long the snapshot may be held before the run gives up (protects the source from bloat); `None` is for ever.
    pub snapshot_age: Option<Duration>,
    /// `SET ROLE` on the source.
    pub role: Option<String>,
    /// Dump what row-level security lets us see instead of failing (`--enable-row-security`).
    pub row_security: bool,
    /// Raw bytes a chunk aims for, between [`limits::CHUNK_TARGET_MIN`] and [`limits::CHUNK_TARGET_MAX`]. A table
    /// dumped before keeps its grid while that is within a factor of four, so that unchanged chunks are found again.
    pub chunk_target: u64,
    /// `--rate-limit`: COPY data per second read from the source by all lanes together, bytes.
    pub rate_limit: Option<u64>,
    /// `--polite`: gives way when the source has other work.
    pub polite: Option<Polite>,
    /// `--globals`: the cluster's roles, memberships, settings, tablespaces and privileges on parameters too.
    pub globals: bool,
    /// `--role-passwords`: with the hashes of passwords; only with `globals`.
    pub role_passwords: bool,
    /// The command line's filters and switches, for the record in the contents; never secrets.
    pub record: Vec<String>,
}

/// What the source may bear before a polite dump gives way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Polite {
    /// Replication lag: of the standbys behind the source, or of the source if it is one.
    pub max_lag: Duration,
    /// Backends other than the dump's that work; `None` is as many as the server's `max_parallel_workers`, which grows with
    /// the cores where anybody cared.
    pub max_active: Option<u32>,
}

impl Default for Polite {
    fn default() -> Self {
        Self { max_lag: Duration::from_secs(30), max_active: None }
    }
}

impl Default for DumpOptions {
    fn default() -> Self {
        Self {
            jobs: 4,
            auto_jobs: false,
            level: 3,
            filters: Filters::default(),
            copy_format: CopyFormatChoice::Auto,
            memory: Memory::default(),
            lock_wait: None,
            snapshot_age: None,
            role: None,
            row_security: false,
            chunk_target: limits::CHUNK_TARGET,
            rate_limit: None,
            polite: None,
            globals: false,
            role_passwords: false,
            record: Vec::new(),
        }
    }
}

/// Options of a restore, named after pg_restore's.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// Lanes.
    pub jobs: usize,
    /// `-j auto`, as in [`DumpOptions::auto_jobs`].
    pub auto_jobs: bool,
    /// `--rate-limit`: COPY data per second written to the target by all lanes together, bytes.
    pub rate_limit: Option<u64>,
    /// Memory the run may use.
    pub memory: Memory,
    /// Which entries, schemas, tables, sections.
    pub filters: RestoreFilters,
    /// `--clean`: drop first.
    pub clean: bool,
    /// `--if-exists` with `--clean`; what is not there is never minded (docs/decisions).
    pub if_exists: bool,
    /// `--create`: create the database (the connection names another one).
    pub create: bool,
    /// `--globals`: first make what the target lacks of the dump's cluster-wide objects.
    pub globals: bool,
    /// `--no-owner`.
    pub no_owner: bool,
    /// `--no-privileges`.
    pub no_privileges: bool,
    /// `--role`: `SET ROLE` first.
    pub role: Option<String>,
    /// `--disable-triggers` for data-only restores.
    pub disable_triggers: bool,
    /// `--exit-on-error`.
    pub exit_on_error: bool,
    /// `--no-comments`.
    pub no_comments: bool,
    /// `--no-publications`.
    pub no_publications: bool,
    /// `--no-subscriptions`.
    pub no_subscriptions: bool,
    /// `--no-security-labels`.
    pub no_security_labels: bool,
    /// `--no-statistics`.
    pub no_statistics: bool,
    /// `--no-tablespaces`.
    pub no_tablespaces: bool,
    /// Only plan.
    pub dry_run: bool,
    /// Restore into a target that already has objects of its own.
    pub allow_non_empty: bool,
    /// Skip the fingerprint check at the end.
    pub no_check: bool,
    /// `host:port/database` or database names that are never restored into.
    pub protected: BTreeSet<String>,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self {
            jobs: 4,
            auto_jobs: false,
            rate_limit: None,
            memory: Memory::default(),
            filters: RestoreFilters::default(),
            clean: false,
            if_exists: false,
            create: false,
            globals: false,
            no_owner: false,
            no_privileges: false,
            role: None,
            disable_triggers: false,
            exit_on_error: false,
            no_comments: false,
            no_publications: false,
            no_subscriptions: false,
            no_security_labels: false,
            no_statistics: false,
            no_tablespaces: false,
            dry_run: false,
            allow_non_empty: false,
            no_check: false,
            protected: BTreeSet::new(),
        }
    }
}

/// Options of a copy from one database into another: a dump's for the source, a restore's for the target.
#[derive(Clone, Debug, Default)]
pub struct CopyOptions {
    /// What is read and how. Level, memory, lanes and record are not used.
    pub source: DumpOptions,
    /// What becomes of the target, how many lanes work, in how much memory. Its filters stay empty: the source's choose.
    pub target: RestoreOptions,
}

/// Options of a comparison.
#[derive(Clone, Debug)]
pub struct DiffOptions {
    /// Compare schemas.
    pub schema: bool,
    /// Compare rows, positions of sequences and contents of materialized views.
    pub data: bool,
    /// Tables of a live database read at a time.
    pub jobs: usize,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self { schema: true, data: true, jobs: 4 }
    }
}

/// Options of a verification.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// Objects (or tables) checked at a time.
    pub jobs: usize,
    /// `-j auto`, as in [`DumpOptions::auto_jobs`].
    pub auto_jobs: bool,
    /// Memory the run may use, bytes.
    pub memory: u64,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { jobs: 4, auto_jobs: false, memory: limits::MEMORY_BUDGET }
    }
}
