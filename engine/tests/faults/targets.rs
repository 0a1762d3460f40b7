//! Targets that go away.

use pgfreight_engine::Kind;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Options};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_crashes_in_the_middle_keeps_what_was_committed() {
    let source = Cluster::shared(18).database("faults_crash");
    big(&source);
    source.execute("CREATE UNLOGGED TABLE fleeting AS SELECT * FROM small");
    let depot = Depot::new().await;
    depot.dump(&source.url()).await.unwrap();
    let server = Arc::new(Cluster::start(18, &Options { durable: true, ..Options::default() }));
    let target = server.database("faults_crash_target");
    let crashing = Arc::clone(&server);
    let story = at(6, is_chunk, move || crashing.stop("KILL"));
    let outcome = depot.restore_as(&target.url(), &two_lanes(), &story.around()).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), Kind::Target, "{}", told(&error));
    assert!(error.advice().is_some(), "{}", told(&error));
    server.start_again();
    let report = depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(report.rows, ROWS + 2000);
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}
