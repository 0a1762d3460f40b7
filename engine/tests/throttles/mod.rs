//! What keeps a run from taking too much, and what says how it went: limits on bytes per second, politeness, the choice of
//! lanes, the copy format, the timeline.

mod builds;
mod filling;
mod format;
mod jobs;
mod polite;
mod rate;
mod schema;
mod timeline;

use std::sync::{Arc, Mutex, PoisonError};

use pgfreight_engine::event::{Event, News, Observer};
use pgfreight_engine::run::options::Surroundings;
use tokio_util::sync::CancellationToken;

/// Everything that was told, in order; something may happen at each event.
pub struct Heard {
    events: Mutex<Vec<Event>>,
    react: Box<dyn Fn(&Event) + Send + Sync>,
}

impl Heard {
    pub fn new() -> Arc<Self> {
        Self::reacting(|_| {})
    }

    pub fn reacting(react: impl Fn(&Event) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { events: Mutex::default(), react: Box::new(react) })
    }

    pub fn around(self: &Arc<Self>) -> Surroundings {
        Surroundings { news: News::new(Arc::clone(self) as Arc<dyn Observer>), stop: CancellationToken::new() }
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn warnings(&self) -> Vec<String> {
        let text = |event| if let Event::Warning { message } = event { Some(message) } else { None };
        self.events().into_iter().filter_map(text).collect()
    }
}

impl Observer for Heard {
    fn event(&self, event: &Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        (self.react)(event);
    }
}

/// A table of a few megabytes in many small chunks, and two little ones.
const ROWS: &str =
    "CREATE TABLE big AS SELECT i AS id, repeat(md5(i::text), 8) AS word FROM generate_series(1, 24000) i;
    CREATE TABLE small AS SELECT i AS id FROM generate_series(1, 1000) i;
    CREATE TABLE other AS SELECT i AS id, now() AS at FROM generate_series(1, 1000) i;
    ALTER TABLE big ADD PRIMARY KEY (id); ALTER TABLE small ADD PRIMARY KEY (id);
    CREATE INDEX ON big (word); CREATE INDEX ON other (at);
    ALTER TABLE small ADD FOREIGN KEY (id) REFERENCES big;
    CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM big";
