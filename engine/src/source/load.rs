//! How a source is: replication lag, other people's work, and who waits for our locks.
//!
//! Manual: "Monitoring Database Activity" (`pg_stat_replication`, `pg_stat_activity`), "Recovery Information Functions". Only
//! members of `pg_read_all_stats` (and so of `pg_monitor`) see what others do; to everybody else those columns are NULL.

use std::time::Duration;

use crate::connect::Lane;
use crate::error::{Error, Kind, Result};
use crate::plan::politeness::{Load, Replay};

/// One look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// What was seen; the lag is that of the standbys behind this server.
    pub load: Load,
    /// How far the server is with replaying, if it is a standby.
    pub replay: Option<Replay>,
    /// Whether other roles' sessions and the standbys' lag are visible to this role.
    pub sees_others: bool,
    /// `max_parallel_workers`.
    pub workers: u32,
}

/// Looks at the server; `ours` are the backends of the run.
///
/// # Errors
/// What the server or the connection says.
pub async fn look(lane: &mut Lane, ours: &[i32]) -> Result<Look> {
    let rows = lane.execute(&question(ours)).await.map_err(|error| error.context("asking for the source's load"))?;
    let row = rows.into_iter().next().and_then(|row| <[Option<String>; 8]>::try_from(row).ok());
    let Some([lag, received, replayed, age, active, waiting, sees_others, workers]) = row else {
        return Err(Error::new(Kind::Source, "the server answered a query without a row"));
    };
    let load = Load { lag: seconds(lag), active: number(active), waiting: number(waiting).unwrap_or(0) };
    let place = number::<u64>(received).zip(number::<u64>(replayed));
    Ok(Look {
        load,
        replay: place.map(|(received, replayed)| Replay { received, replayed, age: seconds(age) }),
        sees_others: sees_others.as_deref() == Some("t"),
        workers: number(workers).unwrap_or(0),
    })
}

fn number<T: std::str::FromStr>(text: Option<String>) -> Option<T> {
    text?.parse().ok()
}

fn seconds(text: Option<String>) -> Option<Duration> {
    Duration::try_from_secs_f64(number::<f64>(text)?.max(0.0)).ok()
}

/// Lag of standbys is NULL once they have caught up. Active backends that wait for a lock use no processor and do not count;
/// parallel workers do.
fn question(ours: &[i32]) -> String {
    let ours: Vec<String> = ours.iter().map(ToString::to_string).collect();
    let ours = format!("'{{{}}}'::pg_catalog.int4[]", ours.join(","));
    format!(
        "SELECT (SELECT pg_catalog.max(extract(epoch FROM greatest(write_lag, flush_lag, replay_lag))) \
         FROM pg_catalog.pg_stat_replication), \
         pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), '0/0'), \
         CASE WHEN pg_catalog.pg_is_in_recovery() \
         THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0') END, \
         extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()), \
         (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'active' \
         AND backend_type IN ('client backend', 'parallel worker') AND wait_event_type IS DISTINCT FROM 'Lock' \
         AND pid <> pg_catalog.pg_backend_pid() AND coalesce(leader_pid, pid) <> ALL ({ours})), \
         (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks WHERE NOT granted AND relation IS NOT NULL \
         AND pg_catalog.pg_blocking_pids(pid) && {ours}), \
         pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE'), \
         pg_catalog.current_setting('max_parallel_workers')"
    )
}
