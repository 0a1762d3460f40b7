//! The contenders and what each of them runs.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pgfreight_fixtures::postgres::{Cluster, Database};
use pgfreight_fixtures::tools;

use super::Settings;
use super::measure::{self, Cost};
use super::table::Costs;

/// Fills a database at a scale.
pub type Filler = fn(&Database<'_>, f64);

/// A contender's name, and how it runs once.
type Contender<'a> = (&'static str, fn(&Arena<'a>) -> Cost);

/// One database, and a folder for what is made of it.
pub struct Arena<'a> {
    cluster: &'a Cluster,
    settings: &'a Settings,
    database: Database<'a>,
    folder: tempfile::TempDir,
}

impl<'a> Arena<'a> {
    /// Fills a fresh database.
    pub fn fill(cluster: &'a Cluster, settings: &'a Settings, filler: Filler) -> Self {
        let database = cluster.database("bench");
        filler(&database, settings.scale);
        database.execute("VACUUM (FREEZE, ANALYZE)");
        database.execute("CHECKPOINT");
        let arena = Self { cluster, settings, database, folder: tempfile::tempdir().expect("a folder") };
        arena.make_keys();
        arena
    }

    /// Size of the database, MiB.
    pub fn megabytes(&self) -> String {
        self.database.value("SELECT pg_database_size(current_database()) / 1048576")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn make_keys(&self) {
        let status = tools::age_keygen().arg("-o").arg(self.path("identity")).stderr(Stdio::null()).status();
        assert!(status.expect("age-keygen runs").success());
    }

    fn recipient(&self) -> String {
        let output = tools::age_keygen().arg("-y").arg(self.path("identity")).output().expect("age-keygen runs");
        String::from_utf8(output.stdout).expect("a recipient").trim().to_owned()
    }

    /// All rounds of all contenders: dumps, then restores of the last dumps.
    pub fn run(&self) -> (Costs, Costs) {
        let dumps: [Contender<'a>; 4] = [
            ("pgfreight (encrypted, proved)", Self::ours),
            ("pg_dump -Fd zstd:1", Self::directory),
            ("pg_dump -Fc | age", Self::piped),
            ("bare COPY to nothing", Self::floor),
        ];
        let restores: [Contender<'a>; 3] = [
            ("pgfreight (every row read back)", Self::restore_ours),
            ("pgfreight --no-check", Self::restore_unchecked),
            ("pg_restore", Self::restore_theirs),
        ];
        (self.turns(&dumps), self.turns(&restores))
    }

    /// The same where every table is small: only those that work in as many lanes.
    pub fn run_small(&self) -> (Costs, Costs) {
        let dumps: [Contender<'a>; 2] =
            [("pgfreight (encrypted, proved)", Self::ours), ("pg_dump -Fd zstd:1", Self::directory)];
        let restores: [Contender<'a>; 3] = [
            ("pgfreight (every row read back)", Self::restore_ours),
            ("pgfreight --no-check", Self::restore_unchecked),
            ("pg_restore", Self::restore_theirs),
        ];
        (self.turns(&dumps), self.turns(&restores))
    }

    fn turns(&self, contenders: &[Contender<'a>]) -> Costs {
        let mut costs: Costs = contenders.iter().map(|(name, _)| (*name, Vec::new())).collect();
        for _ in 0..self.settings.rounds {
            for (position, (_, contender)) in contenders.iter().enumerate() {
                costs[position].1.push(contender(self));
            }
        }
        costs
    }

    fn server(&self) -> u32 {
        self.cluster.pid().expect("a cluster of our own has a process")
    }

    fn measured(&self, commands: Vec<Command>) -> Cost {
        measure::pipeline(self.server(), commands)
    }

    fn measured_together(&self, commands: Vec<Command>) -> Cost {
        measure::together(self.server(), commands)
    }

    fn lanes(&self) -> String {
        self.settings.lanes.to_string()
    }

    fn pgfreight(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.settings.program);
        command.args(arguments).arg("--repo").arg(self.path("repository"));
        command.arg("--quiet").stdout(Stdio::null());
        command
    }

    /// A fresh repository each time: nothing may be reused.
    fn ours(&self) -> Cost {
        let _ = fs::remove_dir_all(self.path("repository"));
        let _ = fs::remove_file(self.path("writer"));
        let writer = self.path("writer");
        let made =
            self.pgfreight(&["init", "--recipient", &self.recipient()]).arg("--writer-key").arg(&writer).status();
        assert!(made.expect("pgfreight runs").success());
        let mut dump = self.pgfreight(&["dump", "-Z", "zstd:1", "-j", &self.lanes(), "-d", &self.database.url()]);
        dump.arg("--writer-key").arg(&writer);
        let mut cost = self.measured(vec![dump]);
        cost.stored = measure::bytes(&self.path("repository"));
        cost
    }

    fn directory(&self) -> Cost {
        let out = self.path("directory");
        let _ = fs::remove_dir_all(&out);
        let mut dump = tools::pg_dump(self.settings.major);
        dump.args(["-Fd", "-Z", "zstd:1", "-j", &self.lanes(), "-d", &self.database.url(), "-f"]).arg(&out);
        let mut cost = self.measured(vec![dump]);
        cost.stored = measure::bytes(&out);
        cost
    }

    fn piped(&self) -> Cost {
        let out = self.path("custom.age");
        let mut dump = tools::pg_dump(self.settings.major);
        dump.args(["-Fc", "-d", &self.database.url()]);
        let mut age = tools::age();
        age.args(["-r", &self.recipient(), "-o"]).arg(&out);
        let mut cost = self.measured(vec![dump, age]);
        cost.stored = measure::bytes(&out);
        cost
    }

    /// As many sessions as lanes copy all tables to nothing, largest first: the server's part of any dump by tables.
    fn floor(&self) -> Cost {
        let tables = self.database.rows(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(relname), pg_table_size(relid) \
             FROM pg_stat_user_tables ORDER BY 2 DESC",
        );
        let mut lanes: Vec<(u64, Command)> = (0..self.settings.lanes)
            .map(|_| {
                let mut psql = tools::psql();
                psql.args(["-Xq", "-d", &self.database.url()]).stdout(Stdio::null());
                (0, psql)
            })
            .collect();
        for row in &tables {
            let [Some(table), Some(size)] = row.as_slice() else { panic!("a table without a name or a size") };
            let (load, psql) = lanes.iter_mut().min_by_key(|(load, _)| *load).expect("there is a lane");
            *load += size.parse::<u64>().expect("a size");
            psql.args(["-c", &format!("COPY {table} TO STDOUT")]);
        }
        self.measured_together(lanes.into_iter().map(|(_, psql)| psql).collect())
    }

    fn restore_ours(&self) -> Cost {
        self.restore_with(&[])
    }

    /// What `pg_restore` does: nothing is read back.
    fn restore_unchecked(&self) -> Cost {
        self.restore_with(&["--no-check"])
    }

    fn restore_with(&self, more: &[&str]) -> Cost {
        let target = self.cluster.database("bench_ours");
        self.settle();
        let mut restore = self.pgfreight(&["restore", "latest", "-j", &self.lanes(), "-d", &target.url()]);
        restore.arg("--identity").arg(self.path("identity")).args(more);
        self.measured(vec![restore])
    }

    /// Every restore begins with the same room before the next checkpoint, and after the last one's autovacuum.
    fn settle(&self) {
        self.database.execute("CHECKPOINT");
    }

    fn restore_theirs(&self) -> Cost {
        let target = self.cluster.database("bench_theirs");
        self.settle();
        let mut restore = tools::pg_restore(self.settings.major);
        restore.args(["-j", &self.lanes(), "-d", &target.url()]).arg(self.path("directory"));
        self.measured(vec![restore])
    }
}
