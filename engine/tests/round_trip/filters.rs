//! What a filtered dump carries, told by the names and rows that reach an empty database.

use std::collections::BTreeSet;

use pgfreight_engine::Kind;
use pgfreight_engine::ddl::Section;
use pgfreight_engine::plan::select::{Filters, RestoreFilters};
use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_fixtures::postgres::{Cluster, Database};

use crate::place::Place;

const SAMPLE: &str = "
CREATE SCHEMA a; CREATE SCHEMA b;
CREATE TABLE a.one (id serial PRIMARY KEY, t text); CREATE INDEX one_t ON a.one (t);
CREATE TABLE a.two (id int PRIMARY KEY, one int REFERENCES a.one);
CREATE TABLE b.one (id int); CREATE TABLE b.\"Log 1\" (id int);
CREATE FUNCTION b.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE VIEW a.seen AS SELECT * FROM a.one;
INSERT INTO a.one (t) SELECT 't' FROM generate_series(1, 10); INSERT INTO a.two VALUES (1, 1), (2, 2);
INSERT INTO b.one VALUES (1); INSERT INTO b.\"Log 1\" VALUES (1), (2), (3);
SELECT lo_from_bytea(4711, 'x');";

/// Relations with their rows, functions and large objects of a database.
fn holds(database: &Database<'_>) -> Vec<String> {
    let relations =
        "SELECT format('%s.%s', n.nspname, c.relname), c.relkind::text, format('%I.%I', n.nspname, c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('a', 'b') AND c.relkind IN ('r', 'v', 'S', 'i') ORDER BY 1";
    let mut holds = Vec::new();
    for row in database.rows(relations) {
        let cell = |at: usize| row[at].clone().unwrap_or_default();
        let rows = match cell(1).as_str() {
            "r" => format!(" {}", database.value(&format!("SELECT count(*) FROM {}", cell(2)))),
            "S" => format!(" {}", database.value(&format!("SELECT last_value FROM {}", cell(2)))),
            _ => String::new(),
        };
        holds.push(format!("{}{rows}", cell(0)));
    }
    holds.extend(
        database
            .rows("SELECT 'function ' || proname FROM pg_proc WHERE pronamespace::regnamespace::text = 'b'")
            .into_iter()
            .flatten()
            .flatten(),
    );
    holds.extend(
        database.rows("SELECT 'large object ' || oid FROM pg_largeobject_metadata").into_iter().flatten().flatten(),
    );
    holds
}

/// What a dump with these filters brings into a database that was prepared with `before`.
async fn carries(filters: Filters, before: &str) -> Vec<String> {
    let cluster = Cluster::shared(17);
    let (source, target) = (cluster.database("filters_source"), cluster.database("filters_target"));
    source.execute(SAMPLE);
    target.execute(before);
    let place = Place::encrypted().await;
    let dumped = place.dump(&source.url(), &DumpOptions { filters, ..DumpOptions::default() }).await.unwrap();
    assert_eq!(place.problems(&dumped.dump).await, Vec::<String>::new());
    let options = RestoreOptions { allow_non_empty: !before.is_empty(), ..RestoreOptions::default() };
    let restored = place.restore(&dumped.dump, &target.url(), &options).await.unwrap();
    assert!(restored.losses.is_empty(), "{:?}", restored.losses);
    holds(&target)
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|&name| name.to_owned()).collect()
}

const ALL_OF_A: [&str; 7] = ["a.one 10", "a.one_id_seq 10", "a.one_pkey", "a.one_t", "a.seen", "a.two 2", "a.two_pkey"];

#[tokio::test(flavor = "multi_thread")]
async fn tables_by_pattern() {
    let filters = Filters { tables: names(&["a.o*"]), ..Filters::default() };
    assert_eq!(carries(filters, "CREATE SCHEMA a").await, ["a.one 10", "a.one_id_seq 10", "a.one_pkey", "a.one_t"]);
    let filters = Filters { tables: names(&["b.\"Log 1\""]), strict_names: true, ..Filters::default() };
    assert_eq!(carries(filters, "CREATE SCHEMA b").await, ["b.Log 1 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_but_tables() {
    let filters = Filters { exclude_tables: names(&["b.*"]), ..Filters::default() };
    let expected = [&ALL_OF_A[..], &["function f", "large object 4711"]].concat();
    assert_eq!(carries(filters, "").await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_in_and_out() {
    let filters = Filters { schemas: names(&["a"]), ..Filters::default() };
    assert_eq!(carries(filters, "").await, ALL_OF_A);
    let filters = Filters { exclude_schemas: names(&["a"]), ..Filters::default() };
    assert_eq!(carries(filters, "").await, ["b.Log 1 3", "b.one 1", "function f", "large object 4711"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_without_rows_and_rows_without_definitions() {
    let filters = Filters { schema_only: true, ..Filters::default() };
    let empty = carries(filters, "").await;
    assert!(empty.contains(&"a.one 0".to_owned()) && empty.contains(&"a.one_id_seq 1".to_owned()), "{empty:?}");
    assert!(empty.contains(&"function f".to_owned()), "{empty:?}");
    let filters = Filters { data_only: true, schemas: names(&["b"]), ..Filters::default() };
    let before = "CREATE SCHEMA b; CREATE TABLE b.one (id int); CREATE TABLE b.\"Log 1\" (id int)";
    assert_eq!(carries(filters, before).await, ["b.Log 1 3", "b.one 1"]);
    let filters = Filters { exclude_table_data: names(&["a.*", "\"Log*\""]), ..Filters::default() };
    let some = carries(filters, "").await;
    assert!(some.contains(&"a.one 0".to_owned()) && some.contains(&"b.one 1".to_owned()), "{some:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sections_one_after_the_other() {
    let cluster = Cluster::shared(17);
    let (source, target) = (cluster.database("sections_source"), cluster.database("sections_target"));
    source.execute(SAMPLE);
    let place = Place::plain().await;
    let dump = place.dump(&source.url(), &DumpOptions::default()).await.unwrap().dump;
    for (section, indexes, rows) in [(Section::PreData, 0, 0), (Section::Data, 0, 10), (Section::PostData, 3, 10)] {
        let filters = RestoreFilters { sections: BTreeSet::from([section]), ..RestoreFilters::default() };
        let options = RestoreOptions { filters, allow_non_empty: true, ..RestoreOptions::default() };
        let report = place.restore(&dump, &target.url(), &options).await.unwrap();
        assert!(report.losses.is_empty(), "{:?}", report.losses);
        let holds = holds(&target);
        let found = holds.iter().filter(|name| name.ends_with("_pkey") || name.ends_with("_t")).count();
        assert_eq!((found, holds.contains(&format!("a.one {rows}"))), (indexes, true), "{section:?}: {holds:?}");
    }
    assert_eq!(holds(&source), holds(&target));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_matches_nothing_is_refused() {
    let source = Cluster::shared(17).database("strict");
    source.execute(SAMPLE);
    let place = Place::encrypted().await;
    let misspelt = |strict_names| Filters { tables: names(&["a.one", "a.onne"]), strict_names, ..Filters::default() };
    let dump = async |filters| place.dump(&source.url(), &DumpOptions { filters, ..DumpOptions::default() }).await;
    let error = dump(misspelt(true)).await.expect_err("a misspelt name");
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.to_string().contains("a.onne") && error.advice().is_some(), "{error}");
    dump(misspelt(false)).await.expect("one of two matches");
    let error = dump(Filters { tables: names(&["nothing"]), ..Filters::default() }).await.expect_err("nothing at all");
    assert_eq!(error.kind(), Kind::Usage);
}
