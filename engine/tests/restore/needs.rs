//! A restore of one table into a database that lacks what the table needs.

use std::sync::{Arc, Mutex};

use pgfreight_engine::Kind;
use pgfreight_engine::event::{Event, News, Observer};
use tokio_util::sync::CancellationToken;

use super::*;

/// A table whose columns, defaults, checks, indexes and triggers need most of what a table can need, and things it does not.
const NEEDY: &str = r#"
    CREATE SCHEMA app; CREATE SCHEMA lib;
    CREATE TYPE lib.state AS ENUM ('new', 'paid');
    COMMENT ON TYPE lib.state IS 'states';
    REVOKE USAGE ON TYPE lib.state FROM PUBLIC;
    CREATE FUNCTION lib.is_even(n int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT n % 2 = 0';
    CREATE DOMAIN lib.even AS int CONSTRAINT even CHECK (lib.is_even(VALUE));
    CREATE TYPE lib.place AS (street text, number lib.even);
    CREATE COLLATION lib.plain FROM "C";
    CREATE SEQUENCE lib.shared_numbers;
    COMMENT ON SEQUENCE lib.shared_numbers IS 'for two tables';
    CREATE FUNCTION lib.code() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'c' || nextval('lib.shared_numbers'); END$$;
    CREATE FUNCTION lib.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.seen := true; RETURN NEW; END';
    CREATE FUNCTION lib.less(a lib.place, b lib.place) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT (a).number < (b).number';
    CREATE OPERATOR lib.<<< (LEFTARG = lib.place, RIGHTARG = lib.place, FUNCTION = lib.less);
    CREATE TABLE app.customers (id int PRIMARY KEY);
    INSERT INTO app.customers VALUES (1), (2);
    CREATE TABLE app.orders (id bigint PRIMARY KEY DEFAULT nextval('lib.shared_numbers'), state lib.state DEFAULT 'new',
        code text COLLATE lib.plain DEFAULT lib.code(), at lib.place, seen boolean, many lib.state[],
        customer int CONSTRAINT known REFERENCES app.customers, CONSTRAINT near CHECK (NOT at OPERATOR(lib.<<<) ROW('a', 0)::lib.place));
    CREATE INDEX even_codes ON app.orders (lib.is_even(customer));
    CREATE TRIGGER stamp BEFORE INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION lib.stamp();
    INSERT INTO app.orders (at, customer) SELECT ROW('s', 2 * i)::lib.place, 1 + i % 2 FROM generate_series(1, 100) i;
    CREATE TABLE app.unrelated (state lib.state, more int);
    CREATE TYPE lib.unrelated AS ENUM ('x');
    CREATE FUNCTION lib.unrelated() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE PUBLICATION news FOR TABLE app.orders;
"#;

/// Keeps warnings, and stops the run where it is told to.
#[derive(Default)]
struct Story {
    warnings: Mutex<Vec<String>>,
    stop_at: Option<&'static str>,
    stop: CancellationToken,
}

impl Observer for Story {
    fn event(&self, event: &Event) {
        match event {
            Event::Warning { message } => self.warnings.lock().unwrap().push(message.clone()),
            Event::Phase { name } if Some(*name) == self.stop_at => self.stop.cancel(),
            _ => {}
        }
    }
}

fn orders() -> RestoreOptions {
    let mut options = jobs(1);
    options.filters.tables = vec!["app.orders".into()];
    options
}

/// The restore of the table, and its warnings.
async fn restored(
    place: &Place,
    dump: &OpenedDump,
    target: &Database<'_>,
    options: &RestoreOptions,
    stop_at: Option<&'static str>,
) -> (pgfreight_engine::Result<RestoreReport>, Vec<String>) {
    let story = Arc::new(Story { stop_at, ..Story::default() });
    let around = Surroundings { news: News::new(Arc::<Story>::clone(&story)), stop: story.stop.clone() };
    let report = restore(&place.repository, dump, &connect(&target.url()), options, &around).await;
    let warnings = story.warnings.lock().unwrap().clone();
    (report, warnings)
}

/// What the table needs is there and behaves; what it does not need is not there.
fn assert_usable(target: &Database<'_>, source: &Database<'_>) {
    let rows = "SELECT md5(string_agg(o::text, ',' ORDER BY id)) FROM app.orders o";
    assert_eq!(target.value(rows), source.value(rows));
    assert_eq!(target.value("SELECT obj_description('lib.state'::regtype)"), "states");
    assert_eq!(target.value("SELECT typacl IS NOT NULL FROM pg_type WHERE oid = 'lib.state'::regtype"), "t");
    assert_eq!(
        target.value("SELECT last_value FROM lib.shared_numbers"),
        source.value("SELECT last_value FROM lib.shared_numbers")
    );
    target.execute("INSERT INTO app.orders (at) VALUES (ROW('s', 2)::lib.place)");
    assert_eq!(target.value("SELECT count(*) FROM app.orders WHERE seen AND code LIKE 'c%'"), "101");
    let strangers = "SELECT count(*) FROM pg_class WHERE relname IN ('unrelated', 'customers')";
    assert_eq!(target.value(strangers), "0");
    assert_eq!(target.value("SELECT count(*) FROM pg_proc WHERE proname = 'unrelated'"), "0");
    assert_eq!(target.value("SELECT count(*) FROM pg_type WHERE typname = 'unrelated'"), "0");
}

async fn dumped<'a>(major: u32) -> (Place, OpenedDump, Database<'a>) {
    let source = Cluster::shared(major).database("needy");
    source.execute(NEEDY);
    let place = Place::new().await;
    let dump = place.dump(&source.url()).await;
    (place, dump, source)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_brings_what_it_needs_into_an_empty_database() {
    for major in [14, 18] {
        let (place, dump, source) = dumped(major).await;
        let target = Cluster::shared(18).database("target");
        let (report, warnings) = restored(&place, &dump, &target, &orders(), None).await;
        let lost: Vec<String> =
            report.unwrap().losses.iter().map(|loss| format!("{} {}", loss.class, loss.name)).collect();
        assert_eq!(lost, ["FK CONSTRAINT app.orders known"]);
        let said = |what: &str| warnings.iter().any(|warning| warning.contains(what));
        assert!(said("fk constraint app.orders known needs table app.customers"), "{warnings:?}");
        assert!(said("needs publication news"), "{warnings:?}");
        assert_usable(&target, &source);
        assert_clean(&target);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_target_has_is_left_as_it_is() {
    let (place, dump, source) = dumped(18).await;
    source
        .execute("DROP TABLE app.orders; ALTER TYPE lib.state ADD VALUE 'later'; COMMENT ON TYPE lib.state IS 'mine'");
    source.execute("SELECT setval('lib.shared_numbers', 7777)");
    let (report, warnings) = restored(&place, &dump, &source, &orders(), None).await;
    assert_eq!((report.unwrap().losses, warnings), (vec![], vec![]));
    assert_eq!(source.value("SELECT count(*) FROM app.orders"), "100");
    assert_eq!(source.value("SELECT obj_description('lib.state'::regtype)"), "mine");
    assert_eq!(source.value("SELECT last_value FROM lib.shared_numbers"), "7777");
    assert_eq!(source.value("SELECT count(*) FROM pg_publication_tables WHERE tablename = 'orders'"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interrupted_restore_brought_is_finished_by_the_next() {
    let (place, dump, source) = dumped(18).await;
    let target = Cluster::shared(18).database("target");
    let (stopped, _) = restored(&place, &dump, &target, &orders(), Some("data, indexes and keys")).await;
    assert_eq!(stopped.unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(target.value("SELECT count(*) FROM pg_type WHERE oid = to_regtype('lib.state')"), "1");
    assert_eq!(target.value("SELECT typacl IS NOT NULL FROM pg_type WHERE oid = 'lib.state'::regtype"), "f");
    let (report, _) = restored(&place, &dump, &target, &orders(), None).await;
    assert_eq!(report.unwrap().losses.len(), 1, "the foreign key");
    assert_usable(&target, &source);
    assert_clean(&target);
}

#[tokio::test(flavor = "multi_thread")]
async fn exclusions_and_lists_are_stronger_than_needs() {
    let (place, dump, _source) = dumped(18).await;
    let target = Cluster::shared(18).database("target");
    let mut options = orders();
    options.filters.exclude_schemas = vec!["lib".into()];
    options.exit_on_error = true;
    let (report, warnings) = restored(&place, &dump, &target, &options, None).await;
    assert!(report.is_err());
    assert!(warnings.iter().any(|warning| warning.contains("needs type lib.state")), "{warnings:?}");
    assert_eq!(target.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'lib'"), "0");
    let mut options = orders();
    let table = dump.contents.entries.iter().find(|entry| entry.desc == "TABLE" && entry.name == "orders").unwrap();
    options.filters.list = Some(vec![table.id]);
    options.exit_on_error = true;
    let other = Cluster::shared(18).database("target");
    assert!(restored(&place, &dump, &other, &options, None).await.0.is_err());
    assert_eq!(other.value("SELECT count(*) FROM pg_namespace WHERE nspname IN ('lib', 'app')"), "0");
}
