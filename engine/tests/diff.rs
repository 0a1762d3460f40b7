//! Comparing dumps with each other and with live databases.

use pgfreight_engine::Kind;
use pgfreight_engine::ddl::difference::Change;
use pgfreight_engine::plan::copy_format::CopyFormatChoice;
use pgfreight_engine::plan::select::Filters;
use pgfreight_engine::run::diff::{self, DiffReport, Status};
use pgfreight_engine::run::options::{DiffOptions, DumpOptions, RestoreOptions, Surroundings};
use pgfreight_engine::source::lane::LaneOptions;
use pgfreight_fixtures::postgres::{Cluster, Database};
use pgfreight_fixtures::schemas;

use crate::place::{Place, connect};

async fn against(place: &Place, dump: &pgfreight_engine::ids::DumpId, database: &Database<'_>) -> DiffReport {
    let lane = LaneOptions { connect: connect(&database.url()), role: None, row_security: false };
    let dump = place.open(dump).await;
    diff::database(&dump, &lane, &DiffOptions::default(), &Surroundings::quiet()).await.unwrap()
}

/// One line per difference; texts of changed objects behind it.
fn told(report: &DiffReport) -> Vec<String> {
    let object = |difference: &pgfreight_engine::ddl::difference::Difference| {
        let sign = match difference.change {
            Change::Added => '+',
            Change::Removed => '-',
            Change::Changed => '~',
        };
        let schema = difference.schema.as_ref().map_or_else(String::new, |schema| format!("{schema}."));
        format!("{sign} {} {schema}{}", difference.kind, difference.name)
    };
    let data = |difference: &diff::DataDifference| {
        let sign = match difference.status {
            Status::Added => '+',
            Status::Removed => '-',
            Status::Changed => '~',
            Status::NotComparable => '?',
        };
        format!("{sign} {} of {}.{}", difference.kind, difference.schema, difference.name)
    };
    report.schema.iter().map(object).chain(report.data.iter().map(data)).collect()
}

fn with_texts(report: &DiffReport) -> Vec<String> {
    let texts =
        report.schema.iter().map(|d| format!("{:?} {}\n--- {:?}\n+++ {:?}", d.change, d.name, d.before, d.after));
    texts.chain(report.data.iter().map(|d| format!("{d:?}"))).chain(report.incomplete.clone()).collect()
}

fn fill(database: &Database<'_>, name: &str, sql: &str) {
    schemas::class_roles(database);
    match name {
        "shop" => schemas::shop(database, 0.02),
        _ => database.execute(sql),
    }
}

fn everything() -> Vec<(String, String)> {
    let shop = ("shop".to_owned(), String::new());
    schemas::classes().into_iter().chain(schemas::rare_classes()).chain([shop]).collect()
}

/// A dump is equal to its source, and to what a restore makes of it.
async fn restored_is_equal(from: u32, to: u32) {
    let (place, mut all) = (Place::encrypted().await, Vec::new());
    // Dumps carry no roles; the shop brings its own.
    schemas::shop(&Cluster::shared(to).database("diff_roles"), 0.0);
    for (name, sql) in everything() {
        let source = Cluster::shared(from).database("diff_from");
        let target = Cluster::shared(to).database("diff_to");
        fill(&source, &name, &sql);
        schemas::class_roles(&target);
        let dump = place.dump(&source.url(), &DumpOptions::default()).await.unwrap().dump;
        let own = against(&place, &dump, &source).await;
        assert!(own.objects > 0 && own.is_complete(), "{name}: {own:?}");
        all.extend(with_texts(&own).into_iter().map(|what| format!("{name}, its source: {what}")));
        place.restore(&dump, &target.url(), &RestoreOptions::default()).await.unwrap();
        let restored = against(&place, &dump, &target).await;
        all.extend(with_texts(&restored).into_iter().map(|what| format!("{name}, restored: {what}")));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_restored_is_equal_on_18() {
    restored_is_equal(18, 18).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_restored_is_equal_from_14_to_18() {
    restored_is_equal(14, 18).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_restored_is_equal_from_15_to_18() {
    restored_is_equal(15, 18).await;
}

/// The same statements on two majors: what only the newer one writes down is no difference, what only it has is one.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_statements_on_15_and_18_are_equal() {
    let (place, mut all) = (Place::encrypted().await, Vec::new());
    for (name, sql) in everything() {
        let old = Cluster::shared(15).database("diff_old");
        let new = Cluster::shared(18).database("diff_new");
        fill(&old, &name, &sql);
        fill(&new, &name, &sql);
        let dump = place.dump(&old.url(), &DumpOptions::default()).await.unwrap().dump;
        let report = against(&place, &dump, &new).await;
        all.extend(told(&report).into_iter().map(|what| format!("{name}: {what}")));
    }
    // The files ask servers from 18 on for more; two tables hold the moment they were filled.
    let expected = [
        "constraint: + TABLE public.booked",
        "constraint: + CONSTRAINT public.booked_pkey ON booked",
        "constraint: + TABLE public.named_not_null",
        "constraint: + CONSTRAINT public.later ON named_not_null",
        "constraint: + TABLE public.unenforced",
        "constraint: + CONSTRAINT public.told ON unenforced",
        "generated: + TABLE public.virtual",
        "generated: + rows of public.virtual",
        "identity: + TABLE public.parted_id",
        "identity: + SEQUENCE public.parted_id_id_seq",
        "identity: + TABLE public.parted_id_1",
        "identity: + rows of public.parted_id_1",
        "publication: + PUBLICATION class_generated",
        "table: ~ rows of public.columns",
        "shop: ~ rows of audit.changes",
    ];
    assert_eq!(all, expected);
}

/// A database with something of every class that has a property to change.
const BEFORE: &str = r#"
CREATE SCHEMA s; CREATE SCHEMA other; CREATE SCHEMA gone;
CREATE TYPE s.mood AS ENUM ('a'); CREATE TYPE s.pair AS (a int);
CREATE DOMAIN s.posint AS int CONSTRAINT positive CHECK (VALUE > 0);
CREATE FUNCTION s.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION s.f(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE s.p() LANGUAGE sql AS '';
CREATE AGGREGATE s.total(int) (SFUNC = int4pl, STYPE = int);
CREATE OPERATOR s.@@@ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR FAMILY s.family USING btree;
CREATE CAST (int AS s.mood) WITH INOUT;
CREATE COLLATION s.coll (LOCALE = 'C');
CREATE TEXT SEARCH CONFIGURATION s.config (COPY = simple);
CREATE TEXT SEARCH DICTIONARY s.dict (TEMPLATE = simple, accept = true);
CREATE TABLE s.t (id int PRIMARY KEY, a int DEFAULT 1, b text NOT NULL, CONSTRAINT small CHECK (a < 10));
CREATE TABLE s.commented (a int); CREATE TABLE s.given (a int); CREATE TABLE s.owned (a int);
CREATE TABLE s.gone (a int); CREATE TABLE s.same (a int PRIMARY KEY, b text); CREATE TABLE s.becomes (a int);
CREATE TABLE s.parted (k int) PARTITION BY LIST (k);
CREATE TABLE s.part PARTITION OF s.parted FOR VALUES IN (1);
CREATE TABLE s.rows (a int); CREATE TABLE s.more (a int); CREATE TABLE s.altered (a int, b int);
CREATE UNLOGGED TABLE s.unlogged (a int);
INSERT INTO s.rows VALUES (1); INSERT INTO s.more VALUES (1); INSERT INTO s.altered VALUES (1, 2);
INSERT INTO s.gone VALUES (1); INSERT INTO s.same VALUES (1, 'x');
CREATE SEQUENCE s.options; CREATE SEQUENCE s.stands; CREATE SEQUENCE s.same_too;
CREATE VIEW s.v AS SELECT a FROM s.t; CREATE VIEW s.barrier AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW s.m AS SELECT a FROM s.t; CREATE MATERIALIZED VIEW s.empty AS SELECT 1 AS a;
CREATE INDEX i ON s.t (a); CREATE INDEX kept ON s.same (b);
ALTER TABLE s.given ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES s.t;
CREATE FUNCTION s.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr BEFORE INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.tf();
CREATE RULE r AS ON DELETE TO s.t DO ALSO NOTHING;
CREATE POLICY pol ON s.t USING (a > 0);
CREATE STATISTICS s.st ON a, b FROM s.t;
CREATE PUBLICATION pub FOR TABLE s.t; CREATE PUBLICATION pub_more FOR TABLE s.t, s.same;
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER srv FOREIGN DATA WRAPPER w OPTIONS (host 'a');
CREATE SERVER hidden FOREIGN DATA WRAPPER w OPTIONS (password 'hunter1');
CREATE USER MAPPING FOR postgres SERVER srv OPTIONS (password 'hunter2');
CREATE FOREIGN TABLE s.ft (a int) SERVER srv OPTIONS (t 'a');
CREATE EVENT TRIGGER et ON ddl_command_start EXECUTE FUNCTION s.etf();
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO class_reader;
CREATE EXTENSION citext;
SELECT lo_create(4001), lo_create(4002), lo_create(4003), lo_create(4004);
"#;

/// One change and what must be told of it.
const CHANGES: [(&str, &[&str]); 50] = [
    ("ALTER SCHEMA other OWNER TO class_owner", &["~ SCHEMA other"]),
    ("DROP SCHEMA gone", &["- SCHEMA gone"]),
    ("CREATE SCHEMA new", &["+ SCHEMA new"]),
    ("COMMENT ON SCHEMA public IS 'mine'", &["~ SCHEMA public"]),
    ("ALTER TYPE s.mood ADD VALUE 'b'", &["~ TYPE s.mood"]),
    ("COMMENT ON COLUMN s.pair.a IS 'c'", &["~ TYPE s.pair"]),
    ("ALTER DOMAIN s.posint DROP CONSTRAINT positive; ALTER DOMAIN s.posint ADD CONSTRAINT positive CHECK (VALUE > 1)", &["~ DOMAIN s.posint"]),
    ("CREATE OR REPLACE FUNCTION s.f(int) RETURNS int LANGUAGE sql AS 'SELECT 2'", &["~ FUNCTION s.f(integer)"]),
    ("ALTER PROCEDURE s.p() SECURITY DEFINER", &["~ PROCEDURE s.p()"]),
    ("COMMENT ON AGGREGATE s.total(int) IS 'c'", &["~ AGGREGATE s.total(integer)"]),
    ("ALTER OPERATOR s.@@@ (int, int) OWNER TO class_owner", &["~ OPERATOR s.@@@ (integer, integer)"]),
    (
        "ALTER OPERATOR FAMILY s.family USING btree ADD OPERATOR 1 < (int4, int8)",
        &["~ OPERATOR FAMILY s.family USING btree"],
    ),
    (
        "CREATE FUNCTION s.cmp(int4, numeric) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 0';
         ALTER OPERATOR FAMILY integer_ops USING btree ADD FUNCTION 1 (int4, numeric) s.cmp(int4, numeric)",
        &["+ FUNCTION s.cmp(integer, numeric)", "~ OPERATOR FAMILY pg_catalog.integer_ops USING btree"],
    ),
    ("DROP CAST (int AS s.mood)", &["- CAST (integer AS s.mood)"]),
    ("COMMENT ON COLLATION s.coll IS 'c'", &["~ COLLATION s.coll"]),
    (
        "ALTER TEXT SEARCH CONFIGURATION s.config DROP MAPPING FOR word",
        &["~ TEXT SEARCH CONFIGURATION s.config"],
    ),
    ("ALTER TEXT SEARCH DICTIONARY s.dict (accept = false)", &["~ TEXT SEARCH DICTIONARY s.dict"]),
    ("ALTER TABLE s.t ALTER a SET DEFAULT 2", &["~ TABLE s.t"]),
    ("ALTER TABLE s.t RENAME CONSTRAINT t_pkey TO pk", &["+ CONSTRAINT s.pk ON t", "- CONSTRAINT s.t_pkey ON t"]),
    ("COMMENT ON TABLE s.commented IS 'c'; COMMENT ON COLUMN s.commented.a IS 'd'", &["~ TABLE s.commented"]),
    ("GRANT SELECT ON s.given TO class_reader; GRANT UPDATE (a) ON s.given TO class_reader", &["~ TABLE s.given"]),
    ("ALTER TABLE s.owned OWNER TO class_owner", &["~ TABLE s.owned"]),
    ("DROP TABLE s.gone", &["- TABLE s.gone", "- rows of s.gone"]),
    (
        "DROP TABLE s.becomes; CREATE VIEW s.becomes AS SELECT 1 AS a",
        &["- TABLE s.becomes", "+ VIEW s.becomes"],
    ),
    ("CREATE TABLE s.brand_new (a int); INSERT INTO s.brand_new VALUES (1)", &["+ TABLE s.brand_new", "+ rows of s.brand_new"]),
    ("CREATE TABLE s.new_and_empty (a int)", &["+ TABLE s.new_and_empty"]),
    ("ALTER TABLE s.parted DETACH PARTITION s.part", &["~ TABLE s.part"]),
    ("UPDATE s.rows SET a = 2", &["~ rows of s.rows"]),
    ("INSERT INTO s.more VALUES (2)", &["~ rows of s.more"]),
    ("ALTER TABLE s.altered DROP b", &["~ TABLE s.altered", "? rows of s.altered"]),
    ("ALTER TABLE s.unlogged SET LOGGED", &["~ TABLE s.unlogged"]),
    ("ALTER SEQUENCE s.options INCREMENT BY 2", &["~ SEQUENCE s.options"]),
    ("SELECT nextval('s.stands')", &["~ position of s.stands"]),
    ("CREATE OR REPLACE VIEW s.v AS SELECT a + 0 AS a FROM s.t", &["~ VIEW s.v"]),
    ("ALTER VIEW s.barrier SET (security_barrier)", &["~ VIEW s.barrier"]),
    ("CREATE INDEX ON s.m (a)", &["+ INDEX s.m_a_idx"]),
    ("REFRESH MATERIALIZED VIEW s.empty WITH NO DATA", &["~ contents of s.empty"]),
    ("DROP INDEX s.i; CREATE INDEX i ON s.t (b)", &["~ INDEX s.i"]),
    ("ALTER TABLE s.given ALTER CONSTRAINT fk DEFERRABLE", &["~ CONSTRAINT s.fk ON given"]),
    ("ALTER TABLE s.t DISABLE TRIGGER tr", &["~ TRIGGER s.tr ON t"]),
    ("COMMENT ON RULE r ON s.t IS 'c'", &["~ RULE s.r ON t"]),
    ("ALTER POLICY pol ON s.t USING (a > 1)", &["~ POLICY s.pol ON t"]),
    ("ALTER STATISTICS s.st SET STATISTICS 7", &["~ STATISTICS s.st"]),
    ("ALTER PUBLICATION pub SET (publish = 'insert')", &["~ PUBLICATION pub"]),
    ("ALTER PUBLICATION pub_more DROP TABLE s.same", &["~ PUBLICATION pub_more"]),
    (
        "ALTER SERVER srv OPTIONS (SET host 'b'); ALTER SERVER hidden OPTIONS (SET password 'hunter3');
         ALTER USER MAPPING FOR postgres SERVER srv OPTIONS (SET password 'hunter4')",
        &["~ SERVER hidden", "~ SERVER srv", "~ USER MAPPING postgres SERVER srv"],
    ),
    ("ALTER FOREIGN TABLE s.ft OPTIONS (SET t 'b')", &["~ FOREIGN TABLE s.ft"]),
    ("ALTER EVENT TRIGGER et DISABLE", &["~ EVENT TRIGGER et"]),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT INSERT ON TABLES TO class_reader;
         REVOKE EXECUTE ON FUNCTION citext_eq(citext, citext) FROM PUBLIC; REVOKE EXECUTE ON FUNCTION pg_sleep(float8) FROM PUBLIC",
        &[
            "~ DEFAULT PRIVILEGES FOR TABLES OF postgres IN SCHEMA s",
            "~ FUNCTION public.citext_eq(public.citext, public.citext)",
            "~ FUNCTION pg_catalog.pg_sleep(double precision)",
        ],
    ),
    (
        "SELECT lo_unlink(4001), lo_create(4005), lo_put(4003, 0, 'x'); ALTER LARGE OBJECT 4002 OWNER TO class_owner",
        &["- LARGE OBJECT 4001", "~ LARGE OBJECT 4002", "+ LARGE OBJECT 4005", "~ rows of .large objects"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_property_of_every_class_is_told_and_nothing_else() {
    let (place, database) = (Place::encrypted().await, Cluster::shared(18).database("diff_changes"));
    schemas::class_roles(&database);
    let (before, after) = BEFORE.split_once("CREATE EVENT TRIGGER").unwrap();
    database.execute(before);
    database.execute("CREATE FUNCTION s.etf() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'");
    database.execute(&format!("CREATE EVENT TRIGGER{after}"));
    let first = place.dump(&database.url(), &DumpOptions::default()).await.unwrap().dump;
    assert_eq!(told(&against(&place, &first, &database).await), Vec::<String>::new());
    for (change, _) in CHANGES {
        database.execute(change);
    }
    let live = against(&place, &first, &database).await;
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    let expected = CHANGES.iter().flat_map(|(_, told)| told.iter().map(|line| (*line).to_owned())).collect();
    assert_eq!(sorted(told(&live)), sorted(expected));
    let everything = format!("{live:?}{}", serde_json::to_string(&live).unwrap());
    assert!(!everything.contains("hunter"), "{everything}");
    let text = |name: &str| live.schema.iter().find(|difference| difference.name == name).unwrap();
    assert!(text("given").after.as_ref().unwrap().contains(
        "GRANT SELECT ON TABLE s.given TO class_reader;
"
    ));
    assert!(text("owned").after.as_ref().unwrap().contains(
        "ALTER TABLE s.owned OWNER TO class_owner;
"
    ));
    assert!(text("commented").after.as_ref().unwrap().contains(
        "COMMENT ON COLUMN s.commented.a IS 'd';
"
    ));
    assert!(text("hidden").secret && text("hidden").before.is_none());

    // Two dumps tell the same, but that both have counted.
    let second = place.dump(&database.url(), &DumpOptions::default()).await.unwrap().dump;
    let (first, second) = (place.open(&first).await, place.open(&second).await);
    let both = diff::dumps(&first, &second, &DiffOptions::default()).unwrap();
    assert_eq!(sorted(told(&both)), sorted(told(&live)));
    let back = diff::dumps(&second, &first, &DiffOptions::default()).unwrap();
    let turned = |line: String| match line.split_at(1) {
        ("+", rest) => format!("-{rest}"),
        ("-", rest) => format!("+{rest}"),
        _ => line,
    };
    assert_eq!(sorted(told(&back).into_iter().map(turned).collect()), sorted(told(&both)));
    let same = diff::dumps(&second, &second, &DiffOptions::default()).unwrap();
    assert!(!same.differs() && same.is_complete() && same.objects > 40, "{same:?}");
    let only = |schema, data| diff::dumps(&first, &second, &DiffOptions { schema, data, jobs: 1 }).unwrap();
    assert_eq!(only(true, false).data, []);
    assert_eq!(only(true, false).schema, both.schema);
    assert_eq!(only(false, true).schema, []);
    assert_eq!(only(false, true).data, both.data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dumps_do_not_carry_is_said_and_is_no_difference() {
    let (place, database) = (Place::plain().await, Cluster::shared(18).database("diff_parts"));
    database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); CREATE TABLE empty (a int)");
    let with = |filters, copy_format| DumpOptions { filters, copy_format, ..DumpOptions::default() };
    let text = with(Filters::default(), CopyFormatChoice::Text);
    let binary = with(Filters::default(), CopyFormatChoice::Binary);
    let schema = with(Filters { schema_only: true, ..Filters::default() }, CopyFormatChoice::Auto);
    let rows = with(Filters { data_only: true, ..Filters::default() }, CopyFormatChoice::Auto);
    let mut dumps = Vec::new();
    for options in [text, binary, schema, rows] {
        let report = place.dump(&database.url(), &options).await.unwrap();
        dumps.push(place.open(&report.dump).await);
    }
    let compare = |one: usize, other: usize| diff::dumps(&dumps[one], &dumps[other], &DiffOptions::default()).unwrap();
    let formats = compare(0, 1);
    assert_eq!(told(&formats), ["? rows of public.t"]);
    assert_eq!(formats.data[0].reason.as_deref(), Some("copied as text and as binary"));
    assert!(!formats.differs() && !formats.is_complete());
    let missing = |report: DiffReport| (told(&report), report.incomplete.len(), report.differs(), report.is_complete());
    assert_eq!(missing(compare(0, 2)), (Vec::new(), 1, false, false));
    assert_eq!(missing(compare(3, 0)), (Vec::new(), 1, false, false));
    assert_eq!(missing(compare(2, 3)), (Vec::new(), 2, false, false));
    let live = against(&place, &dumps[2].manifest.dump, &database).await;
    assert_eq!(missing(live), (Vec::new(), 1, false, false));
    database.execute("INSERT INTO t VALUES (3)");
    let more = place.dump(&database.url(), &DumpOptions::default()).await.unwrap();
    let counted = diff::dumps(&dumps[0], &place.open(&more.dump).await, &DiffOptions::default()).unwrap();
    assert_eq!(told(&counted), ["~ rows of public.t"]);

    let empty = Cluster::shared(18).database("diff_empty");
    let nothing = place.dump(&empty.url(), &DumpOptions::default()).await.unwrap().dump;
    let nothing = against(&place, &nothing, &empty).await;
    assert!(nothing.is_complete() && !nothing.differs(), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_of_one_name_are_compared_themselves() {
    let place = Place::plain().await;
    let (one, other) = (Cluster::shared(18).database("diff_self"), Cluster::shared(18).database("diff_beside"));
    let dump = place.dump(&one.url(), &DumpOptions::default()).await.unwrap().dump;
    one.execute(&format!("COMMENT ON DATABASE {} IS 'mine'", one.name()));
    assert_eq!(told(&against(&place, &dump, &one).await), [format!("~ DATABASE {}", one.name())]);
    assert_eq!(told(&against(&place, &dump, &other).await), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_a_source_error() {
    let (place, database) = (Place::plain().await, Cluster::shared(18).database("diff_gone"));
    let dump = place.dump(&database.url(), &DumpOptions::default()).await.unwrap().dump;
    let connect = connect("postgresql://me@127.0.0.1:1/x?connect_timeout=2");
    let lane = LaneOptions { connect, role: None, row_security: false };
    let dump = place.open(&dump).await;
    let refused = diff::database(&dump, &lane, &DiffOptions::default(), &Surroundings::quiet()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Source);
}
