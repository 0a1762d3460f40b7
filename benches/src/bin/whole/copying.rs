//! One database into another on the same server, beside `pgcopydb clone` and what people do without it: `pg_dump -Fd -j`,
//! then `pg_restore -j`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use pgfreight_fixtures::postgres::{Cluster, Database};
use pgfreight_fixtures::tools;

use super::Settings;
use super::contenders::Filler;
use super::measure::{self, Cost};
use super::table::{Costs, Table};

/// The rival that is not part of PostgreSQL.
const RIVAL: &str = "pgcopydb clone";

/// What every machine with PostgreSQL has.
const USUAL: &str = "pg_dump -Fd, then pg_restore";

/// A database that is copied.
pub struct Copying<'a> {
    cluster: &'a Cluster,
    settings: &'a Settings,
    source: Database<'a>,
    folder: tempfile::TempDir,
}

/// A contender's name, and how it runs once.
type Contender<'a> = (&'static str, fn(&Copying<'a>) -> Cost);

impl<'a> Copying<'a> {
    /// Fills a fresh database.
    pub fn fill(cluster: &'a Cluster, settings: &'a Settings, filler: Filler) -> Self {
        let source = cluster.database("bench_copy");
        filler(&source, settings.scale);
        source.execute("VACUUM (FREEZE, ANALYZE)");
        Self { cluster, settings, source, folder: tempfile::tempdir().expect("a folder") }
    }

    /// Size of the database, MiB.
    pub fn megabytes(&self) -> String {
        self.source.value("SELECT pg_database_size(current_database()) / 1048576")
    }

    /// Runs all rounds in turns, and prints the ratios to either yardstick.
    pub fn run(&self) {
        let mut contenders: Vec<Contender<'a>> = vec![
            ("pgfreight copy (every row read back)", Self::ours),
            ("pgfreight copy --no-check", Self::unchecked),
            (USUAL, Self::usual),
        ];
        match self.rival_version() {
            Some(version) => {
                println!("{version}");
                contenders.push((RIVAL, Self::rival));
            }
            None => println!("{RIVAL} is not on this machine (BENCH_PGCOPYDB names it; Debian has a package)"),
        }
        let mut costs: Costs = contenders.iter().map(|(name, _)| (*name, Vec::new())).collect();
        for _ in 0..self.settings.rounds {
            for (position, (_, contender)) in contenders.iter().enumerate() {
                costs[position].1.push(contender(self));
            }
        }
        Table::new("copy", USUAL).print(&costs);
        if contenders.len() > 3 {
            Table::new("copy", RIVAL).print(&costs);
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn server(&self) -> u32 {
        self.cluster.pid().expect("a cluster of our own has a process")
    }

    fn lanes(&self) -> String {
        self.settings.lanes.to_string()
    }

    /// A new database; every copy begins with the same room before the next checkpoint.
    fn target(&self) -> Database<'a> {
        let target = self.cluster.database("bench_copied");
        self.source.execute("CHECKPOINT");
        target
    }

    fn ours(&self) -> Cost {
        self.copy(&[])
    }

    /// What the others do: nothing is read back.
    fn unchecked(&self) -> Cost {
        self.copy(&["--no-check"])
    }

    fn copy(&self, more: &[&str]) -> Cost {
        let target = self.target();
        let mut copy = Command::new(&self.settings.program);
        copy.args(["copy", "--quiet", "-d", &self.source.url(), "--to", &target.url(), "-j", &self.lanes()]);
        copy.args(more).stdout(Stdio::null());
        measure::pipeline(self.server(), vec![copy])
    }

    /// One after the other: `pg_restore -j` needs the whole folder.
    fn usual(&self) -> Cost {
        let target = self.target();
        let out = self.path("directory");
        let _ = std::fs::remove_dir_all(&out);
        let mut dump = tools::pg_dump(self.settings.major);
        dump.args(["-Fd", "-Z", "zstd:1", "-j", &self.lanes(), "-d", &self.source.url(), "-f"]).arg(&out);
        let first = measure::pipeline(self.server(), vec![dump]);
        let mut restore = tools::pg_restore(self.settings.major);
        restore.args(["-j", &self.lanes(), "-d", &target.url()]).arg(&out);
        let second = measure::pipeline(self.server(), vec![restore]);
        Cost {
            wall: first.wall + second.wall,
            client_cpu: first.client_cpu + second.client_cpu,
            server_cpu: first.server_cpu + second.server_cpu,
            peak_mib: first.peak_mib.max(second.peak_mib),
            stored: measure::bytes(&out),
        }
    }

    fn rival_program(&self) -> Command {
        let client = tools::pg_dump(self.settings.major);
        let programs = PathBuf::from(client.get_program());
        let programs = programs.parent().expect("it lies in a folder").display().to_string();
        let mut rival = Command::new(super::setting("BENCH_PGCOPYDB", "pgcopydb"));
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

    fn rival_version(&self) -> Option<String> {
        let output = self.rival_program().arg("--version").stdout(Stdio::piped()).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
    }

    fn rival(&self) -> Cost {
        let target = self.target();
        let work = self.path("pgcopydb");
        let _ = std::fs::remove_dir_all(&work);
        let mut clone = self.rival_program();
        clone.args(["clone", "--source", &self.source.url(), "--target", &target.url()]);
        clone.args(["--table-jobs", &self.lanes(), "--index-jobs", &self.lanes(), "--dir"]).arg(&work);
        measure::pipeline(self.server(), vec![clone])
    }
}
