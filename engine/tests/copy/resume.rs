//! Killed or stopped, and continued from a source that has gone on meanwhile: two moments are never mixed.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pgfreight_engine::event::Event;

use super::*;
use crate::faults::{Story, at, is_chunk, is_phase};

const CHILD: &str = "PGFREIGHT_TEST_COPY_CHILD";

/// Not a test: what the killed processes run.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by other tests as a process of its own"]
async fn child() {
    let Ok(job) = std::env::var(CHILD) else { return };
    let [source, target] = job.split('|').collect::<Vec<_>>().try_into().unwrap();
    let report = ok(copy(&connect(source), &connect(target), &lanes(3), &Surroundings::quiet()).await);
    assert!(report.losses.is_empty(), "{:?}", report.losses);
}

/// A copy in a process of its own.
fn start(source: &Database<'_>, target: &Database<'_>) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "copy::resume::child", "--ignored", "--nocapture"])
        .env(CHILD, format!("{}|{}", source.url(), target.url()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Life at the source goes on: rows of most tables, large objects, positions.
fn go_on(source: &Database<'_>, round: usize) {
    source.execute(&format!(
        "UPDATE shop.orders SET amount = amount + 1 WHERE id % 5000 = {round};
         INSERT INTO shop.orders (customer, state, amount) VALUES (1 + {round}, 'paid', 5);
         DELETE FROM shop.events WHERE what = 'event {round}';
         UPDATE shop.customers SET name = 'renamed {round}' WHERE id = {round} + 1;
         SELECT lo_unlink(100001 + {round}); SELECT lo_from_bytea(300000 + {round}, 'new');
         SELECT lo_put(200000, {round}, 'x'); REFRESH MATERIALIZED VIEW shop.totals; ANALYZE shop.orders"
    ));
}

fn done_so_far(target: &Database<'_>) -> u64 {
    if target.value("SELECT to_regclass('_pgfreight.loss') IS NULL") == "t" {
        return 0;
    }
    target
        .value("SELECT (SELECT count(*) FROM _pgfreight.entry) + (SELECT count(*) FROM _pgfreight.chunk)")
        .parse()
        .unwrap()
}

/// The process was killed between its last commit and its own end: there is nothing to continue, and the source has changed since.
fn had_ended(target: &Database<'_>, stderr: &str) -> bool {
    stderr.contains("is not empty") && target.value("SELECT to_regnamespace('_pgfreight') IS NULL") == "t"
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_while_rows_change_it_ends_equal() {
    let source = sample(Cluster::shared(17), "source");
    let mut target = Cluster::shared(17).database("target");
    let (mut kills, mut patience, mut progress) = (0, Duration::from_millis(200), 0);
    loop {
        let mut process = start(&source, &target);
        std::thread::sleep(patience);
        if let Some(status) = process.try_wait().unwrap() {
            let output = process.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            if !status.success() && had_ended(&target, &stderr) {
                target = Cluster::shared(17).database("target");
                progress = 0;
                continue;
            }
            assert!(status.success(), "{stderr}");
            break;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        kills += 1;
        let now = done_so_far(&target);
        if now <= progress || kills > 8 {
            patience += Duration::from_millis(200);
        }
        progress = now;
        if kills <= 6 {
            go_on(&source, kills);
        }
        assert!(kills < 60, "it never ends");
    }
    assert!(kills >= 3, "only {kills} kills: the copy is too quick for this test");
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

/// Runs a copy that is stopped at an event.
async fn stopped_at(source: &Database<'_>, target: &Database<'_>, nth: usize, picks: fn(&Event) -> bool) {
    let around = Surroundings::quiet();
    let stop = around.stop.clone();
    let story = at(nth, picks, move || stop.cancel());
    let told_to = Surroundings { stop: around.stop, ..story.around() };
    let error = copy(&connect(&source.url()), &connect(&target.url()), &lanes(2), &told_to).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled, "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("same command again")), "{}", told(&error));
}

/// Continues, and tells what was said meanwhile.
async fn continued(source: &Database<'_>, target: &Database<'_>) -> (Result<CopyReport>, std::sync::Arc<Story>) {
    let story = Story::plain();
    let report = copy(&connect(&source.url()), &connect(&target.url()), &lanes(2), &story.around()).await;
    (report, story)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_is_not_loaded_again() {
    let source = sample(Cluster::shared(18), "source");
    let target = Cluster::shared(18).database("target");
    stopped_at(&source, &target, 6, is_chunk).await;
    let loaded: u64 = target.value("SELECT count(*) FROM _pgfreight.chunk").parse().unwrap();
    assert!(loaded >= 6);
    source.execute("ANALYZE; SELECT nextval('shop.orders_id_seq')");
    let (report, story) = continued(&source, &target).await;
    let report = ok(report);
    assert_eq!(report.resumed_chunks, loaded);
    let again = story.events().iter().filter(|event| is_chunk(event)).count() as u64;
    let planned = story.events().iter().find_map(|event| match event {
        Event::Planned { chunks, dump, .. } => Some((*chunks, dump.is_none())),
        _ => None,
    });
    assert_eq!(planned, Some((again + loaded, true)));
    assert_eq!(story.warnings(), Vec::<String>::new());
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

/// The later it was stopped, the more stands in the way of loading a table again: keys, triggers, refreshed views.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_changed_are_loaded_again_however_late() {
    const PHASES: [fn(&Event) -> bool; 4] = [
        |event| is_phase("foreign keys")(event),
        |event| is_phase("materialized views")(event),
        |event| is_phase("statistics")(event),
        |event| is_phase("event triggers and database settings")(event),
    ];
    for (round, phase) in PHASES.into_iter().enumerate() {
        let source = sample(Cluster::shared(18), "source");
        source.execute(
            "ALTER TABLE shop.customers ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON shop.customers USING (true);
             COMMENT ON TRIGGER noted ON shop.orders IS 'a'; COMMENT ON POLICY p ON shop.customers IS 'b';
             COMMENT ON CONSTRAINT orders_customer_fkey ON shop.orders IS 'c';
             COMMENT ON MATERIALIZED VIEW shop.totals IS 'd'; COMMENT ON TABLE shop.customers IS 'e';
             CREATE FUNCTION shop.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
             CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION shop.watch();
             COMMENT ON EVENT TRIGGER watch IS 'f'",
        );
        let target = Cluster::shared(18).database("target");
        stopped_at(&source, &target, 1, phase).await;
        go_on(&source, round + 1);
        let (report, story) = continued(&source, &target).await;
        let report = ok(report);
        assert!(report.losses.is_empty(), "{:?}", report.losses);
        let warnings = story.warnings().join("; ");
        for table in ["shop.orders", "shop.customers", "large objects"] {
            assert!(warnings.contains(&format!("rows of {table} changed at the source")), "{table}: {warnings}");
        }
        assert!(!warnings.contains("shop.scratch"), "{warnings}");
        assert_eq!(report.proved_tables, 8);
        compare::assert_equal(&source.url(), &target.url(), Scope::All);
        assert_clean(&target);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_large_objects_that_came_or_went() {
    let source = sample(Cluster::shared(18), "source");
    let target = Cluster::shared(18).database("target");
    stopped_at(&source, &target, 1, |event| is_phase("foreign keys")(event)).await;
    source.execute(
        "CREATE TABLE shop.added (id int PRIMARY KEY REFERENCES shop.customers); INSERT INTO shop.added VALUES (1), (2);
         SELECT lo_unlink(oid) FROM pg_largeobject_metadata; TRUNCATE shop.scratch",
    );
    source.execute("VACUUM FULL shop.events_a");
    ok(continued(&source, &target).await.0);
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_schema_is_refused_and_nothing_is_touched() {
    let source = sample(Cluster::shared(18), "source");
    let target = Cluster::shared(18).database("target");
    stopped_at(&source, &target, 4, is_chunk).await;
    for (change, named) in [
        ("ALTER TABLE shop.customers ADD COLUMN late int", "TABLE shop.customers"),
        ("DROP TABLE shop.empty", "TABLE shop.empty"),
    ] {
        source.execute(change);
        let before = target.value("SELECT count(*) FROM _pgfreight.chunk");
        let error = continued(&source, &target).await.0.unwrap_err();
        assert_eq!(error.kind(), Kind::Source, "{}", told(&error));
        assert!(error.what().contains("schema changed since this copy began"), "{}", told(&error));
        assert!(error.what().contains(named) || named.ends_with("empty"), "{}", told(&error));
        assert!(error.advice().is_some());
        assert_eq!(target.value("SELECT count(*) FROM _pgfreight.chunk"), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_source_other_options_and_a_dump_do_not_continue_it() {
    let source = sample(Cluster::shared(18), "source");
    let target = Cluster::shared(18).database("target");
    stopped_at(&source, &target, 4, is_chunk).await;
    let other = sample(Cluster::shared(18), "other");
    let error = run(&other, &target, &lanes(2)).await.unwrap_err();
    assert!(error.what().contains("unfinished copy of another database"), "{}", told(&error));
    let mut options = lanes(2);
    options.source.filters.exclude_tables = vec!["shop.empty".into()];
    let error = run(&source, &target, &options).await.unwrap_err();
    assert!(error.what().contains("unfinished copy of this database with other options"), "{}", told(&error));
    assert_eq!(error.kind(), Kind::Target);
    // More lanes and other chunks are no other options.
    let mut options = lanes(3);
    options.source.chunk_target = 4 << 20;
    ok(run(&source, &target, &options).await);
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_others_are_never_emptied() {
    let source = Cluster::shared(18).database("source");
    source.execute("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 200000)");
    let target = Cluster::shared(18).database("target");
    target.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (-1)");
    let mut options = filtered(Filters { data_only: true, ..Filters::default() });
    options.target.allow_non_empty = true;
    let around = Surroundings::quiet();
    let stop = around.stop.clone();
    let story = at(2, is_chunk, move || stop.cancel());
    let told_to = Surroundings { stop: around.stop, ..story.around() };
    let (from, to) = (connect(&source.url()), connect(&target.url()));
    copy(&from, &to, &options, &told_to).await.unwrap_err();
    let before: u64 = target.value("SELECT count(*) FROM t").parse().unwrap();
    assert!(before > 1 && before < 200_001, "{before}");
    // A row of every chunk: which of them were loaded before the stop is the lanes' affair.
    source.execute("UPDATE t SET a = a + 1 WHERE a % 1000 = 0");
    let error = copy(&from, &to, &options, &Surroundings::quiet()).await.unwrap_err();
    assert!(error.what().contains("rows of public.t changed at the source"), "{}", told(&error));
    assert_eq!(error.kind(), Kind::Target);
    assert_eq!(target.value("SELECT count(*) FROM t"), before.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_the_later_one_takes_over() {
    let source = sample(Cluster::shared(18), "source");
    let target = Cluster::shared(18).database("target");
    let (send, receive) = tokio::sync::oneshot::channel();
    let mut send = Some(send);
    let story = Story::new(move |event| {
        if is_chunk(event) {
            if let Some(send) = send.take() {
                send.send(()).unwrap();
            }
            // Slow enough to be still at work when the other has come so far.
            std::thread::sleep(Duration::from_millis(150));
        }
    });
    let (from, to) = (connect(&source.url()), connect(&target.url()));
    let (options, around) = (lanes(1), story.around());
    let first = copy(&from, &to, &options, &around);
    let second = async {
        receive.await.unwrap();
        go_on(&source, 3);
        copy(&from, &to, &options, &Surroundings::quiet()).await
    };
    let (first, second) = tokio::join!(first, second);
    let error = first.unwrap_err();
    assert!(error.what().contains("another run of this copy has taken over"), "{}", told(&error));
    ok(second);
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

/// Keys that were begun when a copy was stopped are begun again: their entries may have other numbers by then.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_were_begun_are_begun_again() {
    const FIRST: [fn(&Event) -> bool; 2] = [
        |event| matches!(event, Event::Stint { what, name, .. } if what == "CONSTRAINT" && name.ends_with("orders_pkey")),
        |event| matches!(event, Event::Stint { what, name, .. } if what == "FK CONSTRAINT" && name.ends_with("orders_customer_fkey")),
    ];
    for (round, first) in FIRST.into_iter().enumerate() {
        let source = sample(Cluster::shared(18), "source");
        let target = Cluster::shared(18).database("target");
        stopped_at(&source, &target, 1, first).await;
        let begun = "SELECT count(*) FROM _pgfreight.begun WHERE entry NOT IN (SELECT entry FROM _pgfreight.entry)";
        assert_ne!(target.value(begun), "0", "both steps were done");
        go_on(&source, round + 1);
        let (report, _) = continued(&source, &target).await;
        assert!(ok(report).losses.is_empty());
        compare::assert_equal(&source.url(), &target.url(), Scope::All);
        assert_clean(&target);
    }
}
