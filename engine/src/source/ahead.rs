//! Lanes whose connections are made before there is something to copy.
//!
//! A connection takes several round trips, and a process of the server that begins. It is made while catalogs are read: to a server far
//! away in any case, nearby where there is so much to copy that every lane is going to be needed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::lane::{LaneOptions, SnapshotLane};
use crate::error::Result;
use crate::limits::CHUNK_TARGET;

/// A server is far away from so long a round trip on.
const FAR: Duration = Duration::from_millis(10);

type Opening = AbortOnDropHandle<Result<SnapshotLane>>;

/// Connections that are being made.
pub(super) struct Ahead {
    trip: Duration,
    bytes: u64,
    openings: Mutex<Vec<Opening>>,
}

impl Ahead {
    /// None yet, to a server so long a round trip away, which has about so many bytes to copy.
    pub(super) fn new(trip: Duration, bytes: u64) -> Self {
        Self { trip, bytes, openings: Mutex::default() }
    }

    /// Whether round trips are what costs most.
    pub(super) fn is_far(&self) -> bool {
        self.trip >= FAR
    }

    fn openings(&self) -> MutexGuard<'_, Vec<Opening>> {
        self.openings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to open lanes in a snapshot, where that saves time.
    pub(super) fn begin(&self, options: &LaneOptions, snapshot: &str, lanes: usize) {
        let needed = usize::try_from(self.bytes / CHUNK_TARGET).unwrap_or(usize::MAX);
        let ahead = if self.is_far() { lanes } else { lanes.min(needed) };
        let open = || {
            let (options, snapshot) = (options.clone(), snapshot.to_owned());
            tokio::spawn(async move { SnapshotLane::open(&options, Some(&snapshot), lanes).await })
        };
        self.openings().extend((0..ahead).map(|_| AbortOnDropHandle::new(open())));
    }

    /// Closes those beyond so many.
    pub(super) fn keep(&self, lanes: usize) {
        self.openings().truncate(lanes);
    }

    /// One of them, if it came about. Why it did not its user finds out with a connection of its own.
    pub(super) async fn take(&self) -> Option<SnapshotLane> {
        let opening = self.openings().pop()?;
        opening.await.ok()?.ok()
    }
}
