//! Tables that are unlike others: no columns, long values, unlogged, inherited, partitioned, generated, odd names.

use std::time::Duration;

use pgfreight_engine::run::memory::Memory;
use pgfreight_engine::run::options::DumpOptions;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::Cluster;

use super::{small_chunks, there_and_back};
use crate::place::Place;

const TABLES: &str = r#"
CREATE TABLE no_columns (); INSERT INTO no_columns SELECT FROM generate_series(1, 1000);
CREATE TABLE dropped_columns (a int, b text); INSERT INTO dropped_columns SELECT i, i FROM generate_series(1, 1000) i;
ALTER TABLE dropped_columns DROP a, DROP b;
CREATE TABLE empty (a int PRIMARY KEY);
CREATE TABLE toast (id int, v text, b bytea); ALTER TABLE toast ALTER v SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
INSERT INTO toast SELECT i, repeat(md5(i::text), 2000), decode(repeat(md5(i::text), 1000), 'hex') FROM generate_series(1, 60) i;
CREATE UNLOGGED TABLE unlogged (id serial PRIMARY KEY, t text); INSERT INTO unlogged (t) SELECT md5(i::text)
    FROM generate_series(1, 20000) i;
CREATE TABLE holes (id int, t text); INSERT INTO holes SELECT i, repeat('x', 100) FROM generate_series(1, 30000) i;
DELETE FROM holes WHERE id BETWEEN 5000 AND 25000; INSERT INTO holes VALUES (-1, NULL);
CREATE TABLE parent (id int, t text); CREATE TABLE child (u text) INHERITS (parent);
CREATE TABLE second (extra numeric DEFAULT 1.50) INHERITS (child);
INSERT INTO parent SELECT i, 'p' FROM generate_series(1, 20000) i;
INSERT INTO child SELECT i, 'c', md5(i::text) FROM generate_series(1, 20000) i; INSERT INTO second VALUES (1, 's', 'x', 2);
CREATE TABLE parted (k int, at date, v text DEFAULT 'd') PARTITION BY LIST (k);
CREATE TABLE parted_1 (gone int, v text, at date, k int); ALTER TABLE parted_1 DROP gone;
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2) PARTITION BY RANGE (at);
CREATE TABLE parted_2_all PARTITION OF parted_2 DEFAULT;
INSERT INTO parted SELECT 1 + i % 2, date '2024-01-01' + i % 500, md5(i::text) FROM generate_series(1, 40000) i;
ALTER TABLE parted ADD PRIMARY KEY (k, at, v);
CREATE TABLE "Sch\ema '""; DROP TABLE x" ("select" int, "Ünï ""çode"" 🐘" text, "tab	and
newline" text, generated int GENERATED ALWAYS AS ("select" * 2) STORED, id bigint GENERATED ALWAYS AS IDENTITY);
INSERT INTO "Sch\ema '""; DROP TABLE x" ("select", "Ünï ""çode"" 🐘") SELECT i, E'\\.\n🐘' FROM generate_series(1, 9000) i;
CREATE SCHEMA "日本"; CREATE TABLE "日本"."表" ("列" text[] DEFAULT '{a,NULL,"b c"}'); INSERT INTO "日本"."表" VALUES (DEFAULT);
CREATE TABLE values (f float8, r real, n numeric, ts timestamptz, i interval, m money, x xml, inet inet, mr int4multirange,
    tr tstzrange, bits varbit, tsv tsvector, reg regclass, path path, big bytea, nan float8[], record json);
INSERT INTO values VALUES ('NaN', '-Infinity', 'NaN', '-infinity', '-1 year 2 mons 3 days -4:05:06.000007', '-1234.56',
    '<a>ä</a>', '::1/64', '{[1,3),[5,)}', '[2024-01-01,infinity]', B'0101', 'a:1A b:2', 'values', '[(1,2),(3,4)]', '\x00',
    '{{NaN,1},{NULL,0.1}}', '{"a":  1}'), (0.1, 1e-45, 1e130, '2024-02-29 12:00:00.123456+14', '0', 0, NULL, '10.0.0.1', '{}',
    'empty', '', '', 'pg_class', '((0,0))', '', '{}', 'null');
CREATE MATERIALIZED VIEW counted AS SELECT k, count(*) FROM parted GROUP BY k;
CREATE MATERIALIZED VIEW over_counted AS SELECT sum(count) FROM counted;
CREATE MATERIALIZED VIEW not_filled AS SELECT 1 AS one WITH NO DATA;
CREATE VIEW looks AS SELECT * FROM parted;
SELECT lo_from_bytea(70000 + i, convert_to(repeat(md5(i::text), 1 + i * 100), 'UTF8')) FROM generate_series(1, 300) i;
SELECT lo_put(lo_create(80000), 3000000, 'far away');
"#;

#[tokio::test(flavor = "multi_thread")]
async fn odd_tables_in_many_chunks() {
    for major in [14, 18] {
        let (cluster, place) = (Cluster::shared(major), Place::encrypted().await);
        let (source, target) = (cluster.database("tables_source"), cluster.database("tables_target"));
        source.execute(TABLES);
        let (losses, wrong) = there_and_back(&place, &source, &target, &small_chunks()).await;
        assert!(losses.is_empty() && wrong.is_empty(), "{major}: {losses:?} {wrong:#?}");
        compare::assert_equal(&source.url(), &target.url(), Scope::All);
    }
}

/// Each small chunk took a unit of the budget until its pack was full, and a few thousand tables left nothing for the next.
#[tokio::test(flavor = "multi_thread")]
async fn more_small_tables_than_the_budget_has_units() {
    let cluster = Cluster::shared(18);
    let (source, target) = (cluster.database("units"), cluster.database("units_target"));
    source.execute(
        "DO $$ BEGIN FOR i IN 1..400 LOOP EXECUTE format('CREATE TABLE t%s AS SELECT %s AS a', i, i); END LOOP; END $$",
    );
    // The least that one lane takes: four megabytes are shared, in units of 64 kilobytes.
    let options = DumpOptions { jobs: 1, memory: Memory::Limit(61 << 20), ..DumpOptions::default() };
    let place = Place::plain().await;
    let both = there_and_back(&place, &source, &target, &options);
    let (losses, wrong) = tokio::time::timeout(Duration::from_secs(100), both).await.expect("it hangs");
    assert!(losses.is_empty() && wrong.is_empty(), "{losses:?} {wrong:#?}");
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}
