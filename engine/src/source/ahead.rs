//! Lanes whose connections are made before there is something to copy.
//!
//! A connection takes several round trips. To a server that is far away they are made while tables are still locked and measured;
//! nearby they would save nothing, and a database with little in it needs fewer lanes than were asked for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::lane::{LaneOptions, SnapshotLane};
use crate::error::Result;

/// A server is far away from so long a round trip on.
const FAR: Duration = Duration::from_millis(10);

type Opening = AbortOnDropHandle<Result<SnapshotLane>>;

/// Connections that are being made.
pub(super) struct Ahead {
    trip: Duration,
    openings: Mutex<Vec<Opening>>,
}

impl Ahead {
    /// None yet, to a server so long a round trip away.
    pub(super) fn new(trip: Duration) -> Self {
        Self { trip, openings: Mutex::default() }
    }

    fn openings(&self) -> MutexGuard<'_, Vec<Opening>> {
        self.openings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to open lanes in a snapshot, where that saves time.
    pub(super) fn begin(&self, options: &LaneOptions, snapshot: &str, lanes: usize) {
        if self.trip < FAR {
            return;
        }
        let open = || {
            let (options, snapshot) = (options.clone(), snapshot.to_owned());
            tokio::spawn(async move { SnapshotLane::open(&options, Some(&snapshot), lanes).await })
        };
        self.openings().extend((0..lanes).map(|_| AbortOnDropHandle::new(open())));
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
