//! The switches that pg_dump has too, one by one, on the realistic schema, and those that decide about parts of objects on
//! every class of objects: what `pg_dump | psql` makes with a switch, a dump and a restore of ours must make with the same switch.

use std::process::Stdio;

use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Database};
use pgfreight_fixtures::{process, schemas, tools};

use crate::program::Home;

/// Switches of the dump, of the restore, and pg_dump's for both; what is there before.
#[derive(Clone, Copy)]
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

/// What is tried on every class.
const PARTS: [Case; 6] = [
    restored(&["-s"]),
    restored(&["--section=pre-data"]),
    restored(&["-O"]),
    restored(&["-x"]),
    restored(&["--no-comments"]),
    dumped(&["--section=pre-data", "--section=data"]),
];

/// Where a switch does something else on purpose, and why (docs/FIDELITY.md, "Switches").
const OTHERWISE: [(&str, &str, &str); 3] = [
    ("acl", "-O", "what is left of its rights to an owner who is no longer one"),
    ("function", "--section=pre-data", "a check that calls a function comes behind the rows it may read"),
    (
        "since 18",
        "--section=pre-data",
        "a child's own copy of a not-null that is not valid yet comes when the parent's does",
    ),
];

fn is_otherwise(class: &str, case: &Case) -> bool {
    OTHERWISE.iter().any(|(known, switch, _)| *known == class && case.theirs.contains(switch))
}

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
    differences_of(&home, cluster, &source, &CASES)
}

/// The classes of one part of three, on the newest major.
fn differences_of_classes(third: usize) -> Vec<String> {
    let cluster = Cluster::shared(18);
    let home = Home::new();
    home.run(&["init", "--repo", "repo", "--no-encryption"]).expect(0);
    let classes = [schemas::classes(), schemas::rare_classes(), schemas::news_up_to(18)].concat();
    let mine = classes.into_iter().enumerate().filter(|(number, _)| number % 3 == third);
    let of_class = |(_, (name, sql)): (usize, (String, String))| {
        let source = cluster.database("matrix_class");
        schemas::class_roles(&source);
        source.execute(&sql);
        let (others, alike): (Vec<Case>, Vec<Case>) = PARTS.into_iter().partition(|case| is_otherwise(&name, case));
        let mut found = differences_of(&home, cluster, &source, &alike);
        for case in others {
            if differences_of(&home, cluster, &source, &[case]).is_empty() {
                found.push("no longer does something else".to_owned());
            }
        }
        found.into_iter().map(move |what| format!("{name} {what}"))
    };
    mine.flat_map(of_class).collect()
}

fn differences_of(home: &Home, cluster: &Cluster, source: &Database<'_>, cases: &[Case]) -> Vec<String> {
    let mut all = Vec::new();
    for case in cases {
        let (ours, theirs) = (cluster.database("matrix_ours"), cluster.database("matrix_theirs"));
        for target in [&ours, &theirs] {
            if !case.before.is_empty() {
                target.execute(case.before);
            }
        }
        by_us(home, case, source, &ours);
        by_pg_dump(case, source, &theirs);
        let found = compare::databases(&theirs.url(), &ours.url(), Scope::All).differences;
        all.extend(found.into_iter().map(|what| format!("{:?}/{:?}: {what}", case.dump, case.restore)));
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

#[test]
fn every_class_takes_the_switches_as_with_pg_dump_first_third() {
    let found = differences_of_classes(0);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_class_takes_the_switches_as_with_pg_dump_second_third() {
    let found = differences_of_classes(1);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_class_takes_the_switches_as_with_pg_dump_last_third() {
    let found = differences_of_classes(2);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
