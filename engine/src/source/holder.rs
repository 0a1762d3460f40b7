//! The snapshot's holder: one connection whose transaction exported the snapshot and keeps the locks.
//!
//! Manual: "Snapshot Synchronization Functions". An exported snapshot lives as long as this transaction; lanes and the
//! catalog reader may import it only meanwhile. The transaction is REPEATABLE READ and READ ONLY: that we never write is
//! the server's promise too. (Not SERIALIZABLE DEFERRABLE: it could wait for ever and does not exist on standbys.)
//!
//! The holder is a raw lane, so that it can copy a table itself when queued DDL keeps other lanes from locking it.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::{Mutex, MutexGuard};

use super::ahead::Ahead;
use super::error::{SourceError, failed};
use super::lane::{LaneOptions, SnapshotLane};
use super::reader::CatalogReader;
use super::settings;
use crate::catalog::features::{NEWEST_MAJOR, OLDEST_MAJOR};
use crate::connect::{self, CancelToken, Lane, Role, Session, pooler};
use crate::error::{Error, Kind, Result};
use crate::ids::ServerVersion;
use crate::limits::HEAP_PAGE;

/// From this size on, `pg_class` tells of so many relations (some ten thousand) that two sessions read the catalogs.
const LARGE_CATALOGS: u64 = 2 << 20;

/// How long small catalogs wait for a second reader. A server nearby gives one within some milliseconds; a pooler whose pool is empty
/// lets it wait for minutes.
const SECOND_READER_PATIENCE: Duration = Duration::from_millis(50);

/// What unqualified names mean to the connection, before that is changed.
const SEARCH_PATH: &str = "SELECT pg_catalog.array_to_json(pg_catalog.current_schemas(false))";

/// Owns the exporting transaction. Dropping it ends the transaction and the snapshot.
#[must_use]
pub struct Holder {
    lane: Mutex<Lane>,
    version: ServerVersion,
    snapshot: String,
    encoding: String,
    backend: Option<i32>,
    large_catalogs: bool,
    search_path: Vec<String>,
    since: Instant,
    options: LaneOptions,
    cancel: CancelToken,
    ahead: Ahead,
}

/// A session that is waiting for one of our locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Its server process.
    pub pid: i32,
    /// Table it wants.
    pub table: String,
    /// Lock mode it wants.
    pub mode: String,
}

/// Older servers answer some of our questions with errors, and read a whole table for every part of it.
fn refuse_unknown(version: ServerVersion) -> Result<()> {
    match version.major() {
        ..OLDEST_MAJOR => {
            Err(Error::new(Kind::Source, format!("the source runs PostgreSQL {version}, which is too old"))
                .hint("PostgreSQL 14 and newer are read: upgrade it, or dump it with the pg_dump of its own version."))
        }
        _ => Ok(()),
    }
}

fn refuse_pooler(lends: bool) -> Result<()> {
    if lends { Err(SourceError::TransactionPooler.into()) } else { Ok(()) }
}

/// What to say of a server that is newer than this version of ours.
pub fn news_of(version: ServerVersion) -> Option<String> {
    let what =
        "what it has besides is named as not carried where the catalogs show it, and may be lost where they do not";
    (version.major() > NEWEST_MAJOR).then(|| {
        format!("the source runs PostgreSQL {version}, which this version of pgfreight does not know: it is read as {NEWEST_MAJOR}, and {what}")
    })
}

impl Holder {
    /// Connects, refuses transaction poolers, begins, exports, and opens the catalog reader in the same snapshot.
    pub async fn open(options: &LaneOptions) -> Result<(Self, CatalogReader)> {
        let (session, mut lane) = connect::pair(&options.connect, Role::Source).await?;
        // Everything else goes to the very server that answered first: snapshots do not travel.
        let options = LaneOptions { connect: session.pinned(), ..options.clone() };
        let version = lane.version();
        refuse_unknown(version)?;
        let asked = pooler::ask(&mut lane, &session, Some(SEARCH_PATH)).await?;
        refuse_pooler(asked.shared())?;
        let exported = export(&mut lane, &options).await?;
        refuse_pooler(asked.moved(exported.backend.as_deref()))?;
        let reader = join(session, &options, (version, &exported.snapshot)).await?;
        let holder = Self {
            cancel: lane.cancel_token(),
            lane: Mutex::new(lane),
            version,
            snapshot: exported.snapshot,
            encoding: exported.encoding,
            backend: exported.backend.and_then(|pid| pid.parse().ok()),
            large_catalogs: exported.large_catalogs,
            search_path: asked.answer.and_then(|path| serde_json::from_str(&path).ok()).unwrap_or_default(),
            since: Instant::now(),
            options,
            ahead: Ahead::new(asked.trip, exported.bytes),
        };
        Ok((holder, reader))
    }

    /// Version of the server.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// The snapshot's exported name.
    pub fn snapshot(&self) -> &str {
        &self.snapshot
    }

    /// The database's encoding.
    pub fn encoding(&self) -> &str {
        &self.encoding
    }

    /// The server's process behind it.
    pub fn backend(&self) -> Option<i32> {
        self.backend
    }

    /// The connection's own search path before it was emptied: what unqualified table patterns see.
    pub fn search_path(&self) -> &[String] {
        &self.search_path
    }

    /// When the snapshot was taken.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The holder's own lane, for locks and for tables that nobody else can lock any more.
    pub async fn lane(&self) -> MutexGuard<'_, Lane> {
        self.lane.lock().await
    }

    /// Shows that the transaction lives, and who waits for its locks: run it every few seconds. A failure means that the
    /// snapshot is gone.
    pub async fn watch(&self) -> Result<Vec<Blocked>> {
        let sql = "SELECT w.pid, w.relation::pg_catalog.regclass, w.mode FROM pg_catalog.pg_locks w \
                   WHERE NOT w.granted AND w.relation IS NOT NULL \
                   AND pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(w.pid)) ORDER BY w.pid";
        let rows = self.lane.lock().await.execute(sql).await;
        let rows = rows.map_err(|error| error.context("keeping the snapshot"))?;
        Ok(rows.into_iter().filter_map(blocked).collect())
    }

    /// Ends what the holder is waiting for (a lock), so that an abandoned run leaves nothing queued on the server. It is
    /// an attempt: a failure changes nothing.
    pub async fn cancel(&self) {
        let _ = self.cancel.cancel().await;
    }

    /// A connection to the same server outside the snapshot, for looking at how the server is.
    pub async fn open_watcher(&self) -> Result<Lane> {
        let mut lane = connect::lane(&self.options.connect, Role::Source).await?;
        let entry = settings::reading(lane.version(), false);
        lane.execute(&entry).await.map_err(|error| error.context("preparing the watcher's connection"))?;
        Ok(lane)
    }

    /// Whether there is much to read in the catalogs.
    pub fn has_large_catalogs(&self) -> bool {
        self.large_catalogs
    }

    /// Connects a second reader in this snapshot: none comes where the server gives no further session, and one can read everything.
    /// Nothing at all where it saves no time: small catalogs far away.
    pub fn second_reader(&self) -> Option<impl Future<Output = Option<CatalogReader>> + Send + 'static> {
        let patience = match (self.large_catalogs, self.ahead.is_far()) {
            (true, _) => Duration::MAX,
            (false, false) => SECOND_READER_PATIENCE,
            (false, true) => return None,
        };
        let (options, version, snapshot) = (self.options.clone(), self.version, self.snapshot.clone());
        let opening = async move {
            let session = connect::session(&options.connect, Role::Source).await.ok()?;
            join(session, &options, (version, &snapshot)).await.ok()
        };
        Some(tokio::time::timeout(patience, opening).map(|opened| opened.ok().flatten()))
    }

    /// Begins to connect so many lanes, where that saves time: [`Self::open_lane`] then gives them out.
    pub fn open_lanes_ahead(&self, lanes: usize) {
        self.ahead.begin(&self.options, &self.snapshot, lanes);
    }

    /// Closes those of them that nobody is going to need.
    pub fn keep_lanes_ahead(&self, lanes: usize) {
        self.ahead.keep(lanes);
    }

    /// A new lane in this snapshot, one of so many that work side by side.
    pub async fn open_lane(&self, lanes: usize) -> Result<SnapshotLane> {
        if let Some(lane) = self.ahead.take().await {
            return Ok(lane);
        }
        SnapshotLane::open(&self.options, Some(&self.snapshot), lanes).await
    }
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A statement, if there is a role to take on.
fn set_role(options: &LaneOptions) -> String {
    let role = options.role.as_ref().map(|role| format!("SET ROLE {}; ", crate::sql::quote_ident(role)));
    role.unwrap_or_default()
}

/// Lets a session join the snapshot.
async fn join(
    session: Session,
    options: &LaneOptions,
    (version, snapshot): (ServerVersion, &str),
) -> Result<CatalogReader> {
    let entry = format!(
        "{}; {}; {}{BEGIN}; SET TRANSACTION SNAPSHOT {}",
        settings::reading(version, options.row_security),
        settings::ALONE,
        set_role(options),
        crate::sql::quote_literal(snapshot)
    );
    session.batch_execute(&entry).await.map_err(|error| failed("joining the snapshot", error))?;
    Ok(CatalogReader::new(session, options.role.is_none()))
}

/// What the exporting transaction says.
struct Exported {
    snapshot: String,
    encoding: String,
    /// The server's process.
    backend: Option<String>,
    large_catalogs: bool,
    /// About so much is there to copy.
    bytes: u64,
}

/// Begins the transaction and exports its snapshot: one text, one round trip. Whatever it sets it sets inside the transaction. Should
/// the process behind it be one that a pooler lent, nobody else meets it changed.
async fn export(lane: &mut Lane, options: &LaneOptions) -> Result<Exported> {
    let sql = format!(
        "{BEGIN}; {}; {}; {}SELECT pg_catalog.pg_export_snapshot(), pg_catalog.getdatabaseencoding(), pg_catalog.pg_backend_pid(), \
         pg_catalog.pg_relation_size('pg_catalog.pg_class'::pg_catalog.regclass), \
         (SELECT pg_catalog.sum(c.relpages) FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'm', 't'))",
        settings::reading(lane.version(), options.row_security),
        settings::UNCONVERTED,
        set_role(options)
    );
    let rows = lane.execute(&sql).await.map_err(|error| error.context("exporting a snapshot"))?;
    let number = |text: Option<String>| text.and_then(|text| text.parse().ok()).unwrap_or(0_u64);
    match rows.into_iter().next().map(<[Option<String>; 5]>::try_from) {
        Some(Ok([Some(snapshot), Some(encoding), backend, size, pages])) => Ok(Exported {
            snapshot,
            encoding,
            backend,
            large_catalogs: number(size) >= LARGE_CATALOGS,
            bytes: number(pages).saturating_mul(HEAP_PAGE),
        }),
        _ => Err(Error::new(Kind::Source, "the server answered a query without a row")),
    }
}

fn blocked(row: Vec<Option<String>>) -> Option<Blocked> {
    let mut fields = row.into_iter();
    let mut next = || fields.next().flatten();
    Some(Blocked { pid: next()?.parse().ok()?, table: next()?, mode: next()? })
}
