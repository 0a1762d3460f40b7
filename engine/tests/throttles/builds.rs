//! What index builds of a restore are given: memory by lanes, and no workers where every core is busy.

use std::time::Duration;

use pgfreight_engine::connect::{self, Lane, Role};
use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_engine::target::settings::{self, Writing};
use pgfreight_fixtures::postgres::{Cluster, Options};

use crate::place::{Place, connect as options_of};

#[tokio::test(flavor = "multi_thread")]
async fn memory_for_builds_is_shared_by_lanes_and_never_lowered() {
    let big = ["shared_buffers = '2GB'", "maintenance_work_mem = '96MB'"].map(str::to_owned).to_vec();
    for (settings, expected) in [
        (vec![], [(1, "1GB"), (2, "512MB"), (8, "128MB"), (64, "64MB")]),
        (big, [(1, "1GB"), (4, "512MB"), (16, "128MB"), (64, "96MB")]),
    ] {
        let cluster = Cluster::start(18, &Options { settings, ..Options::default() });
        for (lanes, expected) in expected {
            let mut lane = connect::lane(&options_of(&cluster.url("postgres")), Role::Target).await.expect("connected");
            let how = Writing { lanes, ..Writing::default() };
            lane.execute(&settings::writing(lane.version(), &how)).await.expect("set");
            let shown = lane.execute("SHOW maintenance_work_mem").await.expect("shown");
            assert_eq!(shown[0][0].as_deref(), Some(expected), "{lanes} lanes");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_get_no_workers_where_lanes_keep_every_core_busy() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let logging = vec!["log_statement = 'all'".to_owned()];
    let cluster = Cluster::start(17, &Options { settings: logging, ..Options::default() });
    let source = cluster.database("builds_source");
    // Enough tables that, for most of the time, all lanes have something to do.
    for table in 0..4 * cores.min(32) {
        source.execute(&format!(
            "CREATE TABLE t{table} AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, 20000) i;
             CREATE INDEX ON t{table} (word); CREATE INDEX ON t{table} (id)"
        ));
    }
    let place = Place::plain().await;
    let dumped = place.dump(&source.url(), &DumpOptions::default()).await.expect("dumped");
    for (jobs, crowded) in [(cores.min(32), cores <= 32), (1, cores == 1)] {
        let target = cluster.database("builds_target");
        let before = cluster.log().len();
        let options = RestoreOptions { jobs, ..RestoreOptions::default() };
        place.restore(&dumped.dump, &target.url(), &options).await.expect("restored");
        let log = cluster.log().split_off(before);
        assert!(log.contains("CREATE INDEX"), "the log tells what is done");
        assert_eq!(log.contains("max_parallel_maintenance_workers = 0"), crowded, "{jobs} lanes on {cores} cores");
    }
}

/// A server on which autovacuum comes at once and takes for ever, and nobody it blocks waits less than an hour.
fn with_stubborn_autovacuum(major: u32) -> Cluster {
    let settings = [
        "autovacuum_naptime = 1s",
        "autovacuum_vacuum_insert_threshold = 100",
        "autovacuum_analyze_threshold = 1000000000",
        "autovacuum_vacuum_cost_delay = 100ms",
        "autovacuum_vacuum_cost_limit = 1",
        "deadlock_timeout = 1h",
    ];
    Cluster::start(major, &Options { settings: settings.map(str::to_owned).to_vec(), ..Options::default() })
}

async fn writing(url: &str) -> Lane {
    let mut lane = connect::lane(&options_of(url), Role::Target).await.expect("connected");
    lane.execute(&settings::writing(lane.version(), &Writing::default())).await.expect("set");
    lane
}

#[tokio::test(flavor = "multi_thread")]
async fn autovacuum_gives_way_to_an_index_at_once() {
    for major in [14, 18] {
        let cluster = with_stubborn_autovacuum(major);
        let target = cluster.database("vacuumed");
        target.execute("CREATE TABLE t AS SELECT i, repeat('x', 200) AS word FROM generate_series(1, 100000) i");
        let mut lane = writing(&target.url()).await;
        let holds = "SELECT 1 FROM pg_catalog.pg_locks JOIN pg_catalog.pg_stat_activity USING (pid) \
                     WHERE relation = 'public.t'::pg_catalog.regclass AND mode = 'ShareUpdateExclusiveLock'";
        let begun = async {
            while lane.execute(holds).await.expect("asked").is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), begun).await.expect("autovacuum takes the table");
        let build = lane.execute("CREATE INDEX ON public.t (i)");
        tokio::time::timeout(Duration::from_secs(120), build).await.expect("it gives way").expect("the index is built");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_send_autovacuum_away_waits_as_ever() {
    for (major, granted) in [(14, None), (18, Some("20ms"))] {
        let cluster = Cluster::start(major, &Options::default());
        let admin = cluster.database("plain_role");
        admin.execute("CREATE ROLE plain LOGIN; CREATE ROLE trusted LOGIN");
        let shown = async |role: &str| {
            let url = cluster.url_for(role, None, admin.name());
            writing(&url).await.execute("SHOW deadlock_timeout").await.expect("shown")[0][0].clone().expect("a value")
        };
        assert_eq!(shown("plain").await, "1s", "{major}");
        if let Some(granted) = granted {
            admin.execute("GRANT SET ON PARAMETER deadlock_timeout TO trusted");
            assert_eq!(shown("trusted").await, granted, "{major}");
        }
    }
}
