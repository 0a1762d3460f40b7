//! What restores refuse, and what their options change.

use std::collections::BTreeSet;

use pgfreight_engine::Kind;
use pgfreight_engine::run::restore::preview;

use super::*;

pub(super) fn filtered(change: impl FnOnce(&mut RestoreOptions)) -> RestoreOptions {
    let mut options = jobs(2);
    change(&mut options);
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn occupied_and_protected_targets_are_refused() {
    let source = sample(Cluster::shared(18), "source");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let target = Cluster::shared(18).database("target");
    target.execute("CREATE TABLE mine (a int)");
    let error = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap_err();
    assert!(error.what().contains("is not empty: it has public.mine"), "{error}");
    let protected = filtered(|options| {
        options.allow_non_empty = true;
        options.protected = BTreeSet::from([target.name().to_owned()]);
    });
    let error = place.restore(&dump, &target.url(), &protected).await.unwrap_err();
    assert!(error.what().contains("is protected"), "{error}");
    assert_eq!(target.value("SELECT count(*) FROM pg_namespace WHERE nspname IN ('shop', '_pgfreight')"), "0");
    place.restore(&dump, &target.url(), &filtered(|options| options.allow_non_empty = true)).await.unwrap();
    assert_eq!(target.value("SELECT count(*) FROM shop.orders"), "60000");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_never_added_to_those_of_a_table_that_stood_there() {
    let source = Cluster::shared(18).database("source");
    source.execute("CREATE TABLE full_one AS SELECT 1 AS a; CREATE TABLE empty_one AS SELECT 2 AS a; CREATE TABLE new_one AS SELECT 3 AS a");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let target = Cluster::shared(18).database("target");
    target.execute("CREATE TABLE full_one AS SELECT 9 AS a; CREATE TABLE empty_one (a int)");
    let options = filtered(|options| options.allow_non_empty = true);
    let report = place.restore(&dump, &target.url(), &options).await.unwrap();
    let lost: Vec<String> = report.losses.iter().map(|loss| format!("{} {}", loss.class, loss.name)).collect();
    assert_eq!(lost, ["TABLE public.empty_one", "TABLE public.full_one", "TABLE DATA public.full_one"]);
    assert_eq!(target.value("SELECT string_agg(a::text, ',') FROM full_one"), "9");
    assert_eq!(target.value("SELECT string_agg(a::text, ',') FROM empty_one"), "2");
    assert_eq!(target.value("SELECT string_agg(a::text, ',') FROM new_one"), "3");
    assert_eq!((report.tables, report.proved_tables), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dropped_table_comes_back_alone() {
    let source = sample(Cluster::shared(18), "source");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    source.execute("DROP TABLE shop.empty; DROP TABLE shop.events CASCADE");
    let before = source.value("SELECT count(*) FROM shop.orders");
    let options = filtered(|options| options.filters.tables = vec!["shop.empty".into(), "shop.events*".into()]);
    let report = place.restore(&dump, &source.url(), &options).await.unwrap();
    assert!(report.losses.is_empty(), "{:?}", report.losses);
    assert_eq!(source.value("SELECT count(*) FROM shop.events"), "90000");
    assert_eq!(source.value("SELECT count(*) FROM shop.orders"), before);
    let error = place.restore(&dump, &source.url(), &options).await.unwrap_err();
    assert!(error.what().contains("already"), "{error}");
    assert_clean(&source);
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_first_then_rows() {
    let source = sample(Cluster::shared(18), "source");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let target = Cluster::shared(18).database("target");
    place.restore(&dump, &target.url(), &filtered(|options| options.filters.schema_only = true)).await.unwrap();
    assert_eq!(target.value("SELECT count(*) FROM shop.orders"), "0");
    compare::assert_equal(&source.url(), &target.url(), Scope::Schema);
    // The trigger on orders would change every row, and the key from orders to customers is in force.
    let rows = filtered(|options| {
        options.filters.data_only = true;
        options.disable_triggers = true;
    });
    let report = place.restore(&dump, &target.url(), &rows).await.unwrap();
    assert!(report.losses.is_empty(), "{:?}", report.losses);
    target.execute("REFRESH MATERIALIZED VIEW shop.totals");
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    let error = place.restore(&dump, &target.url(), &rows).await.unwrap_err();
    assert!(error.what().contains("has rows already"), "{error}");
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_replaces_what_is_there() {
    let source = sample(Cluster::shared(18), "source");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let target = sample(Cluster::shared(18), "target");
    target.execute("TRUNCATE shop.orders; DROP VIEW shop.paid; SELECT lo_unlink(oid) FROM pg_largeobject_metadata");
    let clean = filtered(|options| (options.clean, options.if_exists) = (true, true));
    let report = place.restore(&dump, &target.url(), &clean).await.unwrap();
    assert!(report.losses.is_empty(), "{:?}", report.losses);
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_writes_nothing_and_shows_the_plan() {
    let source = sample(Cluster::shared(18), "source");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let target = Cluster::shared(18).database("target");
    let shown = preview(&dump, &connect(&target.url()), &jobs(2), &Surroundings::quiet()).await.unwrap().to_string();
    assert!(shown.contains("load shop.orders: 60000 rows"), "{shown}");
    assert!(shown.contains("foreign keys:"), "{shown}");
    let dry = filtered(|options| options.dry_run = true);
    assert_eq!(place.restore(&dump, &target.url(), &dry).await.unwrap().rows, 0);
    assert_eq!(target.value("SELECT count(*) FROM pg_namespace WHERE nspname IN ('shop', '_pgfreight')"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_can_be_made() {
    let source = sample(Cluster::shared(18), "source");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    // Another cluster, where a database of that name does not exist.
    let cluster = Cluster::shared(17);
    let door = cluster.database("door");
    let create = filtered(|options| options.create = true);
    place.restore(&dump, &door.url(), &create).await.unwrap();
    compare::assert_equal(&source.url(), &cluster.url(source.name()), Scope::Data);
    let error = place.restore(&dump, &door.url(), &create).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Target);
    assert!(error.what().contains("exists already"), "{error}");
    let again = filtered(|options| (options.create, options.clean) = (true, true));
    place.restore(&dump, &door.url(), &again).await.unwrap();
    cluster.execute(&format!("DROP DATABASE {}", source.name()));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_lanes_for_the_memory_are_refused_before_anything() {
    let source = sample(Cluster::shared(18), "source");
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let error = place.restore(&dump, "postgresql://nobody@127.0.0.1:1/x", &jobs(60)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
}

/// A schema without anything in it is nothing to collide with: it is taken over, with owner and privileges.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_schema_is_no_content() {
    let cluster = Cluster::shared(18);
    let source = sample(cluster, "source");
    let role = cluster.role("keeper", "");
    source.execute(&format!("ALTER SCHEMA shop OWNER TO {}; COMMENT ON SCHEMA shop IS 'sells'", role.name()));
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let target = cluster.database("target");
    target.execute("CREATE SCHEMA shop");
    let one = filtered(|options| options.filters.tables = vec!["shop.nothing".into()]);
    let report = place.restore(&dump, &target.url(), &one).await.unwrap();
    assert_eq!((report.losses, target.value("SELECT count(*) FROM shop.nothing").as_str()), (Vec::new(), "10"));
    let error = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap_err();
    assert!(error.what().contains("is not empty: it has shop.nothing"), "{error}");
    target.execute("DROP TABLE shop.nothing");
    let report = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap();
    assert!(report.losses.is_empty(), "{:?}", report.losses);
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    // Whatever stands in it makes it content, also what is no relation.
    let target = cluster.database("target");
    target.execute("CREATE SCHEMA shop; CREATE DOMAIN shop.d AS int");
    let error = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap_err();
    assert!(error.what().contains("is not empty: it has schema shop"), "{error}");
}

/// An invalid index lies where it lay; where that is not, in the default tablespace, and that is said.
#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_index_keeps_its_tablespace() {
    let settings = vec!["allow_in_place_tablespaces = on".to_owned()];
    let options = pgfreight_fixtures::postgres::Options { settings, ..Default::default() };
    let cluster = Cluster::start(18, &options);
    cluster.execute("CREATE TABLESPACE \"fast one\" LOCATION ''");
    let (source, target) = (cluster.database("source"), cluster.database("target"));
    source.execute("CREATE TABLE twice (a int); INSERT INTO twice VALUES (1), (1)");
    let failing = "CREATE UNIQUE INDEX CONCURRENTLY never ON twice (a) TABLESPACE \"fast one\"";
    source.client().await.batch_execute(failing).await.unwrap_err();
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let report = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap();
    assert!(report.losses.is_empty(), "{:?}", report.losses);
    let question = "SELECT indisvalid, spcname FROM pg_index JOIN pg_class c ON c.oid = indexrelid
                      LEFT JOIN pg_tablespace t ON t.oid = reltablespace WHERE relname = 'never'";
    assert_eq!(target.rows(question), source.rows(question));
    assert_eq!(target.rows(question)[0][1].as_deref(), Some("fast one"));
    let target = Cluster::shared(18).database("target");
    let report = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap();
    let lost: Vec<String> = report.losses.iter().map(|loss| format!("{} {}", loss.class, loss.reason)).collect();
    assert_eq!(lost, ["TABLESPACE tablespace fast one is not on the target: the default one is used"]);
    assert_eq!(target.rows(question), [[Some("f".to_owned()), None]]);
}
