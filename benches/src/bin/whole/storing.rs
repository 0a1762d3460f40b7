//! Dumps into an S3 server over HTTP, beside the pipeline that people have in their crontabs.

use std::path::PathBuf;
use std::process::Command;

use pgfreight_fixtures::{s3, tools};

use super::floor::beside_us;
use super::goals::Board;
use super::ground::Filled;
use super::measure::{self, Cost};
use super::table;
use super::turns::{Contender, take};

const OURS: &str = "pgfreight to S3 (encrypted, proved)";
const PIPED: &str = "pg_dump -Fc \\| age \\| upload";

/// Runs and prints both; the server is new each time.
pub fn run(filled: &Filled<'_>, key: &'static str, board: &mut Board) {
    let contenders = [Contender::new(OURS, || ours(filled)), Contender::new(PIPED, || piped(filled))];
    let costs = take(filled.ground.settings.rounds, &contenders);
    table::print(&format!("{}: dump to an S3 server", filled.label), PIPED, &costs);
    board.note(key, costs.ratio(OURS, PIPED, |cost| cost.wall));
}

fn ours(filled: &Filled<'_>) -> Cost {
    let store = s3::Server::start();
    let repository = filled.repository(&PathBuf::from(store.url()), store.env());
    repository.fresh();
    let cost = filled.ground.alone(repository.dump(&filled.database.url(), &filled.ground.settings.jobs()));
    with_stored(cost, &store)
}

/// `upload` stands for the command lines of the clouds: it reads its input, sends eight parts at a time, and costs less
/// processor time than they do.
fn piped(filled: &Filled<'_>) -> Cost {
    let store = s3::Server::start();
    let mut dump = tools::pg_dump(filled.ground.settings.major);
    dump.args(["-Fc", "-d", &filled.database.url()]);
    let mut upload = Command::new(beside_us("upload"));
    upload.args([store.url().as_str(), "dump.age"]).envs(store.env());
    let cost = filled.ground.pipeline(vec![dump, filled.keys().age(), upload]);
    with_stored(cost, &store)
}

fn with_stored(cost: Cost, store: &s3::Server) -> Cost {
    Cost { stored: store.bucket_folder().map_or(0, |folder| measure::bytes(&folder)), ..cost }
}
