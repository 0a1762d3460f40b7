//! Whole dumps, restores and copies beside `pg_dump`, `pg_restore` and `pgcopydb`, in one run on one server: `make bench`.
//!
//! Every contender runs in turn, round after round, and medians are compared, so that a noisy machine is noisy for all.
//! Results are ratios beside the goals they have; nothing here asserts a time.

mod copying;
mod ddl;
mod dumping;
mod floor;
mod goals;
mod ground;
mod growing;
mod link;
mod many;
mod measure;
mod memory;
mod repository;
mod restoring;
mod settings;
mod storing;
mod table;
mod turns;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use pgfreight_fixtures::postgres::Database;
use pgfreight_fixtures::{schemas, tools};

use goals::Board;
use ground::{Filled, Filler, Ground};
use memory::Peaks;
use settings::Settings;

/// A database of rows, and the keys of its goals.
struct Rows {
    label: &'static str,
    filler: Filler,
    dump: dumping::Keys,
    store: Option<&'static str>,
    restore: restoring::Keys,
    copy: &'static str,
    far: bool,
}

const ROWS: [Rows; 2] = [
    Rows {
        label: "balanced tables",
        filler: schemas::tpch_like,
        dump: dumping::Keys {
            wall: "dump balanced",
            server: "server balanced",
            client: "client balanced",
            piped: Some("piped balanced"),
        },
        store: Some("store"),
        restore: restoring::Keys { whole: "restore balanced", rows: "rows balanced" },
        copy: "copy balanced",
        far: true,
    },
    Rows {
        label: "one big table",
        filler: big_table,
        dump: dumping::Keys { wall: "dump big", server: "server big", client: "client big", piped: None },
        store: None,
        restore: restoring::Keys { whole: "restore big", rows: "rows big" },
        copy: "copy big",
        far: false,
    },
];

/// The skewed database, its big table with four indexes.
fn big_table(database: &Database<'_>, scale: f64) {
    schemas::skewed(database, scale);
    database.execute("CREATE INDEX big_at ON big (at); CREATE INDEX big_token ON big (token)");
}

fn main() -> ExitCode {
    let run = Instant::now();
    let ground = Ground::start(Settings::read());
    describe(&ground);
    let mut board = Board::default();
    let mut peaks = Peaks::default();
    let mut parts = Parts::of(&ground.settings);
    for rows in &ROWS {
        run_rows(&ground, rows, &mut parts, &mut peaks, &mut board);
    }
    parts.run("memory", || {
        peaks.add_huge_value(&ground);
        peaks.note(&mut board);
    });
    parts.run("many", || many::run(&ground, &mut board));
    parts.run("growth", || growing::run(&ground, &mut board));
    parts.run("schemas", || ddl::run(&ground, &mut board));
    println!("\n## Goals");
    board.print();
    println!("\nThe whole run took {:.1} minutes.", run.elapsed().as_secs_f64() / 60.0);
    parts.end()
}

/// All works on one database of rows; it is filled when one of them is wanted.
fn run_rows(ground: &Ground, rows: &Rows, parts: &mut Parts<'_>, peaks: &mut Peaks, board: &mut Board) {
    let works = ["dump", "restore", "copy", "memory"].into_iter();
    let works = works.chain(rows.store.map(|_| "store")).chain(rows.far.then_some("links"));
    if !works.into_iter().any(|work| ground.settings.wants(work)) {
        return;
    }
    let filled = &Filled::fill(ground, rows.label, rows.filler);
    parts.run("dump", || dumping::run(filled, &rows.dump, board));
    if let Some(key) = rows.store {
        parts.run("store", || storing::run(filled, key, board));
    }
    parts.run("restore", || restoring::run(filled, &rows.restore, board));
    parts.run("copy", || copying::run(filled, rows.copy, board));
    parts.run("memory", || peaks.add(filled));
    if rows.far {
        parts.run("links", || link::run(filled, board));
    }
}

/// The parts of a run. One that fails has said why, and the others go on: they take long.
struct Parts<'a> {
    settings: &'a Settings,
    failed: Vec<&'static str>,
}

impl<'a> Parts<'a> {
    fn of(settings: &'a Settings) -> Self {
        Self { settings, failed: Vec::new() }
    }

    /// Runs a part if it is wanted, and says how long it took.
    fn run(&mut self, name: &'static str, work: impl FnOnce()) {
        if !self.settings.wants(name) {
            return;
        }
        let began = Instant::now();
        // What a failed part leaves half done is its own: figures are noted behind its last round.
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.failed.push(name);
        }
        println!("\n({name}: {:.0} s)", began.elapsed().as_secs_f64());
    }

    fn end(self) -> ExitCode {
        if self.failed.is_empty() {
            return ExitCode::SUCCESS;
        }
        eprintln!("failed: {}", self.failed.join(", "));
        ExitCode::FAILURE
    }
}

/// The machine and the programs, for whoever reads the figures later.
fn describe(ground: &Ground) {
    let settings = &ground.settings;
    println!(
        "PostgreSQL {}, {} lanes, {} rounds (medians), scale {}",
        ground.cluster.rows("postgres", "SHOW server_version")[0][0].as_deref().unwrap_or("?"),
        settings.lanes,
        settings.rounds,
        settings.scale,
    );
    println!(
        "{} cores ({}), {} of memory",
        std::thread::available_parallelism().map_or(1, usize::from),
        fact("/proc/cpuinfo", "model name"),
        fact("/proc/meminfo", "MemTotal")
    );
    for mut program in [tools::pg_dump(settings.major), tools::age()] {
        let name = program.get_program().to_owned();
        let name = Path::new(&name).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let output = program.arg("--version").output().expect("it is installed");
        println!("{name}: {}", String::from_utf8_lossy(&output.stdout).trim());
    }
}

/// A line's value in a file of the kernel's.
fn fact(file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
    line.map_or("unknown", |(_, value)| value.trim()).to_owned()
}
