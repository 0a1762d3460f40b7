//! Out and back: dump, verify at every depth, restore, and compare with the source without a line of the engine.

mod encodings;
mod filters;
mod tables;

use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_engine::run::report::Loss;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Database};
use pgfreight_fixtures::schemas;

use crate::place::Place;

/// Small chunks, so that ordinary tables have several.
fn small_chunks() -> DumpOptions {
    DumpOptions { chunk_target: 256 << 10, level: 1, jobs: 3, ..DumpOptions::default() }
}

/// Dumps, verifies, restores, verifies against the target. Gives what the restore lost and what went wrong.
async fn there_and_back(
    place: &Place,
    source: &Database<'_>,
    target: &Database<'_>,
    options: &DumpOptions,
) -> (Vec<Loss>, Vec<String>) {
    let report = match place.dump(&source.url(), options).await {
        Ok(report) => report,
        Err(error) => return (Vec::new(), vec![format!("dump: {error:?}")]),
    };
    let mut wrong: Vec<String> = report.losses.iter().map(|loss| format!("dump lost {loss:?}")).collect();
    wrong.extend(place.problems(&report.dump).await);
    // Without filters every row that users made is carried, or comes with what is.
    let census = place.open(&report.dump).await.contents.catalog.census.clone().unwrap_or_default();
    let total = census.total();
    if total.found == 0 || (total.missing(), total.left_out) != (0, 0) {
        wrong.push(format!("the books do not balance: {census:?}"));
    }
    wrong.extend(place.differences(&report.dump, &source.url()).await);
    let restored = match place.restore(&report.dump, &target.url(), &RestoreOptions::default()).await {
        Ok(restored) => restored,
        Err(error) => {
            wrong.push(format!("restore: {error:?}"));
            return (Vec::new(), wrong);
        }
    };
    // Loaded, and read back by the restore itself.
    if (restored.rows, restored.tables) != (report.rows, report.tables) {
        wrong.push(format!("restored {restored:?} of {report:?}"));
    }
    (restored.losses, wrong)
}

fn fill(source: &Database<'_>, name: &str, sql: &str) {
    match name {
        "shop" => schemas::shop(source, 0.02),
        _ => source.execute(sql),
    }
}

/// Every class of objects with its rows, and the shop: nothing is lost, everything is equal.
async fn every_class_on(major: u32) {
    let (cluster, place, mut all) = (Cluster::shared(major), Place::encrypted().await, Vec::new());
    let shop = ("shop".to_owned(), String::new());
    for (name, sql) in schemas::classes().into_iter().chain(schemas::rare_classes()).chain([shop]) {
        let (source, target) = (cluster.database("round_trip_source"), cluster.database("round_trip_target"));
        schemas::class_roles(&source);
        fill(&source, &name, &sql);
        let (losses, mut wrong) = there_and_back(&place, &source, &target, &small_chunks()).await;
        wrong.extend(losses.iter().map(|loss| format!("lost {loss:?}")));
        wrong.extend(compare::databases(&source.url(), &target.url(), Scope::All).differences);
        all.extend(wrong.into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_class_on_14() {
    every_class_on(14).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_class_on_15() {
    every_class_on(15).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_class_on_16() {
    every_class_on(16).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_class_on_17() {
    every_class_on(17).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_class_on_18() {
    every_class_on(18).await;
}

/// Rows of every class from one major to another; gives the losses.
async fn across(from: u32, to: u32) -> Vec<String> {
    let (place, mut all, mut lost) = (Place::encrypted().await, Vec::new(), Vec::new());
    let shop = ("shop".to_owned(), String::new());
    for (name, sql) in schemas::classes().into_iter().chain([shop]) {
        let source = Cluster::shared(from).database("round_trip_from");
        let target = Cluster::shared(to).database("round_trip_to");
        schemas::class_roles(&source);
        schemas::class_roles(&target);
        fill(&source, &name, &sql);
        let (losses, mut wrong) = there_and_back(&place, &source, &target, &small_chunks()).await;
        wrong.extend(compare::databases(&source.url(), &target.url(), Scope::Data).differences);
        all.extend(wrong.into_iter().map(|what| format!("{name}: {what}")));
        lost.extend(losses.iter().map(|loss| format!("{name}: {} {}: {}", loss.class, loss.name, loss.reason)));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    lost
}

#[tokio::test(flavor = "multi_thread")]
async fn from_14_to_18_nothing_is_lost() {
    assert_eq!(across(14, 18).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn from_15_to_18_nothing_is_lost() {
    assert_eq!(across(15, 18).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn from_18_to_15_the_rows_are_equal_and_losses_have_names() {
    let losses = across(18, 15).await;
    for loss in &losses {
        println!("{loss}");
    }
    assert!(losses.iter().any(|loss| loss.starts_with("generated: ")), "{losses:?}");
}
