//! Out and back: dump, verify at every depth, restore, and compare with the source without a line of the engine.

mod encodings;
mod filters;
mod statistics;
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
    if (total.missing(), total.left_out) != (0, 0) {
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
    let news = schemas::news_up_to(major);
    let classes = [schemas::classes(), schemas::rare_classes(), schemas::hard_classes(), news].concat();
    for (name, sql) in classes.into_iter().chain([shop]) {
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
    // Dumps carry no roles; the shop brings its own.
    schemas::shop(&Cluster::shared(to).database("round_trip_roles"), 0.0);
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
    assert!(all.is_empty(), "{}\nlost by name: {lost:#?}", all.join("\n"));
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

/// What an older major cannot have is lost by name; everything else arrives, the last entry too.
#[tokio::test(flavor = "multi_thread")]
async fn news_of_18_on_15_are_lost_by_name() {
    let news: Vec<_> = schemas::news_up_to(18).into_iter().filter(|(name, _)| name == "since 18").collect();
    let place = Place::encrypted().await;
    let (source, target) = (Cluster::shared(18).database("news_from"), Cluster::shared(15).database("news_to"));
    schemas::class_roles(&source);
    schemas::class_roles(&target);
    source.execute(&news[0].1);
    source.execute("CREATE FUNCTION quiet() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'");
    source.execute("CREATE EVENT TRIGGER zz_the_last ON sql_drop EXECUTE FUNCTION quiet()");
    let (losses, wrong) = there_and_back(&place, &source, &target, &small_chunks()).await;
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(target.value("SELECT evtname FROM pg_event_trigger"), "zz_the_last");
    let named = |what: &str| losses.iter().any(|loss| loss.name.contains(what) || loss.reason.contains(what));
    let lost = [
        "stays_key",
        "cleanings_room_during_fkey",
        "generated on write",
        "not null, named",
        "wishes_b_not_null",
        "hoped",
        "not_yet",
        "loose_x_fkey",
        "of_generated",
        "LARGE OBJECTS",
        "own_name",
    ];
    let unnamed: Vec<_> = lost.into_iter().filter(|what| !named(what)).collect();
    assert!(unnamed.is_empty(), "not named: {unnamed:?} in {losses:#?}");
}

/// What `pg_dump` does not carry, and its text therefore does not show.
const BEYOND_PG_DUMP: &str = "
    CREATE EXTENSION hstore;
    COMMENT ON FUNCTION akeys(hstore) IS 'said after the extension''s script';
    CREATE TABLE twice (a int); INSERT INTO twice VALUES (1), (1);
    CREATE FUNCTION same(text, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2::text';
    CREATE FUNCTION order_of(text, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 0';
    CREATE OPERATOR === (FUNCTION = same, LEFTARG = text, RIGHTARG = int);
    ALTER OPERATOR FAMILY integer_ops USING btree ADD OPERATOR 3 === (text, int), FUNCTION 1 (text, int) order_of(text, int);
    CREATE OPERATOR !=== (FUNCTION = same, LEFTARG = text, RIGHTARG = int, NEGATOR = <<==>>);
    DROP OPERATOR !=== (text, int);
    CREATE TABLE joined (a int PRIMARY KEY); INSERT INTO joined VALUES (1), (2);
    ALTER EXTENSION hstore ADD TABLE joined;
    GRANT SELECT ON joined TO pg_monitor; GRANT INSERT (a) ON joined TO pg_monitor;
    CREATE EXTENSION dict_int;
    ALTER TEXT SEARCH DICTIONARY intdict (maxlen = 3, absval = 'true');
    CREATE TEXT SEARCH CONFIGURATION numbers (COPY = simple);
    ALTER TEXT SEARCH CONFIGURATION numbers ALTER MAPPING FOR int, uint WITH intdict;
    CREATE EXTENSION unaccent";

const BEYOND_PG_DUMP_STATE: &str = "
    SELECT obj_description('akeys(hstore)'::regprocedure, 'pg_proc')
    UNION ALL SELECT format('%s %s %s %s', indexrelid::regclass, indisvalid, indisready, indislive) FROM pg_index
               WHERE NOT indisvalid
    UNION ALL SELECT format('%s %s', amopopr::regoperator, amopstrategy) FROM pg_amop WHERE amopopr >= 16384
                 AND amopfamily < 16384 AND amopopr::regoperator::text LIKE '===%'
    UNION ALL SELECT format('%s %s', amproc, amprocnum) FROM pg_amproc WHERE amproc::oid >= 16384 AND amprocfamily < 16384
                 AND amproc::text LIKE 'order_of%'
    UNION ALL SELECT format('%s %s %s', oprname, oprleft::regtype, oprright::regtype) FROM pg_operator
               WHERE oprcode = 0 AND oprnamespace = 'public'::regnamespace
    UNION ALL SELECT format('%s %s', objid::regclass, extname) FROM pg_depend JOIN pg_extension e ON e.oid = refobjid
               WHERE classid = 'pg_class'::regclass AND deptype = 'e' AND objid::regclass::text = 'joined' AND extname = 'hstore'
    UNION ALL SELECT format('%s %s %s', relacl, attacl, (SELECT sum(a) FROM joined)) FROM pg_class c
                JOIN pg_attribute t ON attrelid = c.oid AND attname = 'a' WHERE relname = 'joined'
    UNION ALL SELECT format('%s %s', dictname, dictinitoption) FROM pg_ts_dict WHERE oid >= 16384
    UNION ALL SELECT to_tsvector('numbers', '-12345')::text
    ORDER BY 1";

#[tokio::test(flavor = "multi_thread")]
async fn what_pg_dump_leaves_behind_comes_along() {
    let place = Place::encrypted().await;
    for major in [14, 18] {
        let cluster = Cluster::shared(major);
        let (source, target) = (cluster.database("beyond_source"), cluster.database("beyond_target"));
        for statement in BEYOND_PG_DUMP.split(";\n") {
            source.execute(statement);
        }
        let failing = source.client().await;
        failing.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY never ON twice (a)").await.unwrap_err();
        assert_eq!(source.rows(BEYOND_PG_DUMP_STATE).len(), 10, "{:?}", source.rows(BEYOND_PG_DUMP_STATE));
        let (losses, wrong) = there_and_back(&place, &source, &target, &small_chunks()).await;
        assert_eq!((losses.len(), wrong), (0, Vec::new()), "{major}: {losses:?}");
        assert_eq!(source.rows(BEYOND_PG_DUMP_STATE), target.rows(BEYOND_PG_DUMP_STATE), "{major}");
        compare::assert_equal(&source.url(), &target.url(), Scope::All);
    }
}
