//! Dumps into a folder beside `pg_dump`, and beside what nobody can do without: the same rows, copied into nothing.

use super::floor::{Client, Floor};
use super::goals::Board;
use super::ground::Filled;
use super::measure::{self, Cost};
use super::table;
use super::turns::{Contender, Costs, Ratio, take};
use pgfreight_fixtures::tools;

/// The program under test.
pub const OURS: &str = "pgfreight (encrypted, proved)";
/// The rival that goals are measured against.
pub const DIRECTORY: &str = "pg_dump -Fd zstd:1";
const PIPED: &str = "pg_dump -Fc \\| age";
const PSQL: &str = "bare COPY to nothing: whole tables, text, psql";
const WHOLE: &str = "bare COPY to nothing: whole tables, ours' formats, own lanes";
const SAME: &str = "the dump's own statements to nothing, own lanes";
const BOXED: &str = "the dump's own statements to nothing, tokio-postgres";

/// Rounds of those that take longest, and of those that no goal asks about.
const SLOW: usize = 3;

/// Keys of the goals of one database.
pub struct Keys {
    /// Wall time beside `pg_dump -Fd`.
    pub wall: &'static str,
    /// Server CPU beside bare COPY.
    pub server: &'static str,
    /// Client CPU beside `pg_dump -Fd`.
    pub client: &'static str,
    /// Wall time beside `pg_dump -Fc | age`, where it is a goal.
    pub piped: Option<&'static str>,
}

/// A dump of ours into a fresh repository.
pub fn ours(filled: &Filled<'_>) -> Cost {
    let repository = filled.local("repository");
    repository.fresh();
    let mut cost = filled.ground.alone(repository.dump(&filled.database.url(), &filled.ground.settings.jobs()));
    cost.stored = measure::bytes(&filled.path("repository"));
    cost
}

/// The same by `pg_dump -Fd`.
pub fn directory(filled: &Filled<'_>) -> Cost {
    let mut cost = filled.ground.alone(filled.directory(&filled.ground.settings.jobs()));
    cost.stored = measure::bytes(&filled.path("directory"));
    cost
}

fn piped(filled: &Filled<'_>) -> Cost {
    let out = filled.path("custom.age");
    let mut dump = tools::pg_dump(filled.ground.settings.major);
    dump.args(["-Fc", "-d", &filled.database.url()]);
    let mut age = filled.keys().age();
    age.arg("-o").arg(&out);
    let mut cost = filled.ground.pipeline(vec![dump, age]);
    cost.stored = measure::bytes(&out);
    cost
}

/// Runs and prints all of it.
pub fn run(filled: &Filled<'_>, keys: &Keys, board: &mut Board) {
    let floor = Floor::record(filled);
    let gigabytes = floor.text_gigabytes();
    let mut contenders = vec![
        Contender::new(OURS, || ours(filled)),
        Contender::new(DIRECTORY, || directory(filled)),
        Contender::new(WHOLE, || floor.whole()),
        Contender::new(SAME, || floor.same(Client::Own)).at_most(SLOW),
        Contender::new(BOXED, || floor.same(Client::TokioPostgres)).at_most(SLOW),
        Contender::new(PSQL, || floor.psql()).at_most(SLOW),
    ];
    if keys.piped.is_some() {
        contenders.push(Contender::new(PIPED, || piped(filled)).at_most(SLOW));
    }
    let costs = take(filled.ground.settings.rounds, &contenders);
    table::print(&format!("{}: dump", filled.label), DIRECTORY, &costs);
    per_gigabyte(&costs, gigabytes);
    board.note(keys.wall, costs.ratio(OURS, DIRECTORY, |cost| cost.wall));
    board.note(keys.server, costs.ratio(OURS, WHOLE, |cost| cost.server_cpu));
    board.note(keys.client, costs.ratio(OURS, DIRECTORY, |cost| cost.client_cpu));
    if let Some(key) = keys.piped {
        board.note(key, costs.ratio(OURS, PIPED, |cost| cost.wall));
    }
    lanes(&costs);
}

/// What goes through a client, in its own time.
fn per_gigabyte(costs: &Costs, gigabytes: f64) {
    let each = |name| costs.median(name, |cost| cost.client_cpu / gigabytes).unwrap_or(f64::NAN);
    println!(
        "\n{gigabytes:.2} GB of COPY text; client CPU s per raw GB: {:.2} ours, {:.2} pg_dump's",
        each(OURS),
        each(DIRECTORY)
    );
}

/// What the lanes' own framing saves: the same statements under tokio-postgres.
fn lanes(costs: &Costs) {
    let saved = |of: fn(&Cost) -> f64| -> Option<Ratio> { costs.ratio(SAME, BOXED, of) };
    if let (Some(cpu), Some(wall)) = (saved(|cost| cost.client_cpu), saved(|cost| cost.wall)) {
        println!("Own lanes beside tokio-postgres: client CPU {:.2}, wall {:.2}", cpu.value, wall.value);
    }
}
