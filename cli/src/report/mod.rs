//! All printing. The engine's events go to a progress display, to logs, to JSON lines or nowhere; results and errors
//! are written here for people or for programs.

pub mod human;
pub mod json;
pub mod log;
pub mod text;

use std::error::Error as StdError;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use pgfreight_engine::Error;
use pgfreight_engine::event::{Counters, News, Observer, Quiet};
use pgfreight_engine::run::options::Surroundings;
use serde::Serialize;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::args::global::{GlobalArgs, LogFormat, When};
use crate::environment::Environment;
use crate::exit::Exit;

/// How often the display samples the counters.
const DISPLAY_PACE: Duration = Duration::from_millis(100);

/// How often JSON readers get a `progress` event.
const JSON_PACE: Duration = Duration::from_secs(1);

/// How often logs get a line about progress.
const LOG_PACE: Duration = Duration::from_secs(30);

/// Where news goes.
#[derive(Clone, Debug)]
enum Style {
    Display(human::Display),
    Logs,
    Json,
    Quiet,
}

/// Writes everything that is written.
#[derive(Clone, Debug)]
pub struct Reporter {
    style: Style,
}

impl Reporter {
    /// Chooses a style from what was said and from what standard error is.
    pub fn new(global: &GlobalArgs, log_format: LogFormat, env: &Environment) -> Self {
        let draw = match global.progress.unwrap_or_default() {
            When::Always => true,
            When::Never => false,
            When::Auto => env.stderr_is_terminal,
        };
        let style = if global.json {
            Style::Json
        } else if global.quiet {
            Style::Quiet
        } else if draw {
            Style::Display(Arc::new(human::HumanObserver::new(global.verbose)))
        } else {
            log::install(log_format, global.verbose);
            Style::Logs
        };
        Self { style }
    }

    /// Whether results are written for programs.
    pub fn is_json(&self) -> bool {
        matches!(self.style, Style::Json)
    }

    /// Whether nothing but errors is wanted.
    pub fn is_quiet(&self) -> bool {
        matches!(self.style, Style::Quiet)
    }

    /// Begins a run: news for the engine, sampled until [`Running::end`]. Must be called inside the runtime.
    pub fn run(&self, stop: &CancellationToken) -> Running {
        let observer: Arc<dyn Observer> = match &self.style {
            Style::Display(display) => Arc::clone(display) as Arc<dyn Observer>,
            Style::Logs => Arc::new(log::LogObserver),
            Style::Json => Arc::new(json::JsonObserver),
            Style::Quiet => Arc::new(Quiet),
        };
        let news = News::new(observer);
        let sampler = tokio::spawn(sample(self.style.clone(), Arc::clone(&news.counters)));
        Running { around: Surroundings { news, stop: stop.clone() }, sampler, style: self.style.clone() }
    }

    /// A warning.
    pub fn warn(&self, message: &str) {
        match &self.style {
            Style::Display(display) => display.say(&format!("warning: {message}")),
            Style::Logs => tracing::warn!("{message}"),
            Style::Json => {
                let _ = json::line(&json!({ "event": "warning", "message": message }));
            }
            Style::Quiet => {}
        }
    }

    /// The result of a verb: `text` for people on standard output (nothing when quiet), `report` for programs.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn summary(&self, verb: &str, exit: Exit, report: &impl Serialize, text: &str) -> io::Result<()> {
        if self.is_quiet() { Ok(()) } else { self.answer(verb, exit, report, text) }
    }

    /// As [`Reporter::summary`], for verbs whose output is what they are for: never silent.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn answer(&self, verb: &str, exit: Exit, report: &impl Serialize, text: &str) -> io::Result<()> {
        if self.is_json() {
            return json::result(verb, exit.code(), report);
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// An error: for people on standard error; for programs an `error` event as well.
    pub fn error(&self, error: &Error) {
        if self.is_json() {
            let _ = json::line(&error_event(error));
        }
        let _ = io::stderr().lock().write_all(error_text(error).as_bytes());
    }
}

/// A run that is being reported.
#[derive(Debug)]
pub struct Running {
    /// What the engine is given.
    pub around: Surroundings,
    sampler: JoinHandle<()>,
    style: Style,
}

impl Running {
    /// Ends sampling and removes the display.
    pub fn end(self) {
        self.sampler.abort();
        if let Style::Display(display) = &self.style {
            display.clear();
        }
    }
}

async fn sample(style: Style, counters: Arc<Counters>) {
    let pace = match &style {
        Style::Display(_) => DISPLAY_PACE,
        Style::Json => JSON_PACE,
        Style::Logs => LOG_PACE,
        Style::Quiet => return,
    };
    let mut interval = tokio::time::interval(pace);
    interval.tick().await;
    loop {
        interval.tick().await;
        let [raw, stored, rows, chunks] =
            [&counters.raw_bytes, &counters.stored_bytes, &counters.rows, &counters.chunks].map(Counters::get);
        match &style {
            Style::Display(display) => display.tick(&counters),
            Style::Json => {
                let _ = json::line(&json!({
                    "event": "progress", "raw_bytes": raw, "stored_bytes": stored, "rows": rows, "chunks": chunks,
                }));
            }
            Style::Logs => tracing::info!(raw_bytes = raw, stored_bytes = stored, rows, chunks, "progress"),
            Style::Quiet => {}
        }
    }
}

/// What happened, its causes, one hint.
pub fn error_text(error: &Error) -> String {
    let mut text = format!("error: {}\n", error.what());
    for (at, cause) in causes(error).iter().enumerate() {
        text.push_str(&format!("  {}: {cause}\n", at + 1));
    }
    if let Some(hint) = error.advice() {
        text.push_str(&format!("hint: {hint}\n"));
    }
    text
}

fn error_event(error: &Error) -> serde_json::Value {
    json!({
        "event": "error",
        "kind": error.kind(),
        "code": Exit::Failed(error.kind()).code(),
        "message": error.what(),
        "causes": causes(error),
        "hint": error.advice(),
    })
}

/// The chain below an error, without repetitions: some errors print their source's text as their own.
fn causes(error: &Error) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut last = error.what().to_owned();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !last.contains(&text) {
            found.push(text.clone());
            last = text;
        }
        next = cause.source();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgfreight_engine::Kind;

    #[test]
    fn errors_read_as_what_causes_hint() {
        let inner = io::Error::other("connection refused");
        let error = Error::new(Kind::Source, "cannot reach the server").because(inner).hint("Is it running?");
        assert_eq!(
            error_text(&error),
            "error: cannot reach the server\n  1: connection refused\nhint: Is it running?\n"
        );
        let event = error_event(&error);
        assert_eq!((event["kind"].as_str(), event["code"].as_u64()), (Some("source"), Some(10)));
    }

    #[test]
    fn a_cause_that_repeats_what_stands_above_is_left_out() {
        let error = Error::new(Kind::Store, "put failed: no space left").because(io::Error::other("no space left"));
        assert_eq!(error_text(&error), "error: put failed: no space left\n");
    }
}
