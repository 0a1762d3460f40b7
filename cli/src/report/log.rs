//! Structured logs on standard error, for runs that nobody watches.

use pgfreight_engine::event::{Event, Observer};
use tracing::{debug, info, warn};

use crate::args::global::LogFormat;

/// Sends tracing's output to standard error. Called once per process.
pub fn install(format: LogFormat, verbose: bool) {
    let level = if verbose { tracing::Level::DEBUG } else { tracing::Level::INFO };
    let logs = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .with_timer(Clock);
    // A second installation (only tests could try) is refused and changes nothing.
    let _ = match format {
        LogFormat::Text => tracing::subscriber::set_global_default(logs.finish()),
        LogFormat::Json => {
            let logs = logs.json().flatten_event(true).with_current_span(false).with_span_list(false);
            tracing::subscriber::set_global_default(logs.finish())
        }
    };
}

/// UTC with milliseconds.
struct Clock;

impl tracing_subscriber::fmt::time::FormatTime for Clock {
    fn format_time(&self, w: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        write!(w, "{}", chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
    }
}

/// Logs every event.
#[derive(Debug, Default)]
pub struct LogObserver;

impl Observer for LogObserver {
    fn event(&self, event: &Event) {
        match event {
            Event::Phase { name } => info!(phase = name, "phase"),
            Event::Server { role, version, database } => info!(role, version, database, "connected"),
            Event::Planned { dump, tables, chunks, bytes, done_before } => {
                let dump = dump.as_ref().map(tracing::field::display);
                info!(dump, tables, chunks, bytes, done_before, "planned");
            }
            Event::Jobs { jobs, reason } => info!(jobs, reason, "lanes chosen"),
            Event::Polite { lanes, pause, reason } => info!(lanes, pause, reason, "polite"),
            Event::Stint { lane, what, name, chunk, begin, end } => {
                debug!(lane, what, name, chunk, begin, end, "stint")
            }
            Event::TableStarted { table, bytes } => debug!(table, bytes, "table started"),
            Event::ChunkDone { table, chunk, rows, raw, stored, reused } => {
                debug!(table, chunk, rows, raw, stored, reused, "chunk done");
            }
            Event::TableDone { table, rows } => info!(table, rows, "table done"),
            Event::EntryDone { kind, name, milliseconds } => debug!(kind, name, milliseconds, "applied"),
            Event::Retry { what, attempt, cause } => warn!(what, attempt, cause, "retry"),
            Event::Warning { message } => warn!("{message}"),
            Event::Loss { class, name, reason } => warn!(class, name, reason, "not carried"),
            Event::Committed { dump } => info!(dump = %dump, "committed"),
            _ => {}
        }
    }
}
