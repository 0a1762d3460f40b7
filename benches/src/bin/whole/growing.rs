//! What a dump costs as there is more to dump: sixteen tables of one size, of which one, two, four, eight and all are dumped.

use pgfreight_fixtures::postgres::Database;

use super::goals::Board;
use super::ground::{Filled, Ground};
use super::measure::Cost;
use super::turns::{Contender, Costs, Ratio, take};

/// How many tables are dumped. Each holds about as much COPY text as the scale says.
const STEPS: [(&str, u32); 5] = [("1", 1), ("2", 2), ("4", 4), ("8", 8), ("16", 16)];

/// Rounds: the last steps are as long as many rounds of the first.
const ROUNDS: usize = 2;

/// Rows of a gigabyte of COPY text.
const ROWS: f64 = 9_500_000.0;

/// Runs and prints it.
pub fn run(ground: &Ground, board: &mut Board) {
    let filled = Filled::fill(ground, "sixteen tables of one size", fill);
    let filled = &filled;
    let contenders = STEPS.map(|(name, tables)| Contender::new(name, move || dump(filled, tables)));
    let costs = take(ground.settings.rounds.min(ROUNDS), &contenders);
    print(&costs, filled.ground.settings.scale);
    board.note("growth wall", from_line(&costs, |cost| cost.wall));
    board.note("growth cpu", from_line(&costs, |cost| cost.client_cpu + cost.server_cpu));
    board.note("growth peak", peaks(&costs));
}

/// Unlogged, so that 8 GB are not written twice. All tables but the first are its copies with other numbers in the first
/// column, which is cheap to make, and enough to make every chunk another one: equal ones would be stored once.
fn fill(database: &Database<'_>, scale: f64) {
    let rows = (ROWS * scale) as u64;
    database.execute(&format!(
        "CREATE UNLOGGED TABLE grown_01 AS
         SELECT {rows}::bigint + n AS id, (h & 1048575)::integer AS account, ((h >> 8 & 16777215) / 100.0)::numeric(15,2) AS amount,
                date '1992-01-01' + (h >> 20 & 2047)::integer AS day, left(md5((h >> 12)::text), 8 + (h & 15)::integer) AS word,
                (ARRAY['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[1 + (h >> 50 & 3)]
                    || ', carefully final deposits sleep ' || (h >> 30 & 65535) AS note
         FROM (SELECT n, hashint8extended(n, 1) AS h FROM generate_series(1, {rows}) AS n) AS s"
    ));
    let others: Vec<u32> = (2..=STEPS[STEPS.len() - 1].1).collect();
    for pair in others.chunks(2) {
        std::thread::scope(|scope| {
            for table in pair {
                let sql = format!(
                    "CREATE UNLOGGED TABLE grown_{table:02} AS
                     SELECT id + {rows} * {table} AS id, account, amount, day, word, note FROM grown_01"
                );
                scope.spawn(move || database.execute(&sql));
            }
        });
    }
}

fn dump(filled: &Filled<'_>, tables: u32) -> Cost {
    let repository = filled.local("repository");
    repository.fresh();
    let mut dump = repository.dump(&filled.database.url(), &filled.ground.settings.jobs());
    for table in 1..=tables {
        dump.args(["-t", &format!("public.grown_{table:02}")]);
    }
    let mut cost = filled.ground.alone(dump);
    cost.stored = super::measure::bytes(&filled.path("repository"));
    cost
}

fn print(costs: &Costs, scale: f64) {
    println!(
        "\n| dump of about so many GB | wall s | s per GB | client CPU s per GB | server CPU s per GB | peak MiB | stored MiB |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|");
    for (name, tables) in STEPS {
        let gigabytes = f64::from(tables) * scale;
        let of = |of: fn(&Cost) -> f64| costs.median(name, of).unwrap_or(f64::NAN);
        let wall = of(|cost| cost.wall);
        println!(
            "| {gigabytes} | {wall:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.1} |",
            wall / gigabytes,
            of(|cost| cost.client_cpu) / gigabytes,
            of(|cost| cost.server_cpu) / gigabytes,
            of(|cost| cost.peak_mib),
            of(|cost| cost.stored as f64) / f64::from(1 << 20),
        );
    }
}

/// How far the step that is farthest from the best line is from it: 1.05 is five in a hundred, to either side.
fn from_line(costs: &Costs, of: impl Fn(&Cost) -> f64) -> Option<Ratio> {
    let point = |(name, tables)| Some((f64::from(tables), costs.median(name, &of)?));
    let points = STEPS.into_iter().map(point).collect::<Option<Vec<(f64, f64)>>>()?;
    let line = Line::through(&points);
    let off: Vec<f64> = points.iter().map(|(x, y)| 1.0 + (y / line.at(*x) - 1.0).abs()).collect();
    Some(Ratio::over(off.iter().copied().fold(f64::NEG_INFINITY, f64::max), &off))
}

/// What the largest step takes beside the one in the middle: a dump that is too small to fill its buffers takes less.
fn peaks(costs: &Costs) -> Option<Ratio> {
    let peak = |(name, _)| costs.median(name, |cost| cost.peak_mib);
    let peaks = STEPS.into_iter().map(peak).collect::<Option<Vec<f64>>>()?;
    let middle = peaks[STEPS.len() / 2];
    let single: Vec<f64> = peaks.iter().map(|peak| peak / middle).collect();
    Some(Ratio::over(*single.last()?, &single))
}

/// What is paid once, and what for every table.
struct Line {
    once: f64,
    each: f64,
}

impl Line {
    /// The line from which the points' relative distances, squared, are least.
    fn through(points: &[(f64, f64)]) -> Self {
        let sum = |of: fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(*x, *y) / (y * y)).sum::<f64>();
        let (ones, xs, ys) = (sum(|_, _| 1.0), sum(|x, _| x), sum(|_, y| y));
        let (squares, products) = (sum(|x, _| x * x), sum(|x, y| x * y));
        let each = (ones * products - xs * ys) / (ones * squares - xs * xs);
        Self { once: (ys - each * xs) / ones, each }
    }

    fn at(&self, x: f64) -> f64 {
        self.once + self.each * x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_points_that_lie_on_one() {
        let line = Line::through(&[(1.0, 5.0), (2.0, 7.0), (4.0, 11.0)]);
        assert!((line.once - 3.0).abs() < 1e-9 && (line.each - 2.0).abs() < 1e-9);
    }
}
