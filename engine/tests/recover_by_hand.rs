//! Promise 12: a dump can be recovered without us. `docs/RECOVER_BY_HAND.md` is followed literally: its command blocks are
//! taken from the page and run by bash with `age`, `zstd`, `b3sum` and `psql`; what comes out must equal the source.
//!
//! A block's first word is `sh`; a second word says when it is meant: `encrypted`, `unencrypted`, `one-table`, or
//! `by-you` for what a person writes (here the test does).

use std::path::PathBuf;
use std::process::Command;

use pgfreight_engine::run::options::DumpOptions;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Database};
use pgfreight_fixtures::{parts, schemas};

use crate::place::Place;

const PAGE: &str = include_str!("../../docs/RECOVER_BY_HAND.md");

/// The commands of these steps, in this order, that are meant always or in one of these cases.
fn commands(steps: &[u32], cases: &[&str]) -> String {
    steps.iter().map(|step| commands_of(*step, cases)).collect()
}

fn commands_of(wanted: u32, cases: &[&str]) -> String {
    let (mut step, mut inside, mut taken, mut script) = (0, false, false, String::new());
    for line in PAGE.lines() {
        if let Some(words) = line.strip_prefix("```") {
            inside = !inside;
            let words: Vec<&str> = words.split_whitespace().collect();
            assert!(!inside || words[0] == "sh", "a block of the page is not for the shell: {line}");
            taken = inside && step == wanted && words.get(1).is_none_or(|case| cases.contains(case));
        } else if inside && taken {
            script.push_str(line);
            script.push('\n');
        } else if let Some(number) = line.strip_prefix("## ").filter(|_| !inside) {
            step = number.split_once('.').and_then(|(number, _)| number.parse().ok()).expect("steps are numbered");
        }
    }
    script
}

/// A dump made by the engine, and what its reader holds.
struct Kept {
    place: Place,
    dump: String,
}

impl Kept {
    async fn of(source: &Database<'_>, place: Place) -> Self {
        // Small chunks: tables of several chunks, and objects that several of them share.
        let options = DumpOptions { chunk_target: 512 << 10, ..DumpOptions::default() };
        let report = place.dump(&source.url(), &options).await.unwrap();
        assert!(report.losses.is_empty() && report.chunks > report.tables, "{report:?}");
        Self { place, dump: report.dump.to_string() }
    }

    /// Runs commands of the page; what they print.
    fn follow(&self, target: &Database<'_>, steps: &[u32], cases: &[&str]) -> String {
        let script = commands(steps, cases);
        let mut bash = Command::new("bash");
        bash.args(["-eu", "-c", &script]).env_clear();
        bash.env("PATH", self.programs()).env("LD_LIBRARY_PATH", parts::postgresql(parts::NEWEST).join("lib"));
        bash.env("HOME", self.place.folder.path()).env("LC_ALL", "C.UTF-8");
        bash.env("REPO", self.place.path("repository")).env("DUMP", &self.dump);
        bash.env("IDENTITY", self.place.path("identity.txt")).env("WORK", self.place.path("work"));
        for (name, value) in target.program("psql").get_envs() {
            if let Some(value) = value.filter(|_| name.to_string_lossy().starts_with("PG")) {
                bash.env(name, value);
            }
        }
        if let Some(number) = cases.iter().find_map(|case| case.strip_prefix("table ")) {
            bash.env("TABLE", number);
        }
        let output = bash.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "the page's commands failed:\n{out}\n{err}");
        assert!(!out.contains("FAILED") && !out.contains("WRONG"), "{out}\n{err}");
        out.into_owned()
    }

    /// A search path with the tools of the page and the system's own, nothing of ours.
    fn programs(&self) -> String {
        let folder = self.place.path("bin");
        if std::fs::create_dir(&folder).is_ok() {
            let tool = |name: &str| (name.to_owned(), parts::program(name));
            let mut tools: Vec<(String, PathBuf)> = ["age", "age-keygen", "zstd", "b3sum"].map(tool).into();
            tools.push(("psql".to_owned(), parts::postgresql_program(parts::NEWEST, "psql")));
            for (name, path) in tools {
                std::os::unix::fs::symlink(path, folder.join(name)).unwrap();
            }
        }
        format!("{}:/usr/bin:/bin", folder.display())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_recovers_a_whole_dump_and_then_one_table() {
    let cluster = Cluster::shared(18);
    let (source, target) = (cluster.database("by_hand_source"), cluster.database("by_hand_target"));
    schemas::shop(&source, 0.1);
    let kept = Kept::of(&source, Place::encrypted().await).await;
    let said = kept.follow(&target, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], &["encrypted"]);
    for line in ["the identity is the right one", "contents.zst.age: OK", "right|", "large objects"] {
        assert!(said.contains(line), "{line} is missing in:\n{said}");
    }
    for section in ["pre-data", "data", "post-data"] {
        assert!(said.contains(&format!("\n{section}: no errors")), "{section} in:\n{said}");
    }
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert!(!kept.place.path("work").exists(), "secrets are left");

    let listed = said.lines().find(|line| line.split('|').any(|cell| cell.trim() == "payments"));
    let number = listed.expect("listed").split('|').next().expect("a number").trim();
    target.execute("DROP TABLE shop.payments");
    let table = format!("table {number}");
    let said = kept.follow(&target, &[1, 2, 3, 4, 5, 12, 11], &["encrypted", "one-table", &table]);
    assert!(said.contains(&format!("{table} loaded")), "{said}");
    assert_eq!(said.matches(": no errors").count(), 3, "{said}");
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_recovers_a_dump_without_encryption() {
    let cluster = Cluster::shared(15);
    let (source, target) = (cluster.database("by_hand_plain"), cluster.database("by_hand_plain_target"));
    schemas::shop(&source, 0.1);
    source.execute(
        "CREATE TABLE no_columns (); INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
         CREATE TABLE \"Größe\"\" )\n;\" (\"a, b\" text, \"$$ ' \\ :x\" money);
         INSERT INTO \"Größe\"\" )\n;\" VALUES (E'\\\\.', 12.5), (E'a\\tb\\n\\r', NULL), ('', -3)",
    );
    let kept = Kept::of(&source, Place::plain().await).await;
    let said = kept.follow(&target, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], &["unencrypted"]);
    assert!(said.contains("contents.zst: OK"), "{said}");
    assert_eq!(said.matches(": no errors").count(), 3, "{said}");
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}
