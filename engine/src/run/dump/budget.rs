//! The memory a dump may use, counted before the first byte moves (promise 7).
//!
//! What grows with the data is sealed bytes waiting for their chunk to end or for the store; they share one pool, handed
//! out in units. Everything else is a constant per lane. A lane that finds the pool empty uploads what it has, so a slow
//! store slows the copying, and no row is large enough to break the budget.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::chunk::HANDOVER;
use crate::catalog::extent::Extent;
use crate::error::{Error, Kind, Result};
use crate::limits::{BATCH, LANES_MAX, MIB, PART_SIZE, PIECE_MAX};
use crate::run::memory::Memory;

/// Program, runtime, TLS, a schema of usual size, allocator slack, and the pack of small chunks that is being filled.
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
    /// Units that a piece for every lane takes.
    reserve: usize,
    pool: Arc<Semaphore>,
}

/// A share of the pool; dropping it gives it back.
#[derive(Debug, Default)]
pub struct Share {
    permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// Divides `memory` among `lanes` that compress at `level`, beside a schema.
    ///
    /// # Errors
    /// `Kind::Usage` when the budget cannot carry that many lanes, or the schema.
    pub fn divide(memory: Memory, schema: Extent, lanes: usize, level: i32) -> Result<Self> {
        let count = lanes.clamp(1, LANES_MAX) as u64;
        let least = least(lanes, level);
        let for_rows = memory.for_rows(schema, least);
        if for_rows < least {
            return Err(refusal(memory, schema, least, format_args!("{count} lanes at zstd level {level}")));
        }
        let pool_bytes = for_rows - (least - count * LANE_SHARE_MIN);
        let share = pool_bytes / count / 2;
        let piece_size = if share >= PART_SIZE { share / PART_SIZE * PART_SIZE } else { share }.min(PIECE_MAX);
        let permits = |bytes| usize::try_from(bytes / UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        let pool = Arc::new(Semaphore::new(permits(pool_bytes)));
        Ok(Self { pool_bytes, piece_size, reserve: permits(count * piece_size), pool })
    }

    /// Whether less is left than what the lanes are about to copy may need.
    pub fn is_short(&self) -> bool {
        self.pool.available_permits() < self.reserve
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

/// What so many lanes need at least, beside a schema of usual size.
pub fn least(lanes: usize, level: i32) -> u64 {
    let count = lanes.clamp(1, LANES_MAX) as u64;
    FIXED + count * (LANE + compressor(level) + LANE_SHARE_MIN)
}

fn refusal(memory: Memory, schema: Extent, least: u64, lanes: fmt::Arguments<'_>) -> Error {
    let beside = Memory::beside(schema);
    let mut what = format!("{} MiB of memory cannot carry {lanes}", memory.bytes() / MIB);
    if beside > 0 {
        what.push_str(&format!(" beside a schema of {} relations", schema.relations));
    }
    let all = (least + beside) / MIB + 1;
    Error::new(Kind::Usage, what).hint(format!("Use fewer lanes (-j) or --memory {all}MiB."))
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
        let none = Extent::default();
        let budget = Budget::divide(Memory::Usual, none, 8, 3).expect("eight lanes fit");
        assert!(budget.piece_size >= 8 * MIB && budget.piece_size.is_multiple_of(PART_SIZE));
        let error = Budget::divide(Memory::Limit(64 * MIB), none, 8, 3).expect_err("too small");
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.advice().is_some_and(|hint| hint.contains("--memory")));
    }

    #[test]
    fn a_large_schema_is_carried_unless_there_is_a_limit() {
        let large = Extent { relations: 400_000, columns: 400_000, routines: 0 };
        let usual = Budget::divide(Memory::Usual, large, 4, 3).expect("carried");
        let error = Budget::divide(Memory::Limit(256 * MIB), large, 4, 3).expect_err("too small");
        assert!(error.to_string().contains("400000 relations"), "{error}");
        let hint = error.advice().unwrap_or_default();
        let least: u64 =
            hint.rsplit_once("--memory ").and_then(|(_, size)| size.trim_end_matches("MiB.").parse().ok()).unwrap_or(0);
        let limited = Budget::divide(Memory::Limit(least * MIB), large, 4, 3).expect("as the hint says");
        assert!(limited.pool_bytes >= 4 * LANE_SHARE_MIN && limited.pool_bytes < usual.pool_bytes);
    }

    #[tokio::test]
    async fn the_pool_is_shared_and_given_back() {
        let budget = Budget::divide(Memory::Usual, Extent::default(), 2, 1).expect("fits");
        let (mut first, mut second) = (Share::default(), Share::default());
        assert!(budget.try_grow(&mut first, budget.pool_bytes - MIB));
        assert!(!budget.try_grow(&mut second, 2 * MIB));
        assert!(budget.is_short());
        drop(first);
        assert!(!budget.is_short());
        budget.grow(&mut second, 2 * MIB).await;
        assert!(budget.try_grow(&mut second, 3 * MIB));
    }
}
