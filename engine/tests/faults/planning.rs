//! What other sessions do between the snapshot and the last row: DDL, locks, missing rights.

use std::time::Instant;

use pgfreight_engine::Kind;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::Cluster;

use super::*;

/// Dumps while `statement` is run after the snapshot and before the locks, once.
async fn dump_during(
    source: &Database<'_>,
    depot: &Depot,
    statement: &'static str,
) -> (Result<DumpReport>, Arc<Story>) {
    let url = source.url();
    let story = at(1, is_phase("lock"), move || sql(&url, statement));
    (depot.dump_as(&source.url(), &small_chunks(2), &story.around()).await, story)
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_change_between_snapshot_and_lock_begin_the_dump_again() {
    let cluster = Cluster::shared(18);
    for (statement, rows) in [
        ("DROP TABLE three", 1000),
        ("TRUNCATE three", 1000),
        ("ALTER TABLE three ALTER id TYPE bigint", 1003),
        ("ALTER TABLE three RENAME TO drei", 1003),
        ("CREATE SCHEMA s; ALTER TABLE three SET SCHEMA s", 1003),
        ("ALTER TABLE one DROP t", 1003),
        ("ALTER TABLE one RENAME t TO tt", 1003),
        // Another table in its place: the snapshot would show that one empty.
        (
            "CREATE TABLE new (id integer); INSERT INTO new VALUES (7), (8); ALTER TABLE three RENAME TO old; \
          ALTER TABLE new RENAME TO three",
            1005,
        ),
        ("DROP TABLE three; CREATE TABLE three (id integer); INSERT INTO three VALUES (9)", 1001),
        ("DROP TABLE two; DROP TABLE three; CLUSTER one USING one_pkey", 500),
    ] {
        let source = cluster.database("faults_planned");
        little(&source);
        let depot = Depot::new().await;
        let (report, story) = dump_during(&source, &depot, statement).await;
        let report = report.unwrap_or_else(|error| panic!("{statement}: {}", told(&error)));
        assert_eq!(report.rows, rows, "{statement}");
        assert_eq!(report.restarts, 1, "{statement}: {:?}", story.retries());
        let target = cluster.database("faults_planned_target");
        depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{statement}: {}", told(&error)));
        let differences = compare::databases(&source.url(), &target.url(), Scope::All).differences;
        assert!(differences.is_empty(), "{statement}: {differences:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncate_that_the_locks_wait_for_begins_the_dump_again() {
    let source = Cluster::shared(18).database("faults_waited");
    little(&source);
    let depot = Depot::new().await;
    let url = source.url();
    let story = at(1, is_phase("introspect"), move || {
        let url = url.clone();
        std::thread::spawn(move || sql(&url, "BEGIN; TRUNCATE three; SELECT pg_sleep(3); COMMIT"));
        std::thread::sleep(Duration::from_millis(700));
    });
    let report = depot.dump_as(&source.url(), &small_chunks(2), &story.around()).await;
    let report = report.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!((report.rows, report.restarts), (1000, 1));
    depot.assert_equal(&source).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_changes_every_time_is_given_up_with_a_hint() {
    let source = Cluster::shared(18).database("faults_restless");
    little(&source);
    let depot = Depot::new().await;
    let url = source.url();
    let story = Story::new(move |event| {
        if is_phase("lock")(event) {
            sql(&url, "TRUNCATE three");
        }
    });
    let error = depot.dump_as(&source.url(), &small_chunks(2), &story.around()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Source);
    assert!(error.what().contains("public.three changed while the dump was being planned"), "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("migrations")), "{}", told(&error));
    assert_eq!(depot.listed().await, 0);
    assert_no_sessions(&source);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_cannot_be_had_in_time_names_its_table() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_locked");
    little(&source);
    let blocker = cluster.connect(source.name()).await.unwrap();
    blocker.batch_execute("BEGIN; LOCK TABLE three IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let depot = Depot::new().await;
    let options = DumpOptions { lock_wait: Some(Duration::from_millis(300)), ..small_chunks(2) };
    let began = Instant::now();
    let error = depot.dump_as(&source.url(), &options, &Surroundings::quiet()).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(error.kind(), Kind::Source);
    assert!(error.what().contains("could not lock public.three"), "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("--lock-wait-timeout")), "{}", told(&error));
    assert_eq!(depot.listed().await, 0);
    blocker.batch_execute("ROLLBACK").await.unwrap();
    assert_no_sessions(&source);
    depot.dump_as(&source.url(), &options, &Surroundings::quiet()).await.unwrap();
    depot.assert_equal(&source).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_waits_for_a_lock_can_be_stopped_and_leaves_nothing_queued() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_lock_stop");
    little(&source);
    let blocker = cluster.connect(source.name()).await.unwrap();
    blocker.batch_execute("BEGIN; LOCK TABLE three IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let depot = Depot::new().await;
    let story = Story::plain();
    let around = story.around();
    let stop = around.stop.clone();
    let stopping = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stop.cancel();
    });
    let error = depot.dump_as(&source.url(), &small_chunks(2), &around).await.unwrap_err();
    stopping.await.unwrap();
    assert_eq!(error.kind(), Kind::Cancelled, "{}", told(&error));
    // The blocker is still there: our sessions must have gone without its help.
    assert_no_sessions(&source);
    blocker.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ddl_that_queues_behind_our_locks_is_told_and_does_not_stop_the_dump() {
    let source = Cluster::shared(18).database("faults_queued");
    big(&source);
    let depot = Depot::new().await;
    let url = source.url();
    let story = at(1, is_phase("data"), move || {
        let url = url.clone();
        std::thread::spawn(move || sql(&url, "ALTER TABLE big ADD later integer"));
        std::thread::sleep(Duration::from_millis(500));
    });
    let report = depot.dump_as(&source.url(), &small_chunks(2), &story.around()).await;
    let report = report.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!((report.rows, report.restarts), (ROWS + 1000, 0));
    let warnings = story.warnings();
    assert!(warnings.iter().any(|warning| warning.contains("DDL waits for our lock on public.big")), "{warnings:?}");
    assert_eq!(depot.verify().await.unwrap().problems, Vec::<String>::new());
    // It went through once we were done.
    let done = process::wait_until(Duration::from_secs(20), || {
        source.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'big'::regclass AND attname = 'later'") == "1"
    });
    assert!(done);
    let target = source.cluster().database("faults_queued_target");
    depot.restore(&target.url()).await.unwrap();
    source.execute("ALTER TABLE big DROP later");
    compare::assert_equal(&source.url(), &target.url(), Scope::Data);
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_rows_and_unreadable_tables_are_refused_by_name() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_rights");
    little(&source);
    let role = cluster.role("faults_reader", "LOGIN");
    let name = role.name();
    source.execute(&format!(
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}; REVOKE SELECT ON three FROM {name};
         ALTER TABLE one ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON one USING (id < 10);
         CREATE SCHEMA closed; CREATE TABLE closed.four (id integer); GRANT SELECT ON closed.four TO {name}"
    ));
    let url = cluster.url_for(name, None, source.name());
    let depot = Depot::new().await;
    let error = depot.dump(&url).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Source);
    assert_eq!(error.what(), "no permission to read public.three, closed.four", "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("pg_read_all_data")), "{}", told(&error));
    source.execute(&format!("GRANT SELECT ON three TO {name}; DROP SCHEMA closed CASCADE"));
    let error = depot.dump(&url).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Source);
    assert_eq!(error.what(), "row-level security would hide rows of public.one", "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("BYPASSRLS")), "{}", told(&error));
    assert_eq!(depot.listed().await, 0);
    let options = DumpOptions { row_security: true, ..small_chunks(2) };
    let report = depot.dump_as(&url, &options, &Surroundings::quiet()).await.unwrap_or_else(|e| panic!("{}", told(&e)));
    assert_eq!(report.rows, 9 + 503);
    cluster.execute(&format!("ALTER ROLE {name} BYPASSRLS"));
    let report = depot.dump(&url).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(report.rows, 1003);
    assert_no_sessions(&source);
}
