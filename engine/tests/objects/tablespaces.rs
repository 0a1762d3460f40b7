//! Tablespaces of everything that can lie in one, the database itself included.

use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Database, Options, Rows};

use crate::place::Place;

const TABLESPACES: [&str; 3] = [
    r#"CREATE TABLESPACE "Fast ""ü" LOCATION ''"#,
    "CREATE TABLESPACE slow LOCATION '' WITH (seq_page_cost = 2)",
    "CREATE TABLESPACE home LOCATION ''",
];

/// Each kind of relation in a tablespace of its own choice, and beside it one that is not.
const RELATIONS: &str = r#"
    CREATE TABLE t (id int CONSTRAINT pk PRIMARY KEY USING INDEX TABLESPACE slow, a int UNIQUE, b int4range,
        CONSTRAINT ex EXCLUDE USING gist (b WITH &&) USING INDEX TABLESPACE "Fast ""ü", big text) TABLESPACE "Fast ""ü";
    INSERT INTO t SELECT i, i, int4range(i * 2, i * 2 + 1), repeat(md5(i::text), 200) FROM generate_series(1, 100) i;
    CREATE INDEX elsewhere ON t (a, id) TABLESPACE slow; CREATE INDEX here ON t (id, a);
    CREATE UNLOGGED TABLE u (a serial) TABLESPACE slow; INSERT INTO u DEFAULT VALUES;
    CREATE MATERIALIZED VIEW m TABLESPACE "Fast ""ü" AS SELECT id FROM t; CREATE INDEX m_i ON m (id) TABLESPACE slow;
    CREATE TABLE p (k int, v int) PARTITION BY LIST (k) TABLESPACE slow;
    CREATE TABLE p_follows PARTITION OF p FOR VALUES IN (1); CREATE TABLE p_stays PARTITION OF p FOR VALUES IN (2) TABLESPACE pg_default;
    CREATE TABLE p_fast PARTITION OF p FOR VALUES IN (3) PARTITION BY LIST (v) TABLESPACE "Fast ""ü";
    CREATE TABLE p_fast_1 PARTITION OF p_fast DEFAULT; INSERT INTO p SELECT 1 + i % 3, i FROM generate_series(1, 60) i;
    CREATE INDEX p_i ON p (v) TABLESPACE "Fast ""ü"; ALTER TABLE p ADD CONSTRAINT p_pk PRIMARY KEY (k, v) USING INDEX TABLESPACE slow;
    CREATE TABLE back (a int) TABLESPACE slow; ALTER TABLE back SET TABLESPACE pg_default; CREATE TABLE plain (a int PRIMARY KEY);
"#;

/// Where each relation lies; nowhere is the database's own.
fn places(database: &Database<'_>) -> Rows {
    database.rows(
        "SELECT relname, relkind, spcname FROM pg_class c LEFT JOIN pg_tablespace t ON t.oid = reltablespace
          WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_lies_in_a_tablespace_lies_there_again() {
    for major in [15, 18] {
        let settings = vec!["allow_in_place_tablespaces = on".to_owned()];
        let cluster = Cluster::start(major, &Options { settings, ..Options::default() });
        TABLESPACES.iter().for_each(|made| cluster.execute(made));
        // In a database that lies in a tablespace itself, the default one is one among others.
        for options in ["", "TABLESPACE home"] {
            let source = cluster.database_with("tablespaces", options);
            source.execute(RELATIONS);
            let place = Place::plain().await;
            let dump = place.dump(&source.url(), &DumpOptions { level: 1, ..DumpOptions::default() }).await.unwrap();
            assert_eq!(dump.losses, []);
            let target = cluster.database_with("tablespaces_again", options);
            let restored = place.restore(&dump.dump, &target.url(), &RestoreOptions::default()).await.unwrap();
            assert_eq!(restored.losses, [], "{major} {options}");
            compare::assert_equal(&source.url(), &target.url(), Scope::All);
            assert_eq!(places(&source), places(&target), "{major} {options}");
            let chosen = places(&target).iter().filter(|row| row[2].is_some()).count();
            assert!(chosen >= 7, "{major} {options}: {chosen}");
        }
    }
}
