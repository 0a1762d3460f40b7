//! Text that is loaded in binary: the very bytes that servers write in that form, and text wherever something is odd.

use futures_util::{StreamExt, TryStreamExt};
use pgfreight_engine::ids::Oid;
use pgfreight_engine::plan::copy_format::CopyFormatChoice;
use pgfreight_engine::recode::{Field, Recoder};
use pgfreight_fixtures::postgres::Options;

use super::*;

/// Every type that is read, at its limits and in the middle, with nulls.
const EVERY_TYPE: &str = r#"
    CREATE TYPE mood AS ENUM ('good', E'so\\ so', 'très bad');
    CREATE DOMAIN price AS numeric(20,4);
    CREATE DOMAIN word AS varchar(40);
    CREATE DOMAIN short_word AS word CHECK (VALUE <> 'never');
    CREATE TABLE every (b bool, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8, n numeric, n2 numeric(15,2),
        d date, ti time, ts timestamp, tz timestamptz(3), u uuid, y bytea, j jsonb, js json, t text, v varchar(30),
        c char(7), e mood, p price, w short_word);
    INSERT INTO every SELECT i % 2 = 0, (i * 7919) % 32768 - 16384, hashint4(i), hashint8extended(i, 1),
        (hashint4(i)::int8 & 4294967295)::oid, (hashint4(i) / 1e5)::float4, hashint8extended(i, 2) / 1e7 * 10.0 ^ (i % 40 - 20),
        (hashint8extended(i, 3)::numeric * 10::numeric ^ (i % 30 - 15))::numeric, hashint4(i) / 100.0,
        date '1900-01-01' + i % 80000, time '00:00' + i * interval '1.000123 second',
        timestamp '1890-03-01' + i * interval '1 day 7 hours 0.000001 second',
        timestamptz '1999-12-31 23:59:59+00' + i * interval '31 days 0.123 second', md5(i::text)::uuid, sha256(i::text::bytea),
        jsonb_build_object('i', i, 'quoted "', E'back\\slash\n'), '{"i" :  1}',
        repeat(E'tab\t nl\n cr\r bs\b ff\f vt\x0b \\ \\N ü€𝄞 ', i % 4), 'word ' || i, 'c' || i % 100,
        (enum_range(NULL::mood))[1 + i % 3], i / 7.0, 'w' || i
        FROM generate_series(1, 6000) i;
    INSERT INTO every (i2, i4, i8, o, f4, f8, n, n2, d, ti, ts, tz, y, t, c, v) VALUES
        (-32768, -2147483648, -9223372036854775808, 0, 'NaN', 'NaN', 'NaN', 'NaN', '-infinity', '24:00', '-infinity',
         '-infinity', '', '', '', ''),
        (32767, 2147483647, 9223372036854775807, 4294967295, 'Infinity', '-Infinity', 'Infinity', 0, 'infinity', '00:00',
         'infinity', 'infinity', '\x00', '\N', '\', '\.'),
        (0, 0, 0, 1, '-0', '-0', '-Infinity', -0.01, '0001-01-01', '23:59:59.999999', '9999-12-31 23:59:59.999999',
         '9999-12-31 23:59:59.999+00', '\xdeadbeef', 'N', 'N', 'null'),
        (1, -1, 1, 2, 1e-45, 5e-324, 0.000, 10000, '2000-02-29', '12:00', '2000-03-01', '1900-03-01 00:00+00', NULL, NULL, NULL, NULL),
        (1, -1, 1, 2, 3.4028235e38, 1.7976931348623157e308, 1e-50, 9999.99, '1900-02-28', '12:00:00.5', '1900-03-01', '0001-01-01 00:00+00',
         NULL, NULL, NULL, NULL);
    INSERT INTO every (n) SELECT (CASE i % 2 WHEN 0 THEN '-' ELSE '' END || repeat('9', i) || '.' || repeat('1', i % 13) || '0')::numeric
        FROM generate_series(1, 60) i;
    INSERT INTO every (n) SELECT 10::numeric ^ i FROM generate_series(-40, 40) i;
    INSERT INTO every (n) SELECT ('0.' || repeat('0', i) || '5')::numeric FROM generate_series(0, 40) i;
    INSERT INTO every DEFAULT VALUES;
"#;

/// What a whole table is in a format, under the settings of a dump.
async fn copied(database: &Database<'_>, format: &str) -> Vec<u8> {
    let client = database.client().await;
    client.batch_execute("SET DateStyle = ISO; SET TimeZone = UTC; SET extra_float_digits = 1").await.unwrap();
    let copy = client.copy_out(&format!("COPY every TO STDOUT (FORMAT {format})")).await.unwrap();
    copy.map(|part| part.map(|part| part.to_vec())).try_concat().await.unwrap()
}

/// The fields of a table, asked as a restore asks.
fn fields(database: &Database<'_>) -> Vec<Field> {
    let rows = database.rows(
        "SELECT CASE t.typname WHEN 'price' THEN 'numeric'::regtype WHEN 'short_word' THEN 'varchar'::regtype ELSE t.oid END::oid,
         t.typtype FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         WHERE attrelid = 'every'::regclass AND attnum > 0 ORDER BY attnum",
    );
    let field = |row: Vec<Option<String>>| {
        let [oid, kind] = <[Option<String>; 2]>::try_from(row).unwrap().map(Option::unwrap);
        let kind = kind.replace('d', "b").chars().next().unwrap();
        Field::of(Oid(oid.parse().unwrap()), kind).unwrap_or_else(|| panic!("type {oid}"))
    };
    rows.into_iter().map(field).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn recoded_text_is_what_the_server_writes_in_binary() {
    for major in [14, 18] {
        let database = Cluster::shared(major).database("recoded");
        database.execute(EVERY_TYPE);
        let (text, binary) = (copied(&database, "text").await, copied(&database, "binary").await);
        let fields = fields(&database);
        for step in [4_096, 64 << 10, usize::MAX] {
            let mut recoder = Recoder::new(fields.clone().into());
            let mut out = Vec::new();
            for block in text.chunks(step.min(text.len())) {
                recoder.push(block, &mut out).unwrap();
            }
            recoder.end(&mut out).unwrap();
            let first = out.iter().zip(&binary).position(|(ours, theirs)| ours != theirs);
            let around = first.map(|at| (&out[at.saturating_sub(20)..at + 8], &binary[at.saturating_sub(20)..at + 8]));
            assert_eq!((around, out.len()), (None, binary.len()), "{major}, by {step}");
        }
    }
}

/// A server that tells which statements it was given.
fn telling(major: u32) -> Cluster {
    let settings = vec!["log_statement = 'all'".to_owned(), "log_destination = 'stderr'".to_owned()];
    Cluster::start(major, &Options { settings, ..Options::default() })
}

/// How often a table was loaded, as text and in binary.
fn loads(log: &str, table: &str) -> (usize, usize) {
    let loads =
        log.lines().filter(|line| line.contains(&format!("COPY public.{table} ")) && line.contains("FROM STDIN"));
    let (binary, text): (Vec<&str>, Vec<&str>) = loads.partition(|line| line.contains("FORMAT binary"));
    (text.len(), binary.len())
}

async fn dumped_as_text(source: &Database<'_>) -> (Place, OpenedDump) {
    let place = Place::new().await;
    let options = DumpOptions {
        jobs: 2,
        chunk_target: 512 << 10,
        level: 1,
        copy_format: CopyFormatChoice::Text,
        ..DumpOptions::default()
    };
    let dump = place.dump_as(&source.url(), &options).await.unwrap();
    (place, dump)
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_text_are_loaded_in_binary_and_equal() {
    let cluster = telling(18);
    for from in [14, 18] {
        let source = Cluster::shared(from).database("recoded");
        source.execute(EVERY_TYPE);
        let (place, dump) = dumped_as_text(&source).await;
        let target = cluster.database("recoded");
        let before = cluster.log().len();
        let report = place.restore(&dump, &target.url(), &jobs(3)).await.unwrap();
        assert!(report.losses.is_empty(), "{:?}", report.losses);
        let (text, binary) = loads(&cluster.log()[before..], "every");
        assert_eq!(text, 0, "no load falls back");
        assert!(binary > 1, "{binary} loads");
        compare::assert_equal(&source.url(), &target.url(), Scope::Data);
        assert_clean(&target);
    }
}

/// Values that only the server reads, in the last rows; a row that is too long to be held; a type that is not read.
const ODD: &str = "
    CREATE TABLE ancient (id int, d date);
    INSERT INTO ancient SELECT i, date '2000-01-01' + i % 1000 FROM generate_series(1, 60000) i;
    INSERT INTO ancient VALUES (-1, '0044-03-15 BC'), (-2, '12000-01-01');
    CREATE TABLE wide (id int, t text);
    INSERT INTO wide SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i;
    INSERT INTO wide SELECT 0, repeat('0123456789', 300000);
    CREATE TABLE stays (id int, d date, i interval);
    INSERT INTO stays SELECT i, '2000-01-01', i * interval '1 second' FROM generate_series(1, 30000) i;
";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_read_goes_as_text() {
    let cluster = telling(18);
    let source = Cluster::shared(18).database("odd");
    source.execute(ODD);
    let (place, dump) = dumped_as_text(&source).await;
    let target = cluster.database("odd");
    let report = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap();
    assert!(report.losses.is_empty(), "{:?}", report.losses);
    assert_eq!(report.proved_tables, 3);
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
    let log = cluster.log();
    for table in ["ancient", "wide"] {
        let (text, binary) = loads(&log, table);
        assert!(text >= 1 && binary >= 1, "{table}: {text} as text, {binary} in binary");
    }
    assert_eq!(loads(&log, "stays").1, 0);
}

/// Where only rows are restored, columns may be others than in the source: then what counts is what the target's columns hold.
#[tokio::test(flavor = "multi_thread")]
async fn the_targets_own_types_decide() {
    let cluster = telling(16);
    let source = Cluster::shared(16).database("types");
    source.execute(
        "CREATE TABLE fits (id int, d date, n numeric(12,2)); CREATE TABLE not_all (id int, d date);
         INSERT INTO fits SELECT i, date '2000-01-01' + i % 1000, i / 100.0 FROM generate_series(1, 40000) i;
         INSERT INTO not_all SELECT i, date '2000-01-01' + i % 1000 FROM generate_series(1, 40000) i",
    );
    let (place, dump) = dumped_as_text(&source).await;
    let target = cluster.database("types");
    target.execute(
        "CREATE DOMAIN day AS date CHECK (VALUE >= '2000-01-01');
         CREATE TABLE fits (n float8, extra text DEFAULT 'x', id text, d day); CREATE TABLE not_all (id int2, d text)",
    );
    let mut options = jobs(2);
    options.filters.data_only = true;
    let report = place.restore(&dump, &target.url(), &options).await;
    // The rows of `fits` stand there as they should, whatever is said of the fingerprints of other types.
    let told = crate::faults::told(&report.unwrap_err());
    assert!(told.contains("fits") || told.contains("not_all"), "{told}");
    assert_eq!(
        target.value("SELECT (count(*), sum(id::int), sum(n)::int, min(d), max(d), max(extra)) FROM fits"),
        "(40000,800020000,8000200,2000-01-01,2002-09-26,x)"
    );
    let (text, binary) = loads(&cluster.log(), "fits");
    assert!(text == 0 && binary > 0, "{text} as text, {binary} in binary");
    // Chunks with numbers that are too large for the column were refused as text.
    let (text, binary) = loads(&cluster.log(), "not_all");
    assert!(text >= 1 && binary >= 1, "{text} as text, {binary} in binary");
    let rows: u64 = target.value("SELECT count(*) FROM not_all").parse().unwrap();
    assert!(rows < 32_768, "{rows}");
}

/// What the server refuses in binary is refused once more as text, and told with the same words.
#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_are_a_loss_as_ever() {
    let source = Cluster::shared(18).database("refused");
    source.execute(
        "CREATE TABLE r (id int, d date);
         INSERT INTO r SELECT i, date '2000-01-01' + i % 1000 FROM generate_series(1, 60000) i",
    );
    let (place, dump) = dumped_as_text(&source).await;
    let target = Cluster::shared(18).database("refused");
    target.execute("CREATE TABLE r (id int CHECK (id <> 50000), d date)");
    let mut options = jobs(2);
    options.filters.data_only = true;
    let report = place.restore(&dump, &target.url(), &options).await.unwrap();
    assert_eq!(report.losses.len(), 1, "{:?}", report.losses);
    let told = format!("{:?}", report.losses);
    assert!(told.contains("rows violate a check (constraint r_id_check) (SQLSTATE 23514)"), "{told}");
    let rows: u64 = target.value("SELECT count(*) FROM r").parse().unwrap();
    assert!(rows > 0 && rows < 60_000, "the other chunks are there: {rows}");
}
