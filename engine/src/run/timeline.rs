//! What each lane did when, on one clock: the schedule as it ran, for whoever looks for idle lanes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, News};

/// The clock of a run and the way out for its stints; clones share both.
#[derive(Clone, Debug)]
pub struct Timeline {
    since: Instant,
    news: News,
    idle: Arc<Mutex<Duration>>,
}

/// What a lane does.
#[derive(Clone, Debug)]
pub struct Work {
    /// Its lane.
    pub lane: usize,
    /// What it is: `copy`, `store`, `load`, `check`, `statements`, or an entry's description such as `INDEX`.
    pub what: String,
    /// Of which table or object.
    pub name: String,
    /// Number of the chunk within its table.
    pub chunk: Option<u32>,
}

/// Something a lane has begun. Dropped without [`Begun::end`] (an attempt that failed) it ends there as well.
#[derive(Debug)]
#[must_use]
pub struct Begun<'a> {
    timeline: &'a Timeline,
    work: Option<Work>,
    at: Instant,
}

impl Work {
    /// What is not about one chunk.
    pub fn of(lane: usize, what: &str, name: &str) -> Self {
        Self { lane, what: what.to_owned(), name: name.to_owned(), chunk: None }
    }
}

impl Timeline {
    /// Begins now.
    pub fn new(news: &News) -> Self {
        Self { since: Instant::now(), news: news.clone(), idle: Arc::default() }
    }

    /// A lane begins to work.
    pub fn begin(&self, work: Work) -> Begun<'_> {
        Begun { timeline: self, work: Some(work), at: Instant::now() }
    }

    /// A lane had nothing to do since `from` while others worked.
    pub fn idle(&self, from: Instant) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) += from.elapsed();
    }

    /// Seconds of all lanes together with nothing to do while others worked.
    pub fn idle_seconds(&self) -> f64 {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).as_secs_f64()
    }

    /// Seconds since the run's start, whole microseconds.
    fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.since).as_micros() as f64 / 1e6
    }
}

impl Begun<'_> {
    /// Ended, and so told.
    pub fn end(self) {}
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let Some(Work { lane, what, name, chunk }) = self.work.take() else { return };
        let (begin, end) = (self.timeline.seconds(self.at), self.timeline.seconds(Instant::now()));
        let lane = u32::try_from(lane).unwrap_or(u32::MAX);
        self.timeline.news.tell(Event::Stint { lane, what, name, chunk, begin, end });
    }
}
