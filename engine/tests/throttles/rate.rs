//! `--rate-limit` on real servers.

use std::time::{Duration, Instant};

use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::Cluster;

use super::ROWS;
use crate::place::Place;

/// The role's own timeouts would end any statement and any pause long before a limited run is over.
const IMPATIENT: &str =
    "statement_timeout = '300ms'; idle_in_transaction_session_timeout = '300ms'; lock_timeout = '300ms'";

#[tokio::test(flavor = "multi_thread")]
async fn all_lanes_together_keep_to_the_limit_both_ways() {
    let cluster = Cluster::shared(18);
    let (source, target) = (cluster.database("rate_source"), cluster.database("rate_target"));
    source.execute(ROWS);
    for database in [&source, &target] {
        for setting in IMPATIENT.split("; ") {
            database.execute(&format!("ALTER DATABASE \"{}\" SET {setting}", database.name()));
        }
    }
    let place = Place::plain().await;
    for jobs in [1, 4] {
        // Six megabytes at two per second, however many lanes.
        let limit = Some(2_000_000);
        let options = DumpOptions { jobs, rate_limit: limit, chunk_target: 1 << 20, ..DumpOptions::default() };
        let clock = Instant::now();
        let dumped = place.dump(&source.url(), &options).await.expect("dumped");
        let (time, least) = (clock.elapsed(), Duration::from_secs_f64(dumped.raw_bytes as f64 / 2e6 - 0.5));
        assert!(dumped.raw_bytes > 6_000_000, "{dumped:?}");
        assert!(time >= least, "{jobs} lanes dumped {} bytes in {time:?}", dumped.raw_bytes);
        assert!(time < least * 4, "{jobs} lanes took {time:?} for what may take {least:?}");
    }
    let dumped = place.dump(&source.url(), &DumpOptions::default()).await.expect("dumped");
    let options = RestoreOptions { rate_limit: Some(2_000_000), jobs: 3, ..RestoreOptions::default() };
    let clock = Instant::now();
    let restored = place.restore(&dumped.dump, &target.url(), &options).await.expect("restored");
    let (time, least) = (clock.elapsed(), Duration::from_secs_f64(restored.raw_bytes as f64 / 2e6 - 0.5));
    assert!(time >= least && time < least * 6, "restored {} bytes in {time:?}", restored.raw_bytes);
    assert_eq!(compare::databases(&source.url(), &target.url(), Scope::Data).differences, Vec::<String>::new());
}

/// A limit far below what a value needs in a second: it still comes through whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_larger_than_a_second_comes_through() {
    let cluster = Cluster::shared(14);
    let source = cluster.database("rate_value");
    source.execute("CREATE TABLE t AS SELECT convert_to(string_agg(md5(i::text), ''), 'UTF8') AS v FROM generate_series(1, 30000) i");
    let place = Place::plain().await;
    let options = DumpOptions { rate_limit: Some(400_000), ..DumpOptions::default() };
    let clock = Instant::now();
    let dumped = place.dump(&source.url(), &options).await.expect("dumped");
    assert!(dumped.raw_bytes > 900_000 && clock.elapsed() > Duration::from_millis(1_500), "{dumped:?}");
    assert_eq!(place.differences(&dumped.dump, &source.url()).await, Vec::<String>::new());
}
