//! Either side goes away in the middle of a copy: a connection, the snapshot, the server.

use std::sync::Arc;
use std::time::Duration;

use pgfreight_engine::event::Event;
use pgfreight_fixtures::proxy::{Ending, Proxy};

use super::*;
use crate::faults::{ROWS, Story, assert_no_sessions, at, big, end_holder, is_chunk, sql};

/// Chunks of four megabytes.
fn coarse(jobs: usize) -> CopyOptions {
    let mut options = lanes(jobs);
    options.source.chunk_target = 4 << 20;
    options
}

async fn told_to(story: &Arc<Story>, source: &str, target: &str) -> Result<CopyReport> {
    copy(&connect(source), &connect(target), &coarse(2), &story.around()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_lane_cut_in_the_middle_of_a_chunk_is_made_again() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("copy_cut");
    big(&source);
    for ending in [Ending::Reset, Ending::Close] {
        let target = cluster.database("copy_cut_target");
        let proxy = Proxy::start(&format!("{}:{}", cluster.host(), cluster.port()));
        // Three megabytes into a chunk of four: no holder and no catalog reader receives that much.
        proxy.cut_after(3_000_000, ending, 2);
        let story = Story::plain();
        let report = ok(told_to(&story, &proxy.url(&source.url()), &target.url()).await);
        assert_eq!((proxy.cuts_left(), report.restarts), (0, 0), "{:?}", story.retries());
        let retries = story.retries();
        assert!(retries.len() == 2 && retries.iter().all(|retry| retry.contains("public.big")), "{retries:?}");
        assert_eq!(report.rows, ROWS + 1000);
        compare::assert_equal(&source.url(), &target.url(), Scope::All);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_cut_every_time_ends_the_copy_as_its_fault() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("copy_cut_often");
    big(&source);
    let target = cluster.database("copy_cut_often_target");
    let proxy = Proxy::start(&format!("{}:{}", cluster.host(), cluster.port()));
    proxy.cut_after(3_000_000, Ending::Reset, 1000);
    let error = told_to(&Story::plain(), &proxy.url(&source.url()), &target.url()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Source, "{}", told(&error));
    assert!(error.what().contains("public.big") && error.advice().is_some(), "{}", told(&error));
    assert_no_sessions(&source);
    // The way is free again: it goes on.
    ok(told_to(&Story::plain(), &source.url(), &target.url()).await);
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}

#[tokio::test(flavor = "multi_thread")]
async fn target_connections_that_end_are_made_again() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("copy_target_cut");
    big(&source);
    let target = cluster.database("copy_target_cut_target");
    let url = target.url();
    // Between two statements nobody would notice: it waits for a lane that is in the middle of its rows.
    let end_loading = "DO $$ DECLARE ended int := 0; BEGIN
                       FOR turn IN 1..1000 LOOP
                         SELECT count(*) INTO ended FROM
                           (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = current_database() AND application_name = 'pgfreight'
                            AND state = 'active' AND query LIKE '%FROM STDIN%' OFFSET 0) lanes;
                         EXIT WHEN ended > 0;
                         PERFORM pg_sleep(0.005), pg_stat_clear_snapshot();
                       END LOOP;
                       ASSERT ended > 0; END $$";
    // On a thread of its own: what hears the events holds up the lanes meanwhile.
    let (heard, hears) = std::sync::mpsc::channel();
    let ender = std::thread::spawn(move || (0..2).for_each(|_| hears.recv().map(|()| sql(&url, end_loading)).unwrap()));
    let mut chunks = 0;
    let story = Story::new(move |event| {
        chunks += u32::from(is_chunk(event));
        if is_chunk(event) && (chunks == 2 || chunks == 6) {
            heard.send(()).unwrap();
        }
    });
    let report = ok(told_to(&story, &source.url(), &target.url()).await);
    ender.join().unwrap();
    assert!(!story.retries().is_empty(), "nobody was disturbed");
    assert_eq!((report.rows, report.restarts), (ROWS + 1000, 0));
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_snapshot_is_replaced_and_two_moments_are_not_mixed() {
    let source = Cluster::shared(18).database("copy_holder");
    big(&source);
    let target = Cluster::shared(18).database("copy_holder_target");
    let url = source.url();
    let story = at(4, is_chunk, move || {
        sql(&url, "DELETE FROM small WHERE id > 900; UPDATE big SET word = 'changed' WHERE id <= 1000");
        end_holder(&url);
    });
    let report = ok(told_to(&story, &source.url(), &target.url()).await);
    assert_eq!((report.restarts, report.rows), (1, ROWS + 900));
    assert!(story.retries().iter().any(|retry| retry.contains("new snapshot")), "{:?}", story.retries());
    assert!(story.warnings().iter().any(|told| told.contains("rows of public.big changed")), "{:?}", story.warnings());
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_is_given_up_behind_the_last_row() {
    let source = Cluster::shared(18).database("copy_released");
    big(&source);
    let target = Cluster::shared(18).database("copy_released_target");
    let url = source.url();
    // All rows are loaded, foreign keys and the check are still to come; no session of ours holds the source any more.
    let is_check = |event: &Event| matches!(event, Event::Phase { name: "check" });
    let story = at(1, is_check, move || {
        let ours = "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                    AND application_name = 'pgfreight' AND xact_start IS NOT NULL) = 0; END $$";
        std::thread::sleep(Duration::from_millis(500));
        sql(&url, ours);
    });
    let report = ok(told_to(&story, &source.url(), &target.url()).await);
    assert_eq!((report.restarts, report.proved_tables), (0, 2));
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_stays_away_ends_the_copy_and_it_goes_on_later() {
    let cluster = Arc::new(Cluster::start(18, &Options { durable: true, ..Options::default() }));
    let source = cluster.database("copy_away");
    big(&source);
    cluster.execute("CHECKPOINT");
    let target = Cluster::shared(18).database("copy_away_target");
    let server = Arc::clone(&cluster);
    let story = at(4, is_chunk, move || server.stop("KILL"));
    let around = story.around();
    let stop = around.stop.clone();
    // A server that was there before is waited for; the user has no patience.
    let waiting = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(15)).await;
        stop.cancel();
    });
    let error = copy(&connect(&source.url()), &connect(&target.url()), &coarse(2), &around).await.unwrap_err();
    waiting.abort();
    assert!(matches!(error.kind(), Kind::Source | Kind::Cancelled), "{}", told(&error));
    assert!(error.advice().is_some(), "{}", told(&error));
    cluster.start_again();
    let report = ok(told_to(&Story::plain(), &source.url(), &target.url()).await);
    assert!(report.resumed_chunks > 0, "{report:?}");
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_crashes_ends_the_copy_and_it_goes_on_later() {
    let cluster = Arc::new(Cluster::start(18, &Options { durable: true, ..Options::default() }));
    let source = Cluster::shared(18).database("copy_crash");
    big(&source);
    source.execute("CREATE UNLOGGED TABLE lost AS SELECT i FROM generate_series(1, 100000) i");
    let target = cluster.database("copy_crash_target");
    let server = Arc::clone(&cluster);
    let mut seen = 0;
    let story = Story::new(move |event| {
        seen += u32::from(matches!(event, Event::ChunkDone { table, .. } if table == "public.big"));
        if seen == 8 {
            seen += 1;
            server.stop("KILL");
        }
    });
    let error = told_to(&story, &source.url(), &target.url()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Target, "{}", told(&error));
    assert!(error.advice().is_some(), "{}", told(&error));
    assert_no_sessions(&source);
    cluster.start_again();
    let report = ok(told_to(&Story::plain(), &source.url(), &target.url()).await);
    assert!(report.resumed_chunks > 0, "{report:?}");
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_eats_rows_is_found_out() {
    let source = Cluster::shared(18).database("source");
    source.execute("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100)");
    let target = Cluster::shared(18).database("target");
    target.execute(
        "CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN NEW.a := NEW.a + 1; RETURN NEW; END'; CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    );
    let rows = Filters { data_only: true, ..Filters::default() };
    let error = run(&source, &target, &filtered(rows)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Verification, "{}", told(&error));
    assert!(error.what().contains("not those of the source"), "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn ddl_that_waits_for_our_locks_does_not_stop_a_copy() {
    let source = Cluster::shared(18).database("copy_ddl");
    big(&source);
    let target = Cluster::shared(18).database("copy_ddl_target");
    let url = source.url();
    // Behind the holder's lock: a lane that asked for the same one would wait behind this, and this waits for the holder.
    let story = at(
        1,
        |event| matches!(event, Event::Planned { .. }),
        move || {
            let url = url.clone();
            std::thread::spawn(move || sql(&url, "BEGIN; LOCK TABLE big IN ACCESS EXCLUSIVE MODE; COMMIT"));
            std::thread::sleep(Duration::from_millis(500));
        },
    );
    let mut options = lanes(2);
    options.source.chunk_target = 32 << 20;
    let report = ok(copy(&connect(&source.url()), &connect(&target.url()), &options, &story.around()).await);
    assert_eq!((report.rows, report.restarts), (ROWS + 1000, 0));
    let warnings = story.warnings().join("; ");
    assert!(warnings.contains("DDL waits for our lock on public.big"), "{warnings}");
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}
