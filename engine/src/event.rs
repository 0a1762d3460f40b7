//! News of a run, as data. Consumers (a progress display, JSON lines, a log) decide what to show.
//!
//! Events come at chunk granularity; what moves faster stands in [`Counters`], which a reporter samples at its own
//! pace. No event carries a row value or a secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::ids::DumpId;

/// One piece of news. Serialised with its name under `event`; new variants and fields may be added, existing ones
/// keep their meaning (docs/OPERATIONS.md).
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A phase of the run began: `connect`, `introspect`, `lock`, `plan`, `data`, `schema`, `commit`, `verify`, ….
    Phase {
        /// Name of the phase.
        name: &'static str,
    },
    /// The server a session reached.
    Server {
        /// `source` or `target`.
        role: &'static str,
        /// `server_version` text.
        version: String,
        /// Database name.
        database: String,
    },
    /// What is going to be moved.
    Planned {
        /// Dump that is written, restored or verified; none where a database is copied.
        #[serde(skip_serializing_if = "Option::is_none")]
        dump: Option<DumpId>,
        /// Tables with data.
        tables: u64,
        /// Chunks in all tables.
        chunks: u64,
        /// Estimated raw bytes (dump) or exact ones (restore, verify).
        bytes: u64,
        /// Chunks that an earlier run already finished.
        done_before: u64,
    },
    /// How many lanes `-j auto` came to.
    Jobs {
        /// Lanes.
        jobs: u32,
        /// What decided.
        reason: String,
    },
    /// A polite dump gives way to the source's own work, or comes back.
    Polite {
        /// Lanes that may copy at a time from now on.
        lanes: u32,
        /// Seconds each pauses before a chunk.
        pause: f64,
        /// Why.
        reason: String,
    },
    /// A lane did something from one moment to another, in seconds since the run began on a clock that only goes forward.
    /// Stints of one lane never overlap.
    Stint {
        /// The lane, from 0 on; which numbers do what stands in docs/OPERATIONS.md.
        lane: u32,
        /// What it did: `copy`, `store`, `load`, `check`, `statements`, or an entry's description such as `INDEX`.
        what: String,
        /// Of which table or object.
        name: String,
        /// Number of the chunk within its table, from 0.
        chunk: Option<u32>,
        /// Seconds since the run began.
        begin: f64,
        /// As `begin`.
        end: f64,
    },
    /// A table's first chunk began.
    TableStarted {
        /// Qualified name.
        table: String,
        /// Bytes as in `Planned`.
        bytes: u64,
    },
    /// A chunk is durable (dump), committed (restore) or checked (verify).
    ChunkDone {
        /// Qualified table name.
        table: String,
        /// Number of the chunk within its table, from 0.
        chunk: u32,
        /// Rows in it.
        rows: u64,
        /// Plaintext bytes.
        raw: u64,
        /// Stored bytes.
        stored: u64,
        /// True if an earlier run had stored or loaded it.
        reused: bool,
    },
    /// All chunks of a table are done.
    TableDone {
        /// Qualified table name.
        table: String,
        /// Rows in it.
        rows: u64,
    },
    /// A schema entry was applied on the target.
    EntryDone {
        /// `pg_restore -l` style description, e.g. `INDEX`.
        kind: String,
        /// Qualified name.
        name: String,
        /// How long the statement took.
        milliseconds: u64,
    },
    /// Something failed and is tried again.
    Retry {
        /// What is repeated.
        what: String,
        /// Which attempt follows, from 2.
        attempt: u32,
        /// Why.
        cause: String,
    },
    /// Worth a human's attention, without effect on the result.
    Warning {
        /// The text.
        message: String,
    },
    /// Something was not carried. Losses make the run end with exit code 3 unless allowed.
    Loss {
        /// Class of the object, e.g. `operator`.
        class: String,
        /// Its qualified name.
        name: String,
        /// Why it was left out.
        reason: String,
    },
    /// The manifest is stored: the dump exists.
    Committed {
        /// Its name.
        dump: DumpId,
    },
}

/// Receives events, from several tasks at once; must not block.
pub trait Observer: Send + Sync {
    /// Called for each event in the order the run produced them.
    fn event(&self, event: &Event);
}

/// Ignores everything.
#[derive(Debug, Default)]
pub struct Quiet;

impl Observer for Quiet {
    fn event(&self, _event: &Event) {}
}

/// Fast-moving totals, sampled by reporters.
#[derive(Debug, Default)]
pub struct Counters {
    /// Plaintext bytes read from or sent to the server.
    pub raw_bytes: AtomicU64,
    /// Bytes written to or read from the store.
    pub stored_bytes: AtomicU64,
    /// Rows read or loaded.
    pub rows: AtomicU64,
    /// Chunks finished.
    pub chunks: AtomicU64,
}

impl Counters {
    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    /// Reads a counter.
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

/// The way out for news: cheap to clone, handed to every task of a run.
#[derive(Clone)]
pub struct News {
    observer: Arc<dyn Observer>,
    /// Totals of this run.
    pub counters: Arc<Counters>,
}

impl News {
    /// News for one run.
    pub fn new(observer: Arc<dyn Observer>) -> Self {
        Self { observer, counters: Arc::default() }
    }

    /// News nobody reads.
    pub fn quiet() -> Self {
        Self::new(Arc::new(Quiet))
    }

    /// Tells an event.
    pub fn tell(&self, event: Event) {
        self.observer.event(&event);
    }
}

impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("News").field("counters", &self.counters).finish_non_exhaustive()
    }
}
