//! The goals, and how far each was reached: the table that a run ends with.

use super::turns::Ratio;

/// Which side of its limit a figure must be on.
#[derive(Clone, Copy, PartialEq)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

use Limit::{AtLeast, AtMost};

/// A goal: a work, what it is measured against, and the limit.
struct Goal {
    key: &'static str,
    work: &'static str,
    against: &'static str,
    limit: Limit,
}

const fn goal(key: &'static str, work: &'static str, against: &'static str, limit: Limit) -> Goal {
    Goal { key, work, against, limit }
}

const DUMP: &str = "`pg_dump -Fd -j -Z zstd:1`";
const RESTORE: &str = "`pg_restore -j`";
const ITSELF: &str = "itself";

/// Every goal, in the order in which they are printed. Where a key stands twice, the second limit is the first version's.
const GOALS: [Goal; 32] = [
    goal("dump balanced", "dump, balanced tables, encrypted, fingerprints, zstd:1", DUMP, AtMost(0.90)),
    goal("dump balanced", "the same, first version's goal", DUMP, AtMost(1.00)),
    goal("dump big", "dump, one big table", DUMP, AtMost(0.65)),
    goal("dump big", "the same, first version's goal", DUMP, AtMost(0.80)),
    goal("server balanced", "dump, balanced tables: server CPU", "bare COPY of the same tables", AtMost(1.03)),
    goal("server big", "dump, one big table: server CPU", "bare COPY of the same tables", AtMost(1.03)),
    goal("piped balanced", "dump, balanced tables", "`pg_dump -Fc \\| age`", AtMost(0.20)),
    goal("store", "dump to an S3 server, balanced tables", "`pg_dump -Fc \\| age \\| upload`", AtMost(0.12)),
    goal("restore balanced", "restore with indexes, balanced tables", RESTORE, AtMost(0.80)),
    goal("restore balanced", "the same, first version's goal", RESTORE, AtMost(1.00)),
    goal("restore big", "restore, one big table with 4 indexes", RESTORE, AtMost(0.65)),
    goal("restore big", "the same, first version's goal", RESTORE, AtMost(0.75)),
    goal("rows balanced", "data-only load, balanced tables", RESTORE, AtMost(0.67)),
    goal("rows big", "data-only load, one big table", RESTORE, AtMost(0.67)),
    goal("tables dump", "many small tables (10,000 in a full run), dump", DUMP, AtMost(0.50)),
    goal("tables restore", "many small tables, restore", RESTORE, AtMost(0.50)),
    goal(
        "objects",
        "many large objects (10,000 in a full run), dump and restore",
        "`pg_dump`, then `pg_restore`",
        AtMost(0.50),
    ),
    goal("client balanced", "client CPU per raw GB, balanced tables", DUMP, AtMost(0.90)),
    goal("client big", "client CPU per raw GB, one big table", DUMP, AtMost(0.90)),
    goal("growth wall", "dump as work grows sixteenfold: wall, off the best line", ITSELF, AtMost(1.05)),
    goal("growth cpu", "the same: client and server CPU", ITSELF, AtMost(1.05)),
    goal("growth peak", "the same: peak memory, the largest to the middle", ITSELF, AtMost(1.05)),
    goal("lanes", "1 to 16 lanes over a link of 50 ms: of linear, the worst", ITSELF, AtLeast(0.85)),
    goal("copy balanced", "copy into another database, balanced tables", "`pgcopydb clone`", AtMost(0.90)),
    goal("copy big", "copy into another database, one big table", "`pgcopydb clone`", AtMost(0.90)),
    goal("many read", "schema of many tables (10,000 in a full run), read", "`pg_dump -s`", AtMost(1.00)),
    goal("many written", "the same, restored", "`psql`", AtMost(1.00)),
    goal("regression read", "schema of PostgreSQL's regression database, read", "`pg_dump -s`", AtMost(1.00)),
    goal("regression written", "the same, restored", "`psql`", AtMost(1.00)),
    goal("peak dump", "peak memory of a dump, 8 lanes, MiB, the worst", ITSELF, AtMost(256.0)),
    goal("peak restore", "peak memory of a restore, 8 lanes, MiB, the worst", ITSELF, AtMost(256.0)),
    goal("peak tables", "peak memory, many small tables, MiB, the worst", ITSELF, AtMost(256.0)),
];

/// What is known of a goal.
enum Measured {
    Figure(Ratio),
    Missing(String),
}

/// What was measured so far.
#[derive(Default)]
pub struct Board {
    measured: Vec<(&'static str, Measured)>,
}

impl Board {
    /// Notes a ratio; none says that one side did not run.
    ///
    /// # Panics
    /// When no goal has that key: its figure would be lost.
    pub fn note(&mut self, key: &'static str, ratio: Option<Ratio>) {
        let measured = ratio.map_or_else(|| Measured::Missing("one side did not run".into()), Measured::Figure);
        self.put(key, measured);
    }

    /// Notes a figure that every round worsens: the worst counts.
    ///
    /// # Panics
    /// As [`Board::note`].
    pub fn worst(&mut self, key: &'static str, figures: &[f64]) {
        let most = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.put(key, Measured::Figure(Ratio::over(most, figures)));
    }

    /// Says why there is no figure.
    ///
    /// # Panics
    /// As [`Board::note`].
    pub fn missing(&mut self, key: &'static str, why: &str) {
        self.put(key, Measured::Missing(why.to_owned()));
    }

    fn put(&mut self, key: &'static str, measured: Measured) {
        assert!(GOALS.iter().any(|goal| goal.key == key), "no goal is named {key}");
        self.measured.push((key, measured));
    }

    /// Prints every goal with its verdict.
    pub fn print(&self) {
        println!("\n| work | against | goal | measured | single rounds or steps | |");
        println!("|---|---|--:|--:|--:|---|");
        for goal in &GOALS {
            let limit = match goal.limit {
                AtMost(limit) => format!("≤ {}", figure(limit)),
                AtLeast(limit) => format!("≥ {}", figure(limit)),
            };
            let (measured, rounds, verdict) = self.verdict(goal);
            println!("| {} | {} | {limit} | {measured} | {rounds} | {verdict} |", goal.work, goal.against);
        }
    }

    fn verdict(&self, goal: &Goal) -> (String, String, String) {
        match self.measured.iter().find(|(key, _)| *key == goal.key) {
            None => ("–".into(), String::new(), "not run".into()),
            Some((_, Measured::Missing(why))) => ("–".into(), String::new(), why.clone()),
            Some((_, Measured::Figure(ratio))) => {
                let verdict = if goal.limit.holds(ratio.value) { "reached" } else { "**missed**" };
                let rounds = match ratio.rounds {
                    0 | 1 => ratio.rounds.to_string(),
                    rounds => format!("{rounds}: {} to {}", figure(ratio.least), figure(ratio.most)),
                };
                (figure(ratio.value), rounds, verdict.into())
            }
        }
    }
}

impl Limit {
    /// Whether a figure keeps it, as printed: nobody should see "0.90, missed" beside "≤ 0.90".
    fn holds(self, value: f64) -> bool {
        let value = (value * 100.0).round() / 100.0;
        match self {
            AtMost(limit) => value <= limit,
            AtLeast(limit) => value >= limit,
        }
    }
}

fn figure(value: f64) -> String {
    if value.abs() >= 20.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
