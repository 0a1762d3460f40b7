//! The floor: what the server has to do for any dump, with a client that throws everything away.
//!
//! The statements are those of a dump of ours, taken from the server's log, so that nobody has to believe that they are
//! the same. Whole tables are copied in the formats that the dump chose for them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pgfreight_fixtures::tools;

use super::dumping;
use super::ground::Filled;
use super::measure::Cost;

/// What lies beneath the lanes that copy into nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// The engine's own.
    Own,
    /// `tokio-postgres` and its stream of messages.
    TokioPostgres,
}

impl Client {
    fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::TokioPostgres => "tokio-postgres",
        }
    }
}

/// The statements of one database's dump.
pub struct Floor<'a> {
    filled: &'a Filled<'a>,
    statements: Vec<String>,
}

impl<'a> Floor<'a> {
    /// Dumps once, with every statement logged. The database is warm afterwards, for all contenders.
    ///
    /// # Panics
    /// When the server logged no COPY.
    pub fn record(filled: &'a Filled<'a>) -> Self {
        let before = filled.ground.cluster.log().len();
        let name = filled.database.name();
        filled.database.execute(&format!("ALTER DATABASE \"{name}\" SET log_statement = 'all'"));
        dumping::ours(filled);
        filled.database.execute(&format!("ALTER DATABASE \"{name}\" RESET log_statement"));
        let log = filled.ground.cluster.log();
        let statements = copies(&log[before..], name);
        assert!(!statements.is_empty(), "the server logged no COPY of {name}");
        Self { filled, statements }
    }

    /// The dump's own statements.
    pub fn same(&self, client: Client) -> Cost {
        self.run(client, "same", &self.statements)
    }

    /// Every table by one statement, in the format that the dump chose for it.
    pub fn whole(&self) -> Cost {
        self.run(Client::Own, "whole", &self.whole_tables())
    }

    /// As many sessions of `psql` as lanes, whole tables as text, largest first.
    pub fn psql(&self) -> Cost {
        let url = self.filled.database.url();
        let mut lanes: Vec<(u64, Command)> = (0..self.filled.ground.settings.lanes)
            .map(|_| {
                let mut psql = tools::psql();
                psql.args(["-Xq", "-d", &url]).stdout(Stdio::null());
                (0, psql)
            })
            .collect();
        for (table, size) in self.tables() {
            let (load, psql) = lanes.iter_mut().min_by_key(|(load, _)| *load).expect("there is a lane");
            *load += size;
            psql.args(["-c", &format!("COPY {table} TO STDOUT")]);
        }
        self.filled.ground.together(lanes.into_iter().map(|(_, psql)| psql).collect())
    }

    /// Gigabytes of COPY text that the whole database makes, so that figures per gigabyte do not depend on the format chosen.
    pub fn text_gigabytes(&self) -> f64 {
        let texts: Vec<String> =
            self.tables().into_iter().map(|(table, _)| format!("COPY {table} TO STDOUT")).collect();
        self.run(Client::Own, "text", &texts);
        let said = fs::read_to_string(self.filled.path("text.out")).expect("the floor says how much it read");
        said.trim().parse::<f64>().expect("a number of bytes") / 1e9
    }

    /// Qualified tables with their sizes, largest first.
    fn tables(&self) -> Vec<(String, u64)> {
        let rows = self.filled.database.rows(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(relname), pg_table_size(relid) \
             FROM pg_stat_user_tables ORDER BY 2 DESC",
        );
        let table = |row: Vec<Option<String>>| {
            let [Some(table), Some(size)] = row.as_slice() else { panic!("a table without a name or a size") };
            (table.clone(), size.parse().expect("a size"))
        };
        rows.into_iter().map(table).collect()
    }

    fn whole_tables(&self) -> Vec<String> {
        let statement = |(table, _): (String, u64)| {
            let found = self.statements.iter().find(|statement| names(statement, &table));
            let found = found.unwrap_or_else(|| panic!("the dump copied no {table}"));
            let format = if found.contains("(FORMAT binary") { " (FORMAT binary)" } else { "" };
            format!("COPY {table} TO STDOUT{format}")
        };
        self.tables().into_iter().map(statement).collect()
    }

    fn run(&self, client: Client, name: &str, statements: &[String]) -> Cost {
        let list = self.filled.path(&format!("{name}.statements"));
        fs::write(&list, statements.join("\n")).expect("the folder can be written");
        let out = File::create(self.filled.path(&format!("{name}.out"))).expect("the folder can be written");
        let mut floor = Command::new(beside_us("floor"));
        floor.args([client.word(), &self.filled.ground.settings.jobs(), &self.filled.database.url()]).arg(list);
        floor.stdout(out);
        self.filled.ground.alone(floor)
    }
}

/// A program of this package, which lies where this one does.
pub fn beside_us(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a process knows its program");
    own.parent().unwrap_or_else(|| Path::new(".")).join(name)
}

/// The COPY statements that sessions of a database sent, as the server logged them: several may stand in one text.
fn copies(log: &str, database: &str) -> Vec<String> {
    let of_database = format!("@{database} ");
    log.lines()
        .filter(|line| line.contains(&of_database))
        .filter_map(|line| line.split_once("LOG:  ")?.1.split_once(": "))
        .flat_map(|(_, text)| text.split("; "))
        .map(|text| text.trim_end_matches(';'))
        .filter(|text| text.starts_with("COPY ") && text.contains(" TO STDOUT"))
        .map(str::to_owned)
        .collect()
}

/// Whether a statement copies a table, whole or a part of it.
fn names(statement: &str, table: &str) -> bool {
    [format!("COPY {table} "), format!("FROM ONLY {table} "), format!("FROM ONLY {table})")]
        .iter()
        .any(|words| statement.contains(words.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_found_in_a_log() {
        let log = "2026-11-28 [7] postgres@bench_1 LOG:  statement: SAVEPOINT entry; LOCK TABLE ONLY a.b; COPY a.b (x, y) TO STDOUT (FORMAT binary)\n\
                   2026-11-28 [7] postgres@bench_1 LOG:  statement: COPY (SELECT x FROM ONLY a.c WHERE ctid < '(8,0)'::tid) TO STDOUT\n\
                   2026-11-28 [7] postgres@bench_12 LOG:  statement: COPY a.d TO STDOUT\n\
                   2026-11-28 [7] postgres@bench_1 LOG:  execute <unnamed>: SELECT 1\n";
        let found = copies(log, "bench_1");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(names(&found[0], "a.b") && !names(&found[0], "a.c"));
        assert!(names(&found[1], "a.c") && !found[1].contains("binary"));
    }
}
