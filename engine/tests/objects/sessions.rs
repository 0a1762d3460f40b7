//! Catalogs read in two sessions of one snapshot say what one session says, whatever happens to the second.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use pgfreight_engine::connect::ConnectOptions;
use pgfreight_engine::introspect::{Positions, Sessions};
use pgfreight_engine::run::schema::of_database;
use pgfreight_engine::source::holder::Holder;
use pgfreight_engine::source::lane::{LaneOptions, SnapshotLane};
use pgfreight_fixtures::proxy::{Conditions, Ending, Proxy};
use tokio_postgres::Client;

use super::*;
use crate::restore::connect;

const SAMPLE: &str = "CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, a text CHECK (a <> ''), b int UNIQUE);
    CREATE TABLE s.u (id int REFERENCES s.t DEFERRABLE, x int CONSTRAINT broken CHECK (x > 0)); CREATE INDEX i ON s.t (lower(a)) WHERE b > 0;
    CREATE VIEW s.v AS SELECT a FROM s.t; CREATE SEQUENCE s.q; COMMENT ON INDEX s.i IS 'c'; COMMENT ON CONSTRAINT broken ON s.u IS 'd'";

async fn begun(database: &Database<'_>) -> Client {
    let client = database.client().await;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET search_path = ''";
    client.batch_execute(begin).await.unwrap();
    client
}

async fn read_in_two(first: &Client, second: Option<&Arc<Client>>) -> Catalog {
    let version = introspect::read(first).await.unwrap().server.version;
    let second = Some(std::future::ready(second.cloned()).boxed());
    introspect::read_with(Sessions { first, second, version }, Positions::Read).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_say_what_one_says() {
    for major in BOTH {
        let database = Cluster::shared(major).database("objects_two_sessions");
        database.execute(SAMPLE);
        let alone = read(&database).await;
        assert!(alone.unsupported.is_empty() && alone.objects.len() > 10, "{:?}", alone.unsupported);
        let (first, second) = (begun(&database).await, Arc::new(begun(&database).await));
        assert_eq!(read_in_two(&first, Some(&second)).await, alone);
        let pid: i32 = second.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        database.execute(&format!("SELECT pg_terminate_backend({pid}, 5000)"));
        assert_eq!(read_in_two(&first, Some(&second)).await, alone, "the second session is gone");
        assert_eq!(read_in_two(&first, None).await, alone, "the second session never came about");
    }
}

/// Damage stays in a private server: a shared one is everybody's.
#[tokio::test(flavor = "multi_thread")]
async fn damage_found_in_the_second_session_is_named_as_in_one() {
    let cluster = Cluster::start(18, &Default::default());
    let database = cluster.database("objects_two_damaged");
    database.execute(SAMPLE);
    database
        .execute("SET allow_system_table_mods = on; UPDATE pg_constraint SET conbin = NULL WHERE conname = 'broken'");
    let alone = read(&database).await;
    let (first, second) = (begun(&database).await, Arc::new(begun(&database).await));
    let catalog = read_in_two(&first, Some(&second)).await;
    assert_eq!(catalog, alone);
    let named: Vec<&str> = catalog.unsupported.iter().map(|lost| lost.name.as_str()).collect();
    assert!(named.iter().any(|name| name.contains("broken")), "{named:?}");
}

/// A second session reads along where the server is near, and far away where `pg_class` is large, if only by the remains of what was.
#[tokio::test(flavor = "multi_thread")]
async fn catalogs_are_read_in_two_sessions_where_that_saves_time() {
    let cluster = Cluster::shared(18);
    let database = cluster.database("objects_large_catalogs");
    database.execute(SAMPLE);
    let connect_near = connect(&database.url());
    let options = |connect: &ConnectOptions| LaneOptions { connect: connect.clone(), role: None, row_security: false };
    let before = of_database(&connect_near, None, false).await.unwrap().script();
    let proxy = Proxy::start(&format!("{}:{}", cluster.host(), cluster.port()));
    proxy.set(Conditions { latency: Duration::from_millis(20), ..Conditions::default() });
    let far = options(&connect(&proxy.url(&database.url())));
    let (holder, _reader) = Holder::open(&far).await.unwrap();
    assert!(holder.second_reader().is_none() && !holder.has_large_catalogs());
    drop(holder);
    database.execute(
        "DO $$ BEGIN FOR i IN 1..12000 LOOP EXECUTE format('ALTER TABLE s.t SET (fillfactor = %s)', 50 + i % 50); END LOOP; END $$;
         ALTER TABLE s.t RESET (fillfactor)",
    );
    for options in [options(&connect_near), far] {
        let (holder, reader) = Holder::open(&options).await.unwrap();
        assert!(holder.has_large_catalogs());
        let second = holder.second_reader().expect("worth it").await.expect("a second reader");
        let snapshot = second.client().query_one("SELECT pg_current_snapshot()::text", &[]).await.unwrap();
        let first = reader.client().query_one("SELECT pg_current_snapshot()::text", &[]).await.unwrap();
        assert_eq!(snapshot.get::<_, String>(0), first.get::<_, String>(0));
    }
    let after = of_database(&connect_near, None, false).await.unwrap().script();
    assert_eq!(after, before);
}

/// A pooler with an empty pool lets connections wait; small catalogs do not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_session_that_does_not_come_is_not_waited_for() {
    let cluster = Cluster::shared(18);
    let database = cluster.database("objects_no_second");
    database.execute(SAMPLE);
    let proxy = Proxy::start(&format!("{}:{}", cluster.host(), cluster.port()));
    let connect = connect(&proxy.url(&database.url()));
    let options = LaneOptions { connect, role: None, row_security: false };
    let (holder, _reader) = Holder::open(&options).await.unwrap();
    proxy.set(Conditions { latency: Duration::from_secs(60), ..Conditions::default() });
    assert!(tokio::time::timeout(Duration::from_secs(10), holder.second_reader().unwrap()).await.unwrap().is_none());
}

/// Reads are the session's own where lanes keep every core of a server on this machine busy, and left to the server's setting where
/// they do not.
#[tokio::test(flavor = "multi_thread")]
async fn lanes_that_keep_every_core_busy_read_themselves() {
    const ASKED: &str = "COPY (SELECT current_setting('effective_io_concurrency')) TO STDOUT";
    let cores = std::thread::available_parallelism().unwrap().get();
    for major in [17, 18] {
        let database = Cluster::shared(major).database("objects_busy_cores");
        let options = LaneOptions { connect: connect(&database.url()), role: None, row_security: false };
        let (holder, _reader) = Holder::open(&options).await.unwrap();
        let asked = async |lanes: usize| {
            let answer = holder.open_lane(lanes).await.unwrap().copy_all(&[ASKED.to_owned()], 1 << 10).await.unwrap();
            String::from_utf8_lossy(&answer[0]).trim().to_owned()
        };
        let usual = database.value("SHOW effective_io_concurrency");
        assert_ne!(usual, "0");
        assert_eq!(asked(cores - 1).await, usual, "{major}");
        assert_eq!(asked(cores).await, if major == 18 { "0" } else { &usual }, "{major}");
    }
}

/// To a server that is far away lanes are connected before anybody asks for one; nearby where there is enough to copy for each.
#[tokio::test(flavor = "multi_thread")]
async fn lanes_of_a_far_server_are_connected_ahead() {
    let cluster = Cluster::shared(18);
    let database = cluster.database("objects_far");
    let proxy = Proxy::start(&format!("{}:{}", cluster.host(), cluster.port()));
    let opened = async || {
        let connect = connect(&proxy.url(&database.url()));
        Holder::open(&LaneOptions { connect, role: None, row_security: false }).await.unwrap()
    };
    let (holder, _reader) = opened().await;
    assert_eq!(proxy.accepted(), 2);
    let snapshot =
        async |lane: &mut SnapshotLane| lane.execute("SELECT pg_catalog.pg_current_snapshot()::text").await.unwrap();
    proxy.set(Conditions { latency: Duration::from_millis(20), ..Conditions::default() });
    let (far, reader) = opened().await;
    let seen: String = reader.client().query_one("SELECT pg_current_snapshot()::text", &[]).await.unwrap().get(0);
    database.execute("CREATE TABLE later ()");
    // A holder knows how far its server is from its own connection.
    holder.open_lanes_ahead(5);
    far.open_lanes_ahead(3);
    far.keep_lanes_ahead(2);
    let mut first = far.open_lane(3).await.unwrap();
    assert_eq!(snapshot(&mut first).await, [[Some(seen.clone())]]);
    let _second = far.open_lane(3).await.unwrap();
    let connected = proxy.accepted();
    assert!((6..=7).contains(&connected), "{connected} connections");
    // One that was lost meanwhile is its user's trouble; one that never came about is opened again.
    let mut third = far.open_lane(3).await.unwrap();
    assert_eq!(proxy.accepted(), connected + 1);
    assert_eq!(snapshot(&mut third).await, [[Some(seen)]]);
    far.open_lanes_ahead(1);
    proxy.end_all(Ending::Reset);
    proxy.set(Conditions { refusing: true, ..Conditions::default() });
    assert!(far.open_lane(1).await.is_err());
}
