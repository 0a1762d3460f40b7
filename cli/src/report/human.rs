//! The progress display of a terminal: a line per running table, a total, and what matters above them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pgfreight_engine::event::{Counters, Event, Observer};

use super::text;

/// Tables shown at a time; more only flicker.
const SHOWN: usize = 12;

const TOTAL: &str = "total {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} ETA {eta}  {msg}";
const PHASE: &str = "{spinner} {msg} {elapsed}";
const TABLE: &str = "  {prefix:24!} {wide_bar} {decimal_bytes:>9}/{decimal_total_bytes:<9} {msg}";

/// The display, shared between the run and the sampler.
pub type Display = Arc<HumanObserver>;

/// Draws on standard error.
#[derive(Debug)]
pub struct HumanObserver {
    display: MultiProgress,
    state: Mutex<State>,
    verbose: bool,
}

#[derive(Debug, Default)]
struct State {
    total: Option<ProgressBar>,
    tables: HashMap<String, Running>,
    phase: Option<ProgressBar>,
    /// Plaintext bytes of finished chunks: a floor for the sampled counter.
    done: u64,
}

#[derive(Debug)]
struct Running {
    bar: Option<ProgressBar>,
    rows: u64,
}

impl HumanObserver {
    /// A display that shows nothing yet.
    pub fn new(verbose: bool) -> Self {
        Self { display: MultiProgress::new(), state: Mutex::default(), verbose }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints a line above the display.
    pub fn say(&self, line: &str) {
        if self.display.println(line).is_err() || self.display.is_hidden() {
            eprintln!("{line}");
        }
    }

    /// Samples the counters.
    pub fn tick(&self, counters: &Counters) {
        let state = self.lock();
        if let Some(total) = &state.total {
            let sampled = Counters::get(&counters.raw_bytes).max(state.done);
            total.set_position(sampled.min(total.length().unwrap_or(u64::MAX)));
            total.set_message(format!(
                "{} rows, {} stored",
                text::count(Counters::get(&counters.rows)),
                text::bytes(Counters::get(&counters.stored_bytes))
            ));
        }
        if let Some(phase) = &state.phase {
            phase.tick();
        }
    }

    /// Removes the display.
    pub fn clear(&self) {
        let mut state = self.lock();
        for (_, running) in state.tables.drain() {
            if let Some(bar) = running.bar {
                bar.finish_and_clear();
            }
        }
        for bar in [state.total.take(), state.phase.take()].into_iter().flatten() {
            bar.finish_and_clear();
        }
        let _ = self.display.clear();
    }

    fn planned(&self, bytes: u64) {
        let mut state = self.lock();
        if let Some(old) = state.total.take() {
            old.finish_and_clear();
        }
        let bar = self.display.add(ProgressBar::new(bytes));
        bar.set_style(style(TOTAL));
        state.total = Some(bar);
        state.done = 0;
    }

    fn phase(&self, name: &str) {
        let mut state = self.lock();
        let bar = state.phase.take().unwrap_or_else(|| {
            let bar = self.display.add(ProgressBar::new_spinner());
            bar.set_style(style(PHASE));
            bar
        });
        bar.set_message(name.to_owned());
        bar.tick();
        state.phase = Some(bar);
    }

    fn table_started(&self, table: &str, bytes: u64) {
        let mut state = self.lock();
        let shown = state.tables.values().filter(|running| running.bar.is_some()).count();
        let bar = (shown < SHOWN).then(|| {
            let bar = self.display.insert(0, ProgressBar::new(bytes.max(1)));
            bar.set_style(style(TABLE));
            bar.set_prefix(table.to_owned());
            bar
        });
        state.tables.insert(table.to_owned(), Running { bar, rows: 0 });
    }

    fn chunk_done(&self, table: &str, rows: u64, raw: u64) {
        let mut state = self.lock();
        state.done += raw;
        if let Some(running) = state.tables.get_mut(table) {
            running.rows += rows;
            if let Some(bar) = &running.bar {
                bar.inc(raw);
                bar.set_message(format!("{} rows", text::count(running.rows)));
            }
        }
    }

    fn table_done(&self, table: &str) {
        if let Some(Running { bar: Some(bar), .. }) = self.lock().tables.remove(table) {
            bar.finish_and_clear();
            self.display.remove(&bar);
        }
    }
}

/// A template that cannot be read is a slip of ours that a test finds; the display then has indicatif's own look.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "))
}

impl Observer for HumanObserver {
    fn event(&self, event: &Event) {
        match event {
            Event::Phase { name } => self.phase(name),
            Event::Server { role, version, database } => {
                self.say(&format!("{role}: database {database} on PostgreSQL {version}"));
            }
            Event::Planned { tables, chunks, bytes, done_before, .. } => {
                let before = match done_before {
                    0 => String::new(),
                    done => format!(", {} of them done before", text::count(*done)),
                };
                let (tables, chunks) = (text::plural(*tables, "table"), text::plural(*chunks, "chunk"));
                self.say(&format!("{tables} in {chunks}{before}, about {}", text::bytes(*bytes)));
                self.planned(*bytes);
            }
            Event::Jobs { jobs, reason } => self.say(&format!("{}: {reason}", text::plural((*jobs).into(), "lane"))),
            Event::Polite { lanes, pause, reason } => {
                let lanes = text::plural((*lanes).into(), "lane");
                let pause = if *pause > 0.0 { format!(", {pause:.0} s before each chunk") } else { String::new() };
                self.say(&format!("polite: {lanes}{pause}, because {reason}"));
            }
            Event::TableStarted { table, bytes } => self.table_started(table, *bytes),
            Event::ChunkDone { table, rows, raw, .. } => self.chunk_done(table, *rows, *raw),
            Event::TableDone { table, rows } => {
                self.table_done(table);
                if self.verbose {
                    self.say(&format!("{table}: {} rows", text::count(*rows)));
                }
            }
            Event::EntryDone { kind, name, milliseconds } if self.verbose => {
                self.say(&format!("{kind} {name} ({milliseconds} ms)"));
            }
            Event::Retry { what, attempt, cause } => self.say(&format!("{what}: attempt {attempt}, because {cause}")),
            Event::Warning { message } => self.say(&format!("warning: {message}")),
            Event::Loss { class, name, reason } => self.say(&format!("not carried: {class} {name}: {reason}")),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_readable() {
        for template in [TOTAL, PHASE, TABLE] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_run_draws_and_clears_without_a_terminal() {
        let display = HumanObserver::new(true);
        display.event(&Event::Phase { name: "data" });
        display.planned(1000);
        display.event(&Event::TableStarted { table: "a.b".into(), bytes: 1000 });
        display.chunk_done("a.b", 3, 600);
        display.tick(&Counters::default());
        assert_eq!(display.lock().total.as_ref().map(ProgressBar::position), Some(600));
        display.event(&Event::TableDone { table: "a.b".into(), rows: 3 });
        assert!(display.lock().tables.is_empty());
        display.clear();
    }
}
