//! The switches that pg_dump has too, one by one, on the realistic schema: what `pg_dump | psql` makes with a switch, a dump
//! and a restore of ours must make with the same switch.

use std::process::Stdio;

use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Database};
use pgfreight_fixtures::{process, schemas, tools};

use crate::program::Home;

/// Switches of the dump, of the restore, and pg_dump's for both; what is there before.
struct Case {
    dump: &'static [&'static str],
    restore: &'static [&'static str],
    theirs: &'static [&'static str],
    before: &'static str,
}

const fn dumped(switches: &'static [&'static str]) -> Case {
    Case { dump: switches, restore: &[], theirs: switches, before: "" }
}

const fn restored(switches: &'static [&'static str]) -> Case {
    Case { dump: &[], restore: switches, theirs: switches, before: "" }
}

const CASES: [Case; 19] = [
    dumped(&[]),
    dumped(&["-s"]),
    restored(&["-s"]),
    dumped(&["--section=pre-data"]),
    restored(&["--section=pre-data"]),
    dumped(&["--section=pre-data", "--section=data"]),
    restored(&["--section=pre-data", "--section=data"]),
    restored(&["-O"]),
    restored(&["-x"]),
    restored(&["-O", "-x", "--no-comments"]),
    restored(&["--no-publications"]),
    restored(&["--no-security-labels", "--no-tablespaces"]),
    dumped(&["-n", "shop"]),
    dumped(&["-n", "audit", "-n", "shop"]),
    dumped(&["-N", "reporting"]),
    dumped(&["-T", "shop.*"]),
    dumped(&["--exclude-table-data", "shop.*"]),
    dumped(&["-B"]),
    Case { dump: &["-t", "audit.*"], restore: &[], theirs: &["-t", "audit.*"], before: "CREATE SCHEMA audit" },
];

fn by_pg_dump(case: &Case, source: &Database<'_>, target: &Database<'_>) {
    let mut dump = tools::pg_dump(18);
    dump.args(case.theirs).args(["-d", &source.url()]).stdout(Stdio::piped());
    let mut dump = dump.spawn().expect("pg_dump starts");
    let text = dump.stdout.take().expect("its output is piped");
    let mut psql = tools::psql();
    psql.args(["-Xq", "-o", "/dev/null", "-d", &target.url()]).stdin(text).stderr(Stdio::null());
    process::run(&mut psql);
    assert!(dump.wait().expect("pg_dump ends").success());
}

fn by_us(home: &Home, case: &Case, source: &Database<'_>, target: &Database<'_>) {
    let common = ["--repo", "repo", "--allow-losses", "-j", "2"];
    let (from, to) = (source.url(), target.url());
    home.run(&[&["dump", "-d", &from], &common[..], case.dump].concat()).expect(0);
    let restore = ["restore", "latest", "-d", &to, "--allow-unsigned", "--allow-non-empty"];
    home.run(&[&restore[..], &common, case.restore].concat()).expect(0);
}

/// On one major, every case; what differs between the two ways.
fn differences(major: u32) -> Vec<String> {
    let cluster = Cluster::shared(major);
    let (home, source) = (Home::new(), cluster.database("matrix"));
    schemas::shop(&source, 0.002);
    home.run(&["init", "--repo", "repo", "--no-encryption"]).expect(0);
    let mut all = Vec::new();
    for case in &CASES {
        let (ours, theirs) = (cluster.database("matrix_ours"), cluster.database("matrix_theirs"));
        for target in [&ours, &theirs] {
            if !case.before.is_empty() {
                target.execute(case.before);
            }
        }
        by_us(&home, case, &source, &ours);
        by_pg_dump(case, &source, &theirs);
        let found = compare::databases(&theirs.url(), &ours.url(), Scope::All).differences;
        all.extend(found.into_iter().map(|what| format!("{major} {:?}/{:?}: {what}", case.dump, case.restore)));
    }
    all
}

#[test]
fn every_switch_does_what_pg_dumps_does_on_the_oldest_major() {
    let found = differences(14);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_switch_does_what_pg_dumps_does_on_the_newest_major() {
    let found = differences(18);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
