//! The memory a dump may use, counted before the first byte moves (promise 7).
//!
//! What grows with the data is sealed bytes waiting for their chunk to end or for the store; they share one pool, handed
//! out in units. Everything else is a constant per lane. A lane that finds the pool empty uploads what it has, so a slow
//! store slows the copying, and no row is large enough to break the budget.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::chunk::HANDOVER;
use crate::error::{Error, Kind, Result};
use crate::limits::{BATCH, LANES_MAX, MIB, PART_SIZE, PIECE_MAX};

/// Program, runtime, TLS, catalogs of ordinary size, allocator slack, and the pack of small chunks that is being filled.
const FIXED: u64 = 48 * MIB;

/// Connection buffers, two batches in flight and a frame that was just compressed.
const LANE: u64 = MIB + 2 * HANDOVER as u64 + BATCH as u64;

/// Smallest share of the pool a lane can work with.
const LANE_SHARE_MIN: u64 = 4 * MIB;

/// Granularity of the pool.
const UNIT: u64 = 64 << 10;

/// Sizes a dump works with.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Sealed bytes that may be in memory, all lanes together.
    pub pool_bytes: u64,
    /// Largest piece to cut.
    pub piece_size: u64,
    pool: Arc<Semaphore>,
}

/// A share of the pool; dropping it gives it back.
#[derive(Debug, Default)]
pub struct Share {
    permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// Divides `memory` among `lanes` that compress at `level`.
    ///
    /// # Errors
    /// `Kind::Usage` when the budget cannot carry that many lanes.
    pub fn divide(memory: u64, lanes: usize, level: i32) -> Result<Self> {
        let count = lanes.clamp(1, LANES_MAX) as u64;
        let used = FIXED + count * (LANE + compressor(level));
        let pool_bytes = memory.saturating_sub(used);
        if pool_bytes < count * LANE_SHARE_MIN {
            let least = (used + count * LANE_SHARE_MIN) / MIB + 1;
            let what = format!("{} MiB of memory cannot carry {count} lanes at zstd level {level}", memory / MIB);
            return Err(Error::new(Kind::Usage, what).hint(format!("Use fewer lanes (-j) or --memory {least}MiB.")));
        }
        let share = pool_bytes / count / 2;
        let piece_size = if share >= PART_SIZE { share / PART_SIZE * PART_SIZE } else { share }.min(PIECE_MAX);
        let units = usize::try_from(pool_bytes / UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        Ok(Self { pool_bytes, piece_size, pool: Arc::new(Semaphore::new(units)) })
    }

    /// Grows a share to `bytes`; false when the pool is empty and the holder should upload what it has.
    pub fn try_grow(&self, share: &mut Share, bytes: u64) -> bool {
        let more = units(bytes).saturating_sub(share.units());
        if more == 0 {
            return true;
        }
        match Arc::clone(&self.pool).try_acquire_many_owned(more) {
            Ok(permit) => share.add(permit),
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => return false,
        }
        true
    }

    /// Waits until a share holds `bytes`. Only for lanes that hold nothing else, or two could wait for each other.
    pub async fn grow(&self, share: &mut Share, bytes: u64) {
        let most = u32::try_from(self.pool_bytes / UNIT).unwrap_or(u32::MAX);
        let more = units(bytes).min(most).saturating_sub(share.units());
        if more > 0
            && let Ok(permit) = Arc::clone(&self.pool).acquire_many_owned(more).await
        {
            share.add(permit);
        }
    }
}

impl Share {
    fn units(&self) -> u32 {
        self.permit.as_ref().map_or(0, |permit| u32::try_from(permit.num_permits()).unwrap_or(u32::MAX))
    }

    fn add(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.permit {
            Some(mine) => mine.merge(permit),
            None => self.permit = Some(permit),
        }
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// A zstd compression context, by level (measured with `zstd --memory`-style estimates, rounded up); from level 10 on with a
/// frame of 8 MiB that fills up and the same compressed.
fn compressor(level: i32) -> u64 {
    MIB * match level {
        ..=2 => 2,
        3..=5 => 5,
        6..=8 => 10,
        9 => 34,
        10..=12 => 42,
        13..=16 => 58,
        _ => 108,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_lanes_fit_the_default_budget_and_too_many_are_refused() {
        let budget = Budget::divide(256 * MIB, 8, 3).expect("eight lanes fit");
        assert!(budget.piece_size >= 8 * MIB && budget.piece_size.is_multiple_of(PART_SIZE));
        let error = Budget::divide(64 * MIB, 8, 3).expect_err("too small");
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.advice().is_some_and(|hint| hint.contains("--memory")));
    }

    #[tokio::test]
    async fn the_pool_is_shared_and_given_back() {
        let budget = Budget::divide(256 * MIB, 2, 1).expect("fits");
        let (mut first, mut second) = (Share::default(), Share::default());
        assert!(budget.try_grow(&mut first, budget.pool_bytes - MIB));
        assert!(!budget.try_grow(&mut second, 2 * MIB));
        drop(first);
        budget.grow(&mut second, 2 * MIB).await;
        assert!(budget.try_grow(&mut second, 3 * MIB));
    }
}
