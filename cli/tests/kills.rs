//! `kill -9`, again and again: each run goes on where the last one was ended, and the result is equal (DESIGN section 5).

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Database, Options};
use pgfreight_fixtures::{s3, schemas, tools};
use serde_json::Value;

use crate::program::{Home, Outcome, finish};

/// One repository between a source and a target.
struct Scene<'a> {
    home: Home,
    identity: String,
    repository: String,
    /// Where its objects lie as files, whatever the store.
    folder: PathBuf,
    variables: Vec<(String, String)>,
    source: &'a Database<'a>,
    target: &'a Database<'a>,
    jobs: &'a str,
}

/// How many files lie below a folder.
fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

impl Scene<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(&[args, &["--repo", &self.repository]].concat());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, args: &[&str]) -> Outcome {
        finish(self.command(args))
    }

    /// Records of the journals of unfinished dumps.
    fn records(&self) -> usize {
        files(&self.folder.join("runs"))
    }

    /// Runs a command and ends it with SIGKILL at the first event that is `moment`.
    fn kill_at(&self, args: &[&str], moment: impl Fn(&Value) -> bool) {
        let mut command = self.command(&[args, &["--json"]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs");
        let mut last = String::new();
        for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
            if moment(&serde_json::from_str(&line).expect("JSON")) {
                child.kill().expect("it still runs");
                break;
            }
            last = line;
        }
        let status = child.wait().expect("ends");
        assert_eq!(status.signal(), Some(9), "it ended before its moment came: {last}");
    }

    /// Dumps, killed so often; every time only after more was noted in the journal, which `while_rows` leaves time for. The report
    /// of the run that ends.
    fn dump(&self, kills: usize, more: &[&str], while_rows: &[&str]) -> Value {
        let url = self.source.url();
        let args = [&["dump", "-d", &url, "-j", self.jobs], more].concat();
        for _ in 0..kills {
            let before = self.records();
            self.kill_at(&[&args[..], while_rows].concat(), |_| self.records() > before);
        }
        assert!(self.run(&["list"]).expect(0).out.contains("no dumps yet"));
        let report = self.run(&[&args[..], &["--json"]].concat()).expect(0).result()["report"].clone();
        assert!(report["reused_chunks"].as_u64().is_some_and(|reused| reused > 0), "{report}");
        assert!(report["uploaded_bytes"].as_u64() < report["stored_bytes"].as_u64(), "{report}");
        report
    }

    /// Restores, killed twice in the middle of rows and once while indexes are built. The report of the run that ends.
    fn restore(&self, while_rows: &[&str]) -> Value {
        let url = self.target.url();
        let args = ["restore", "-d", &url, "-j", self.jobs, "-i", &self.identity];
        for _ in 0..2 {
            let (enough, done) = (AtomicUsize::new(usize::MAX), AtomicUsize::new(0));
            self.kill_at(&[&args[..], while_rows].concat(), |event| match event["event"].as_str() {
                Some("planned") => {
                    let chunks = usize::try_from(event["chunks"].as_u64().expect("a number")).expect("fits");
                    enough.store((chunks / 4).max(1), Ordering::Relaxed);
                    false
                }
                Some("chunk_done") if event["reused"] == false => {
                    done.fetch_add(1, Ordering::Relaxed) + 1 >= enough.load(Ordering::Relaxed)
                }
                _ => false,
            });
        }
        let later = |event: &Value| {
            event["event"] == "entry_done" && matches!(event["kind"].as_str(), Some("INDEX" | "CONSTRAINT"))
        };
        self.kill_at(&args, later);
        self.run(&[&args[..], &["--json"]].concat()).expect(0).result()["report"].clone()
    }

    /// The engine's own proofs, then one that shares no code with it.
    fn prove(&self, scope: Scope) {
        let with_key = ["-i", &self.identity, "-j", self.jobs];
        self.run(&["verify"]).expect(0);
        self.run(&[&["verify"][..], &with_key].concat()).expect(0);
        for database in [self.target, self.source] {
            self.run(&[&["verify", "--against", &database.url()][..], &with_key].concat()).expect(0);
        }
        compare::assert_equal(&self.source.url(), &self.target.url(), scope);
    }
}

#[test]
fn killed_dumps_and_restores_go_on_and_the_result_is_equal() {
    let (old, new) = (Cluster::shared(16), Cluster::shared(18));
    let (source, target) = (old.database("cli_kill"), new.database("cli_killed"));
    source.execute(
        "CREATE TABLE big (id bigint GENERATED ALWAYS AS IDENTITY, word text NOT NULL);
         INSERT INTO big (word) SELECT string_agg(md5((i * 20 + k)::text), '')
             FROM generate_series(1, 50000) i, generate_series(1, 20) k GROUP BY i;
         ALTER TABLE big ADD PRIMARY KEY (id); CREATE INDEX ON big (left(word, 8)); CREATE INDEX ON big (right(word, 8));
         CREATE INDEX ON big (md5(word)); CREATE INDEX ON big (reverse(word)); CREATE INDEX ON big (length(word), word);
         CREATE TABLE small AS SELECT i FROM generate_series(1, 100) i",
    );
    let home = Home::new();
    let (identity, recipient) = home.identity("id.txt");
    let folder = home.path("repo");
    let scene = Scene {
        repository: home.text("repo"),
        variables: Vec::new(),
        source: &source,
        target: &target,
        jobs: "1",
        home,
        identity,
        folder,
    };
    scene.run(&["init", "-r", &recipient]).expect(0);
    // Slow enough that a journal is written long before the end.
    let dumped = scene.dump(1, &["-Z", "zstd:19", "--chunk-size", "1MiB"], &[]);
    assert_eq!(dumped["rows"].as_u64(), Some(50_100), "{dumped}");
    assert_eq!(scene.records(), 0, "what a committed dump holds needs no journal");
    // Slow enough that the rows are not all there before the test has heard of the first.
    let restored = scene.restore(&["--rate-limit", "8MiB"]);
    assert_eq!(restored["losses"].as_array().map(Vec::len), Some(0), "{restored}");
    scene.prove(Scope::Data);
}

/// A database of ICU on a server without it: killed once the database was made with libc instead, at any moment behind, the same
/// command goes on, and still says what was lost.
#[test]
fn killed_behind_the_fallback_to_libc_it_goes_on_and_names_it() {
    let source =
        Cluster::icu(18).database_with("cli_kill_icu", "LOCALE_PROVIDER icu ICU_LOCALE 'und-u-ks-level2' LOCALE 'C'");
    source.execute(
        "CREATE TABLE t (a text PRIMARY KEY); INSERT INTO t VALUES ('a10'), ('a9');
         CREATE TABLE big AS SELECT i, md5(i::text) AS m FROM generate_series(1, 40000) i; CREATE INDEX ON big (m)",
    );
    let bare = Cluster::start(18, &Options::default());
    let beside = bare.database("cli_kill_beside");
    let home = Home::new();
    let (identity, recipient) = home.identity("id.txt");
    let scene = Scene {
        repository: home.text("repo"),
        folder: home.path("repo"),
        variables: Vec::new(),
        source: &source,
        target: &beside,
        jobs: "1",
        home,
        identity,
    };
    scene.run(&["init", "-r", &recipient]).expect(0);
    scene.run(&["dump", "-d", &source.url(), "--chunk-size", "1MiB"]).expect(0);
    let to = beside.url();
    let args = ["restore", "-C", "-d", &to, "-j", "1", "-i", &scene.identity, "--rate-limit", "4MiB"];
    let phase = |event: &Value, name: &str| event["event"] == "phase" && event["name"] == name;
    // As CREATE DATABASE leaves it, and nothing written into it yet.
    let made =
        "SELECT 1 FROM pg_database WHERE datname = $$NAME$$ AND datlocprovider = 'c'".replace("NAME", source.name());
    bare.execute(&format!("CREATE DATABASE \"{}\" TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'", source.name()));
    for moment in ["create", "plan", "pre-data"] {
        scene.kill_at(&args, |event| phase(event, moment));
        assert_eq!(bare.rows("postgres", &made).len(), 1, "{moment}");
    }
    scene.kill_at(&args, |event| event["event"] == "chunk_done");
    let report = scene.run(&[&args[..], &["--json"]].concat()).expect(3).result()["report"].clone();
    let losses = report["losses"].as_array().expect("a list");
    let told = losses[0]["reason"].as_str().expect("a text");
    assert!(losses.len() == 1 && told.contains("built without ICU, and libc sorts instead"), "{report}");
    compare::assert_equal(&source.url(), &bare.url(source.name()), Scope::Data);
}

/// Gigabytes by `PGFREIGHT_SOAK_SCALE` (1.0: a database of more than 5 GB).
#[test]
#[ignore = "moves gigabytes; `make soak` runs it"]
fn five_gigabytes_through_s3_killed_three_times_each_way() {
    let scale: f64 = std::env::var("PGFREIGHT_SOAK_SCALE").map_or(1.0, |text| text.parse().expect("a number"));
    let settings = ["shared_buffers = 512MB", "max_wal_size = 8GB", "max_connections = 60"].map(str::to_owned).to_vec();
    let options = Options { settings, ..Options::default() };
    let (old, new) = (Cluster::start(16, &options), Cluster::start(18, &options));
    let (source, target) = (old.database("soak"), new.database("soak_again"));
    schemas::tpch_like(&source, scale);
    let mut pgbench = tools::pgbench(16);
    pgbench.args(["-i", "-q", "-s", &format!("{}", (280.0 * scale).ceil()), "--foreign-keys"]).arg(source.url());
    assert!(pgbench.stderr(Stdio::null()).status().expect("pgbench runs").success());
    println!("database: {} MB", source.value("SELECT pg_database_size(current_database()) / 1000000"));

    let server = s3::Server::start_with(&s3::Options::default());
    let home = Home::new();
    let (identity, recipient) = home.identity("id.txt");
    let scene = Scene {
        repository: format!("{}/nightly", server.url()),
        folder: server.bucket_folder().expect("our own").join("nightly"),
        variables: server.env(),
        source: &source,
        target: &target,
        jobs: "8",
        home,
        identity,
    };
    scene.run(&["init", "-r", &recipient]).expect(0);
    // Even a fast machine is not done before the third kill.
    println!("dump: {}", scene.dump(3, &[], &["--rate-limit", "64MiB"]));
    println!("restore: {}", scene.restore(&[]));
    scene.prove(Scope::All);
}
