//! `--copy-format` on real servers.

use pgfreight_engine::format::CopyFormat;
use pgfreight_engine::plan::copy_format::CopyFormatChoice;
use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::Cluster;

use super::Heard;
use crate::place::Place;

/// A column whose binary form is not exact or holds OIDs of the source keeps its table as text, by name; the rest goes binary.
#[tokio::test(flavor = "multi_thread")]
async fn asked_for_binary_only_safe_tables_go_binary_and_the_others_are_named() {
    let cluster = Cluster::shared(15);
    let (source, target) = (cluster.database("format_source"), cluster.database("format_target"));
    source.execute(
        "CREATE TYPE pair AS (a int, b text); CREATE TYPE mood AS ENUM ('fine', 'so so');
         CREATE TABLE plain AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, 500) i;
         CREATE TABLE moods (id int, mood mood); INSERT INTO moods VALUES (1, 'fine'), (2, 'so so');
         CREATE TABLE prices (id int, price money); INSERT INTO prices VALUES (1, 12.5);
         CREATE TABLE names (what regclass); INSERT INTO names VALUES ('plain');
         CREATE TABLE pairs (p pair); INSERT INTO pairs VALUES ((1, 'one'));
         CREATE TABLE many_moods (m mood[]); INSERT INTO many_moods VALUES ('{fine}');
         CREATE TABLE marks (x xml); INSERT INTO marks VALUES ('<a/>')",
    );
    let place = Place::plain().await;
    let heard = Heard::new();
    let options = DumpOptions { copy_format: CopyFormatChoice::Binary, ..DumpOptions::default() };
    let dumped = place.dump_as(&source.url(), &options, &heard.around()).await.expect("dumped");
    let warnings = heard.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("copied as text"), "{warnings:?}");
    for kept in [
        "prices (column price)",
        "names (column what)",
        "pairs (column p)",
        "many_moods (column m)",
        "marks (column x)",
    ] {
        assert!(warnings[0].contains(&format!("public.{kept}")), "{kept}: {warnings:?}");
    }
    let contents = place.open(&dumped.dump).await.contents;
    let binary = contents.tables.iter().filter(|table| table.format == CopyFormat::Binary);
    let mut binary: Vec<&str> = binary.map(|table| table.name.as_str()).collect();
    binary.sort_unstable();
    assert_eq!(binary, ["moods", "plain"]);
    place.restore(&dumped.dump, &target.url(), &RestoreOptions::default()).await.expect("restored");
    assert_eq!(compare::databases(&source.url(), &target.url(), Scope::All).differences, Vec::<String>::new());
}
