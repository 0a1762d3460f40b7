//! Far away: the database, or the store, at the end of a link with latency, whose every connection carries only so much.
//!
//! The link is a proxy on this machine, which takes processor time of its own: what it costs is in the wall time.

use std::path::PathBuf;
use std::time::Duration;

use pgfreight_fixtures::proxy::{Conditions, Proxy};
use pgfreight_fixtures::s3;

use super::goals::Board;
use super::ground::Filled;
use super::measure::Cost;
use super::turns::{Contender, Costs, Ratio, take};

/// There and back; the proxy delays each way by half of it.
const DATABASE_ROUND_TRIP: Duration = Duration::from_millis(50);

/// What one connection to the far database carries in a second: a window of a quarter of a megabyte in a round trip.
const CONNECTION: u64 = 5 << 20;

/// Lanes to the far database.
const LANES: [(&str, u32); 5] = [("1", 1), ("2", 2), ("4", 4), ("8", 8), ("16", 16)];

/// Kilobytes of a chunk, for each gigabyte of the scale: with so small ones the database is like one sixteen times as large
/// with the usual ones, and there are enough of them for sixteen lanes.
const CHUNK: f64 = 8192.0;

/// Kilobytes of the smallest chunk there is.
const SMALLEST_CHUNK: f64 = 1024.0;

/// The same database without a link, with as many lanes as the others have: what fills any link.
const NEAR: &str = "near";

/// Times there and back to the far store.
const STORES: [(&str, u64); 3] = [("0", 0), ("30", 30), ("100", 100)];

/// What one connection to the far store carries in a second.
const STORE_CONNECTION: u64 = 40 << 20;

/// Rounds: what is measured is waiting, which is the same in each.
const ROUNDS: usize = 1;

/// Rounds of the far store.
const STORE_ROUNDS: usize = 3;

/// Runs and prints both.
pub fn run(filled: &Filled<'_>, board: &mut Board) {
    let rounds = filled.ground.settings.rounds;
    let mut lanes = LANES
        .map(|(name, lanes)| Contender::new(name, move || dump_from_afar(filled, &lanes.to_string(), true)))
        .into_iter()
        .collect::<Vec<_>>();
    let jobs = filled.ground.settings.jobs();
    lanes.push(Contender::new(NEAR, move || dump_from_afar(filled, &jobs, false)));
    let costs = take(rounds.min(ROUNDS), &lanes);
    board.note("lanes", far_database(&costs));
    let stores =
        STORES.map(|(name, time)| Contender::new(name, move || dump_to_afar(filled, Duration::from_millis(time))));
    far_store(&take(rounds.min(STORE_ROUNDS), &stores));
}

/// Bytes a second over the link, MiB; `stored` holds what went over it.
fn rate(cost: &Cost) -> f64 {
    cost.stored as f64 / f64::from(1 << 20) / cost.wall
}

/// Prints the lanes; gives the worst share of what as many times one lane, or the machine itself, would have moved.
fn far_database(costs: &Costs) -> Option<Ratio> {
    let (one, near) = (costs.median(LANES[0].0, rate)?, costs.median(NEAR, rate)?);
    println!(
        "\nA database {} ms away, {} MiB/s a connection. Near by, the machine dumps {near:.1} MiB/s: a link is full there.",
        DATABASE_ROUND_TRIP.as_millis(),
        CONNECTION >> 20
    );
    println!("\n| lanes | wall s | MiB/s | of linear | of linear, or of full | peak MiB |");
    println!("|--:|--:|--:|--:|--:|--:|");
    let mut shares = Vec::new();
    for (name, lanes) in LANES {
        let linear = one * f64::from(lanes);
        let (wall, rate) = (costs.median(name, |cost| cost.wall)?, costs.median(name, rate)?);
        let share = rate / linear.min(near);
        let peak = costs.median(name, |cost| cost.peak_mib)?;
        println!("| {lanes} | {wall:.2} | {rate:.1} | {:.2} | {share:.2} | {peak:.0} |", rate / linear);
        shares.push(share);
    }
    Some(Ratio::over(shares.iter().copied().fold(f64::INFINITY, f64::min), &shares))
}

fn far_store(costs: &Costs) {
    println!("\nAn S3 server at a distance, {} MiB/s a connection beyond none:", STORE_CONNECTION >> 20);
    println!("\n| round trip, ms | wall s | to none | MiB/s over the link | peak MiB | rounds |");
    println!("|--:|--:|--:|--:|--:|--:|");
    let near = costs.median(STORES[0].0, |cost| cost.wall).unwrap_or(f64::NAN);
    for (name, _) in STORES {
        let of = |of: fn(&Cost) -> f64| costs.median(name, of).unwrap_or(f64::NAN);
        let (wall, rounds) = (of(|cost| cost.wall), costs.of(name).map_or(0, <[Cost]>::len));
        let (rate, peak) = (of(rate), of(|cost| cost.peak_mib));
        println!("| {name} | {wall:.2} | {:.2} | {rate:.1} | {peak:.0} | {rounds} |", wall / near);
    }
}

/// A dump through the link, or through a proxy that adds nothing.
fn dump_from_afar(filled: &Filled<'_>, lanes: &str, far: bool) -> Cost {
    let url = filled.database.url();
    let proxy = Proxy::start(&authority(&url));
    if far {
        let (latency, bandwidth) = (DATABASE_ROUND_TRIP / 2, Some(CONNECTION));
        proxy.set(Conditions { latency, bandwidth, ..Conditions::default() });
    }
    let repository = filled.local("far");
    repository.fresh();
    let mut dump = repository.dump(&proxy.url(&url), lanes);
    let chunk = (CHUNK * filled.ground.settings.scale).max(SMALLEST_CHUNK);
    dump.args(["--chunk-size", &format!("{chunk:.0}KiB")]);
    let cost = filled.ground.alone(dump);
    Cost { stored: proxy.bytes_to_client(), ..cost }
}

fn dump_to_afar(filled: &Filled<'_>, round_trip: Duration) -> Cost {
    let store = s3::Server::start();
    let proxy = Proxy::start(store.authority());
    let environment = store.env_through(&format!("http://{}", proxy.address()));
    let repository = filled.repository(&PathBuf::from(store.url()), environment);
    repository.fresh();
    if !round_trip.is_zero() {
        let bandwidth = Some(STORE_CONNECTION);
        proxy.set(Conditions { latency: round_trip / 2, bandwidth, ..Conditions::default() });
    }
    let before = proxy.bytes_to_server();
    let cost = filled.ground.alone(repository.dump(&filled.database.url(), &filled.ground.settings.jobs()));
    Cost { stored: proxy.bytes_to_server() - before, ..cost }
}

/// `host:port` of a URL.
fn authority(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = rest.split('/').next().unwrap_or(rest);
    place.rsplit_once('@').map_or(place, |(_, place)| place).to_owned()
}
