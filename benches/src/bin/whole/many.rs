//! Works whose cost is their number: small tables, and large objects.

use std::cell::RefCell;

use pgfreight_fixtures::postgres::Database;

use super::ddl;
use super::dumping::{self, DIRECTORY};
use super::goals::Board;
use super::ground::{Filled, Filler, Ground};
use super::restoring;
use super::table;
use super::turns::{Contender, Costs, Ratio, median, take};

/// Rounds of the small tables, whose restores take longest.
const SLOW: usize = 3;

/// Runs and prints both.
pub fn run(ground: &Ground, board: &mut Board) {
    println!("\nSmall tables and large objects: {} of each", ground.settings.many());
    let (dumps, restores) = both(ground, "many small tables", tables, SLOW);
    board.note("tables dump", dumps.ratio(dumping::OURS, DIRECTORY, |cost| cost.wall));
    board.note("tables restore", restores.ratio(restoring::OURS, restoring::THEIRS, |cost| cost.wall));
    let peaks = [dumps.of(dumping::OURS), restores.of(restoring::OURS)];
    let peaks: Vec<f64> = peaks.into_iter().flatten().flatten().map(|cost| cost.peak_mib).collect();
    board.worst("peak tables", &peaks);
    let (dumps, restores) = both(ground, "many large objects", large_objects, usize::MAX);
    let ours = sums(&dumps, dumping::OURS, &restores, restoring::OURS);
    let theirs = sums(&dumps, DIRECTORY, &restores, restoring::THEIRS);
    board.note("objects", ratio(&ours, &theirs));
}

fn tables(database: &Database<'_>, scale: f64) {
    ddl::many_tables(database, scale as u32, 5);
}

fn large_objects(database: &Database<'_>, scale: f64) {
    database.execute(&format!(
        "SELECT count(lo_from_bytea(0, convert_to(repeat(n::text, 200), 'UTF8'))) FROM generate_series(1, {scale}) n"
    ));
}

/// Dumps, then restores of the last dumps.
fn both(ground: &Ground, label: &'static str, filler: Filler, at_most: usize) -> (Costs, Costs) {
    let filled = Filled::fill_with(ground, label, filler, f64::from(ground.settings.many()));
    let rounds = ground.settings.rounds.min(at_most);
    let dumps = take(
        rounds,
        &[
            Contender::new(dumping::OURS, || dumping::ours(&filled)),
            Contender::new(DIRECTORY, || dumping::directory(&filled)),
        ],
    );
    table::print(&format!("{label}: dump"), DIRECTORY, &dumps);
    // Databases go when all rounds are over: ext4 looks at every file that was removed within the last minutes before it makes
    // one, so that whoever comes behind forty thousand removed ones would take three times as long.
    let targets = RefCell::new(Vec::new());
    let keep = |(cost, target)| {
        targets.borrow_mut().push(target);
        cost
    };
    let restores = take(
        rounds,
        &[
            Contender::new(restoring::OURS, || keep(restoring::ours_kept(&filled))),
            Contender::new(restoring::THEIRS, || keep(restoring::theirs_kept(&filled))),
        ],
    );
    table::print(&format!("{label}: restore"), restoring::THEIRS, &restores);
    (dumps, restores)
}

/// Wall seconds of a dump and a restore, round by round.
fn sums(dumps: &Costs, dump: &str, restores: &Costs, restore: &str) -> Vec<f64> {
    let walls = dumps.of(dump).into_iter().flatten().zip(restores.of(restore).into_iter().flatten());
    walls.map(|(dump, restore)| dump.wall + restore.wall).collect()
}

fn ratio(ours: &[f64], theirs: &[f64]) -> Option<Ratio> {
    let single: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    Some(Ratio::over(median(ours.to_vec())? / median(theirs.to_vec())?, &single))
}
