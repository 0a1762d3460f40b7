//! Whole dumps, restores and copies beside `pg_dump`, `pg_restore` and `pgcopydb`, in one run on one server: `make bench`.
//!
//! Every contender runs in turn, round after round, and medians are compared, so that a noisy machine is noisy for all.
//! Results are ratios; nothing here asserts a time.

mod contenders;
mod copying;
mod ddl;
mod link;
mod measure;
mod table;

use std::path::PathBuf;

use pgfreight_fixtures::postgres::{Cluster, Options};
use pgfreight_fixtures::{regression, schemas};

use contenders::{Arena, Filler};
use copying::Copying;
use ddl::Ddl;
use link::Link;
use table::Table;

/// What to run; all from the environment, so that `make bench` needs no argument parser.
struct Settings {
    major: u32,
    rounds: usize,
    scale: f64,
    lanes: usize,
    program: PathBuf,
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

fn main() {
    let settings = Settings {
        major: setting("BENCH_MAJOR", "18").parse().expect("BENCH_MAJOR is a number"),
        rounds: setting("BENCH_ROUNDS", "3").parse().expect("BENCH_ROUNDS is a number"),
        scale: setting("BENCH_SCALE", "1").parse().expect("BENCH_SCALE is a number"),
        lanes: setting("BENCH_LANES", "2").parse().expect("BENCH_LANES is a number"),
        program: setting("PGFREIGHT", "target/release/pgfreight").into(),
    };
    assert!(settings.program.exists(), "{} is missing: cargo build --release", settings.program.display());
    let lines =
        ["shared_buffers = 512MB", "max_wal_size = 8GB", "checkpoint_timeout = 30min", "maintenance_work_mem = 256MB"];
    let options = Options { settings: lines.map(str::to_owned).to_vec(), ..Options::default() };
    let cluster = Cluster::start(settings.major, &options);
    println!(
        "PostgreSQL {}, {} lanes, {} rounds, scale {}, {} cores",
        settings.major,
        settings.lanes,
        settings.rounds,
        settings.scale,
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    let works: [(&str, Filler); 2] =
        [("balanced tables (TPC-H-like)", schemas::tpch_like), ("one big skewed table", schemas::skewed)];
    let only = setting("BENCH_ONLY", "");
    let wanted = |work: &str| only.is_empty() || only == work;
    for (name, filler) in works.into_iter().filter(|_| wanted("rows")) {
        let arena = Arena::fill(&cluster, &settings, filler);
        println!("\n{name}: {} MiB in the server", arena.megabytes());
        let (dumps, restores) = arena.run();
        Table::new("dump", "pg_dump -Fd zstd:1").print(&dumps);
        Table::new("restore", "pg_restore").print(&restores);
    }
    for (name, filler) in MANY.into_iter().filter(|_| wanted("many")) {
        let arena = Arena::fill(&cluster, &settings, filler);
        println!("\n{name}: {} MiB in the server", arena.megabytes());
        let (dumps, restores) = arena.run_small();
        Table::new("dump", "pg_dump -Fd zstd:1").print(&dumps);
        Table::new("restore", "pg_restore").print(&restores);
    }
    for (name, filler) in works.into_iter().filter(|_| wanted("copy")) {
        let copying = Copying::fill(&cluster, &settings, filler);
        println!("\n{name}: {} MiB in the server", copying.megabytes());
        copying.run();
    }
    if wanted("links") {
        let database = cluster.database("far");
        schemas::tpch_like(&database, settings.scale / 2.0);
        database.execute("VACUUM (FREEZE, ANALYZE)");
        Link::new(&cluster, &settings, &database).run();
    }
    if wanted("schemas") {
        schemas_alone(&cluster, &settings);
    }
}

/// Works whose cost is their number, whatever the scale.
const MANY: [(&str, Filler); 2] = [
    ("10,000 small tables", |database, _| ddl::many_tables(database, 10_000, 5)),
    ("10,000 large objects", |database, _| {
        database.execute(
            "SELECT count(lo_from_bytea(0, convert_to(repeat(n::text, 200), 'UTF8'))) FROM generate_series(1, 10000) n",
        );
    }),
];

/// Schemas without rows: many tables, and the one that PostgreSQL's own regression suite leaves.
fn schemas_alone(cluster: &Cluster, settings: &Settings) {
    let many = cluster.database("many_tables");
    ddl::many_tables(&many, 10_000, 0);
    println!("\n10,000 tables");
    Ddl::new(cluster, settings, many.name()).run();
    drop(many);
    if regression::is_here() {
        let lines = ["max_locks_per_transaction = 256", "max_prepared_transactions = 10"].map(str::to_owned);
        let cluster = Cluster::start(regression::MAJOR, &Options { settings: lines.to_vec(), ..Options::default() });
        let folder = tempfile::tempdir().expect("a folder");
        regression::run(&cluster, folder.path());
        println!("\nthe regression suite's database, PostgreSQL {}", regression::MAJOR);
        Ddl::new(&cluster, settings, regression::DATABASE).run();
    }
}
