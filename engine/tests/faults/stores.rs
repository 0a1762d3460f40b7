//! The store fails while a dump runs, and two dumps meet in one.

use std::process::Command;

use pgfreight_engine::Kind;
use pgfreight_engine::format::journal::JournalRecord;
use pgfreight_engine::format::{CURRENT, capabilities, layout};
use pgfreight_engine::run::memory::Memory;
use pgfreight_engine::store::Patience;
use pgfreight_fixtures::http_fault::{Fault, HttpProxy, Rule};
use pgfreight_fixtures::postgres::Cluster;
use pgfreight_fixtures::proxy::{Conditions, Proxy};
use pgfreight_fixtures::s3::Server;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::store_contract::{dump_id, noise, s3_config, whole_chunk, writer_key};

/// An S3 server of its own, a proxy that fails on demand in front of it, a repository behind both.
async fn s3_depot() -> (Server, Arc<HttpProxy>, Depot) {
    let server = Server::start_with(&Default::default());
    let proxy = Arc::new(HttpProxy::start(server.authority()));
    let mut config = s3_config(&server, &proxy.endpoint());
    config.patience = Patience {
        retries: 5,
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(100),
        give_up_after: Duration::from_secs(20),
        connect: Duration::from_secs(2),
        request: Duration::from_secs(5),
    };
    (server, proxy, Depot::at(config).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_a_while_is_survived() {
    let source = Cluster::shared(18).database("faults_503");
    big(&source);
    let (_server, proxy, depot) = s3_depot().await;
    for (method, path, fault) in [
        ("PUT", "/objects/", Fault::status(503)),
        ("PUT", "/runs/", Fault::status(500)),
        ("PUT", "/dumps/", Fault::status(503)),
        ("*", "/objects/", Fault::Reset),
    ] {
        proxy.rule(Rule::new(method, path, fault).times(3));
    }
    let report = depot.dump(&source.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(report.rows, ROWS + 1000);
    assert!(proxy.faults() >= 9, "{}", proxy.faults());
    depot.assert_equal(&source).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_good_ends_the_dump_and_the_next_one_goes_on() {
    let source = Cluster::shared(18).database("faults_503_for_good");
    big(&source);
    for (path, nth) in [("/objects/", 4), ("/dumps/", 1)] {
        let (_server, proxy, depot) = s3_depot().await;
        let striking = Arc::clone(&proxy);
        let story = at(nth, is_chunk, move || striking.rule(Rule::new("*", path, Fault::status(503))));
        let error = depot.dump_as(&source.url(), &small_chunks(2), &story.around()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Store, "{}", told(&error));
        assert!(told(&error).contains("503"), "{}", told(&error));
        assert!(error.advice().is_some_and(|hint| hint.contains("reused")), "{}", told(&error));
        proxy.clear();
        assert_eq!(depot.listed().await, 0);
        assert_no_sessions(&source);
        let report = depot.dump(&source.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert!(report.reused_chunks > 0, "{path}: {report:?}");
        assert!(report.uploaded_bytes < report.stored_bytes, "{path}: {report:?}");
        depot.assert_equal(&source).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_end_a_dump_at_once() {
    let source = Cluster::shared(18).database("faults_403");
    big(&source);
    let (_server, proxy, depot) = s3_depot().await;
    let striking = Arc::clone(&proxy);
    let story = at(3, is_chunk, move || striking.rule(Rule::new("PUT", "/objects/", Fault::status(403))));
    let error = depot.dump_as(&source.url(), &small_chunks(2), &story.around()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store, "{}", told(&error));
    assert!(error.advice().is_some(), "{}", told(&error));
    assert!(proxy.faults() <= 3, "a refusal is not repeated: {}", proxy.faults());
    proxy.clear();
    assert_eq!(depot.listed().await, 0);
}

/// How many uploads were under way at once, at most.
fn most_at_once(story: &Story) -> usize {
    let stints = |event: &Event| match event {
        Event::Stint { what, begin, end, .. } if what == "store" => Some((*begin, *end)),
        _ => None,
    };
    let stored: Vec<(f64, f64)> = story.events().iter().filter_map(stints).collect();
    let at = |moment: f64| stored.iter().filter(|(begin, end)| (*begin..*end).contains(&moment)).count();
    stored.iter().map(|(begin, _)| at(*begin)).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_store_gets_chunks_side_by_side_as_long_as_there_is_memory() {
    let source = Cluster::shared(18).database("faults_far_store");
    big(&source);
    // The second is the least that one lane can do with: what it copies, and what it has just copied.
    for (memory, most) in [(Memory::Usual, 4..=17), (Memory::Limit(58 << 20), 1..=2)] {
        let server = Server::start();
        let proxy = Proxy::start(server.authority());
        let depot = Depot::at(s3_config(&server, &format!("http://{}", proxy.address()))).await;
        proxy.set(Conditions { latency: Duration::from_millis(100), ..Conditions::default() });
        let story = Story::plain();
        let dumped = depot.dump_as(&source.url(), &DumpOptions { memory, ..small_chunks(1) }, &story.around()).await;
        dumped.unwrap_or_else(|error| panic!("{}", told(&error)));
        let found = most_at_once(&story);
        assert!(most.contains(&found), "{memory:?}: {found} at once");
        proxy.set(Conditions::default());
        depot.assert_equal(&source).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_leaves_the_journal_of_another_writer() {
    let source = Cluster::shared(18).database("faults_other_writer");
    little(&source);
    let depot = Depot::new().await;
    let repository = depot.writer.repository().clone();
    let other = writer_key(&repository, depot.writer.recipient().map(str::to_owned), 9);
    let record = JournalRecord {
        format: CURRENT,
        capabilities: capabilities(true),
        repository,
        dump: dump_id(1),
        number: 0,
        writer: other.id(),
        written: chrono::Utc::now(),
        chunks: vec![whole_chunk(&noise(10, 1))],
    };
    let path = depot.path(&layout::run_record(&record.dump, 0));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, record.encode(other.signing()).unwrap()).unwrap();
    depot.dump(&source.url()).await.unwrap();
    assert_eq!(depot.files("runs"), BTreeSet::from([path]), "another host may still be dumping");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_dumps_into_one_repository_at_once() {
    let cluster = Cluster::shared(18);
    let first = cluster.database("faults_two_a");
    big(&first);
    let second = cluster.database("faults_two_b");
    big(&second);
    second.execute("UPDATE big SET word = 'other' WHERE id <= 20000; DELETE FROM small WHERE id > 500");
    let depot = Depot::new().await;
    let (first_url, second_url) = (first.url(), second.url());
    // Two of one database as well: they race for the same content.
    let (a, b, c) = tokio::join!(depot.dump(&first_url), depot.dump(&second_url), depot.dump(&first_url));
    let reports: Vec<DumpReport> =
        [a, b, c].into_iter().map(|done| done.unwrap_or_else(|error| panic!("{}", told(&error)))).collect();
    assert_eq!(depot.listed().await, 3);
    let access = depot.access().await;
    for (report, source) in reports.iter().zip([&first, &second, &first]) {
        let opened = access.find(report.dump.as_str()).await.unwrap();
        let quiet = Surroundings::quiet();
        let verified = verify::opened(access.repository(), &opened, &VerifyOptions::default(), &quiet).await.unwrap();
        assert_eq!(verified.problems, Vec::<String>::new());
        let target = cluster.database("faults_two_target");
        restore::restore(access.repository(), &opened, &connect(&target.url()), &two_lanes(), &quiet).await.unwrap();
        pgfreight_fixtures::compare::assert_equal(
            &source.url(),
            &target.url(),
            pgfreight_fixtures::compare::Scope::All,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_commits_leaves_the_journal_of_one_that_still_runs() {
    let cluster = Cluster::shared(18);
    let (long, short) = (cluster.database("faults_long"), cluster.database("faults_short"));
    big(&long);
    little(&short);
    let depot = Depot::new().await;
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    let story = at(7, is_chunk, move || cancel.cancel());
    let around = Surroundings { stop, ..story.around() };
    let options = DumpOptions { jobs: 1, ..small_chunks(1) };
    let long_url = long.url();
    let stopped = depot.dump_as(&long_url, &options, &around).await;
    assert_eq!(stopped.unwrap_err().kind(), Kind::Cancelled);
    let journal = depot.files("runs");
    assert!(!journal.is_empty());
    depot.dump(&short.url()).await.unwrap();
    assert_eq!(depot.files("runs"), journal, "it may belong to a run that still lives");
    let report = depot.dump(&long_url).await.unwrap();
    assert!(report.reused_chunks >= 5, "{report:?}");
    assert!(depot.files("runs").is_empty(), "everything in it stands in a committed dump now");
    depot.assert_equal(&long).await;
}

/// Says that nothing can be mounted here: the store's own tests, which fill a disk by other means, are enough then.
const NO_MOUNT: &str = "PGFREIGHT_TEST_NO_MOUNT";

/// A folder on a small file system of its own; unmounted on drop.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Fails where mounting is not allowed (an unprivileged user, some containers).
    fn new(megabytes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"]).arg(folder.path());
        let done = mount.output().unwrap();
        let words = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "cannot mount a small disk ({NO_MOUNT}=1 goes without): {words}");
        Self(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_a_local_store_ends_the_dump_and_room_lets_it_go_on() {
    if std::env::var_os(NO_MOUNT).is_some_and(|set| set == "1") {
        println!("without a disk that is full, as {NO_MOUNT} says");
        return;
    }
    let source = Cluster::shared(18).database("faults_full");
    big(&source);
    let disk = SmallDisk::new(24);
    let depot = Depot::at(StoreConfig::new(disk.0.path().join("repo").to_str().unwrap())).await;
    let error = depot.dump(&source.url()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store, "{}", told(&error));
    assert!(told(&error).contains("No space left"), "{}", told(&error));
    assert!(error.advice().is_some(), "{}", told(&error));
    assert_eq!(depot.listed().await, 0);
    assert_no_sessions(&source);
    process::run(Command::new("mount").args(["-o", "remount,size=200m"]).arg(disk.0.path()));
    let report = depot.dump(&source.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(report.rows, ROWS + 1000);
    depot.assert_equal(&source).await;
}
