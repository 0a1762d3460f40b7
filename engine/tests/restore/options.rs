//! What restores refuse, and what their options change.

use std::collections::BTreeSet;

use pgfreight_engine::Kind;
use pgfreight_engine::run::restore::preview;

use super::*;

fn filtered(change: impl FnOnce(&mut RestoreOptions)) -> RestoreOptions {
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
