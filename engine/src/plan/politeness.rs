//! When a dump gives way to the source's own work, and when it comes back.
//!
//! Pure state machine: it is told the source's load every few seconds and answers how many lanes may copy and how long each
//! pauses before a chunk. The rules:
//!
//! * Above a limit, lanes are halved at once; the last lane stays and pauses, twice as long each time, up to a bound. A dump
//!   never stands still: a snapshot that is held for ever harms the source more than a slow copy.
//! * It comes back in the same steps, one after several looks well below every limit. Between "well below" and the limit
//!   nothing changes, so it does not swing.
//! * Whoever waits for one of our locks waits until the dump's end. Then being slow is no kindness: all lanes run.
//!
//! What is unknown (no privilege, nothing to compare) counts as calm.

use std::fmt;
use std::time::Duration;

/// Looks in a row that must be calm before a step back.
const CALM_LOOKS: u32 = 3;

/// First pause of the last lane.
const PAUSE_FIRST: Duration = Duration::from_secs(1);

/// Longest pause before a chunk.
const PAUSE_MOST: Duration = Duration::from_secs(30);

/// What the source may bear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thresholds {
    /// Replication lag.
    pub lag: Duration,
    /// Backends other than ours that work.
    pub active: u32,
}

/// What the source bears.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// The largest lag of a standby behind the source, or of the source if it is one.
    pub lag: Option<Duration>,
    /// Backends other than ours that work and do not wait for a lock.
    pub active: Option<u32>,
    /// Sessions that wait for one of our locks.
    pub waiting: u32,
}

/// How far a standby is, at one look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replay {
    /// Position in the log up to which it has received.
    pub received: u64,
    /// Position up to which it has replayed.
    pub replayed: u64,
    /// Age of the last transaction it replayed; `None` if it has replayed none since it started.
    pub age: Option<Duration>,
}

/// A standby's own lag, from one look to the next.
///
/// The age of the last replayed transaction alone says nothing: on an idle primary it grows although nothing is missing, and a
/// record that has just come in is not late. A standby is behind when it has not replayed what it had received a look ago.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplayLag {
    received: Option<u64>,
    behind_since: Option<Duration>,
}

impl ReplayLag {
    /// Another look, at `now` on a clock that only goes forward; `None` for a server that is no standby.
    pub fn observe(&mut self, replay: Option<Replay>, now: Duration) -> Option<Duration> {
        let Some(replay) = replay else {
            *self = Self::default();
            return None;
        };
        let before = self.received.replace(replay.received);
        if before.is_none_or(|received| replay.replayed >= received) {
            self.behind_since = None;
            return Some(Duration::ZERO);
        }
        let since = *self.behind_since.get_or_insert(now);
        Some(replay.age.unwrap_or_else(|| now.saturating_sub(since)))
    }
}

/// What the lanes may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// Lanes that may copy at a time.
    pub lanes: usize,
    /// Pause before each chunk.
    pub pause: Duration,
}

/// Why an allowance changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Replication lag is above its limit.
    Lag(Duration, Duration),
    /// Too many backends work.
    Active(u32, u32),
    /// So many sessions wait for our locks.
    Waiting(u32),
    /// The source has been calm for a while.
    Calm,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lag(lag, limit) => {
                write!(f, "replication lag is {:.1} s, the limit {:.1} s", lag.as_secs_f64(), limit.as_secs_f64())
            }
            Self::Active(active, limit) => write!(f, "{active} other backends are active, the limit is {limit}"),
            Self::Waiting(sessions) => write!(f, "{sessions} sessions wait for locks until this dump ends"),
            Self::Calm => f.write_str("the source is calm"),
        }
    }
}

/// The state machine.
#[derive(Clone, Debug)]
pub struct Politeness {
    thresholds: Thresholds,
    all: usize,
    now: Allowance,
    calm: u32,
}

impl Politeness {
    /// For so many lanes, which may all run at first.
    pub fn new(thresholds: Thresholds, lanes: usize) -> Self {
        let all = lanes.max(1);
        Self { thresholds, all, now: Allowance { lanes: all, pause: Duration::ZERO }, calm: 0 }
    }

    /// What may be done now.
    pub fn allowance(&self) -> Allowance {
        self.now
    }

    /// Another look at the source; gives the new allowance if it changed.
    pub fn observe(&mut self, load: Load) -> Option<(Allowance, Why)> {
        let before = self.now;
        let why = self.decide(load);
        why.filter(|_| self.now != before).map(|why| (self.now, why))
    }

    fn decide(&mut self, load: Load) -> Option<Why> {
        if load.waiting > 0 {
            self.calm = 0;
            self.now = Allowance { lanes: self.all, pause: Duration::ZERO };
            return Some(Why::Waiting(load.waiting));
        }
        if let Some(why) = self.excess(load) {
            self.calm = 0;
            self.less();
            return Some(why);
        }
        if !self.is_well_below(load) {
            self.calm = 0;
            return None;
        }
        self.calm += 1;
        if self.calm < CALM_LOOKS {
            return None;
        }
        self.calm = 0;
        self.more();
        Some(Why::Calm)
    }

    fn excess(&self, load: Load) -> Option<Why> {
        let Thresholds { lag: most_lag, active: most_active } = self.thresholds;
        let lag = load.lag.filter(|lag| *lag > most_lag).map(|lag| Why::Lag(lag, most_lag));
        lag.or_else(|| {
            load.active.filter(|active| *active > most_active).map(|active| Why::Active(active, most_active))
        })
    }

    /// Three quarters of a limit.
    fn is_well_below(&self, load: Load) -> bool {
        let Thresholds { lag: most_lag, active: most_active } = self.thresholds;
        load.lag.is_none_or(|lag| lag <= most_lag * 3 / 4)
            && load.active.is_none_or(|active| u64::from(active) * 4 <= u64::from(most_active) * 3)
    }

    fn less(&mut self) {
        if self.now.lanes > 1 {
            self.now.lanes = self.now.lanes.div_ceil(2);
        } else {
            self.now.pause = (self.now.pause * 2).clamp(PAUSE_FIRST, PAUSE_MOST);
        }
    }

    fn more(&mut self) {
        if self.now.pause > PAUSE_FIRST {
            self.now.pause /= 2;
        } else if !self.now.pause.is_zero() {
            self.now.pause = Duration::ZERO;
        } else {
            self.now.lanes = (self.now.lanes * 2).min(self.all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Thresholds = Thresholds { lag: Duration::from_secs(30), active: 8 };

    fn lag(seconds: u64) -> Load {
        Load { lag: Some(Duration::from_secs(seconds)), active: Some(0), waiting: 0 }
    }

    fn after(state: &mut Politeness, loads: &[Load]) -> Vec<(usize, u64)> {
        let told = loads.iter().filter_map(|load| state.observe(*load));
        told.map(|(now, _)| (now.lanes, now.pause.as_secs())).collect()
    }

    #[test]
    fn it_gives_way_at_once_and_never_stands_still() {
        let mut state = Politeness::new(LIMITS, 5);
        let told = after(&mut state, &[lag(31); 11]);
        assert_eq!(told, [(3, 0), (2, 0), (1, 0), (1, 1), (1, 2), (1, 4), (1, 8), (1, 16), (1, 30)]);
    }

    #[test]
    fn it_comes_back_slowly() {
        let mut state = Politeness::new(LIMITS, 4);
        after(&mut state, &[lag(31); 3]);
        assert_eq!(state.allowance(), Allowance { lanes: 1, pause: Duration::from_secs(1) });
        assert_eq!(after(&mut state, &[lag(0); 2]), []);
        assert_eq!(after(&mut state, &[lag(0); 10]), [(1, 0), (2, 0), (4, 0)]);
        assert_eq!(after(&mut state, &[lag(0); 10]), [], "there is no more than all");
    }

    #[test]
    fn between_calm_and_too_much_nothing_changes() {
        let mut state = Politeness::new(LIMITS, 4);
        after(&mut state, &[lag(31)]);
        assert_eq!(after(&mut state, &[lag(25); 20]), []);
        assert_eq!(after(&mut state, &[lag(0), lag(0), lag(25), lag(0), lag(0)]), [], "calm must last");
        assert_eq!(after(&mut state, &[lag(0)]), [(4, 0)]);
    }

    #[test]
    fn active_backends_count_as_well_and_are_told() {
        let mut state = Politeness::new(LIMITS, 2);
        let busy = Load { lag: None, active: Some(9), waiting: 0 };
        let (now, why) = state.observe(busy).expect("too many");
        assert_eq!((now.lanes, why), (1, Why::Active(9, 8)));
        assert_eq!(why.to_string(), "9 other backends are active, the limit is 8");
        assert_eq!(
            Why::Lag(Duration::from_millis(41_500), LIMITS.lag).to_string(),
            "replication lag is 41.5 s, the limit 30.0 s"
        );
    }

    #[test]
    fn who_waits_for_our_locks_is_served_by_haste() {
        let mut state = Politeness::new(LIMITS, 4);
        after(&mut state, &[lag(31); 5]);
        let (now, why) = state.observe(Load { waiting: 2, ..lag(31) }).expect("it hurries");
        assert_eq!((now, why), (Allowance { lanes: 4, pause: Duration::ZERO }, Why::Waiting(2)));
    }

    #[test]
    fn a_standby_lags_only_while_it_has_something_to_replay() {
        let at = Duration::from_secs;
        let replay = |received, replayed, age| Some(Replay { received, replayed, age });
        let mut lag = ReplayLag::default();
        assert_eq!(lag.observe(None, at(1)), None, "no standby");
        // Idle for an hour, and a record that is on its way at the very moment of a look.
        for now in 2..5 {
            assert_eq!(lag.observe(replay(100, 100, Some(at(3600 + now))), at(now)), Some(Duration::ZERO));
        }
        assert_eq!(lag.observe(replay(120, 100, Some(at(3605))), at(5)), Some(Duration::ZERO));
        assert_eq!(lag.observe(replay(120, 120, Some(at(1))), at(6)), Some(Duration::ZERO));
        // Replay stands still.
        assert_eq!(lag.observe(replay(200, 120, Some(at(2))), at(7)), Some(Duration::ZERO));
        assert_eq!(lag.observe(replay(300, 120, Some(at(3))), at(8)), Some(at(3)));
        assert_eq!(lag.observe(replay(300, 120, Some(at(4))), at(9)), Some(at(4)));
        assert_eq!(lag.observe(replay(300, 300, Some(at(0))), at(10)), Some(Duration::ZERO));
        // Nothing was replayed since its start: counted from when it was seen to be behind.
        assert_eq!(lag.observe(replay(400, 300, None), at(11)), Some(Duration::ZERO));
        assert_eq!(lag.observe(replay(400, 300, None), at(13)), Some(Duration::ZERO));
        assert_eq!(lag.observe(replay(400, 300, None), at(20)), Some(at(7)));
    }

    #[test]
    fn the_unknown_is_calm() {
        let mut state = Politeness::new(LIMITS, 2);
        after(&mut state, &[lag(31)]);
        assert_eq!(after(&mut state, &[Load::default(); 3]), [(2, 0)]);
    }

    #[test]
    fn a_limit_of_nought_is_kept() {
        let mut state = Politeness::new(Thresholds { lag: Duration::ZERO, active: 0 }, 2);
        assert_eq!(after(&mut state, &[lag(0); 4]), []);
        assert_eq!(after(&mut state, &[Load { active: Some(1), ..Load::default() }]), [(1, 0)]);
        assert_eq!(after(&mut state, &[Load { active: Some(0), ..Load::default() }; 3]), [(2, 0)]);
    }
}
