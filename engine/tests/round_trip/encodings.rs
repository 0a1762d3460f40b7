//! Databases that are not UTF-8: rows come back byte for byte, in text and in binary.

use pgfreight_engine::plan::copy_format::CopyFormatChoice;
use pgfreight_engine::run::options::DumpOptions;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::Cluster;

use super::{small_chunks, there_and_back};
use crate::place::Place;

async fn in_both_formats(options: &str, sql: &str, bytes: &str) {
    let (cluster, place) = (Cluster::shared(18), Place::encrypted().await);
    let source = cluster.database_with("encoding_source", options);
    source.execute(sql);
    for copy_format in [CopyFormatChoice::Text, CopyFormatChoice::Binary] {
        let target = cluster.database_with("encoding_target", options);
        let options = DumpOptions { copy_format, ..small_chunks() };
        let (losses, wrong) = there_and_back(&place, &source, &target, &options).await;
        assert!(losses.is_empty() && wrong.is_empty(), "{copy_format:?}: {losses:?} {wrong:?}");
        compare::assert_equal(&source.url(), &target.url(), Scope::All);
        assert_eq!(source.value(bytes), target.value(bytes), "{copy_format:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn latin1() {
    in_both_formats(
        "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
        "CREATE TABLE \"Größe\" (\"naïve\" text, j json, n int);
         COMMENT ON TABLE \"Größe\" IS 'übel: ¿ÿ';
         INSERT INTO \"Größe\" SELECT 'Straße ÿ¡ ' || i, '{\"ä\": \"é\"}', i FROM generate_series(1, 20000) i;
         CREATE INDEX ON \"Größe\" (\"naïve\")",
        "SELECT md5(string_agg(\"naïve\"::bytea, '' ORDER BY n)) FROM \"Größe\"",
    )
    .await;
}

/// Statistics travel as text: where values are none, the target looks for itself, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn sql_ascii_has_statistics_of_bytes_that_are_no_text() {
    let (cluster, place) = (Cluster::shared(18), Place::encrypted().await);
    let options = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
    let (source, target) =
        (cluster.database_with("ascii_source", options), cluster.database_with("ascii_target", options));
    source.execute(
        "CREATE TABLE anything (\"T t\" text, n int, plain text);
         INSERT INTO anything SELECT E'\\xff\\xe4 ' || i % 5, i, 'p' || i % 3 FROM generate_series(1, 1000) i;
         CREATE INDEX by_expression ON anything (lower(\"T t\")); ANALYZE anything",
    );
    let (losses, wrong) = there_and_back(&place, &source, &target, &small_chunks()).await;
    assert!(losses.is_empty() && wrong.is_empty(), "{losses:?} {wrong:?}");
    let known = "SELECT tablename, attname, n_distinct, null_frac, array_length(most_common_freqs, 1) FROM pg_stats
                  WHERE schemaname = 'public' ORDER BY 1, 2";
    assert_eq!(source.rows(known).len(), 4);
    assert_eq!(source.rows(known), target.rows(known));
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_ascii_keeps_bytes_that_are_no_text() {
    in_both_formats(
        "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
        "CREATE TABLE anything (t text, n int);
         INSERT INTO anything SELECT E'\\xff\\xfe\\x80 \\xe4 ' || i, i FROM generate_series(1, 20000) i; ANALYZE anything",
        "SELECT md5(string_agg(decode(replace(t, '\\', '\\\\'), 'escape'), '' ORDER BY n)) FROM anything",
    )
    .await;
}
