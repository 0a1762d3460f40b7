//! Collations and databases of the provider ICU, on servers that have it and on servers that do not.

use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_engine::run::report::RestoreReport;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::parts::ICU_MAJORS;
use pgfreight_fixtures::postgres::{Cluster, Database, Options, Rows};

use crate::place::Place;

/// Collations of every option that 14 knows, and everything that can name one.
const COLLATIONS: &str = r#"
    CREATE SCHEMA s;
    CREATE COLLATION s.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE COLLATION s."li""ne
        two" (provider = icu, locale = 'de-u-co-phonebk');
    CREATE COLLATION s.counting (provider = icu, locale = 'en-u-kn-true', deterministic = true);
    CREATE COLLATION s.posix (provider = icu, locale = 'en-US-u-va-posix');
    CREATE COLLATION s.copy FROM s.ci; CREATE COLLATION s.known FROM "de-x-icu"; CREATE COLLATION s.root FROM "und-x-icu";
    CREATE COLLATION s.twin (provider = libc, locale = 'C');
    COMMENT ON COLLATION s.ci IS 'it''s insensitive';
    CREATE DOMAIN s.name AS text COLLATE s.ci CHECK (VALUE <> 'NOBODY');
    CREATE TYPE s.pair AS (a text COLLATE s.counting, b text);
    CREATE TYPE s.span AS RANGE (subtype = text, collation = s.counting);
    CREATE TABLE s.t (id int PRIMARY KEY, name text COLLATE s.ci UNIQUE, street text COLLATE s."li""ne
        two", system text COLLATE "de-x-icu", n s.name, p s.pair, sp s.span,
        upper text COLLATE s.copy GENERATED ALWAYS AS (upper(name COLLATE s.known)) STORED,
        CHECK (street < 'zz' COLLATE s.root), EXCLUDE (street COLLATE s.counting WITH =));
    CREATE INDEX by_street ON s.t (street COLLATE s.counting DESC, lower(system COLLATE "und-x-icu"));
    CREATE UNIQUE INDEX part ON s.t (n) WHERE name = 'x1' COLLATE s.ci;
    CREATE STATISTICS s.st ON lower(street COLLATE s.known), name FROM s.t;
    CREATE TABLE s.parts (k text COLLATE s.counting, v int) PARTITION BY RANGE (k COLLATE s.counting);
    CREATE TABLE s.parts_a PARTITION OF s.parts FOR VALUES FROM (MINVALUE) TO ('a10');
    CREATE TABLE s.parts_b PARTITION OF s.parts FOR VALUES FROM ('a10') TO (MAXVALUE);
    CREATE TABLE s.hashed (k text COLLATE s.copy) PARTITION BY LIST (k);
    CREATE TABLE s.hashed_a PARTITION OF s.hashed FOR VALUES IN ('a', 'B');
    CREATE TABLE s.hashed_d PARTITION OF s.hashed DEFAULT;
    CREATE VIEW s.v AS SELECT name COLLATE s."li""ne
        two" AS n, max(street COLLATE s.counting) FROM s.t GROUP BY 1 ORDER BY 1;
    CREATE MATERIALIZED VIEW s.m AS SELECT DISTINCT name FROM s.t; CREATE UNIQUE INDEX ON s.m (name COLLATE s.ci);
    CREATE FUNCTION s.f(a text DEFAULT 'x' COLLATE s.ci) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT a = 'X' COLLATE s.ci $$;
    CREATE FUNCTION s.g(a text) RETURNS bool LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT a = 'X' COLLATE s.ci; END;
    INSERT INTO s.t (id, name, street, system, n, p, sp)
        SELECT i, 'x' || i, 'Straße ' || i, 'Ä' || i, 'n' || i, ROW ('p' || i, 'q')::s.pair, s.span('a2', 'a1' || i) FROM generate_series(1, 300) i;
    INSERT INTO s.parts SELECT 'a' || i, i FROM generate_series(1, 50) i; INSERT INTO s.hashed VALUES ('A'), ('b'), ('c');
    REFRESH MATERIALIZED VIEW s.m; ANALYZE;
"#;

/// What came with 16, with a quote, an escape and a line break in it.
const RULES: &str = r#"
    CREATE COLLATION s.ruled (provider = icu, locale = 'und', rules = E'&a < g \n & V << w <<< W & b < ''\\u0027''');
    CREATE TABLE s.by_rules (k text COLLATE s.ruled PRIMARY KEY); INSERT INTO s.by_rules VALUES ('a'), ('g'), ('b');
"#;

/// What a collation is, whatever a major calls its columns.
fn collations(database: &Database<'_>) -> Rows {
    database.rows(
        "SELECT collname, collprovider, collisdeterministic, coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', collcollate),
                to_jsonb(c) ->> 'collicurules', obj_description(c.oid, 'pg_collation')
           FROM pg_collation c WHERE collnamespace = 's'::regnamespace ORDER BY 1",
    )
}

/// Where columns, attributes, domains, ranges, index columns and partition keys have a collation of ours.
fn uses(database: &Database<'_>) -> Rows {
    database.rows(
        "SELECT 'column', attrelid::regclass || '.' || attname, attcollation::regcollation FROM pg_attribute
          WHERE attrelid >= 16384 AND attcollation NOT IN (0, 100, 950) AND attrelid::regclass::text NOT LIKE 'pg_toast%'
         UNION ALL SELECT 'type', typname, typcollation::regcollation FROM pg_type WHERE oid >= 16384 AND typcollation > 950
         UNION ALL SELECT 'range', rngtypid::regtype::text, rngcollation::regcollation FROM pg_range WHERE rngcollation > 950
         UNION ALL SELECT 'index', indexrelid::regclass::text, c.one::regcollation
                     FROM pg_index, unnest(indcollation) c(one) WHERE c.one > 950 AND indexrelid >= 16384
         UNION ALL SELECT 'partition key', partrelid::regclass::text, c.one::regcollation
                     FROM pg_partitioned_table, unnest(partcollation) c(one) WHERE c.one > 950
         ORDER BY 1, 2, 3",
    )
}

/// How rows compare and sort, which is the point of it all.
fn behaviour(database: &Database<'_>) -> Rows {
    database.rows(
        r#"SELECT (SELECT count(*) FROM s.t WHERE name = 'X7')::text, (SELECT string_agg(k, ' ' ORDER BY k) FROM s.parts WHERE v < 12),
                  (SELECT count(*) FROM s.hashed_a)::text, s.f()::text, s.g('x')::text, ('Nobody' <> 'NOBODY' COLLATE s.ci)::text"#,
    )
}

async fn carried(source: &Database<'_>, target: &str, options: &RestoreOptions) -> RestoreReport {
    let place = Place::plain().await;
    let dump = place.dump(&source.url(), &DumpOptions { level: 1, ..DumpOptions::default() }).await.unwrap();
    assert_eq!(dump.losses, []);
    place.restore(&dump.dump, target, options).await.unwrap()
}

fn jobs(jobs: usize) -> RestoreOptions {
    RestoreOptions { jobs, ..RestoreOptions::default() }
}

fn sentences(report: &RestoreReport) -> Vec<String> {
    report.losses.iter().map(|loss| format!("{} {}: {}", loss.class, loss.name, loss.reason)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn collations_and_all_that_use_them_come_back() {
    for major in ICU_MAJORS {
        let (source, target) = (Cluster::icu(major).database("icu_src"), Cluster::icu(major).database("icu_dst"));
        source.execute(COLLATIONS);
        if major >= 16 {
            source.execute(RULES);
        }
        let report = carried(&source, &target.url(), &jobs(2)).await;
        assert_eq!(sentences(&report), Vec::<String>::new(), "{major}");
        compare::assert_equal(&source.url(), &target.url(), Scope::All);
        let (made, found) = (collations(&source), collations(&target));
        assert_eq!(made.len(), if major >= 16 { 9 } else { 8 });
        assert_eq!((made, uses(&source), behaviour(&source)), (found, uses(&target), behaviour(&target)), "{major}");
        assert_eq!(behaviour(&target)[0][0].as_deref(), Some("1"), "{major}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn collations_go_from_major_to_major() {
    for (from, to) in [(14, 15), (14, 18), (15, 18), (15, 14), (16, 17), (17, 16)] {
        let (source, target) = (Cluster::icu(from).database("icu_src"), Cluster::icu(to).database("icu_dst"));
        source.execute(COLLATIONS);
        let report = carried(&source, &target.url(), &jobs(2)).await;
        assert_eq!(sentences(&report), Vec::<String>::new(), "{from} to {to}");
        compare::assert_equal(&source.url(), &target.url(), Scope::Data);
        // Newer servers write locales in their canonical form.
        let known = |rows: Rows| rows.into_iter().map(|row| row[..3].to_vec()).collect::<Vec<_>>();
        assert_eq!(known(collations(&source)), known(collations(&target)), "{from} to {to}");
        assert_eq!((uses(&source), behaviour(&source)), (uses(&target), behaviour(&target)), "{from} to {to}");
    }
    // Rules came with 16 and mean the same ever since.
    for (from, to) in [(16, 18), (18, 17), (17, 16)] {
        let (source, target) = (Cluster::icu(from).database("icu_src"), Cluster::icu(to).database("icu_dst"));
        source.execute("CREATE SCHEMA s");
        source.execute(RULES);
        let report = carried(&source, &target.url(), &jobs(2)).await;
        assert_eq!(sentences(&report), Vec::<String>::new(), "{from} to {to}");
        compare::assert_equal(&source.url(), &target.url(), Scope::Data);
        assert_eq!(collations(&source), collations(&target), "{from} to {to}");
        let order = "SELECT string_agg(k, ' ' ORDER BY k) FROM s.by_rules";
        assert_eq!(source.value(order), target.value(order), "{from} to {to}");
        assert_eq!(target.value(order), "a g b", "{from} to {to}");
    }
    // What an older server has no word for is named; the collation and its table are there without it.
    let (source, target) = (Cluster::icu(18).database("icu_src"), Cluster::icu(15).database("icu_dst"));
    source.execute(COLLATIONS);
    source.execute(RULES);
    let report = carried(&source, &target.url(), &jobs(2)).await;
    assert_eq!(sentences(&report), ["COLLATION s.ruled: rules of collation ruled"]);
    compare::assert_equal(&source.url(), &target.url(), Scope::Data);
    assert_eq!(target.value("SELECT count(*) FROM s.by_rules"), "3");
}

/// The database's own locale, which `--create` keeps.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_icu_keeps_provider_locale_and_rules() {
    let ruled = "LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' LOCALE 'C' ICU_RULES '&a < g'";
    let cases = [
        (15, "LOCALE_PROVIDER icu ICU_LOCALE 'und-u-kn-true' LC_COLLATE 'C' LC_CTYPE 'POSIX'", "daticulocale"),
        (16, ruled, "daticulocale"),
        (17, ruled, "datlocale"),
        (18, ruled, "datlocale"),
        (17, "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'", "datlocale"),
        (18, "LOCALE_PROVIDER icu ICU_LOCALE 'und-u-ks-level2' LOCALE 'C'", "datlocale"),
        (18, "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'", "datlocale"),
        (18, "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST' LOCALE 'C'", "datlocale"),
    ];
    let create = RestoreOptions { create: true, ..jobs(1) };
    for (major, locale, column) in cases {
        let source = Cluster::icu(major).database_with("icu_db", locale);
        source.execute(
            "CREATE TABLE t (a text PRIMARY KEY); INSERT INTO t VALUES ('a10'), ('a9'), ('ä'), ('ad'), ('g'), ('b')",
        );
        let right = Cluster::start(major, &Options { icu: true, ..Options::default() });
        let report = carried(&source, &right.url("postgres"), &create).await;
        assert_eq!(sentences(&report), Vec::<String>::new(), "{locale}");
        let rules = if major >= 16 { "daticurules" } else { "NULL" };
        let facts = format!(
            "SELECT datlocprovider, {column}, {rules}, datcollate, datctype, pg_encoding_to_char(encoding),
                    (SELECT string_agg(a, ' ' ORDER BY a) FROM t) FROM pg_database WHERE datname = current_database()"
        );
        assert_eq!(source.rows(&facts), right.rows(source.name(), &facts), "{locale}");
        compare::assert_equal(&source.url(), &right.url(source.name()), Scope::All);
    }
}

/// A server without ICU cannot have the collations and what names them: each is told with what to do, all else is carried.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_without_icu_names_what_it_cannot_have() {
    let (source, target) = (Cluster::icu(15).database("icu_src"), Cluster::shared(15).database("icu_none"));
    source.execute(COLLATIONS);
    source
        .execute("CREATE TABLE s.plain (id int, a text COLLATE s.twin); INSERT INTO s.plain VALUES (1, 'x'), (2, 'y')");
    let report = carried(&source, &target.url(), &jobs(2)).await;
    let (lost, made) = (sentences(&report), collations(&source));
    let is_told = |start: &str, hint: &str| lost.iter().any(|loss| loss.starts_with(start) && loss.contains(hint));
    for name in made.iter().filter_map(|row| row[0].as_deref()).filter(|name| *name != "twin") {
        assert!(
            is_told(&format!("COLLATION s.{name}: ICU is not supported"), "is built without ICU"),
            "{name}: {lost:#?}"
        );
    }
    for name in [
        "DOMAIN s.name",
        "TYPE s.pair",
        "TYPE s.span",
        "TABLE s.t",
        "TABLE s.parts_a",
        "VIEW s.v",
        "MATERIALIZED VIEW s.m",
    ] {
        assert!(is_told(&format!("{name}: "), "look for it among what was lost"), "{name}: {lost:#?}");
    }
    for name in ["t", "parts_a", "parts_b", "hashed_a", "hashed_d"] {
        assert!(is_told(&format!("TABLE DATA s.{name}: "), "does not exist"), "{name}: {lost:#?}");
    }
    assert!(!lost.iter().any(|loss| loss.contains("twin") || loss.contains("plain")), "{lost:#?}");
    assert_eq!(
        target.value("SELECT string_agg(collname, ' ') FROM pg_collation WHERE collnamespace = 's'::regnamespace"),
        "twin"
    );
    assert_eq!(source.rows("TABLE s.plain"), target.rows("TABLE s.plain"));

    // 14 knows no databases of ICU.
    let source = Cluster::icu(15).database_with("icu_db", "LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C'");
    let older = Cluster::start(14, &Options { icu: true, ..Options::default() });
    let report = carried(&source, &older.url("postgres"), &RestoreOptions { create: true, ..jobs(1) }).await;
    let expected = "locale de of provider icu for the database; libc sorts instead";
    assert_eq!(sentences(&report), [format!("DATABASE {}: {expected}", source.name())]);

    // The database itself sorts by libc there, which is said; its objects come.
    for (major, locale) in [(15, "de-u-co-phonebk"), (18, "und-u-ks-level2")] {
        let options = format!("LOCALE_PROVIDER icu ICU_LOCALE '{locale}' LOCALE 'C'");
        let source = Cluster::icu(major).database_with("icu_db", &options);
        source.execute("CREATE TABLE t (a text PRIMARY KEY); INSERT INTO t VALUES ('a10'), ('a9')");
        let bare = Cluster::start(major, &Options::default());
        let report = carried(&source, &bare.url("postgres"), &RestoreOptions { create: true, ..jobs(1) }).await;
        let expected = format!(
            "DATABASE {}: locale {locale} of provider icu: the server is built without ICU, and libc sorts instead. \
             Restore into a server with ICU to keep the order of texts.",
            source.name()
        );
        assert_eq!(sentences(&report), [expected]);
        compare::assert_equal(&source.url(), &bare.url(source.name()), Scope::Data);
    }
}
