//! Rows that refer to each other, loaded while their foreign keys are in force.

use pgfreight_engine::plan::copy_format::CopyFormatChoice;

use super::options::filtered;
use super::*;

/// Keys in a circle and keys to the own table, in force while only rows are restored: without triggers all of them go, with
/// triggers those that some order satisfies; what none satisfies is lost by name.
#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_keys_go_in_circles() {
    const TABLES: &str = "CREATE TABLE x (id int PRIMARY KEY, y int); CREATE TABLE y (id int PRIMARY KEY, x int REFERENCES x);
        CREATE TABLE tree (id int PRIMARY KEY, above int REFERENCES tree); ALTER TABLE x ADD FOREIGN KEY (y) REFERENCES y";
    let cluster = Cluster::shared(18);
    let source = cluster.database("source");
    source.execute(TABLES);
    source.execute(
        "INSERT INTO x VALUES (1), (2); INSERT INTO y VALUES (1, 2), (2, 1); UPDATE x SET y = id;
         INSERT INTO tree SELECT i, nullif(i - 1, 0) FROM generate_series(1, 1000) i",
    );
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    let rows = filtered(|options| (options.filters.data_only, options.disable_triggers) = (true, true));
    let target = cluster.database("target");
    target.execute(TABLES);
    let report = place.restore(&dump, &target.url(), &rows).await.unwrap();
    assert!(report.losses.is_empty(), "{:?}", report.losses);
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    let target = cluster.database("target");
    target.execute(TABLES);
    let report =
        place.restore(&dump, &target.url(), &filtered(|options| options.filters.data_only = true)).await.unwrap();
    let mut lost: Vec<String> = report.losses.iter().map(|loss| format!("{} {}", loss.class, loss.name)).collect();
    lost.sort();
    assert_eq!(lost, ["TABLE DATA public.x", "TABLE DATA public.y"]);
    assert_eq!(target.value("SELECT count(*) FROM tree"), "1000");
}

/// A table whose every row refers to a row in another chunk, in one ring, and one that refers to it and to itself.
const RINGS: &str = "CREATE TABLE ring (id int PRIMARY KEY, next int REFERENCES ring, note text CHECK (note <> 'bad'));
    CREATE TABLE on_ring (id int PRIMARY KEY, ring int REFERENCES ring, next int REFERENCES on_ring, note text)";

/// Chunks that refer to each other are refused one by one and accepted together; a row that fits nowhere costs the ring.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_one_table_refer_to_each_other_across_its_chunks() {
    for (major, copy_format) in [(14, CopyFormatChoice::Text), (18, CopyFormatChoice::Binary)] {
        let cluster = Cluster::shared(major);
        let source = cluster.database("source");
        source.execute(RINGS);
        source.execute(
            "INSERT INTO ring SELECT i, 1 + (i + 2500) % 5000, repeat('x', 800) FROM generate_series(1, 5000) i;
             INSERT INTO on_ring SELECT i, i, 1 + (i + 2500) % 5000, repeat('y', 800) FROM generate_series(1, 5000) i",
        );
        let place = Place::new().await;
        let options = DumpOptions { chunk_target: 512 << 10, level: 1, copy_format, ..DumpOptions::default() };
        let dump = place.dump_as(&source.url(), &options).await.unwrap();
        assert!(dump.contents.tables.iter().all(|table| table.chunks.len() > 3));
        let rows = filtered(|options| options.filters.data_only = true);
        let target = cluster.database("target");
        target.execute(RINGS);
        let report = place.restore(&dump, &target.url(), &rows).await.unwrap();
        assert_eq!((report.losses.as_slice(), report.rows), (&[][..], 10_000), "{major}");
        compare::assert_equal(&source.url(), &target.url(), Scope::All);
        assert_clean(&target);
        // What another constraint refuses does not come in by this way either, and is named.
        let target = cluster.database("target");
        target.execute(RINGS);
        target.execute("ALTER TABLE ring ADD CHECK (id <> 4900)");
        let report = place.restore(&dump, &target.url(), &rows).await.unwrap();
        let lost: std::collections::BTreeSet<&str> = report.losses.iter().map(|loss| loss.name.as_str()).collect();
        assert_eq!(lost, ["public.on_ring", "public.ring"].into(), "{major}: {:?}", report.losses);
        assert_eq!(target.value("SELECT (SELECT count(*) FROM ring) + (SELECT count(*) FROM on_ring)"), "0");
    }
}
