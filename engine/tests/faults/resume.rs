//! Stopped and broken off at every moment; the same command again ends as if nothing had been.

use std::sync::atomic::{AtomicUsize, Ordering};

use pgfreight_engine::Kind;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::Cluster;
use tokio::sync::Notify;

use super::*;

/// Drops a run at a moment of it, as a crash would: nothing is told to anybody. True if it was still running.
async fn broken_off<T>(run: impl Future<Output = Result<T>>, moment: &Notify) -> bool {
    tokio::select! {
        biased;
        () = moment.notified() => true,
        done = run => {
            done.map(|_| ()).unwrap_or_else(|error| panic!("{}", told(&error)));
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_stopped_in_any_phase_goes_on() {
    let source = Cluster::shared(18).database("faults_stop_dump");
    big(&source);
    let rehearsal = Story::plain();
    let depot = Depot::new().await;
    depot.dump_as(&source.url(), &small_chunks(2), &rehearsal.around()).await.unwrap();
    let phases = rehearsal.phases();
    assert!(phases.len() >= 5, "{phases:?}");
    let depot = Depot::new().await;
    for phase in phases {
        let around = stopping(is_phase(phase), 1);
        let stopped = depot.dump_as(&source.url(), &small_chunks(2), &around).await;
        match stopped {
            Err(error) => {
                assert_eq!(error.kind(), Kind::Cancelled, "{phase}: {}", told(&error));
                assert!(error.advice().is_some_and(|hint| hint.contains("same command")), "{phase}");
                assert_eq!(depot.listed().await, 0, "{phase}");
            }
            // Too late to stop: then it is a dump like any other.
            Ok(_) => assert_eq!(depot.listed().await, 1, "{phase}"),
        }
        assert_no_sessions(&source);
    }
    // In the middle of the data: what was stored is known afterwards.
    let depot = Depot::new().await;
    let error = depot.dump_as(&source.url(), &small_chunks(2), &stopping(is_chunk, 6)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert_no_sessions(&source);
    let report = depot.dump(&source.url()).await.unwrap();
    assert!(report.reused_chunks >= 5 && report.uploaded_bytes < report.stored_bytes, "{report:?}");
    depot.assert_equal(&source).await;
}

/// Surroundings that stop a run at the nth event of a kind.
fn stopping(picks: impl Fn(&Event) -> bool + Send + 'static, nth: usize) -> Surroundings {
    let stop = tokio_util::sync::CancellationToken::new();
    let token = stop.clone();
    let story = at(nth, picks, move || token.cancel());
    Surroundings { stop, ..story.around() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_broken_off_again_and_again_uploads_only_what_is_missing() {
    let source = Cluster::shared(18).database("faults_broken_dump");
    big(&source);
    let depot = Depot::new().await;
    let mut reused_before = 0;
    for _ in 0..2 {
        let moment = Arc::new(Notify::new());
        let signal = Arc::clone(&moment);
        let fresh = AtomicUsize::new(0);
        let story = Story::new(move |event| {
            if matches!(event, Event::ChunkDone { reused: false, .. }) && fresh.fetch_add(1, Ordering::Relaxed) == 5 {
                signal.notify_one();
            }
        });
        let around = story.around();
        // So slow that the journal has written down the first three when the sixth is stored.
        let options = DumpOptions { rate_limit: Some(3 << 20), ..small_chunks(1) };
        assert!(broken_off(depot.dump_as(&source.url(), &options, &around), &moment).await);
        assert_eq!(depot.listed().await, 0);
        assert_no_sessions(&source);
        let reused =
            story.events().iter().filter(|event| matches!(event, Event::ChunkDone { reused: true, .. })).count();
        assert!(reused >= reused_before);
        reused_before = reused;
    }
    assert!(reused_before >= 3, "the second run reused what the first had stored: {reused_before}");
    let report = depot.dump(&source.url()).await.unwrap();
    assert!(report.reused_chunks as usize >= reused_before + 3, "{report:?}");
    assert!(report.uploaded_bytes < report.stored_bytes, "{report:?}");
    depot.assert_equal(&source).await;
}

fn is_step(event: &Event) -> bool {
    matches!(event, Event::ChunkDone { .. } | Event::EntryDone { .. } | Event::Phase { .. })
}

/// What a whole restore tells, so that it can be interrupted at each moment of it.
async fn rehearse(depot: &Depot, cluster: &'static Cluster) -> (usize, Vec<&'static str>) {
    let target = cluster.database("faults_rehearsal");
    let story = Story::plain();
    depot.restore_as(&target.url(), &two_lanes(), &story.around()).await.unwrap_or_else(|e| panic!("{}", told(&e)));
    (story.events().iter().filter(|event| is_step(event)).count(), story.phases())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_broken_off_once_at_any_moment_ends_equal() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_break_moments");
    big(&source);
    let depot = Depot::new().await;
    depot.dump(&source.url()).await.unwrap();
    let (steps, _) = rehearse(&depot, cluster).await;
    for step in [2, 5, steps / 3, steps / 2, steps - 8, steps - 4, steps - 2] {
        let target = cluster.database("faults_break_target");
        let moment = Arc::new(Notify::new());
        let signal = Arc::clone(&moment);
        let story = at(step, is_step, move || signal.notify_one());
        let around = story.around();
        let (url, options) = (target.url(), two_lanes());
        let restoring = Box::pin(depot.restore_as(&url, &options, &around));
        // The last statements are sent together: that close to the end it may be too late.
        assert!(broken_off(restoring, &moment).await || step + 5 > steps, "{step} of {steps}");
        let report = depot.restore(&target.url()).await.unwrap_or_else(|e| panic!("{step} of {steps}: {}", told(&e)));
        assert_eq!(report.rows, ROWS + 1000);
        compare::assert_equal(&source.url(), &target.url(), Scope::All);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_stopped_in_any_phase_goes_on() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_stop_restore");
    big(&source);
    let depot = Depot::new().await;
    depot.dump(&source.url()).await.unwrap();
    let (_, phases) = rehearse(&depot, cluster).await;
    let target = cluster.database("faults_stop_target");
    let error = depot.restore_as(&target.url(), &two_lanes(), &stopping(is_chunk, 3)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled, "{}", told(&error));
    assert_no_sessions(&target);
    for phase in phases {
        let stopped = depot.restore_as(&target.url(), &two_lanes(), &stopping(is_phase(phase), 1)).await;
        let error = match stopped {
            Err(error) => error,
            Ok(_) => panic!("{phase} was not stopped"),
        };
        assert_eq!(error.kind(), Kind::Cancelled, "{phase}: {}", told(&error));
        assert!(error.advice().is_some_and(|hint| hint.contains("same command")), "{phase}: {}", told(&error));
        assert_no_sessions(&target);
    }
    depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}

/// Cut off behind the last commit, the target says nothing of the restore any more: the same command compares and is content.
/// Anything that differs is refused as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_repeated_after_its_end_finds_nothing_to_do() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_again");
    big(&source);
    let depot = Depot::new().await;
    depot.dump(&source.url()).await.unwrap();
    let target = cluster.database("faults_again_target");
    let first = depot.restore(&target.url()).await.unwrap();
    let again = depot.restore(&target.url()).await.unwrap_or_else(|e| panic!("{}", told(&e)));
    assert_eq!((again.rows, again.tables, again.entries), (first.rows, first.tables, 0));
    // Stopped while it compares, it is stopped, and not refused for what the target has.
    let comparing = |event: &Event| matches!(event, Event::Warning { message } if message.contains("comparing both"));
    for around in [stopping(comparing, 1), stopping(is_phase("verify"), 1)] {
        let error = depot.restore_as(&target.url(), &two_lanes(), &around).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled, "{}", told(&error));
        assert_no_sessions(&target);
    }
    let changes = [
        ("CREATE INDEX extra ON big (word)", "DROP INDEX extra"),
        ("ALTER TABLE small ALTER note SET DEFAULT 'x'", "ALTER TABLE small ALTER note DROP DEFAULT"),
        ("CREATE TABLE other ()", "DROP TABLE other"),
        ("DELETE FROM small WHERE id = (SELECT max(id) FROM small)", "SELECT"),
    ];
    for (change, undo) in changes {
        target.execute(change);
        let error = depot.restore(&target.url()).await.unwrap_err();
        assert!(told(&error).contains("is not empty"), "{change}: {}", told(&error));
        target.execute(undo);
    }
}
