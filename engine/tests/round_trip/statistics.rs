//! The planner's statistics: carried to 18, found out again on older servers, left out on request.

use pgfreight_engine::introspect::{self, planner_statistics};
use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_fixtures::postgres::{Cluster, Database};

use super::small_chunks;
use crate::place::Place;

const TABLES: &str = "
    CREATE TABLE \"it's\" (id int PRIMARY KEY, \"Word\" text, tags text[], span int4range, at date);
    INSERT INTO \"it's\" SELECT i, CASE WHEN i % 3 > 0 THEN 'w''' || i % 7 END, ARRAY['a', 'b' || i % 5], int4range(i, i + 9),
                              date '2026-01-01' + i FROM generate_series(1, 2000) i;
    CREATE INDEX by_length ON \"it's\" (length(\"Word\"));
    CREATE TABLE parts (k int, v int) PARTITION BY LIST (k);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
    INSERT INTO parts SELECT 1, i % 10 FROM generate_series(1, 500) i;
    CREATE MATERIALIZED VIEW seen AS SELECT at, count(*) AS n FROM \"it's\" GROUP BY at;
    CREATE TABLE never (a int);
    ANALYZE \"it's\"; ANALYZE parts; ANALYZE seen;";

/// Everything the planner knows, by name.
const KNOWN: &str = "
    SELECT tablename || '.' || attname || inherited, null_frac::text || avg_width || n_distinct,
           most_common_vals::text, most_common_freqs::text, histogram_bounds::text, correlation::text,
           most_common_elems::text, most_common_elem_freqs::text, elem_count_histogram::text
      FROM pg_stats WHERE schemaname = 'public'
    UNION ALL SELECT relname, relpages::text || ' ' || reltuples || ' ' || relallvisible, '', '', '', '', '', '', '' FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relname <> 'never'
    ORDER BY 1";

async fn restored<'a>(
    from: u32,
    to: u32,
    dump: &DumpOptions,
    restore: &RestoreOptions,
) -> (Database<'a>, Database<'a>) {
    let place = Place::encrypted().await;
    let (source, target) = (Cluster::shared(from).database("stats_from"), Cluster::shared(to).database("stats_to"));
    source.execute(TABLES);
    let report = place.dump(&source.url(), dump).await.expect("the dump succeeds");
    let outcome = place.restore(&report.dump, &target.url(), restore).await.expect("the restore succeeds");
    assert_eq!(outcome.losses, Vec::new());
    (source, target)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_of_18_knows_what_the_source_knew() {
    for major in [14, 18] {
        let (source, target) = restored(major, 18, &small_chunks(), &RestoreOptions::default()).await;
        let known = source.rows(KNOWN);
        assert!(known.len() > 12, "{known:?}");
        assert_eq!(known, target.rows(KNOWN), "{major}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_target_looks_for_itself() {
    let (_source, target) = restored(18, 15, &small_chunks(), &RestoreOptions::default()).await;
    let analyzed =
        "SELECT count(*) FROM pg_class WHERE relname IN ('it''s', 'parts', 'parts_1', 'seen') AND reltuples > 0";
    assert_eq!(target.value(analyzed), "4");
    let columns = "SELECT count(DISTINCT tablename) FROM pg_stats WHERE schemaname = 'public'";
    assert_eq!(target.value(columns), "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_stay_away_on_either_sides_wish() {
    let mut without = small_chunks();
    without.filters.no_statistics = true;
    let mut refused = RestoreOptions { no_statistics: true, ..RestoreOptions::default() };
    let count = "SELECT count(*) FROM pg_stats WHERE schemaname = 'public'";
    for dump in [small_chunks(), without] {
        let (_source, target) = restored(18, 18, &dump, &refused).await;
        assert_eq!(target.value(count), "0");
        refused.no_statistics = false;
    }
}

/// A refresh is planned like any query: what is known of the tables must be there before it.
#[tokio::test(flavor = "multi_thread")]
async fn tables_are_known_before_views_are_refreshed() {
    let place = Place::encrypted().await;
    let (source, target) = (Cluster::shared(18).database("stats_from"), Cluster::shared(18).database("stats_to"));
    source.execute(TABLES);
    source.execute(
        "CREATE MATERIALIZED VIEW known AS SELECT (SELECT count(*) FROM pg_stats WHERE tablename = 'it''s') AS columns,
            (SELECT reltuples FROM pg_class WHERE oid = '\"it''s\"'::regclass) AS rows",
    );
    assert_eq!(source.value("SELECT columns || ' of ' || rows FROM known"), "5 of 2000");
    for jobs in [1, 3] {
        let report = place.dump(&source.url(), &small_chunks()).await.expect("the dump succeeds");
        let options = RestoreOptions { jobs, clean: jobs > 1, ..RestoreOptions::default() };
        let outcome = place.restore(&report.dump, &target.url(), &options).await.expect("the restore succeeds");
        assert_eq!(outcome.losses, Vec::new());
        assert_eq!(target.value("SELECT columns || ' of ' || rows FROM known"), "5 of 2000", "{jobs} lanes");
    }
}

/// Superusers are answered from the table behind the view; whoever takes himself for one by mistake is answered by the view.
#[tokio::test(flavor = "multi_thread")]
async fn the_table_says_what_the_view_says() {
    for major in [14, 16, 18] {
        let database = Cluster::shared(major).database("stats_asked");
        database.execute(TABLES);
        database.execute(
            "CREATE TABLE hidden (a int, b text); INSERT INTO hidden SELECT i, repeat('b', i % 9) FROM generate_series(1, 300) i;
             ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; ALTER TABLE hidden DROP COLUMN a;
             CREATE TABLE child (more int) INHERITS (hidden); INSERT INTO child SELECT 'x', i FROM generate_series(1, 50) i;
             ALTER TABLE \"it's\" ALTER tags SET STATISTICS 1000; ANALYZE",
        );
        let client = database.client().await;
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET search_path = ''").await.unwrap();
        let catalog = introspect::read(&client).await.unwrap();
        let features = introspect::Features::of(catalog.server.version);
        let read = async |superuser: bool| {
            let found = planner_statistics::read((&client, superuser), &features, &catalog.objects).await.unwrap();
            assert_eq!(found.damaged, []);
            found.statistics
        };
        let view = read(false).await;
        let columns = view.iter().map(|found| found.columns.len()).sum::<usize>();
        assert!(columns >= 14 && view.iter().any(|found| found.columns.iter().any(|column| column.inherited)));
        assert_eq!(read(true).await, view, "{major}");
        client.batch_execute("SET LOCAL ROLE pg_read_all_data").await.unwrap();
        let reader = read(false).await;
        let fewer = reader.iter().map(|found| found.columns.len()).sum::<usize>();
        assert!(0 < fewer && fewer < columns, "a policy hides rows from the reader, and so their statistics");
        assert_eq!(read(true).await, reader, "{major}");
    }
}
