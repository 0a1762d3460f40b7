//! Restores beside `pg_restore`: everything with its indexes, and rows alone into tables that are there.

use pgfreight_fixtures::postgres::Database;
use pgfreight_fixtures::process;

use super::dumping;
use super::goals::Board;
use super::ground::Filled;
use super::measure::Cost;
use super::table;
use super::turns::{Contender, take};

/// The program under test, as users run it.
pub const OURS: &str = "pgfreight (every row read back)";
/// What `pg_restore` does: nothing is read back.
const UNCHECKED: &str = "pgfreight --no-check";
/// The rival.
pub const THEIRS: &str = "pg_restore";

/// Rounds of what no goal asks about.
const BESIDE: usize = 3;

/// Keys of the goals of one database.
pub struct Keys {
    /// Everything.
    pub whole: &'static str,
    /// Rows alone.
    pub rows: &'static str,
}

/// Makes what is restored, where the dumps were not measured before.
pub fn prepare(filled: &Filled<'_>) {
    if !filled.path("repository").exists() {
        dumping::ours(filled);
    }
    if !filled.path("directory").exists() {
        dumping::directory(filled);
    }
}

/// Runs and prints both.
pub fn run(filled: &Filled<'_>, keys: &Keys, board: &mut Board) {
    prepare(filled);
    let rounds = filled.ground.settings.rounds;
    let whole = take(
        rounds,
        &[
            Contender::new(OURS, || ours(filled, &[])),
            Contender::new(UNCHECKED, || ours(filled, &["--no-check"])).at_most(BESIDE),
            Contender::new(THEIRS, || theirs(filled)),
        ],
    );
    table::print(&format!("{}: restore", filled.label), THEIRS, &whole);
    board.note(keys.whole, whole.ratio(OURS, THEIRS, |cost| cost.wall));
    let rows = take(
        rounds,
        &[
            Contender::new(OURS, || rows_of_ours(filled, &[])),
            Contender::new(UNCHECKED, || rows_of_ours(filled, &["--no-check"])).at_most(BESIDE),
            Contender::new(THEIRS, || rows_of_theirs(filled)),
        ],
    );
    table::print(&format!("{}: rows alone", filled.label), THEIRS, &rows);
    board.note(keys.rows, rows.ratio(OURS, THEIRS, |cost| cost.wall));
}

/// A restore of ours into a new database.
fn ours(filled: &Filled<'_>, more: &[&str]) -> Cost {
    let target = filled.ground.target();
    ours_into(filled, &target, more)
}

/// The same, with everything, and the database.
pub fn ours_kept<'a>(filled: &Filled<'a>) -> (Cost, Database<'a>) {
    let target = filled.ground.target();
    (ours_into(filled, &target, &[]), target)
}

/// The same by `pg_restore`.
pub fn theirs_kept<'a>(filled: &Filled<'a>) -> (Cost, Database<'a>) {
    let target = filled.ground.target();
    (filled.ground.alone(filled.pg_restore(&target, &[])), target)
}

fn ours_into(filled: &Filled<'_>, target: &Database<'_>, more: &[&str]) -> Cost {
    let restore = filled.local("repository").restore(&target.url(), &filled.ground.settings.jobs(), more);
    filled.ground.alone(restore)
}

/// One by `pg_restore`.
pub fn theirs(filled: &Filled<'_>) -> Cost {
    theirs_kept(filled).0
}

/// A new database with the tables and nothing behind them: no row, no index, no key.
fn with_tables<'a>(filled: &Filled<'a>) -> Database<'a> {
    let target = filled.ground.target();
    process::run(&mut filled.pg_restore(&target, &["--section=pre-data"]));
    target
}

fn rows_of_ours(filled: &Filled<'_>, more: &[&str]) -> Cost {
    let target = with_tables(filled);
    let all: Vec<&str> = ["-a", "--allow-non-empty"].iter().chain(more).copied().collect();
    ours_into(filled, &target, &all)
}

fn rows_of_theirs(filled: &Filled<'_>) -> Cost {
    let target = with_tables(filled);
    filled.ground.alone(filled.pg_restore(&target, &["-a"]))
}
