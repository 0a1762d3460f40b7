//! Servers of majors that this version does not know. None exists yet, so a proxy has today's servers say another number, in
//! the greeting and in answers; everything behind the number is real.

use pgfreight_engine::Kind;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::Cluster;
use pgfreight_fixtures::proxy::Proxy;

use super::*;

/// A proxy behind which a server of one major is taken for one of another.
fn disguised(database: &Database<'_>, major: u32) -> (Proxy, String) {
    let cluster = database.cluster();
    let proxy = Proxy::start(&format!("{}:{}", cluster.host(), cluster.port()));
    let number = database.value("SHOW server_version_num");
    let real = &number[..2];
    proxy.rewrite(format!("server_version\0{real}").as_bytes(), format!("server_version\0{major}").as_bytes());
    proxy.rewrite(number.as_bytes(), format!("{major}{}", &number[2..]).as_bytes());
    // As a field of a row: its length, then the text.
    let text = database.value("SHOW server_version");
    let field = |text: &str| [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat();
    proxy.rewrite(&field(&text), &field(&format!("{major}{}", &text[2..])));
    let url = proxy.url(&database.url());
    (proxy, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_newer_than_we_know_is_dumped_and_restored_with_a_warning() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("faults_newer");
    little(&source);
    source.execute("CREATE VIEW counted AS SELECT count(*) FROM one; CREATE INDEX ON one (t)");
    let (_first, from) = disguised(&source, 19);
    let depot = Depot::new().await;
    let story = Story::plain();
    let report = depot.dump_as(&from, &small_chunks(2), &story.around()).await;
    let report = report.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!((report.losses, report.rows), (Vec::new(), 1003));
    let is_about =
        |warning: &String| warning.contains("the source runs PostgreSQL 19") && warning.contains("read as 18");
    assert!(story.warnings().iter().any(is_about), "{:?}", story.warnings());
    assert_eq!(depot.latest().await.contents.catalog.server.version.major(), 19);
    // The other way too, and from the newer server to an older one.
    let target = cluster.database("faults_newer_target");
    let (_second, to) = disguised(&target, 19);
    let story = Story::plain();
    depot.restore_as(&to, &two_lanes(), &story.around()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let is_about = |warning: &String| warning.contains("the target runs PostgreSQL 19");
    assert!(story.warnings().iter().any(is_about), "{:?}", story.warnings());
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    let target = Cluster::shared(15).database("faults_newer_target");
    let report = depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(report.losses, []);
    compare::assert_equal(&source.url(), &target.url(), Scope::Data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_older_than_we_know_is_refused_by_name_before_anything() {
    let cluster = Cluster::shared(14);
    let (source, target) = (cluster.database("faults_older"), cluster.database("faults_older_target"));
    little(&source);
    let (_first, from) = disguised(&source, 13);
    let depot = Depot::new().await;
    let error = depot.dump(&from).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Source);
    assert!(error.what().contains("the source runs PostgreSQL 13"), "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("14 and newer")), "{}", told(&error));
    assert_no_sessions(&source);
    depot.dump(&source.url()).await.unwrap();
    let (_second, to) = disguised(&target, 13);
    let error = depot.restore(&to).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Target);
    assert!(error.what().contains("the target runs PostgreSQL 13"), "{}", told(&error));
    assert_eq!(target.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), "0");
}
