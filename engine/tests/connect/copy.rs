//! Lanes: statements, copies in both directions, and what ends them early.

use std::time::Duration;

use bytes::BytesMut;
use pgfreight_engine::connect::{ConnectOptions, Lane, Role, lane, query_error, server_error, session, sqlstate};
use pgfreight_engine::{Error, Kind};
use pgfreight_fixtures::postgres::{Cluster, Options};
use pgfreight_fixtures::proxy::{Conditions, Ending, Proxy};

use super::{options, told};

async fn open(url: &str) -> Lane {
    lane(&options(url), Role::Source).await.unwrap_or_else(|error| panic!("{}", told(&error)))
}

fn one(rows: &[Vec<Option<String>>]) -> &str {
    rows[0][0].as_deref().unwrap()
}

/// Reads a copy whole, `wanted` bytes at a time.
async fn read_all(lane: &mut Lane, sql: &str, wanted: usize) -> (Vec<u8>, Option<u64>) {
    let mut copy = lane.copy_out(sql).await.unwrap();
    let mut all = Vec::new();
    let mut buffer = BytesMut::new();
    loop {
        let more = copy.read(&mut buffer, wanted).await.unwrap();
        assert!(buffer.len() <= wanted, "never more than wanted");
        assert!(!more || buffer.len() == wanted, "less only at the end");
        all.extend_from_slice(&buffer);
        buffer.clear();
        if !more {
            return (all, copy.rows());
        }
    }
}

#[tokio::test]
async fn statements() {
    let database = Cluster::shared(18).database("statements");
    let mut lane = open(&database.url()).await;
    let rows = lane.execute("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, NULL), (2, ''); TABLE t").await;
    assert_eq!(rows.unwrap(), [vec![Some("1".into()), None], vec![Some("2".into()), Some(String::new())]]);
    assert!(lane.execute("").await.unwrap().is_empty());
    lane.execute("BEGIN").await.unwrap();
    assert!(lane.in_transaction());
    let error = lane.execute("SELECT 1/0").await.unwrap_err();
    assert_eq!((sqlstate(&error), error.kind()), (Some("22012"), Kind::Source));
    assert!(lane.is_usable() && lane.in_transaction());
    lane.execute("ROLLBACK").await.unwrap();
    // What starts a copy without being read or fed does no harm.
    assert!(lane.execute("COPY t FROM STDIN").await.is_err());
    lane.execute("COPY t TO STDOUT").await.unwrap();
    assert!(lane.copy_out("SELECT 1").await.map(drop).is_err());
    assert!(lane.copy_out("COPY t FROM STDIN").await.map(drop).is_err());
    assert!(lane.copy_in("COPY t TO STDOUT").await.map(drop).is_err());
    assert!(lane.copy_out("COPY missing TO STDOUT").await.map(drop).is_err());
    assert_eq!(one(&lane.execute("SET search_path = public; SELECT count(*) FROM t").await.unwrap()), "2");
    assert!(lane.execute("SELECT '\0'").await.is_err());
    lane.close().await;
}

#[tokio::test]
async fn copies_round_trip_whatever_the_buffers() {
    let database = Cluster::shared(17).database("copies");
    let mut lane = open(&database.url()).await;
    lane.execute(
        "CREATE TABLE t AS SELECT i, repeat(md5(i::text), i % 50) AS s, NULL::int AS n FROM generate_series(1, 4000) i;
         CREATE TABLE u (LIKE t); CREATE TABLE e (a int)",
    )
    .await
    .unwrap();
    for format in ["text", "binary"] {
        let sql = format!("COPY t TO STDOUT (FORMAT {format})");
        let (whole, rows) = read_all(&mut lane, &sql, 64 << 20).await;
        assert_eq!(rows, Some(4_000));
        for wanted in [1000, 65_536, 300_001] {
            assert!(read_all(&mut lane, &sql, wanted).await.0 == whole, "{wanted}");
        }
        for size in [3, 5_000, 65_536, 1 << 20] {
            lane.execute("TRUNCATE u").await.unwrap();
            let mut copy = lane.copy_in(&format!("COPY u FROM STDIN (FORMAT {format})")).await.unwrap();
            for piece in whole.chunks(size) {
                copy.send(piece).await.unwrap();
            }
            assert_eq!(copy.finish().await.unwrap(), 4_000);
            assert_eq!(one(&lane.execute("SELECT count(*) FROM (TABLE t EXCEPT TABLE u) d").await.unwrap()), "0");
        }
    }
    assert_eq!(read_all(&mut lane, "COPY e TO STDOUT", 100).await, (Vec::new(), Some(0)));
    let copy = lane.copy_in("COPY e FROM STDIN").await.unwrap();
    assert_eq!(copy.finish().await.unwrap(), 0);
}

/// Peak resident memory of this process, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_huge_value_streams_through() {
    let cluster = Cluster::shared(18);
    let database = cluster.database("huge");
    let mut source = open(&database.url()).await;
    let mut target = open(&database.url()).await;
    let create = "CREATE TABLE t (v bytea); ALTER TABLE t ALTER v SET STORAGE EXTERNAL; CREATE TABLE u (LIKE t);
                  INSERT INTO t SELECT convert_to(repeat('0123456789', 30000000), 'UTF8')";
    source.execute(create).await.unwrap();
    let before = peak();
    let mut out = source.copy_out("COPY t TO STDOUT (FORMAT binary)").await.unwrap();
    let mut into = target.copy_in("COPY u FROM STDIN (FORMAT binary)").await.unwrap();
    let mut buffer = BytesMut::with_capacity(512 << 10);
    let mut total = 0;
    loop {
        let more = out.read(&mut buffer, 512 << 10).await.unwrap();
        into.send(&buffer).await.unwrap();
        total += buffer.len();
        buffer.clear();
        if !more {
            break;
        }
    }
    assert_eq!((out.rows(), into.finish().await.unwrap()), (Some(1), 1));
    assert!(total > 300_000_000);
    let grown = peak() - before;
    assert!(grown < 24 << 20, "{grown} bytes of memory for a value of 300 MB");
    let sql = "SELECT md5(t.v) = md5(u.v) FROM t, u";
    assert_eq!(one(&source.execute(sql).await.unwrap()), "t");
}

#[tokio::test]
async fn errors_while_loading_come_early_and_quote_nothing() {
    let database = Cluster::shared(18).database("errors");
    let mut lane = open(&database.url()).await;
    lane.execute("CREATE TABLE t (a int PRIMARY KEY, b varchar(9) CHECK (b <> 'hidden'))").await.unwrap();
    for (rows, code, line) in [
        ("1\tx\nsecret\ty\n", "22P02", Some(2)),
        ("1\tx\n2\tmuch-too-long-secret\n", "22001", Some(2)),
        ("1\tsecret\n1\tsecret\n", "23505", Some(2)),
        ("1\thidden\n", "23514", Some(1)),
        ("1\tx\tsecret\n", "22P04", Some(1)),
    ] {
        let mut copy = lane.copy_in("COPY t FROM STDIN").await.unwrap();
        let sent = copy.send(rows.as_bytes()).await;
        let error = match sent {
            Ok(()) => copy.finish().await.unwrap_err(),
            Err(error) => {
                drop(copy);
                error
            }
        };
        let server = server_error(&error).unwrap();
        assert_eq!((sqlstate(&error), server.copy_line), (Some(code), line), "{}", told(&error));
        let shown = format!("{} {error:?}", told(&error));
        assert!(!shown.contains("secret") && !shown.contains("hidden"), "{shown}");
        assert!(lane.is_usable() && !error.is_passing());
    }
    // An error in the first row stops a load of 200 MB long before its end.
    let row = format!("x\t{}\n", "y".repeat(1000)).repeat(1000);
    let mut copy = lane.copy_in("COPY t FROM STDIN").await.unwrap();
    let mut sent = 0;
    let error = loop {
        match copy.send(row.as_bytes()).await {
            Ok(()) => sent += row.len(),
            Err(error) => break error,
        }
        assert!(sent < 200_000_000, "nobody noticed");
    };
    assert_eq!(sqlstate(&error), Some("22P02"));
    assert!(copy.send(b"more").await.is_err());
    drop(copy);
    assert_eq!(one(&lane.execute("SELECT count(*) FROM t").await.unwrap()), "0");
}

#[tokio::test]
async fn copies_that_are_left() {
    let database = Cluster::shared(18).database("left");
    let mut lane = open(&database.url()).await;
    lane.execute("CREATE TABLE t (a int)").await.unwrap();
    let mut copy = lane.copy_in("COPY t FROM STDIN").await.unwrap();
    copy.send(b"1\n").await.unwrap();
    copy.abort("tried enough").await.unwrap();
    let mut copy = lane.copy_in("COPY t FROM STDIN").await.unwrap();
    copy.send(&b"1\n".repeat(100_000)).await.unwrap();
    drop(copy);
    assert!(lane.is_usable());
    assert_eq!(one(&lane.execute("SELECT count(*) FROM t").await.unwrap()), "0");
    let copy = lane.copy_out("COPY (SELECT generate_series(1, 1000000)) TO STDOUT").await.unwrap();
    drop(copy);
    assert!(!lane.is_usable());
    assert!(told(&lane.execute("SELECT 1").await.unwrap_err()).contains("left in the middle"));
    let mut lane = open(&database.url()).await;
    let sql =
        "COPY (SELECT CASE WHEN i > 90000 THEN 1 / (i - 90001) ELSE i END FROM generate_series(1, 100000) i) TO STDOUT";
    let mut copy = lane.copy_out(sql).await.unwrap();
    let mut buffer = BytesMut::new();
    let error = loop {
        buffer.clear();
        match copy.read(&mut buffer, 1000).await {
            Ok(more) => assert!(more, "an error is not an end"),
            Err(error) => break error,
        }
    };
    assert_eq!(sqlstate(&error), Some("22012"));
    assert!(!copy.read(&mut buffer, 1_000_000).await.unwrap());
    assert_eq!(copy.rows(), None);
    assert_eq!(one(&lane.execute("SELECT 1").await.unwrap()), "1");
}

/// A server that talks while it is fed must not be kept waiting.
#[tokio::test]
async fn notices_do_not_stop_a_load() {
    let database = Cluster::shared(18).database("notices");
    let mut lane = open(&database.url()).await;
    let sql = "CREATE TABLE t (a int);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN RAISE NOTICE '%', repeat('x', 2000); RETURN new; END$$;
        CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()";
    lane.execute(sql).await.unwrap();
    let mut copy = lane.copy_in("COPY t FROM STDIN").await.unwrap();
    for _ in 0..20 {
        copy.send(&b"1\n".repeat(5_000)).await.unwrap();
    }
    assert_eq!(copy.finish().await.unwrap(), 100_000);
}

pub(super) async fn cancelled(options: &ConnectOptions) {
    let mut lane = lane(options, Role::Source).await.unwrap();
    let token = lane.cancel_token();
    let cancel = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel().await
    });
    let error = lane.execute("SELECT pg_sleep(60)").await.unwrap_err();
    assert_eq!(sqlstate(&error), Some("57014"));
    cancel.await.unwrap().unwrap();
    assert_eq!(one(&lane.execute("SELECT 1").await.unwrap()), "1");

    let session = session(options, Role::Source).await.unwrap();
    let token = session.cancel_token();
    let cancel = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel().await
    });
    let error = session.batch_execute("SELECT pg_sleep(60)").await.unwrap_err();
    assert_eq!(sqlstate(&session.error(error)), Some("57014"));
    cancel.await.unwrap().unwrap();
}

#[tokio::test]
async fn cancel() {
    cancelled(&options(&Cluster::shared(18).url("postgres"))).await;
}

/// Rows come as they are made: a series in FROM would be made whole first.
const ENDLESS: &str = "COPY (SELECT repeat('x', 1000), generate_series(1, 100000000)) TO STDOUT";

async fn read_until_error(lane: &mut Lane, disturb: impl FnOnce()) -> Error {
    let mut disturb = Some(disturb);
    let mut copy = lane.copy_out(ENDLESS).await.unwrap();
    let mut buffer = BytesMut::new();
    let mut read = 0;
    loop {
        buffer.clear();
        match copy.read(&mut buffer, 1 << 20).await {
            Ok(more) => assert!(more),
            Err(error) => return error,
        }
        read += buffer.len();
        if read > 5_000_000
            && let Some(disturb) = disturb.take()
        {
            disturb();
        }
    }
}

#[tokio::test]
async fn a_server_that_goes_away_is_a_passing_error() {
    let cluster = Cluster::start(18, &Options::default());
    let url = cluster.url("postgres");
    let terminate = |pid: i32| {
        let sql = format!("SELECT pg_terminate_backend({pid})");
        cluster.execute(&sql);
    };

    let mut lane = open(&url).await;
    let pid = lane.backend_pid();
    let error = read_until_error(&mut lane, || terminate(pid)).await;
    assert!(error.is_passing(), "{}", told(&error));
    // A backend that is ended while it waits for us to read leaves without a word; otherwise it says why.
    assert!(matches!(sqlstate(&error), Some("57P01") | None), "{}", told(&error));
    assert!(!lane.is_usable());
    assert!(lane.execute("SELECT 1").await.is_err());

    let mut lane = open(&url).await;
    lane.execute("CREATE TABLE t (a text)").await.unwrap();
    let pid = lane.backend_pid();
    let data = b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".repeat(20_000);
    let mut copy = lane.copy_in("COPY t FROM STDIN").await.unwrap();
    copy.send(&data).await.unwrap();
    terminate(pid);
    let error = loop {
        if let Err(error) = copy.send(&data).await {
            break error;
        }
    };
    drop(copy);
    assert!(error.is_passing() && !lane.is_usable(), "{}", told(&error));
    assert_eq!(sqlstate(&error), Some("57P01"), "{}", told(&error));

    let session = session(&options(&url), Role::Source).await.unwrap();
    terminate(session.backend_pid());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let error = session.error(session.batch_execute("SELECT 1").await.unwrap_err());
    assert!(error.is_passing(), "{}", told(&error));
    assert_eq!(sqlstate(&error), Some("57P01"), "the reason is kept");

    let mut lane = open(&url).await;
    let error = read_until_error(&mut lane, || cluster.stop("KILL")).await;
    assert!(error.is_passing(), "{}", told(&error));
    let error = super::refused(&options(&url)).await;
    assert!(error.is_passing(), "{}", told(&error));
    cluster.start_again();
    open(&url).await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_passing_error() {
    let cluster = Cluster::shared(18);
    let proxy = Proxy::start(&format!("127.0.0.1:{}", cluster.port()));
    let url = proxy.url(&cluster.url("postgres"));
    for ending in [Ending::Reset, Ending::Close] {
        proxy.cut_after(3_000_000, ending, 1);
        let mut lane = open(&url).await;
        let error = read_until_error(&mut lane, || ()).await;
        assert!(error.is_passing() && error.what().contains("lost"), "{ending:?}: {}", told(&error));
        // During the login, wherever it is cut.
        for after in [0, 1, 10, 40, 300] {
            proxy.cut_after(after, ending, 1);
            let failed = lane_or_error(&url).await;
            assert!(failed.is_passing(), "{ending:?} after {after}: {}", told(&failed));
        }
    }
    proxy.set(Conditions { stalled: true, ..Conditions::default() });
    let error = lane_or_error(&format!("{url}?connect_timeout=1")).await;
    assert!(error.is_passing() && error.what().contains("within 1 s"), "{}", told(&error));
}

async fn lane_or_error(url: &str) -> Error {
    let more = if url.contains('?') { "&sslmode=disable" } else { "?sslmode=disable" };
    match lane(&options(&format!("{url}{more}")), Role::Source).await {
        Ok(_) => panic!("the connection was cut and nobody noticed"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn query_errors_quote_no_rows() {
    let database = Cluster::shared(18).database("query_errors");
    let session = session(&options(&database.url()), Role::Target).await.unwrap();
    session.batch_execute("CREATE TABLE t (a text UNIQUE); INSERT INTO t VALUES ('secret')").await.unwrap();
    let error = session.batch_execute("INSERT INTO t VALUES ('secret')").await.unwrap_err();
    let error = query_error(Role::Target, error);
    assert_eq!((error.kind(), sqlstate(&error)), (Kind::Target, Some("23505")));
    assert!(!format!("{} {error:?}", told(&error)).contains("secret"));
}

/// Several questions in one round trip: each has its own answer, and one that fails leaves none and the lane usable.
#[tokio::test]
async fn many_questions_at_once() {
    let database = Cluster::shared(18).database("connect_ask");
    let mut lane = open(&database.url()).await;
    let ask = |questions: &[&str]| questions.iter().map(|question| (*question).to_owned()).collect::<Vec<_>>();
    let questions = ask(&["SELECT 1", "SELECT 2 WHERE false", "SELECT n, NULL FROM generate_series(3, 4) n"]);
    let answers = lane.ask(&questions).await.unwrap();
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(answers, [vec![vec![text("1")]], vec![], vec![vec![text("3"), None], vec![text("4"), None]]]);
    assert!(lane.ask(&[]).await.unwrap().is_empty());
    let error = lane.ask(&ask(&["SELECT 1", "SELECT 1 / 0", "SELECT 2"])).await.unwrap_err();
    assert!(error.what().contains("division by zero"), "{}", told(&error));
    assert_eq!(lane.ask(&ask(&["SELECT 5"])).await.unwrap(), [[[text("5")]]]);
    let error = lane.ask(&ask(&["SET work_mem = '1MB'"])).await.unwrap_err();
    assert!(told(&error).contains("answers"), "{}", told(&error));
}
