//! The server, and the databases on it that the works share.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use pgfreight_fixtures::postgres::{Cluster, Database, Options};
use pgfreight_fixtures::tools;

use super::measure::{self, Cost};
use super::repository::{Keys, Repository};
use super::settings::Settings;

/// Fills a database at a scale.
pub type Filler = fn(&Database<'_>, f64);

/// The server that everybody dumps from and restores into.
pub struct Ground {
    /// The server.
    pub cluster: Cluster,
    /// What to run.
    pub settings: Settings,
}

impl Ground {
    /// Starts a server with the settings that whoever loads gigabytes has made.
    pub fn start(settings: Settings) -> Self {
        // A dump locks every table, whoever makes it.
        let locks = format!("max_locks_per_transaction = {}", (settings.many() / 50).max(256));
        let lines = [
            &*locks,
            "shared_buffers = 512MB",
            "max_wal_size = 8GB",
            "checkpoint_timeout = 30min",
            "maintenance_work_mem = 256MB",
        ];
        let options = Options { settings: lines.map(str::to_owned).to_vec(), ..Options::default() };
        Self { cluster: Cluster::start(settings.major, &options), settings }
    }

    /// Runs a pipeline and measures it and the server.
    pub fn pipeline(&self, commands: Vec<Command>) -> Cost {
        measure::pipeline(self.server(), commands)
    }

    /// Runs one program and measures it and the server.
    pub fn alone(&self, command: Command) -> Cost {
        self.pipeline(vec![command])
    }

    /// Runs programs side by side and measures them and the server.
    pub fn together(&self, commands: Vec<Command>) -> Cost {
        measure::together(self.server(), commands)
    }

    fn server(&self) -> u32 {
        self.cluster.pid().expect("a cluster of our own has a process")
    }

    /// A new database to write into. Every restore begins with the same room before the next checkpoint.
    pub fn target(&self) -> Database<'_> {
        let target = self.cluster.database("bench_target");
        target.execute("CHECKPOINT");
        target
    }
}

/// A filled database, and a folder for what is made of it.
pub struct Filled<'a> {
    /// Its server and what to run.
    pub ground: &'a Ground,
    /// What it holds, for people.
    pub label: &'static str,
    /// The database.
    pub database: Database<'a>,
    folder: tempfile::TempDir,
    keys: Keys,
}

impl<'a> Filled<'a> {
    /// Fills a fresh database, and leaves it as a server that has run for a while would: vacuumed, frozen, analyzed.
    pub fn fill(ground: &'a Ground, label: &'static str, filler: Filler) -> Self {
        Self::fill_with(ground, label, filler, ground.settings.scale)
    }

    /// The same with another measure of how much than the run's scale.
    pub fn fill_with(ground: &'a Ground, label: &'static str, filler: Filler, much: f64) -> Self {
        let began = Instant::now();
        let database = ground.cluster.database("bench");
        filler(&database, much);
        database.execute("VACUUM (FREEZE, ANALYZE)");
        database.execute("CHECKPOINT");
        println!(
            "\n## {label}\n\n{} MiB in the server (filled in {:.0} s)",
            database.value("SELECT pg_database_size(current_database()) / 1048576"),
            began.elapsed().as_secs_f64()
        );
        let folder = tempfile::tempdir().expect("a folder");
        let keys = Keys::make(folder.path());
        Self { ground, label, database, folder, keys }
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Who may read.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// A repository at a place, reached with these variables.
    pub fn repository(&self, place: &Path, environment: Vec<(String, String)>) -> Repository<'_> {
        Repository::new(&self.ground.settings.program, &self.keys, place.to_owned(), environment)
    }

    /// A repository in its folder.
    pub fn local(&self, name: &str) -> Repository<'_> {
        self.repository(&self.path(name), Vec::new())
    }

    /// `pg_dump -Fd` at zstd:1 into a fresh folder.
    pub fn directory(&self, jobs: &str) -> Command {
        let out = self.path("directory");
        self.put_aside(&out);
        let mut dump = tools::pg_dump(self.ground.settings.major);
        dump.args(["-Fd", "-Z", "zstd:1", "-j", jobs, "-d", &self.database.url(), "-f"]).arg(&out);
        dump
    }

    /// Moves what an earlier round has left out of the way. Removed files would make new ones slow to make (see [`super::many`]).
    fn put_aside(&self, out: &Path) {
        let free = |number: &u32| !self.path(&format!("directory.{number}")).exists();
        if let (true, Some(number)) = (out.exists(), (0..).find(free)) {
            std::fs::rename(out, self.path(&format!("directory.{number}"))).expect("it can be moved");
        }
    }

    /// `pg_restore` of that folder; the target stands last among the arguments so far.
    pub fn pg_restore(&self, target: &Database<'_>, more: &[&str]) -> Command {
        let mut restore = tools::pg_restore(self.ground.settings.major);
        restore.args(["-j", &self.ground.settings.jobs(), "-d", &target.url()]).args(more).arg(self.path("directory"));
        restore
    }
}
