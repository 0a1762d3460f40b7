//! The database of PostgreSQL's own regression suite, out and back: every kind of object in every odd state.

use std::collections::BTreeSet;
use std::process::Stdio;

use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Options};
use pgfreight_fixtures::{process, regression, tools};

use crate::place::Place;

/// `pg_dump | psql` of the newest major: what it changes is the measure.
fn carry_over(from: &str, to: &str) {
    let mut dump = tools::pg_dump(18).arg("-d").arg(from).stdout(Stdio::piped()).spawn().expect("pg_dump starts");
    let text = dump.stdout.take().expect("its output is piped");
    // It fails on a few objects; psql goes on.
    process::run(tools::psql().args(["-Xq", "-o", "/dev/null", "-d", to]).stdin(text).stderr(Stdio::null()));
    assert!(dump.wait().expect("pg_dump ends").success());
}

fn differences(left: &str, right: &str) -> BTreeSet<String> {
    compare::databases(left, right, Scope::All).differences.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_the_database_of_postgresqls_own_suite_comes_back_better_than_from_pg_dump() {
    if !regression::is_here() {
        println!("without the regression suite, as PGFREIGHT_TEST_NO_REGRESSION says");
        return;
    }
    let settings = ["max_locks_per_transaction = 256", "max_prepared_transactions = 10"].map(String::from).to_vec();
    let cluster = Cluster::start(regression::MAJOR, &Options { settings, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    regression::run(&cluster, folder.path());
    let source = cluster.url(regression::DATABASE);

    let (place, target) = (Place::encrypted().await, cluster.database("regression_restored"));
    let dump = place.dump(&source, &DumpOptions { jobs: 2, level: 1, ..DumpOptions::default() }).await.unwrap();
    assert_eq!(dump.losses, Vec::new());
    let restored = place.restore(&dump.dump, &target.url(), &RestoreOptions::default()).await.unwrap();
    assert_eq!(restored.losses, Vec::new());
    assert_eq!(place.differences(&dump.dump, &target.url()).await, Vec::<String>::new());

    let other = cluster.database("regression_by_pg_dump");
    carry_over(&source, &other.url());
    let (ours, theirs) = (differences(&source, &target.url()), differences(&source, &other.url()));
    let only_ours: Vec<&String> = ours.difference(&theirs).collect();
    assert!(only_ours.is_empty(), "{only_ours:#?}");
    assert!(ours.len() < theirs.len(), "{} differences, {} with pg_dump: {ours:#?}", ours.len(), theirs.len());
    println!("{} differences, {} with pg_dump", ours.len(), theirs.len());
}
