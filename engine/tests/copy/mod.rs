//! Copies from database to database on real servers: equal, across majors, filtered, refused where they must be.

mod faults;
mod resume;

use std::collections::BTreeSet;

use pgfreight_engine::Kind;
use pgfreight_engine::ddl::Section;
use pgfreight_engine::plan::copy_format::CopyFormatChoice;
use pgfreight_engine::plan::select::Filters;
use pgfreight_engine::run::copy::{copy, preview};
use pgfreight_engine::run::options::{CopyOptions, DumpOptions, RestoreOptions, Surroundings};
use pgfreight_engine::run::report::CopyReport;
use pgfreight_engine::{Error, Result};
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Database, Options};

use crate::faults::told;
use crate::restore::{assert_clean, connect, sample};

/// Small chunks, so that there are many.
fn lanes(jobs: usize) -> CopyOptions {
    CopyOptions {
        source: DumpOptions { chunk_target: 512 << 10, ..DumpOptions::default() },
        target: RestoreOptions { jobs, ..RestoreOptions::default() },
    }
}

fn filtered(filters: Filters) -> CopyOptions {
    let mut options = lanes(2);
    options.source.filters = filters;
    options
}

async fn run(source: &Database<'_>, target: &Database<'_>, options: &CopyOptions) -> Result<CopyReport> {
    copy(&connect(&source.url()), &connect(&target.url()), options, &Surroundings::quiet()).await
}

fn ok<T>(outcome: Result<T>) -> T {
    outcome.unwrap_or_else(|error: Error| panic!("{}", told(&error)))
}

/// From here on the database takes no writes, not even from superusers who do not ask for them.
fn freeze(source: &Database<'_>) {
    source.cluster().execute(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", source.name()));
}

async fn carried(from: u32, to: u32, scope: Scope, options: &CopyOptions) -> CopyReport {
    let source = sample(Cluster::shared(from), "source");
    let target = Cluster::shared(to).database("target");
    let report = ok(run(&source, &target, options).await);
    compare::assert_equal(&source.url(), &target.url(), scope);
    assert_clean(&target);
    report
}

/// Waits until nobody else is connected: a session tells what it wrote when it ends, at the latest.
fn all_counted(database: &Database<'_>) {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                  AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let began = std::time::Instant::now();
    while database.value(others) != "0" {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "somebody stays connected");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_equals_its_source_which_it_does_not_write() {
    let source = sample(Cluster::shared(18), "source");
    // Autovacuum writes what it found out about tables; nobody but us may write into them.
    let writes = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables";
    all_counted(&source);
    let written = source.value(writes);
    let target = Cluster::shared(18).database("target");
    let report = ok(run(&source, &target, &lanes(3)).await);
    assert!(report.losses.is_empty(), "{:?}", report.losses);
    assert_eq!((report.proved_tables, report.tables, report.resumed_chunks, report.restarts), (8, 8, 0, 0));
    assert_eq!(report.rows, 60_000 + 90_000 + 5_000 + 1_000 + 10 + 22 + 2, "{report:?}");
    all_counted(&source);
    assert_eq!(source.value(writes), written, "the source was written");
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_takes_no_writes_is_enough() {
    let source = sample(Cluster::shared(18), "source");
    freeze(&source);
    let target = Cluster::shared(18).database("target");
    ok(run(&source, &target, &lanes(2)).await);
    source.cluster().execute(&format!("ALTER DATABASE {} RESET ALL", source.name()));
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_15_to_18() {
    let report = carried(15, 18, Scope::Data, &lanes(3)).await;
    assert!(report.losses.is_empty(), "{:?}", report.losses);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_as_text_and_as_one_lane_likes_it() {
    let mut options = lanes(1);
    options.source.copy_format = CopyFormatChoice::Text;
    let report = carried(14, 14, Scope::All, &options).await;
    assert_eq!(report.proved_tables, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_18_to_15_what_15_lacks_is_a_loss_by_name() {
    let source = sample(Cluster::shared(18), "source");
    source.execute(
        "CREATE TABLE shop.late (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL);
         INSERT INTO shop.late SELECT generate_series(1, 10);
         CREATE TABLE shop.bookings (room int4range, during daterange, PRIMARY KEY (room, during WITHOUT OVERLAPS))",
    );
    let target = Cluster::shared(15).database("target");
    let report = ok(run(&source, &target, &lanes(2)).await);
    assert!(!report.losses.is_empty());
    assert!(
        report.losses.iter().all(|loss| loss.name.contains("shop.late") || loss.name.contains("bookings")),
        "{report:?}"
    );
    assert_eq!(target.value("SELECT count(*) FROM shop.orders"), "60000");
    assert_eq!(target.value("SELECT sum(a) FROM shop.late"), "55");
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_encodings_arrive_converted() {
    let source = Cluster::shared(17).database_with("latin", "ENCODING 'LATIN1' LOCALE 'C'");
    source.execute("CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t SELECT i, 'Grüße ' || i FROM generate_series(1, 5000) i");
    let target = Cluster::shared(18).database("target");
    let report = ok(run(&source, &target, &lanes(2)).await);
    assert_eq!(report.proved_tables, 1);
    let sum = "SELECT md5(string_agg(encode(convert_to(x, 'UTF8'), 'hex'), ',' ORDER BY id)) FROM t";
    assert_eq!(source.value(sum), target.value(sum));
    assert_eq!(target.value("SELECT x FROM t WHERE id = 7"), "Grüße 7");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_choose_as_they_do_for_a_dump() {
    let source = sample(Cluster::shared(18), "source");
    let target = Cluster::shared(18).database("target");
    target.execute("CREATE SCHEMA shop; CREATE TABLE public.mine (a int)");
    let one = Filters { tables: vec!["shop.events*".into()], ..Filters::default() };
    let report = ok(run(&source, &target, &filtered(one)).await);
    assert_eq!((report.tables, report.proved_tables), (2, 2));
    assert_eq!(target.value("SELECT count(*) FROM shop.events"), "90000");
    assert_eq!(target.value("SELECT count(*) FROM pg_class WHERE relname = 'orders'"), "0");
    let again = Filters { tables: vec!["shop.events*".into()], ..Filters::default() };
    let error = run(&source, &target, &filtered(again)).await.unwrap_err();
    assert!(error.what().contains("already") && error.kind() == Kind::Target, "{}", told(&error));

    let target = Cluster::shared(18).database("target");
    let without = Filters { exclude_table_data: vec!["shop.events*".into()], ..Filters::default() };
    ok(run(&source, &target, &filtered(without)).await);
    assert_eq!(target.value("SELECT count(*) FROM shop.events"), "0");
    assert_eq!(target.value("SELECT count(*) FROM shop.orders"), "60000");
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_rows_and_the_rest_one_after_the_other() {
    let source = sample(Cluster::shared(18), "source");
    let target = Cluster::shared(18).database("target");
    for section in [Section::PreData, Section::Data, Section::PostData] {
        let part = Filters { sections: BTreeSet::from([section]), ..Filters::default() };
        let mut options = filtered(part);
        options.target.allow_non_empty = section == Section::PostData;
        let report = ok(run(&source, &target, &options).await);
        assert!(report.losses.is_empty(), "{section:?}: {:?}", report.losses);
        assert_clean(&target);
    }
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    let rows = Filters { data_only: true, ..Filters::default() };
    let error = run(&source, &target, &filtered(rows)).await.unwrap_err();
    assert!(error.what().contains("has rows already"), "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_must_not_be_written_are_refused() {
    let cluster = Cluster::shared(18);
    let source = sample(cluster, "source");
    let error = run(&source, &source, &lanes(2)).await.unwrap_err();
    assert_eq!((error.kind(), error.what()), (Kind::Usage, "the target is the source itself"));
    // By another way to the same place.
    let proxy = pgfreight_fixtures::proxy::Proxy::start(&format!("{}:{}", cluster.host(), cluster.port()));
    let detour = connect(&proxy.url(&source.url()));
    let mut clean = lanes(2);
    (clean.target.clean, clean.target.if_exists) = (true, true);
    let error = copy(&connect(&source.url()), &detour, &clean, &Surroundings::quiet()).await.unwrap_err();
    assert_eq!((error.kind(), error.what()), (Kind::Usage, "the target is the source itself"));
    // Created by its name there, it would be the source again, and --clean would drop it first.
    let mut create = clean.clone();
    create.target.create = true;
    let error =
        copy(&connect(&source.url()), &connect(&cluster.url("postgres")), &create, &Surroundings::quiet()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{}", told(&error));
    assert!(error.advice().is_some());

    let target = cluster.database("target");
    target.execute("CREATE TABLE mine (a int)");
    let error = run(&source, &target, &lanes(2)).await.unwrap_err();
    assert!(error.what().contains("is not empty: it has public.mine"), "{}", told(&error));
    assert_eq!(error.kind(), Kind::Target);
    let mut protected = lanes(2);
    protected.target.allow_non_empty = true;
    protected.target.protected = BTreeSet::from([target.name().to_owned()]);
    let error = run(&source, &target, &protected).await.unwrap_err();
    assert!(error.what().contains("is protected"), "{}", told(&error));
    assert_eq!(source.value("SELECT count(*) FROM shop.orders"), "60000");
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_writes_nothing_and_shows_the_plan() {
    let source = sample(Cluster::shared(18), "source");
    let target = Cluster::shared(18).database("target");
    let (from, to) = (connect(&source.url()), connect(&target.url()));
    let shown = ok(preview(&from, &to, &lanes(2), &Surroundings::quiet()).await).to_string();
    assert!(shown.contains("load shop.orders: about ") && shown.contains("foreign keys:"), "{shown}");
    assert_eq!(target.value("SELECT count(*) FROM pg_namespace WHERE nspname IN ('shop', '_pgfreight')"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_created_with_the_roles_it_needs() {
    let from = Cluster::start(18, &Options::default());
    from.execute("CREATE ROLE keeper; CREATE ROLE reader");
    let source = from.database_with("whole", "OWNER keeper");
    source.execute("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1000); GRANT SELECT ON t TO reader");
    let to = Cluster::start(18, &Options::default());
    let mut options = lanes(2);
    (options.source.globals, options.target.globals, options.target.create) = (true, true, true);
    let target = connect(&to.url("postgres"));
    let report = ok(copy(&connect(&source.url()), &target, &options, &Surroundings::quiet()).await);
    assert!(report.losses.is_empty() && report.globals >= 2, "{report:?}");
    compare::assert_equal(&source.url(), &to.url(source.name()), Scope::All);
    let error = copy(&connect(&source.url()), &target, &options, &Surroundings::quiet()).await.unwrap_err();
    assert!(error.what().contains("exists already"), "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_lanes_than_memory_are_refused() {
    let source = Cluster::shared(18).database("source");
    let target = Cluster::shared(18).database("target");
    let error = run(&source, &target, &lanes(64)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("--memory")), "{}", told(&error));
}
