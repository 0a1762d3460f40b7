//! Killed at any moment and started again: nothing lost, nothing doubled.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pgfreight_engine::Kind;
use pgfreight_engine::ids::DumpId;
use pgfreight_engine::store::Pin;

use super::*;

const CHILD: &str = "PGFREIGHT_TEST_RESTORE_CHILD";

/// Not a test: what the killed processes run.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by other tests as a process of its own"]
async fn child() {
    let Ok(job) = std::env::var(CHILD) else { return };
    let [folder, bundle, dump, target] = job.split('|').collect::<Vec<_>>().try_into().unwrap();
    let store = Store::open(&StoreConfig::new(folder)).await.unwrap();
    let repository = Repository::open(store, Pin::Any).await.unwrap();
    let bundle = ReaderBundle::decode(&std::fs::read(bundle).unwrap()).unwrap();
    let reader = Reader::Bundle(Box::new(bundle));
    let dump = opened::open(&repository, &reader, &DumpId::parse(dump).unwrap(), (false, Entries::Kept)).await.unwrap();
    let report = restore(&repository, &dump, &connect(target), &jobs(3), &Surroundings::quiet()).await.unwrap();
    assert!(report.losses.is_empty(), "{:?}", report.losses);
}

/// A restore in a process of its own.
fn start(place: &Place, dump: &OpenedDump, target: &str) -> Child {
    let bundle = place.folder.path().with_extension("bundle");
    std::fs::write(&bundle, &*place.bundle.encode()).unwrap();
    let folder = place.folder.path().display();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "restore::resume::child", "--ignored", "--nocapture"])
        .env(CHILD, format!("{folder}|{}|{}|{target}", bundle.display(), dump.manifest.dump))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_ends_identical() {
    let source = sample(Cluster::shared(17), "source");
    let target = Cluster::shared(17).database("target");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let kills = kill_until_it_ends(&place, &dump, &target, "shop.orders");
    assert!(kills >= 3, "only {kills} kills: the restore is too quick for this test");
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

/// Restores in processes of their own, each but the last one killed further on than the one before; gives how many were.
pub(super) fn kill_until_it_ends(place: &Place, dump: &OpenedDump, target: &Database<'_>, table: &str) -> u32 {
    let mut kills = 0;
    let (mut patience, mut progress) = (Duration::from_millis(150), 0);
    loop {
        let mut process = start(place, dump, &target.url());
        std::thread::sleep(patience);
        if let Some(status) = process.try_wait().unwrap() {
            let output = process.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            if !status.success() {
                // A kill between the last commit and the end of the process: the same command is then refused, for the
                // database is full. Nothing may be missing, which the comparison below proves.
                assert!(said.contains("is not empty") && has_ended(target, table), "{said}");
                eprintln!("killed behind the last commit");
            }
            break;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        kills += 1;
        let now = done_so_far(target);
        // Only a run that got nowhere is given more time: so kills hit every phase on any machine.
        if now == progress {
            patience += Duration::from_millis(150);
        }
        progress = now;
        assert!(kills < 200, "it never ends");
    }
    kills
}

/// Whether the last commit was made: the progress is gone and tables are there. Sessions of a killed process may still be
/// ending what they had been sent, so this waits for them before it looks.
fn has_ended(target: &Database<'_>, table: &str) -> bool {
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    while target.value(sessions) != "0" {
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = format!("SELECT to_regclass('_pgfreight.run') IS NULL AND to_regclass('{table}') IS NOT NULL");
    target.value(&ended) == "t"
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_behind_the_last_commit_nothing_is_missing() {
    let source = sample(Cluster::shared(17), "source");
    let target = Cluster::shared(17).database("target");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let client = target.client().await;
    let mut process = start(&place, &dump, &target.url());
    let mut begun = false;
    loop {
        let progress = "SELECT to_regclass('_pgfreight.run') IS NOT NULL";
        let there: bool = client.query_one(progress, &[]).await.unwrap().get(0);
        if begun && !there {
            break;
        }
        begun |= there;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // It may have come to its end by itself in between; what is left must be the same.
    process.kill().unwrap();
    process.wait().unwrap();
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
    // The same command compares, and is content.
    let again = place.restore(&dump, &target.url(), &jobs(3)).await.unwrap();
    assert_eq!(again.entries, 0);
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

#[tokio::test(flavor = "multi_thread")]
async fn stopped_by_the_user_it_says_how_to_continue_and_does() {
    let source = sample(Cluster::shared(16), "source");
    let target = Cluster::shared(16).database("target");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let mut stops = 0;
    for milliseconds in (20..).step_by(60) {
        let around = Surroundings::quiet();
        let stop = around.stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            stop.cancel();
        });
        match restore(&place.repository, &dump, &connect(&target.url()), &jobs(2), &around).await {
            Ok(_) => break,
            Err(error) => {
                assert_eq!(error.kind(), Kind::Cancelled, "{error}");
                assert!(error.advice().unwrap().contains("run the same command again"));
                stops += 1;
            }
        }
    }
    assert!(stops >= 1);
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_restore_does_not_continue_this_one() {
    let source = sample(Cluster::shared(16), "source");
    let target = Cluster::shared(16).database("target");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let around = Surroundings::quiet();
    target.execute(
        "CREATE SCHEMA _pgfreight; CREATE TABLE _pgfreight.run AS SELECT 1 AS format, 'x'::text AS dump,
        'y'::text AS options, now() AS started, ''::text AS server",
    );
    let error = restore(&place.repository, &dump, &connect(&target.url()), &jobs(2), &around).await.unwrap_err();
    assert!(error.what().contains("unfinished restore of dump x"), "{error}");
    assert_eq!(error.kind(), Kind::Target);
}
