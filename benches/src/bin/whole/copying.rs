//! One database into another on the same server, beside `pgcopydb clone` and what people do without it: `pg_dump -Fd -j`,
//! then `pg_restore -j`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use pgfreight_fixtures::tools;

use super::goals::Board;
use super::ground::Filled;
use super::measure::{self, Cost};
use super::settings;
use super::table;
use super::turns::{Contender, take};

const OURS: &str = "pgfreight copy (every row read back)";
const UNCHECKED: &str = "pgfreight copy --no-check";

/// The rival that is not part of PostgreSQL.
const RIVAL: &str = "pgcopydb clone";

/// What every machine with PostgreSQL has.
const USUAL: &str = "pg_dump -Fd, then pg_restore";

/// Rounds of what no goal asks about.
const BESIDE: usize = 2;

/// Runs all rounds in turns, and prints the ratios to the rival.
pub fn run(filled: &Filled<'_>, key: &'static str, board: &mut Board) {
    let mut contenders = vec![
        Contender::new(OURS, || ours(filled, &[])),
        Contender::new(UNCHECKED, || ours(filled, &["--no-check"])).at_most(BESIDE),
        Contender::new(USUAL, || usual(filled)).at_most(BESIDE),
    ];
    let version = rival_version(filled.ground.settings.major);
    if version.is_some() {
        contenders.push(Contender::new(RIVAL, || rival(filled)));
    }
    let costs = take(filled.ground.settings.rounds, &contenders);
    let yardstick = if version.is_some() { RIVAL } else { USUAL };
    table::print(&format!("{}: copy", filled.label), yardstick, &costs);
    match version {
        Some(version) => {
            println!("\n{version}");
            board.note(key, costs.ratio(OURS, RIVAL, |cost| cost.wall));
        }
        None => board.missing(key, "no pgcopydb on this machine (Debian has a package; BENCH_PGCOPYDB names one)"),
    }
}

fn ours(filled: &Filled<'_>, more: &[&str]) -> Cost {
    let target = filled.ground.target();
    let settings = &filled.ground.settings;
    let mut copy = Command::new(&settings.program);
    copy.args(["copy", "--quiet", "-d", &filled.database.url(), "--to", &target.url(), "-j", &settings.jobs()]);
    copy.args(more).stdout(Stdio::null());
    filled.ground.alone(copy)
}

/// One after the other: `pg_restore -j` needs the whole folder.
fn usual(filled: &Filled<'_>) -> Cost {
    let target = filled.ground.target();
    let first = filled.ground.alone(filled.directory(&filled.ground.settings.jobs()));
    let second = filled.ground.alone(filled.pg_restore(&target, &[]));
    Cost {
        wall: first.wall + second.wall,
        client_cpu: first.client_cpu + second.client_cpu,
        server_cpu: first.server_cpu + second.server_cpu,
        peak_mib: first.peak_mib.max(second.peak_mib),
        stored: measure::bytes(&filled.path("directory")),
    }
}

fn rival_program(major: u32) -> Command {
    let client = tools::pg_dump(major);
    let programs = PathBuf::from(client.get_program());
    let programs = programs.parent().expect("it lies in a folder").display().to_string();
    let mut rival = Command::new(settings::text("BENCH_PGCOPYDB", "pgcopydb"));
    // It runs pg_dump and pg_restore for the schema, as it finds them.
    rival.env("PATH", format!("{programs}:/usr/bin:/bin")).stdout(Stdio::null()).stderr(Stdio::null());
    for (name, value) in client.get_envs() {
        match value {
            Some(value) => rival.env(name, value),
            None => rival.env_remove(name),
        };
    }
    rival
}

fn rival_version(major: u32) -> Option<String> {
    let output = rival_program(major).arg("--version").stdout(Stdio::piped()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}

fn rival(filled: &Filled<'_>) -> Cost {
    let target = filled.ground.target();
    let work = filled.path("pgcopydb");
    let _ = std::fs::remove_dir_all(&work);
    let jobs = filled.ground.settings.jobs();
    let mut clone = rival_program(filled.ground.settings.major);
    clone.args(["clone", "--source", &filled.database.url(), "--target", &target.url()]);
    clone.args(["--table-jobs", &jobs, "--index-jobs", &jobs, "--dir"]).arg(&work);
    filled.ground.alone(clone)
}
