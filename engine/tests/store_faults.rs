//! Stores in trouble: what passes is survived, what does not ends in a clear error, and nothing is lost or left over.

use std::process::Command;
use std::time::{Duration, Instant};

use pgfreight_engine::error::Error;
use pgfreight_engine::format::manifest::Acceptance;
use pgfreight_engine::store::{Patience, Pin, Repository, Store, StoreConfig};
use pgfreight_engine::{Kind, limits};
use pgfreight_fixtures::http_fault::{Fault, HttpProxy, Rule};
use pgfreight_fixtures::s3::{Options, Server};

use crate::store_contract::{self as contract, Bench, digest, dump_id, noise, s3_config};

/// An S3 server with a proxy that fails on demand in front, and a repository behind both.
struct Trouble {
    proxy: HttpProxy,
    bench: Bench,
    _server: Server,
}

fn hasty() -> Patience {
    Patience {
        retries: 3,
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        give_up_after: Duration::from_secs(10),
        connect: Duration::from_secs(1),
        request: Duration::from_millis(700),
    }
}

impl Trouble {
    async fn new() -> Self {
        let server = Server::start_with(&Options::default());
        let proxy = HttpProxy::start(server.authority());
        let mut config = s3_config(&server, &proxy.endpoint());
        config.patience = hasty();
        let store = Store::open(&config).await.unwrap();
        let bench = contract::bench(&store).await;
        Self { proxy, bench, _server: server }
    }

    fn repository(&self) -> &Repository {
        &self.bench.repository
    }
}

/// The whole text of an error: what, causes, advice.
fn text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    format!("{text} / {}", error.advice().unwrap_or_default())
}

#[tokio::test]
async fn answers_500_and_503_a_few_times_are_survived() {
    let trouble = Trouble::new().await;
    for (seed, status) in [(1, 503), (2, 500), (3, 429)] {
        trouble.proxy.clear();
        let before = trouble.proxy.faults();
        trouble.proxy.rule(Rule::new("PUT", "/objects/", Fault::status(status)).times(3));
        let bytes = noise(2_000, seed);
        trouble.repository().put_piece(bytes.clone()).await.unwrap();
        assert_eq!(trouble.proxy.faults() - before, 3);
        trouble.proxy.rule(Rule::new("GET", "/objects/", Fault::status(status)).times(2));
        assert_eq!(contract::read(trouble.repository(), digest(&bytes), 0..2_000).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_store_that_stays_down_is_given_up_within_its_limits() {
    let trouble = Trouble::new().await;
    trouble.proxy.rule(Rule::new("*", "/objects/", Fault::status(503)));
    let began = Instant::now();
    let error = trouble.repository().put_piece(noise(2_000, 1)).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5));
    // One look, repeated three times; one retry layer, not two.
    assert_eq!(trouble.proxy.faults(), 4);
    assert_eq!(error.kind(), Kind::Store);
    assert!(error.is_passing());
    let text = text(&error);
    assert!(text.contains("does not answer as it should"), "{text}");
    assert!(text.contains("503"), "{text}");
    assert!(text.contains("will be reused"), "{text}");
}

#[tokio::test]
async fn requests_that_are_never_answered_time_out() {
    let trouble = Trouble::new().await;
    let bytes = noise(2_000, 1);
    trouble.proxy.rule(Rule::new("PUT", "/objects/", Fault::Hang).times(1));
    trouble.repository().put_piece(bytes.clone()).await.unwrap();
    trouble.proxy.rule(Rule::new("GET", "/objects/", Fault::Hang).times(1));
    assert_eq!(contract::read(trouble.repository(), digest(&bytes), 0..2_000).await.unwrap(), bytes);
    trouble.proxy.rule(Rule::new("GET", "/objects/", Fault::Hang));
    let error = contract::read(trouble.repository(), digest(&bytes), 0..2_000).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store, "{}", text(&error));
    assert!(error.is_passing());
}

#[tokio::test]
async fn connections_that_break_off_are_taken_up_where_they_stopped() {
    let trouble = Trouble::new().await;
    let bytes = noise(300_000, 1);
    trouble.repository().put_piece(bytes.clone()).await.unwrap();
    let object = digest(&bytes);
    for fault in [Fault::ShortBody(100_000), Fault::StalledBody(50_000), Fault::Reset] {
        trouble.proxy.clear();
        trouble.proxy.rule(Rule::new("GET", "/objects/", fault.clone()).times(2));
        let found = contract::read(trouble.repository(), object, 1_000..300_000).await;
        assert!(found.unwrap() == bytes[1_000..], "{fault:?}");
    }
    trouble.proxy.clear();
    trouble.proxy.rule(Rule::new("GET", "/objects/", Fault::ShortBody(0)));
    let error = contract::read(trouble.repository(), object, 0..300_000).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store, "{}", text(&error));
}

#[tokio::test]
async fn answers_that_get_lost_do_no_harm() {
    let trouble = Trouble::new().await;
    let bytes = noise(2_000, 1);
    trouble.proxy.rule(Rule::new("PUT", "/objects/", Fault::LostAnswer).times(1));
    trouble.repository().put_piece(bytes.clone()).await.unwrap();
    // A commit whose answer is lost is looked at, and is found to have happened.
    trouble.proxy.rule(Rule::new("PUT", "/manifest", Fault::LostAnswer).times(1));
    let manifest = contract::commit(&trouble.bench, 1).await;
    assert_eq!(trouble.repository().list_dumps().await.unwrap(), [dump_id(1)]);
    let read = trouble.repository().read_manifest(&dump_id(1), Some(&[trouble.bench.writer.id()])).await.unwrap();
    assert_eq!(read.accept(Acceptance::Known).unwrap().into_inner(), manifest);
    // The last step of a multipart upload.
    let large = noise(limits::PART_SIZE as usize + 10, 2);
    trouble.proxy.rule(Rule::new("POST", "uploadId=", Fault::LostAnswer).times(1));
    trouble.repository().put_piece(large.clone()).await.unwrap();
    let found = contract::read(trouble.repository(), digest(&large), 0..large.len() as u64).await.unwrap();
    assert!(found == large);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_put_is_no_dump() {
    let trouble = Trouble::new().await;
    let contents = trouble.repository().put_contents(&dump_id(1), noise(100, 1)).await.unwrap();
    let manifest = contract::manifest(&trouble.bench, dump_id(1), vec![], contents);
    trouble.proxy.rule(Rule::new("PUT", "/manifest", Fault::status(500)));
    let error = trouble.repository().commit(&manifest, &trouble.bench.writer).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store);
    assert!(error.what().starts_with("committing the dump"), "{error}");
    trouble.proxy.clear();
    assert_eq!(trouble.repository().list_dumps().await.unwrap(), []);
    trouble.repository().commit(&manifest, &trouble.bench.writer).await.unwrap();
}

#[tokio::test]
async fn a_large_piece_goes_up_in_equal_parts_each_repeated_by_itself() {
    let trouble = Trouble::new().await;
    let bytes = noise(2 * limits::PART_SIZE as usize + 10, 1);
    trouble.proxy.rule(Rule::new("PUT", "partNumber=2", Fault::status(503)).times(2));
    trouble.repository().put_piece(bytes).await.unwrap();
    for (part, times) in [(1, 1), (2, 3), (3, 1)] {
        assert_eq!(trouble.proxy.count("PUT", &format!("partNumber={part}&")), times, "part {part}");
    }
}

#[tokio::test]
async fn an_upload_that_fails_is_aborted() {
    let trouble = Trouble::new().await;
    let bytes = noise(2 * limits::PART_SIZE as usize, 1);
    trouble.proxy.rule(Rule::new("PUT", "partNumber=2", Fault::status(503)));
    let error = trouble.repository().put_piece(bytes.clone()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store);
    assert_eq!(trouble.proxy.count("DELETE", "uploadId="), 1);
    assert_eq!(trouble.repository().check_objects(&[(digest(&bytes), bytes.len() as u64)]).await.unwrap().len(), 1);
    trouble.proxy.clear();
    trouble.repository().put_piece(bytes).await.unwrap();
}

#[tokio::test]
async fn refused_credentials_and_full_stores_are_said_plainly() {
    let trouble = Trouble::new().await;
    for (fault, words) in [
        (Fault::status(403), "refused the credentials"),
        (Fault::error(403, "InvalidAccessKeyId"), "refused the credentials"),
        (Fault::error(403, "ExpiredToken"), "refused the credentials"),
        (Fault::error(403, "RequestTimeTooSkewed"), "clock is wrong"),
        (Fault::error(403, "QuotaExceeded"), "the store is full"),
        (Fault::error(404, "NoSuchBucket"), "no such bucket"),
        (Fault::error(301, "PermanentRedirect"), "another region"),
    ] {
        trouble.proxy.clear();
        trouble.proxy.rule(Rule::new("PUT", "/objects/", fault.clone()));
        let error = trouble.repository().put_piece(noise(100, 9)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Store);
        assert!(error.what().contains(words), "{fault:?}: {}", text(&error));
        assert!(error.advice().is_some(), "{fault:?}");
    }
}

#[tokio::test]
async fn wrong_secrets_are_refused_and_never_shown() {
    let server = Server::start();
    let mut config = s3_config(&server, server.endpoint());
    config.patience = hasty();
    for (name, value) in &mut config.environment {
        if name == "AWS_SECRET_ACCESS_KEY" {
            *value = "wrong-secret-of-mine".into();
        }
    }
    assert!(!format!("{config:?}").contains("wrong-secret"));
    let store = Store::open(&config).await.unwrap();
    let error = Repository::open(store, Pin::Any).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store);
    assert!(error.what().contains("refused the credentials"), "{}", text(&error));
    assert!(!format!("{error:?} {}", text(&error)).contains("wrong-secret"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_soon() {
    let server = Server::start_with(&Options::default());
    let mut config = s3_config(&server, "http://127.0.0.1:9");
    config.patience = hasty();
    let store = Store::open(&config).await.unwrap();
    let error = Repository::open(store, Pin::Any).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store);
    assert!(error.is_passing(), "{}", text(&error));
    // A bucket that does not exist.
    let mut config = s3_config(&server, server.endpoint());
    config.url = "s3://nowhere-at-all".into();
    let store = Store::open(&config).await.unwrap();
    let error = Repository::open(store, Pin::Any).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store, "{}", text(&error));
}

#[tokio::test]
async fn a_server_that_restarts_in_between_is_survived() {
    let server = Server::start_with(&Options::default());
    let mut config = s3_config(&server, server.endpoint());
    let first_pause = Duration::from_millis(100);
    config.patience = Patience { retries: 40, first_pause, longest_pause: Duration::from_millis(300), ..hasty() };
    let bench = contract::bench(&Store::open(&config).await.unwrap()).await;
    contract::commit(&bench, 1).await;
    server.kill();
    let waker = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        server.start_again();
        server
    });
    let again = contract::commit(&bench, 2).await;
    let _server = waker.join().unwrap();
    assert_eq!(again.dump, dump_id(2));
    assert_eq!(bench.repository.list_dumps().await.unwrap(), [dump_id(1), dump_id(2)]);
}

/// A limit on file sizes stands for a full disk: the same place in the code, and no rights needed to set it up. The
/// test runs itself again under that limit.
#[test]
fn a_full_folder_is_said_plainly_and_leaves_no_half_objects() {
    const FOLDER: &str = "PGFREIGHT_TEST_FULL_FOLDER";
    if let Ok(folder) = std::env::var(FOLDER) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(fill(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let limited = "trap '' XFSZ; ulimit -f 512; exec \"$0\" --exact \
                   store_faults::a_full_folder_is_said_plainly_and_leaves_no_half_objects";
    let mut command = Command::new("bash");
    command.args(["-c", limited]).arg(std::env::current_exe().unwrap()).env(FOLDER, folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

async fn fill(folder: &str) {
    let store = Store::create(&StoreConfig::new(folder)).await.unwrap();
    let bench = contract::bench(&store).await;
    bench.repository.put_piece(noise(1_000, 1)).await.unwrap();
    let bytes = noise(2 << 20, 2);
    let error = bench.repository.put_piece(bytes.clone()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Store);
    assert!(error.what().contains("the store is full"), "{}", text(&error));
    assert!(error.advice().unwrap().contains("Make room"));
    let problems = bench.repository.check_objects(&[(digest(&bytes), bytes.len() as u64)]).await.unwrap();
    assert_eq!(problems.len(), 1, "nothing stands under the name");
    let later = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    assert_eq!(bench.repository.sweep_uploads(later).await.unwrap().files, 0, "nothing is left over");
}
