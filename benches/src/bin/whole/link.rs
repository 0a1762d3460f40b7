//! Far away: the database, or the store, at the end of a link with latency, whose every connection carries only so much.
//!
//! The link is a proxy on this machine, which takes processor time of its own: what it costs is in the wall time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use pgfreight_fixtures::postgres::{Cluster, Database};
use pgfreight_fixtures::proxy::{Conditions, Proxy};
use pgfreight_fixtures::s3;

use super::Settings;
use super::measure::{self, Cost};

/// There and back; the proxy delays each way by half of it.
const DATABASE_ROUND_TRIP: Duration = Duration::from_millis(50);

/// What one connection to the far database carries in a second: a window of half a megabyte in a round trip of 50 ms.
const CONNECTION: u64 = 10 << 20;

/// Times there and back to the far store.
const STORE_ROUND_TRIPS: [u64; 3] = [0, 30, 100];

/// What one connection to the far store carries in a second.
const STORE_CONNECTION: u64 = 40 << 20;

/// Dumps of a database over links.
pub struct Link<'a> {
    cluster: &'a Cluster,
    settings: &'a Settings,
    database: &'a Database<'a>,
    folder: tempfile::TempDir,
}

impl<'a> Link<'a> {
    /// Of a filled database.
    pub fn new(cluster: &'a Cluster, settings: &'a Settings, database: &'a Database<'a>) -> Self {
        Self { cluster, settings, database, folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs and prints both.
    pub fn run(&self) {
        self.far_database();
        self.far_store();
    }

    fn far_database(&self) {
        println!("\n| lanes to a database 50 ms away, 10 MiB/s each | wall s | MiB/s | of linear |");
        println!("|----------------------------------------------:|-------:|------:|----------:|");
        let bytes: f64 = self.database.value("SELECT sum(pg_table_size(oid)) / 1048576.0 FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace").parse().expect("a size");
        let mut one = None;
        for lanes in [1, 2, 4, 8, 16] {
            let walls = (0..self.settings.rounds).map(|_| self.dump_from_afar(lanes).wall);
            let wall = median(walls.collect());
            let one = *one.get_or_insert(wall);
            let of_linear = one / wall / f64::from(lanes);
            println!("| {lanes:>45} | {wall:>6.2} | {:>5.1} | {of_linear:>9.2} |", bytes / wall);
        }
    }

    fn far_store(&self) {
        println!("\n| round trip to the store, ms (40 MiB/s a connection) | wall s | ratio | peak MiB |");
        println!("|----------------------------------------------------:|-------:|------:|---------:|");
        let mut near = None;
        for milliseconds in STORE_ROUND_TRIPS {
            let costs: Vec<Cost> =
                (0..self.settings.rounds).map(|_| self.dump_to_afar(Duration::from_millis(milliseconds))).collect();
            let wall = median(costs.iter().map(|cost| cost.wall).collect());
            let peak = median(costs.iter().map(|cost| cost.peak_mib).collect());
            let near = *near.get_or_insert(wall);
            println!("| {milliseconds:>51} | {wall:>6.2} | {:>5.2} | {peak:>8.0} |", wall / near);
        }
    }

    fn server(&self) -> u32 {
        self.cluster.pid().expect("a cluster of our own has a process")
    }

    fn dump_from_afar(&self, lanes: u32) -> Cost {
        let url = self.database.url();
        let proxy = Proxy::start(&authority(&url));
        proxy.set(Conditions {
            latency: DATABASE_ROUND_TRIP / 2,
            bandwidth: Some(CONNECTION),
            ..Conditions::default()
        });
        let repository = self.path("repository");
        self.fresh(&repository, &[]);
        let mut dump = self.dump(&proxy.url(&url), &lanes.to_string());
        dump.arg("--repo").arg(&repository);
        measure::pipeline(self.server(), vec![dump])
    }

    fn dump_to_afar(&self, round_trip: Duration) -> Cost {
        let store = s3::Server::start();
        let proxy = Proxy::start(store.authority());
        if !round_trip.is_zero() {
            let bandwidth = Some(STORE_CONNECTION);
            proxy.set(Conditions { latency: round_trip / 2, bandwidth, ..Conditions::default() });
        }
        let environment = store.env_through(&format!("http://{}", proxy.address()));
        let repository = PathBuf::from(store.url());
        self.fresh(&repository, &environment);
        let mut dump = self.dump(&self.database.url(), &self.settings.lanes.to_string());
        dump.arg("--repo").arg(&repository).envs(environment);
        measure::pipeline(self.server(), vec![dump])
    }

    fn dump(&self, url: &str, lanes: &str) -> Command {
        let mut dump = Command::new(&self.settings.program);
        dump.args(["dump", "--quiet", "-Z", "zstd:1", "-j", lanes, "-d", url])
            .arg("--writer-key")
            .arg(self.path("writer"));
        dump.stdout(Stdio::null());
        dump
    }

    /// A new repository: nothing may be reused.
    fn fresh(&self, repository: &Path, environment: &[(String, String)]) {
        let _ = fs::remove_dir_all(repository);
        let _ = fs::remove_file(self.path("writer"));
        let mut init = Command::new(&self.settings.program);
        init.args(["init", "--no-encryption", "--quiet", "--repo"]).arg(repository).arg("--writer-key");
        let made = init.arg(self.path("writer")).envs(environment.to_vec()).stdout(Stdio::null()).status();
        assert!(made.expect("pgfreight runs").success());
    }
}

/// `host:port` of a URL.
fn authority(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = rest.split('/').next().unwrap_or(rest);
    place.rsplit_once('@').map_or(place, |(_, place)| place).to_owned()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
