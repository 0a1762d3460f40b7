//! The source goes away: one lane, the snapshot's holder, the whole server.

use std::sync::Arc;

use pgfreight_engine::Kind;
use pgfreight_engine::event::Event;
use pgfreight_engine::run::options::Surroundings;
use pgfreight_fixtures::pgbouncer::{Mode, PgBouncer};
use pgfreight_fixtures::postgres::{Cluster, Options};
use pgfreight_fixtures::proxy::{Ending, Proxy};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_cut_in_the_middle_of_copy_is_retried() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_cut");
    big(&source);
    for ending in [Ending::Reset, Ending::Close] {
        let proxy = Proxy::start(&format!("{}:{}", cluster.host(), cluster.port()));
        // Three megabytes into a chunk of four: no holder and no catalog reader receives that much.
        proxy.cut_after(3_000_000, ending, 2);
        let depot = Depot::new().await;
        let story = Story::plain();
        let report = depot.dump_as(&proxy.url(&source.url()), &small_chunks(2), &story.around()).await;
        let report = report.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(proxy.cuts_left(), 0);
        assert_eq!(report.restarts, 0, "the snapshot survived");
        let retries = story.retries();
        assert!(retries.len() == 2 && retries.iter().all(|retry| retry.contains("public.big")), "{retries:?}");
        assert_eq!(report.rows, ROWS + 1000);
        depot.assert_equal(&source).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_is_cut_every_time_ends_the_dump() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_cut_often");
    big(&source);
    let proxy = Proxy::start(&format!("{}:{}", cluster.host(), cluster.port()));
    proxy.cut_after(3_000_000, Ending::Reset, 1000);
    let depot = Depot::new().await;
    let error = depot.dump(&proxy.url(&source.url())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Source, "{}", told(&error));
    assert!(error.what().contains("public.big"), "{}", told(&error));
    assert!(error.advice().is_some(), "{}", told(&error));
    assert_eq!(depot.listed().await, 0);
    assert_no_sessions(&source);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_holder_begins_the_dump_again_at_another_moment() {
    let source = Cluster::shared(18).database("faults_holder");
    big(&source);
    let depot = Depot::new().await;
    let url = source.url();
    // Rows change between the two moments: what is dumped must be the second one, whole.
    let story = at(4, is_chunk, move || {
        sql(&url, "DELETE FROM small WHERE id > 900; UPDATE big SET word = 'changed' WHERE id <= 1000");
        end_holder(&url);
    });
    let report = depot.dump_as(&source.url(), &small_chunks(2), &story.around()).await;
    let report = report.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(report.restarts, 1);
    assert!(report.rows == ROWS + 900, "{}", report.rows);
    assert!(story.retries().iter().any(|retry| retry.contains("new snapshot")), "{:?}", story.retries());
    depot.assert_equal(&source).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_lost_every_time_ends_the_dump() {
    let source = Cluster::shared(18).database("faults_holders");
    big(&source);
    let depot = Depot::new().await;
    let url = source.url();
    let mut chunks = 0;
    let story = Story::new(move |event| match event {
        Event::Planned { .. } => chunks = 0,
        Event::ChunkDone { .. } => {
            chunks += 1;
            if chunks == 2 {
                end_holder(&url);
            }
        }
        _ => {}
    });
    let error = depot.dump_as(&source.url(), &small_chunks(1), &story.around()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Source, "{}", told(&error));
    assert!(told(&error).contains("held the snapshot was lost"), "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("same command")), "{}", told(&error));
    assert_eq!(story.phases().iter().filter(|phase| **phase == "data").count(), 3);
    assert_eq!(depot.listed().await, 0);
    assert_no_sessions(&source);
    // What was stored in the meantime is not stored again.
    let report = depot.dump(&source.url()).await.unwrap();
    assert!(report.reused_chunks > 0, "{report:?}");
    depot.assert_equal(&source).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_in_the_middle_is_waited_for() {
    for signal in ["INT", "KILL"] {
        let cluster = Arc::new(Cluster::start(18, &Options { durable: true, ..Options::default() }));
        let source = cluster.database("faults_restart");
        big(&source);
        cluster.execute("CHECKPOINT");
        let depot = Depot::new().await;
        let server = Arc::clone(&cluster);
        let signal = signal.to_owned();
        let story = at(4, is_chunk, move || {
            server.stop(&signal);
            let server = Arc::clone(&server);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(2));
                server.start_again();
            });
        });
        let report = depot.dump_as(&source.url(), &small_chunks(2), &story.around()).await;
        let report = report.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(report.restarts, 1, "{:?}", story.retries());
        assert_eq!(report.rows, ROWS + 1000);
        depot.assert_equal(&source).await;
    }
}

/// Whoever is lent the pooler's connections next finds none of our settings.
async fn assert_left_as_it_was(pooled: &str) {
    for _ in 0..4 {
        let (client, connection) = tokio_postgres::connect(pooled, tokio_postgres::NoTls).await.unwrap();
        let driving = tokio::spawn(connection);
        let shown = client.simple_query("SHOW search_path; SHOW synchronize_seqscans").await.unwrap();
        let values: Vec<&str> = shown
            .iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            })
            .collect();
        assert_eq!(values, ["\"$user\", public", "on"]);
        driving.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_pooler_is_refused_and_a_session_pooler_is_not() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_pooler");
    little(&source);
    let depot = Depot::new().await;
    for mode in [Mode::Transaction, Mode::Statement] {
        let pooler = PgBouncer::start(cluster, mode);
        let error = depot.dump(&pooler.url(source.name())).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Source, "{}", told(&error));
        assert!(error.advice().is_some_and(|hint| hint.contains("session-mode port")), "{mode:?}: {}", told(&error));
        assert_eq!(depot.listed().await, 0);
        assert_left_as_it_was(&pooler.url(source.name())).await;
    }
    let pooler = PgBouncer::start(cluster, Mode::Session);
    let report = depot.dump(&pooler.url(source.name())).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(report.rows, 1003);
    depot.assert_equal(&source).await;
    // The same for the other side.
    let target = cluster.database("faults_pooler_target");
    let transaction = PgBouncer::start(cluster, Mode::Transaction);
    let error = depot.restore(&transaction.url(target.name())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Target, "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("session")), "{}", told(&error));
    assert_left_as_it_was(&transaction.url(target.name())).await;
    depot.restore(&pooler.url(target.name())).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    pgfreight_fixtures::compare::assert_equal(&source.url(), &target.url(), pgfreight_fixtures::compare::Scope::All);
}

#[tokio::test(flavor = "multi_thread")]
async fn timeouts_set_on_role_and_database_do_not_reach_a_dump() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_timeouts");
    big(&source);
    let name = source.name();
    cluster.execute(&format!(
        "ALTER DATABASE {name} SET statement_timeout = '50ms'; ALTER DATABASE {name} SET lock_timeout = '1ms';
         ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '50ms';
         ALTER DATABASE {name} SET idle_session_timeout = '3s';
         ALTER DATABASE {name} SET transaction_timeout = '100ms';
         ALTER DATABASE {name} SET default_transaction_read_only = on; ALTER DATABASE {name} SET row_security = off;
         ALTER DATABASE {name} SET default_transaction_isolation = 'serializable';
         ALTER DATABASE {name} SET synchronize_seqscans = on"
    ));
    let depot = Depot::new().await;
    let story = Story::plain();
    let report = depot.dump_as(&source.url(), &small_chunks(2), &story.around()).await;
    let report = report.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!((report.rows, report.restarts), (ROWS + 1000, 0));
    assert_eq!(story.retries(), Vec::<String>::new());
    let problems = depot.verify().await.unwrap().problems;
    assert_eq!(problems, Vec::<String>::new());
    // They stand on the target as well.
    let target = cluster.database("faults_timeouts_target");
    cluster.execute(&format!(
        "ALTER DATABASE {0} SET statement_timeout = '50ms'; ALTER DATABASE {0} SET transaction_timeout = '100ms';
         ALTER DATABASE {0} SET idle_in_transaction_session_timeout = '20ms';
         ALTER DATABASE {0} SET default_transaction_read_only = on",
        target.name()
    ));
    depot
        .restore_as(&target.url(), &two_lanes(), &Surroundings::quiet())
        .await
        .unwrap_or_else(|e| panic!("{}", told(&e)));
    // Whoever compares has no defence against them.
    for database in [&source, &target] {
        cluster.execute(&format!("ALTER DATABASE {} RESET ALL", database.name()));
    }
    pgfreight_fixtures::compare::assert_equal(&source.url(), &target.url(), pgfreight_fixtures::compare::Scope::All);
}
