//! A limit on bytes per second, shared by all lanes: what was moved is paid for in time.
//!
//! A token bucket told from its other end: instead of counting tokens it keeps the moment until which everything moved so
//! far has been paid for (the "virtual scheduling" form of the generic cell rate algorithm, ITU-T I.371). Whoever moved
//! bytes waits until that moment before moving more. Nothing is refused and nobody is overtaken for ever: each one's debt is
//! paid in the order it was made.

use std::time::Duration;

use crate::limits::{BATCH, MIB};

/// Time without traffic that may be made up for afterwards: long enough for the gaps between chunks.
const BURST: Duration = Duration::from_millis(250);

/// How long a lane alone would pause after a step: short, so that no connection looks dead to either end.
const STEP: Duration = Duration::from_millis(50);

/// Smallest step: below, the calls cost more than the bytes.
const STEP_MIN: u64 = 16 << 10;

/// A limit and what has been paid.
#[derive(Clone, Debug)]
pub struct Rate {
    per_second: u64,
    paid_until: Duration,
}

impl Rate {
    /// A limit of so many bytes per second; nought counts as one.
    pub fn new(per_second: u64) -> Self {
        Self { per_second: per_second.max(1), paid_until: Duration::ZERO }
    }

    /// Bytes to move between two payments: small ones keep the pauses short.
    pub fn step(&self) -> usize {
        let bytes = u128::from(self.per_second) * STEP.as_millis() / 1000;
        let bytes = u64::try_from(bytes).unwrap_or(MIB).clamp(STEP_MIN, BATCH as u64);
        usize::try_from(bytes).unwrap_or(BATCH)
    }

    /// So many bytes were moved by `now` (any clock that only goes forward): how long to wait before moving more.
    pub fn moved(&mut self, bytes: u64, now: Duration) -> Duration {
        let cost = u128::from(bytes) * 1_000_000_000 / u128::from(self.per_second);
        let cost = Duration::from_nanos(u64::try_from(cost).unwrap_or(u64::MAX));
        self.paid_until = self.paid_until.max(now.saturating_sub(BURST)).saturating_add(cost);
        self.paid_until.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn over_a_long_time_the_limit_is_met_exactly() {
        let (mut rate, mut now) = (Rate::new(1_000_000), SECOND);
        for _ in 0..1_000 {
            now += rate.moved(50_000, now);
        }
        // 50 MB in 50 seconds, less the credit of the quiet time before.
        assert_eq!(now, SECOND * 51 - BURST);
    }

    #[test]
    fn lanes_share_it_whatever_their_number() {
        for lanes in [1_u32, 3, 64] {
            let mut rate = Rate::new(1_000_000);
            let mut free = vec![SECOND; lanes as usize];
            let mut moved = 0_u64;
            loop {
                // The lane that is free first goes on.
                let (lane, now) = free.iter().copied().enumerate().min_by_key(|(_, at)| *at).unwrap();
                if now > SECOND * 21 {
                    break;
                }
                moved += 20_000;
                free[lane] = now + rate.moved(20_000, now);
            }
            let most = 20_250_000 + u64::from(lanes) * 20_000;
            assert!((20_000_000..=most).contains(&moved), "{lanes} lanes moved {moved}");
            assert!(free.iter().all(|at| *at < SECOND * 21 + SECOND * lanes / 40), "a lane was left behind");
        }
    }

    #[test]
    fn quiet_time_is_made_up_for_a_little_only() {
        let mut rate = Rate::new(1_000_000);
        assert_eq!(rate.moved(250_000, SECOND * 100), Duration::ZERO);
        assert_eq!(rate.moved(100_000, SECOND * 100), Duration::from_millis(100));
        assert_eq!(rate.moved(1_000_000, SECOND * 200), Duration::from_millis(750));
    }

    #[test]
    fn steps_keep_pauses_short() {
        assert_eq!(Rate::new(10_000_000).step(), 500_000);
        assert_eq!(Rate::new(u64::MAX).step(), BATCH);
        assert_eq!(Rate::new(0).step(), 16 << 10);
    }

    #[test]
    fn absurd_numbers_do_not_overflow() {
        assert_eq!(Rate::new(u64::MAX).moved(u64::MAX, SECOND), Duration::from_millis(750));
        let mut slow = Rate::new(1);
        slow.moved(u64::MAX, SECOND);
        assert!(slow.moved(u64::MAX, SECOND) > SECOND);
    }
}
