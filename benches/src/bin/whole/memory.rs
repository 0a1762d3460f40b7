//! The largest resident sets of dumps and restores with eight lanes.

use pgfreight_fixtures::postgres::Database;

use super::goals::Board;
use super::ground::{Filled, Ground};

/// Lanes: more than the machine can keep busy, as each has buffers of its own.
const LANES: &str = "8";

/// Bytes of a value that no COPY as text can hold: `pg_dump` cannot dump it.
const VALUE: u32 = 600_000_000;

/// Peaks found so far, MiB.
#[derive(Default)]
pub struct Peaks {
    dumps: Vec<f64>,
    restores: Vec<f64>,
}

impl Peaks {
    /// Dumps and restores a database.
    pub fn add(&mut self, filled: &Filled<'_>) {
        let repository = filled.local("eight");
        repository.fresh();
        let dump = filled.ground.alone(repository.dump(&filled.database.url(), LANES)).peak_mib;
        let target = filled.ground.target();
        let restore = filled.ground.alone(repository.restore(&target.url(), LANES, &[])).peak_mib;
        println!("\n{LANES} lanes, peak MiB: dump {dump:.0}, restore {restore:.0}");
        self.dumps.push(dump);
        self.restores.push(restore);
        let _ = std::fs::remove_dir_all(filled.path("eight"));
    }

    /// The same with one huge value.
    pub fn add_huge_value(&mut self, ground: &Ground) {
        let filled = Filled::fill(ground, "one value of 600 MB", |database, _| huge_value(database));
        self.add(&filled);
    }

    /// Notes the worst.
    pub fn note(&self, board: &mut Board) {
        board.worst("peak dump", &self.dumps);
        board.worst("peak restore", &self.restores);
    }
}

fn huge_value(database: &Database<'_>) {
    database.execute(&format!(
        "CREATE TABLE huge (id integer PRIMARY KEY, value bytea);
         ALTER TABLE huge ALTER value SET STORAGE EXTERNAL;
         INSERT INTO huge SELECT 1, convert_to(repeat('a value that is long ', {VALUE} / 21), 'UTF8')"
    ));
}
