//! A polite dump: a watcher asks the source how it is, and lanes pass a gate before each chunk.
//!
//! The watcher has a connection of its own, outside the snapshot, and decides nothing itself ([`crate::plan::politeness`]).
//! When it cannot ask, the lanes go on as they were last told: watching must never end a dump.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::lanes::Hall;
use crate::connect::Lane;
use crate::error::Result;
use crate::event::Event;
use crate::plan::politeness::{Allowance, Load, Politeness, ReplayLag, Thresholds};
use crate::run::options::Polite;
use crate::source::load::{self, Look};

/// How often the source is asked.
const INTERVAL: Duration = Duration::from_secs(2);

/// Where lanes wait for their turn.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    allowance: Allowance,
    inside: usize,
}

/// A lane's right to copy one chunk; given back when dropped.
#[derive(Debug)]
#[must_use]
pub struct Pass<'a>(&'a Gate);

impl Gate {
    /// Open for so many lanes.
    pub fn new(lanes: usize) -> Self {
        let allowance = Allowance { lanes: lanes.max(1), pause: Duration::ZERO };
        Self { state: Mutex::new(State { allowance, inside: 0 }), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn allow(&self, allowance: Allowance) {
        self.state().allowance = allowance;
        self.changed.notify_waiters();
    }

    /// Waits for a turn.
    pub async fn enter(&self) -> Pass<'_> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before looking: a change between the look and the wait must not be missed.
            changed.as_mut().enable();
            {
                let mut state = self.state();
                if state.inside < state.allowance.lanes {
                    state.inside += 1;
                    return Pass(self);
                }
            }
            changed.await;
        }
    }
}

impl Pass<'_> {
    /// Waits as long as lanes are to pause before a chunk; less if that changes meanwhile.
    pub async fn pause(&self) {
        let begun = Instant::now();
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let left = self.0.state().allowance.pause.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return;
            }
            let _ = tokio::time::timeout(left, changed).await;
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.state().inside -= 1;
        self.0.changed.notify_waiters();
    }
}

/// Watches until the dump ends; for ever silent where politeness was not asked for.
pub async fn watch(hall: &Hall, polite: Option<Polite>) -> Infallible {
    let Some(polite) = polite else { return std::future::pending().await };
    let since = Instant::now();
    let mut watcher =
        Watcher { hall, polite, since, lane: None, replay: ReplayLag::default(), state: None, told: None };
    loop {
        tokio::time::sleep(INTERVAL).await;
        match watcher.look().await {
            Ok(Some(look)) => watcher.heed(look),
            Ok(None) => {}
            Err(error) => {
                watcher.lane = None;
                watcher.tell_once(format!("the source's load cannot be watched: {error}"));
            }
        }
    }
}

struct Watcher<'a> {
    hall: &'a Hall,
    polite: Polite,
    since: Instant,
    lane: Option<Lane>,
    replay: ReplayLag,
    state: Option<Politeness>,
    /// The last warning: told once, not every few seconds.
    told: Option<String>,
}

impl Watcher<'_> {
    /// `None` while a lane is being opened: its process is not known yet and would count as somebody else's work.
    async fn look(&mut self) -> Result<Option<Look>> {
        let lane = match &mut self.lane {
            Some(lane) => lane,
            none => none.insert(self.hall.holder.open_watcher().await?),
        };
        let Some(ours) = self.hall.backends() else { return Ok(None) };
        let look = load::look(lane, &ours).await?;
        Ok((self.hall.backends() == Some(ours)).then_some(look))
    }

    fn heed(&mut self, look: Look) {
        if !look.sees_others {
            self.tell_once(
                "--polite sees only its own role's sessions and no standby's lag: grant the role pg_monitor".to_owned(),
            );
        }
        let own = self.replay.observe(look.replay, self.since.elapsed());
        let load = Load { lag: look.load.lag.max(own), ..look.load };
        let thresholds =
            Thresholds { lag: self.polite.max_lag, active: self.polite.max_active.unwrap_or(look.workers.max(1)) };
        let state = self.state.get_or_insert_with(|| Politeness::new(thresholds, self.hall.jobs));
        let Some((allowance, why)) = state.observe(load) else { return };
        self.hall.gate.allow(allowance);
        self.hall.around.news.tell(Event::Polite {
            lanes: u32::try_from(allowance.lanes).unwrap_or(u32::MAX),
            pause: allowance.pause.as_secs_f64(),
            reason: why.to_string(),
        });
    }

    fn tell_once(&mut self, message: String) {
        if self.told.as_ref() != Some(&message) {
            self.hall.around.news.tell(Event::Warning { message: message.clone() });
            self.told = Some(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn lanes(lanes: usize, pause: u64) -> Allowance {
        Allowance { lanes, pause: Duration::from_millis(pause) }
    }

    async fn is_open(gate: &Gate) -> bool {
        tokio::time::timeout(Duration::from_millis(50), gate.enter()).await.is_ok()
    }

    #[tokio::test]
    async fn as_many_lanes_as_allowed_are_inside() {
        let gate = Gate::new(2);
        let (first, second) = (gate.enter().await, gate.enter().await);
        assert!(!is_open(&gate).await);
        drop(second);
        assert!(is_open(&gate).await);
        gate.allow(lanes(1, 0));
        assert!(!is_open(&gate).await, "one is inside");
        gate.allow(lanes(2, 0));
        assert!(is_open(&gate).await);
        drop(first);
    }

    #[tokio::test]
    async fn a_lane_that_waits_is_let_in_when_more_are_allowed() {
        let gate = Arc::new(Gate::new(1));
        let held = gate.enter().await;
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { drop(gate.enter().await) }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        gate.allow(lanes(2, 0));
        tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("let in").expect("no panic");
        drop(held);
    }

    #[tokio::test]
    async fn a_pause_ends_early_when_it_is_called_off() {
        let gate = Arc::new(Gate::new(1));
        gate.allow(lanes(1, 30_000));
        let pass = gate.enter().await;
        tokio::spawn({
            let gate = Arc::clone(&gate);
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                gate.allow(lanes(1, 0));
            }
        });
        let clock = Instant::now();
        pass.pause().await;
        assert!(clock.elapsed() < Duration::from_secs(20));
    }
}
