//! Catalogs that contradict themselves, and targets that lack what a dump speaks of: each thing by name, all else carried.

use pgfreight_engine::Kind;
use pgfreight_engine::run::report::Loss;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::Cluster;

use super::*;

fn named(losses: &[Loss]) -> Vec<String> {
    losses.iter().map(|loss| format!("{} {}", loss.class, loss.name)).collect()
}

/// The reason of one loss.
fn reason<'a>(losses: &'a [Loss], name: &str) -> &'a str {
    let found = losses.iter().find(|loss| format!("{} {}", loss.class, loss.name) == name);
    found.map_or_else(|| panic!("{name} is not among {losses:#?}"), |loss| &loss.reason)
}

/// Removes rows from the system catalogs by force, in a session of its own.
fn by_force(database: &Database<'_>, statement: &str) {
    sql(&database.url(), &format!("SET allow_system_table_mods = on; {statement}"));
}

/// Damage stays in a private server: a shared one is everybody's.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_is_gone_costs_no_object() {
    let cluster = Cluster::start(18, &Default::default());
    let source = cluster.database("ownerless");
    source.execute(
        "CREATE ROLE leaver; CREATE ROLE stayer; CREATE SCHEMA s; CREATE TABLE s.t (a int PRIMARY KEY);
         INSERT INTO s.t SELECT generate_series(1, 100); ALTER TABLE s.t OWNER TO leaver;
         CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION s.f() OWNER TO leaver;
         CREATE TABLE s.granted (a int); GRANT SELECT ON s.granted TO leaver, stayer; CREATE VIEW s.v AS SELECT a FROM s.t",
    );
    by_force(&source, "DELETE FROM pg_authid WHERE rolname = 'leaver'");
    let depot = Depot::new().await;
    let report = depot.dump(&source.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!((report.losses, report.rows), (Vec::new(), 100));
    let target = cluster.database("ownerless_target");
    let report = depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let names = named(&report.losses);
    assert_eq!(names, ["ACL s.TABLE granted", "OWNER s.f()", "OWNER s.t"]);
    assert!(reason(&report.losses, "OWNER s.t").starts_with("role unknown (OID="), "{:?}", report.losses);
    let acl = reason(&report.losses, "ACL s.TABLE granted");
    assert!(acl.contains("GRANT SELECT ON TABLE s.granted TO") && acl.contains("Create the role"), "{acl}");
    assert_eq!(target.value("SELECT count(*) FROM s.v"), "100");
    assert_eq!(target.value("SELECT has_table_privilege('stayer', 's.granted', 'SELECT')"), "t");
    compare::assert_equal(&source.url(), &target.url(), Scope::Data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_missing_type_takes_with_it_is_named_and_all_else_is_carried() {
    for major in [14, 18] {
        let cluster = Cluster::start(major, &Default::default());
        let source = cluster.database("typeless");
        source.execute(
            "CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('a', 'b', 'c');
             CREATE TABLE s.t (id int PRIMARY KEY, m s.mood DEFAULT 'a', note text DEFAULT 'x');
             INSERT INTO s.t SELECT i, 'b', 'note ' || i FROM generate_series(1, 100) i;
             CREATE INDEX by_mood ON s.t (m); CREATE INDEX by_note ON s.t (note);
             CREATE VIEW s.moods AS SELECT id, m FROM s.t; COMMENT ON VIEW s.moods IS 'gone with it';
             CREATE VIEW s.notes AS SELECT id, note FROM s.t;
             CREATE FUNCTION s.takes(s.mood) RETURNS int LANGUAGE sql AS 'SELECT 1';
             CREATE FUNCTION s.free(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
             CREATE TABLE s.checked (a int CHECK (s.free(a) = 1), b text CHECK (b::s.mood <> 'c'));
             INSERT INTO s.checked VALUES (1, 'a'); CREATE TYPE s.pair AS (a int, b s.mood);
             ANALYZE",
        );
        by_force(&source, "DELETE FROM pg_type WHERE typname = 'mood'");
        let depot = Depot::new().await;
        let report = depot.dump(&source.url()).await.unwrap_or_else(|error| panic!("{major}: {}", told(&error)));
        let losses = named(&report.losses);
        for expected in ["column s.t.m", "column s.moods.m", "index s.by_mood", "type s.pair"] {
            assert!(losses.iter().any(|loss| loss == expected), "{major}: {expected}: {losses:#?}");
        }
        assert!(losses.iter().any(|loss| loss.starts_with("function s.takes")), "{major}: {losses:#?}");
        assert!(losses.iter().any(|loss| loss.contains("constraint")), "{major}: {losses:#?}");
        assert!(!losses.iter().any(|loss| loss.contains("_mood") && !loss.contains("by_mood")), "{major}: {losses:#?}");
        assert!(!losses.iter().any(|loss| loss.contains("notes") || loss.contains("free")), "{major}: {losses:#?}");
        let why = reason(&report.losses, "index s.by_mood");
        assert!(why.contains("cache lookup failed for type") && why.contains("pg_depend"), "{major}: {why}");
        assert_eq!(report.rows, 101);
        assert_eq!(depot.verify().await.unwrap().problems, Vec::<String>::new());
        let target = cluster.database("typeless_target");
        let report = depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{major}: {}", told(&error)));
        let losses = named(&report.losses);
        assert!(losses.contains(&"VIEW s.moods".to_owned()), "{major}: {losses:#?}");
        let rows = "SELECT id, note FROM s.notes ORDER BY id";
        assert_eq!(target.rows(rows), source.rows(rows), "{major}");
        assert_eq!(target.value("SELECT s.free(a) FROM s.checked"), "1");
        assert_eq!(target.value("SELECT count(*) FROM pg_indexes WHERE indexname = 'by_note'"), "1");
    }
}

/// Statistics that the server can no longer speak of, of a column that it can: a loss with the column's name. The others are
/// carried, also of the same table.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_statistics_are_named_by_column() {
    for major in [14, 18] {
        let cluster = Cluster::start(major, &Default::default());
        let source = cluster.database("statless");
        source.execute(
            "CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('a', 'b'); CREATE TABLE s.t (id int, \"C c\" text, d int);
             INSERT INTO s.t SELECT i, 'v' || i % 3, i % 4 FROM generate_series(1, 100) i;
             CREATE TABLE s.left_out (a text); INSERT INTO s.left_out SELECT 'w' || i % 3 FROM generate_series(1, 100) i; ANALYZE",
        );
        // The arrays of values now say that their elements are of a type that is not there.
        assert_eq!(source.value("SELECT count(*) FROM pg_stats WHERE schemaname = 's'"), "4");
        by_force(
            &source,
            "UPDATE pg_statistic SET stavalues1 = array_in('{a,b}', 's.mood'::regtype, -1)
              WHERE stakind1 = 1 AND (starelid, staattnum) IN (('s.t'::regclass, 2), ('s.left_out'::regclass, 1));
             DELETE FROM pg_type WHERE typname IN ('mood', '_mood')",
        );
        let depot = Depot::new().await;
        let report = depot.dump(&source.url()).await.unwrap_or_else(|error| panic!("{major}: {}", told(&error)));
        let names = named(&report.losses);
        let expected = ["planner statistics s.left_out.a", "planner statistics s.t.\"C c\""];
        let found: Vec<&String> = names.iter().filter(|name| name.starts_with("planner")).collect();
        assert_eq!(found, expected, "{major}: {:#?}", report.losses);
        let why = reason(&report.losses, expected[0]);
        assert!(why.contains("cache lookup failed for type") && why.contains("--no-statistics"), "{major}: {why}");
        let target = Cluster::shared(18).database("statless_target");
        depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{major}: {}", told(&error)));
        let known = "SELECT attname, n_distinct FROM pg_stats WHERE schemaname = 's' AND tablename = 't' ORDER BY 1";
        let expected = [["d", "4"], ["id", "-1"]].map(|row| row.map(|text| Some(text.to_owned())));
        assert_eq!(target.rows(known), expected, "{major}");
        // Nobody misses what was not asked for.
        let filters = pgfreight_engine::plan::select::Filters { no_statistics: true, ..Default::default() };
        let without = DumpOptions { filters, ..small_chunks(1) };
        let report = depot.dump_as(&source.url(), &without, &Surroundings::quiet()).await.unwrap();
        assert!(!named(&report.losses).iter().any(|name| name.starts_with("planner")), "{major}: {:#?}", report.losses);
    }
}

/// The same for a function that a trigger, a default and an index call.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_missing_function_takes_with_it_is_named() {
    let cluster = Cluster::start(18, &Default::default());
    let source = cluster.database("functionless");
    source.execute(
        "CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
         CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TABLE t (a int DEFAULT f(1), b int); INSERT INTO t VALUES (1, 2); CREATE INDEX i ON t (f(a));
         CREATE INDEX j ON t (b); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fires()",
    );
    by_force(&source, "DELETE FROM pg_proc WHERE proname IN ('f', 'fires')");
    let depot = Depot::new().await;
    let report = depot.dump(&source.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let losses = named(&report.losses);
    for expected in ["index public.i", "default value for public.t.a", "trigger tr on public.t"] {
        assert!(losses.iter().any(|loss| loss == expected), "{expected}: {losses:#?}");
    }
    let target = cluster.database("functionless_target");
    depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(target.value("SELECT a + b FROM t"), "3");
    assert_eq!(target.value("SELECT count(*) FROM pg_indexes WHERE indexname = 'j'"), "1");
}

/// Bodies are looked at when they are made only where the server must parse them: BEGIN ATOMIC, and what calls the function.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_compile_on_the_target_is_named_with_its_statement_and_a_hint() {
    let (new, old) = (Cluster::shared(18), Cluster::shared(15));
    let (source, target) = (new.database("faults_bodies"), old.database("faults_bodies_target"));
    source.execute(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2);
         CREATE FUNCTION newer() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT casefold('A'); END;
         CREATE FUNCTION syntax() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT JSON_SERIALIZE('{}' RETURNING text); END;
         CREATE FUNCTION late() RETURNS text LANGUAGE sql AS 'SELECT casefold(''A'')';
         CREATE FUNCTION plain() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN random(1, 2); END';
         CREATE VIEW over AS SELECT newer() AS n; CREATE VIEW fine AS SELECT a FROM t",
    );
    let depot = Depot::new().await;
    let report = depot.dump(&source.url()).await.unwrap();
    assert_eq!(report.losses, []);
    let report = depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(named(&report.losses), ["FUNCTION public.newer()", "FUNCTION public.syntax()", "VIEW public.over"]);
    let why = reason(&report.losses, "FUNCTION public.newer()");
    for expected in ["casefold", "SQLSTATE 42883", "CREATE FUNCTION public.newer()", "does not compile on the target"] {
        assert!(why.contains(expected), "{expected}: {why}");
    }
    assert!(reason(&report.losses, "VIEW public.over").contains("CREATE VIEW public.over"), "{:?}", report.losses);
    assert_eq!(target.value("SELECT count(*) FROM fine"), "2");
    assert_eq!(target.value("SELECT count(*) FROM pg_proc WHERE proname IN ('late', 'plain')"), "2");
    // With --exit-on-error the first of them is the end.
    let target = old.database("faults_bodies_target");
    let strict = RestoreOptions { exit_on_error: true, ..two_lanes() };
    let error = depot.restore_as(&target.url(), &strict, &Surroundings::quiet()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Target);
    let named = "FUNCTION public.newer() (CREATE FUNCTION public.newer()";
    assert!(told(&error).contains(named), "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("does not compile")), "{}", told(&error));
}

/// `adminpack` went with 17: an extension that the target's server does not have, with all that needs it.
#[tokio::test(flavor = "multi_thread")]
async fn an_extension_and_a_role_that_the_target_lacks_are_named() {
    let (old, new) = (Cluster::shared(16), Cluster::shared(18));
    let role = old.role("faults_absent", "");
    let (source, target) = (old.database("faults_absent"), new.database("faults_absent_target"));
    source.execute(&format!(
        "CREATE EXTENSION adminpack; CREATE TABLE t (a int); INSERT INTO t VALUES (1); GRANT SELECT ON t TO {role};
         CREATE POLICY p ON t TO {role}; CREATE VIEW needs AS SELECT pg_catalog.pg_file_unlink('x') AS gone;
         ALTER TABLE t OWNER TO {role}",
        role = role.name()
    ));
    let depot = Depot::new().await;
    assert_eq!(depot.dump(&source.url()).await.unwrap().losses, []);
    let report = depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let names = named(&report.losses);
    for expected in ["EXTENSION adminpack", "VIEW public.needs", "POLICY public.t p", "OWNER public.t"] {
        assert!(names.iter().any(|name| name == expected), "{expected}: {names:?}");
    }
    let why = reason(&report.losses, "EXTENSION adminpack");
    assert!(why.contains("CREATE EXTENSION") && why.contains("Install the extension"), "{why}");
    let why = reason(&report.losses, "POLICY public.t p");
    assert!(why.contains(role.name()) && why.contains("CREATE POLICY p ON public.t"), "{why}");
    assert_eq!(target.value("SELECT count(*) FROM t"), "1");
    let strict = RestoreOptions { exit_on_error: true, ..two_lanes() };
    let target = new.database("faults_absent_target");
    let error = depot.restore_as(&target.url(), &strict, &Surroundings::quiet()).await.unwrap_err();
    assert!(error.what().contains("EXTENSION adminpack"), "{}", told(&error));
    assert!(error.advice().is_some_and(|hint| hint.contains("Install the extension")), "{}", told(&error));
}

/// A table that was made and put into an extension in one transaction looks like one that the extension's script made, and is
/// nobody's to make again: the restore says so. What the extension's own script makes is no news.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_made_as_a_member_of_an_extension_is_named() {
    let cluster = Cluster::shared(18);
    let (source, target) = (cluster.database("faults_added"), cluster.database("faults_added_target"));
    source.execute(
        "CREATE SCHEMA s; CREATE EXTENSION hstore; CREATE TABLE s.\"Added here\" (a int); INSERT INTO s.\"Added here\" VALUES (1);
         ALTER EXTENSION hstore ADD TABLE s.\"Added here\"; CREATE TABLE s.to_plpgsql (a int);
         ALTER EXTENSION plpgsql ADD TABLE s.to_plpgsql; CREATE TABLE s.own (h hstore); INSERT INTO s.own VALUES ('a=>1')",
    );
    let depot = Depot::new().await;
    let story = Story::plain();
    depot.dump_as(&source.url(), &small_chunks(2), &story.around()).await.unwrap();
    let left =
        "rows of s.\"Added here\" are not in the dump: it belongs to extension hstore, which does not register them";
    assert_eq!(story.warnings(), [left]);
    let report = depot.restore(&target.url()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(named(&report.losses), ["TABLE s.\"Added here\"", "TABLE s.to_plpgsql"]);
    assert!(report.losses[0].reason.contains("extension hstore does not make it here"), "{:?}", report.losses);
    assert_eq!(target.value("SELECT h -> 'a' FROM s.own"), "1");
    // Restored without its extension, nothing of the extension's is missing.
    let target = cluster.database("faults_added_target");
    let mut options = two_lanes();
    options.filters.tables = vec!["s.own".into()];
    target.execute("CREATE SCHEMA s; CREATE EXTENSION hstore");
    let report = depot.restore_as(&target.url(), &options, &Surroundings::quiet()).await;
    assert_eq!(report.unwrap_or_else(|error| panic!("{}", told(&error))).losses, []);
}
