//! How much is run; all from the environment, so that `make bench` needs no argument parser.

use std::path::PathBuf;
use std::str::FromStr;

/// Gigabytes of COPY text per database, unless said otherwise.
const SCALE: f64 = 0.5;

/// Small tables and large objects at [`SCALE`] and above.
const MANY: u32 = 10_000;

/// The works there are.
const WORKS: [&str; 9] = ["dump", "store", "restore", "copy", "memory", "links", "many", "growth", "schemas"];

/// What to run.
pub struct Settings {
    /// PostgreSQL major of the server and of the client programs beside which ours runs.
    pub major: u32,
    /// Rounds of every contender whose ratio has a goal; medians are printed.
    pub rounds: usize,
    /// About so many gigabytes of COPY text per database.
    pub scale: f64,
    /// Lanes of every contender.
    pub lanes: usize,
    /// The program under test.
    pub program: PathBuf,
    /// Small tables, and large objects.
    many: u32,
    /// The works that are run, all where it is empty.
    only: Vec<String>,
}

impl Settings {
    /// As the environment says.
    ///
    /// # Panics
    /// When a variable is no number or names no work, or the program is not built.
    pub fn read() -> Self {
        let only = text("BENCH_ONLY", "");
        let settings = Self {
            major: number("BENCH_MAJOR", 18),
            rounds: number("BENCH_ROUNDS", 5),
            scale: number("BENCH_SCALE", SCALE),
            lanes: number("BENCH_LANES", 2),
            program: text("PGFREIGHT", "target/release/pgfreight").into(),
            many: number("BENCH_MANY", MANY),
            only: only.split([',', ' ']).filter(|work| !work.is_empty()).map(str::to_owned).collect(),
        };
        let unknown = settings.only.iter().find(|work| !WORKS.contains(&work.as_str()));
        assert!(unknown.is_none(), "BENCH_ONLY: no work is called {unknown:?}, but {}", WORKS.join(", "));
        assert!(settings.program.exists(), "{} is missing: cargo build --release", settings.program.display());
        settings
    }

    /// Whether a work is run.
    pub fn wants(&self, work: &str) -> bool {
        assert!(WORKS.contains(&work), "{work}");
        self.only.is_empty() || self.only.iter().any(|only| only == work)
    }

    /// How many small tables, and how many large objects: fewer in a small run, never more.
    pub fn many(&self) -> u32 {
        (f64::from(self.many) * (self.scale / SCALE).min(1.0)).max(10.0) as u32
    }

    /// Lanes, as an argument.
    pub fn jobs(&self) -> String {
        self.lanes.to_string()
    }
}

/// A setting's text.
pub fn text(name: &str, default: &str) -> String {
    std::env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
}

fn number<T: FromStr + ToString>(name: &str, default: T) -> T {
    let said = text(name, &default.to_string());
    said.parse().unwrap_or_else(|_| panic!("{name} is no number: {said}"))
}
