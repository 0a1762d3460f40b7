//! The verbs on a real server: what a user does on the first day.

use pgfreight_fixtures::postgres::Cluster;
use serde_json::Value;

use crate::program::{Home, Outcome};

const SCHEMA: &str = "
    CREATE SCHEMA shop;
    CREATE TYPE shop.state AS ENUM ('open', 'paid');
    CREATE TABLE shop.customer (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer int NOT NULL REFERENCES shop.customer, state shop.state, note text);
    CREATE INDEX ON shop.orders (customer);
    CREATE VIEW shop.paid AS SELECT * FROM shop.orders WHERE state = 'paid';
    INSERT INTO shop.customer SELECT i, 'customer ' || i FROM generate_series(1, 500) i;
    INSERT INTO shop.orders (customer, state, note)
        SELECT 1 + i % 500, 'paid', CASE WHEN i % 7 = 0 THEN E'tab\\there' END FROM generate_series(1, 5000) i;";

/// A home with a repository and a dump of a small shop.
struct Shop<'a> {
    home: Home,
    identity: String,
    source: pgfreight_fixtures::postgres::Database<'a>,
}

impl Shop<'_> {
    fn run(&self, args: &[&str]) -> Outcome {
        self.home.run(&[args, &["--repo", "repo"]].concat())
    }

    fn report(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).expect(0).result()["report"].clone()
    }

    fn with_identity(&self, args: &[&str]) -> Outcome {
        self.run(&[args, &["-i", &self.identity]].concat())
    }
}

fn shop(cluster: &Cluster) -> Shop<'_> {
    let home = Home::new();
    let source = cluster.database("cli_shop");
    source.execute(SCHEMA);
    let (identity, recipient) = home.identity("id.txt");
    let shop = Shop { home, identity, source };
    shop.run(&["init", "-r", &recipient]).expect(0);
    shop
}

#[test]
fn dump_verify_restore_prove() {
    let cluster = Cluster::shared(18);
    let shop = shop(cluster);
    let url = shop.source.url();
    let dumped = shop.report(&["dump", "-d", &url, "-j", "2"]);
    assert_eq!((dumped["rows"].as_u64(), dumped["losses"].as_array().map(Vec::len)), (Some(5500), Some(0)), "{dumped}");
    let id = dumped["dump"].as_str().expect("a name").to_owned();

    let stored = shop.report(&["verify"]);
    assert_eq!((stored["depth"].as_str(), stored["dump"].as_str()), (Some("stored"), Some(id.as_str())));
    let opened = shop.report(&["verify", "-i", &shop.identity]);
    assert_eq!((opened["depth"].as_str(), opened["rows"].as_u64()), (Some("opened"), Some(5500)));

    let target = cluster.database("cli_shop_again");
    let restored = shop.report(&["restore", "-d", &target.url(), "-i", &shop.identity, "-j", "2"]);
    assert_eq!(restored["rows"].as_u64(), Some(5500), "{restored}");
    assert_eq!(restored["losses"].as_array().map(Vec::len), Some(0), "{restored}");
    let proved = shop.report(&["verify", "--against", &target.url(), "-i", &shop.identity]);
    assert_eq!(proved["depth"].as_str(), Some("database"));

    target.execute("UPDATE shop.orders SET note = 'edited' WHERE id = 77");
    let differs = shop.with_identity(&["verify", "--against", &target.url()]).expect(15);
    assert!(differs.out.contains("NOT VERIFIED") && differs.out.contains("orders"), "{}", differs.out);
    target.execute("DROP TABLE shop.orders CASCADE");
    shop.with_identity(&["restore", "-d", &target.url(), "-t", "shop.orders", "--allow-non-empty"]).expect(0);
    shop.with_identity(&["verify", "--against", &target.url()]).expect(0);
}

#[test]
fn a_dump_can_be_read_without_restoring_it() {
    let cluster = Cluster::shared(18);
    let shop = shop(cluster);
    shop.run(&["dump", "-d", &shop.source.url(), "--copy-format", "text"]).expect(0);

    let public = shop.report(&["list"]);
    assert!(public["dumps"][0]["rows"].is_null(), "{public}");
    assert_eq!(public["dumps"][0]["signature"], "unchecked");
    let private = shop.report(&["list", "-i", &shop.identity]);
    assert_eq!(
        (private["dumps"][0]["rows"].as_u64(), private["dumps"][0]["signature"].as_str()),
        (Some(5500), Some("known"))
    );

    shop.run(&["show"]).expect(13);
    let shown = shop.with_identity(&["show"]).expect(0).out;
    assert!(shown.contains("shop.orders") && shown.contains("TABLE shop orders"), "{shown}");
    let list = shop.with_identity(&["show", "-l"]).expect(0).out;
    assert!(list.contains("; 0 ") && list.lines().any(|line| line.contains(" INDEX ")), "{list}");

    let rows = shop.with_identity(&["cat", "latest", "shop.customer"]).expect(0).out;
    assert_eq!(rows.lines().count(), 500);
    assert_eq!(rows.lines().next(), Some("1\tcustomer 1"));
    let row = shop.with_identity(&["cat", "latest", "orders", "--json"]).expect(0).events();
    assert_eq!(row.len(), 5001);
    assert_eq!(row[6]["columns"]["note"], "tab\there");
    assert!(row[0]["columns"]["note"].is_null());
    shop.with_identity(&["cat", "latest", "nowhere"]).expect(2);

    let dumped = shop.with_identity(&["schema", "latest"]).expect(0).out;
    let live = shop.home.run(&["schema", "-d", &shop.source.url()]).expect(0).out;
    assert_eq!(dumped, live, "the schema of the dump and of its source");
    assert!(dumped.contains("CREATE TABLE shop.orders"), "{dumped}");
    shop.home.run(&["schema", "-d", &shop.source.url(), "--split", "ddl"]).expect(0);
    assert!(walk(&shop.home.path("ddl")) > 2);
}

/// A table with a column of every type that may be dumped in binary, and what psql's COPY says of it.
#[test]
fn binary_dumps_are_shown_as_the_server_would_show_them() {
    let cluster = Cluster::shared(18);
    let shop = shop(cluster);
    shop.source.execute(EVERY_TYPE);
    shop.run(&["dump", "-d", &shop.source.url(), "--copy-format", "binary"]).expect(0);
    let tables = shop.report(&["show", "-i", &shop.identity]);
    let all = tables["tables"].as_array().expect("tables");
    assert!(all.iter().all(|table| table["format"] == "binary"), "{tables}");
    let shown = shop.with_identity(&["cat", "latest", "every"]).expect(0).out;
    let query =
        "SET timezone = 'UTC'; SET intervalstyle = 'postgres'; SET datestyle = 'ISO, YMD'; COPY every TO STDOUT";
    let psql = shop.source.program("psql").args(["-Xqc", query]).output().expect("psql");
    let expected = String::from_utf8_lossy(&psql.stdout).into_owned();
    assert_eq!(expected.lines().count(), 4, "{}", String::from_utf8_lossy(&psql.stderr));
    for (mine, theirs) in shown.lines().zip(expected.lines()) {
        for (mine, theirs) in mine.split('\t').zip(theirs.split('\t')) {
            assert_eq!(mine, theirs);
        }
    }
    assert_eq!(shown, expected);
}

const EVERY_TYPE: &str = r#"
    CREATE TYPE mood AS ENUM ('so so', 'fine');
    CREATE DOMAIN cents AS numeric(10,2);
    CREATE TYPE span AS RANGE (subtype = float8);
    CREATE TABLE every (b bool, by bytea, ch "char", nm name, i2 int2, i4 int4, i8 int8, t text, o oid, ti tid, x xid,
        j json, jb jsonb, f4 real, f8 float8, n numeric, n2 numeric(12,4), d date, tm time, tmz timetz, ts timestamp,
        tsz timestamptz(3), u uuid, lsn pg_lsn, ip inet, cd cidr, m macaddr, m8 macaddr8, bt bit(5),
        vb varbit, pt point, ls lseg, pa path, bx box, po polygon, li line, ci circle, c5 char(5), vc varchar(9),
        ai int[], at text[], ab box[], r int4range, nr numrange, tr tstzrange, mr int8multirange, md mood, ce cents,
        sp span, x8 xid8, an numeric[]);
    INSERT INTO every VALUES
    (true, '\x00ff5c', 'a', 'naïve', -32768, 2147483647, -9223372036854775808, E'tab\tline\nback\\ "q"', 42, '(7,9)',
     '77', '{"a": 1}', '{"b": [1, 2.50]}', 1.5e-7, 1e15, -1234567890.000123, 0.0001, '2024-02-29', '23:59:59.5',
     '24:00:00+05:30', '1999-12-31 23:59:59.999999', '2024-07-01 12:00:00.123+02',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '16/B374D848', '192.168.0.1/24', '10.0.0.0/8', '08:00:2b:01:02:03',
     '08:00:2b:01:02:03:04:05', B'10101', B'0110', '(1.5,-2)', '[(0,0),(1,1)]', '[(0,0),(1,1),(2,0)]', '(3,4),(1,2)',
     '((0,0),(1,1),(2,0))', '{1,2,3}', '<(1,2),3.25>', 'ab', 'var', '{1,NULL,3}',
     '{"a b","NULL",NULL,"q\"x","",plain}', '{(1,1),(0,0);(2,2),(1,1)}', '[1,10)', '(,5.5]',
     '["2024-01-01 00:00:00+00",)', '{[1,3),[5,9)}', 'so so', 12.34, '[1.5,2.5]', '18446744073709551615',
     '{1.10,NaN,-0.005}'),
    (false, '', '', '', 0, 0, 0, '', 0, '(0,0)', '0', '[]', 'null', 0, '-0', 0, 0, '0044-03-15 BC', '00:00',
     '00:00-08', '0044-03-15 12:00 BC', '0001-01-01 00:00:00+00 BC',
     '00000000-0000-0000-0000-000000000000', '0/0', '::1', '2001:db8::/32', '00:00:00:00:00:00',
     '00:00:00:00:00:00:00:00', B'00000', B'', '(0,0)', '[(0,0),(0,0)]', '((0,0))', '(0,0),(0,0)', '((0,0))', '{0,1,0}',
     '<(0,0),0>', '', '', '{}', '{}', '{}', 'empty', '(,)', 'empty', '{}', 'fine', 0.00, 'empty', '0',
     '[0:1][2:3]={{1,2},{3,4}}'),
    (NULL, NULL, E'\\377', NULL, 1, 1, 1, '\N', 1, '(1,1)', '1', '1', '1', 'NaN', '-Infinity', 'NaN', 9999.9999,
     'infinity', '12:34:56.000001', '12:34:56.789+00', '-infinity', 'infinity', NULL, NULL,
     '::ffff:1.2.3.4/100', NULL, NULL, NULL, NULL, B'1', '(1e+300,1e-300)', NULL, NULL, NULL, NULL, NULL, NULL, 'é', 'ü',
     '{{1,2},{3,4}}', '{{a,b},{c,d}}', NULL, '(5,)', NULL, '[-infinity,infinity]', NULL, NULL, NULL, '(1,)', '1', '{}'),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 123456, 123456789012345, 1e20, NULL,
     '5874897-12-31', NULL, NULL, '294276-12-31', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL);"#;

fn walk(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("readable").map(|entry| entry.expect("an entry").path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

#[test]
fn a_second_dump_reuses_what_is_stored_and_events_have_their_shape() {
    let cluster = Cluster::shared(18);
    let shop = shop(cluster);
    let url = shop.source.url();
    shop.run(&["dump", "-d", &url]).expect(0);
    let outcome = shop.run(&["dump", "-d", &url, "--json"]).expect(0);
    let events = outcome.events();
    assert!(events.iter().all(|event| event["v"] == 1 && event["time"].is_string() && event["event"].is_string()));
    let named = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert!(named("phase") > 2 && named("planned") == 1 && named("chunk_done") >= 2, "{}", outcome.out);
    assert_eq!((named("committed"), named("result")), (1, 1));
    let report = &outcome.result()["report"];
    assert_eq!(report["reused_chunks"], report["chunks"], "{report}");
    assert!(outcome.err.is_empty(), "{}", outcome.err);
}

#[test]
fn the_dump_host_cannot_read_and_a_repository_that_was_swapped_is_refused() {
    let cluster = Cluster::shared(18);
    let shop = shop(cluster);
    shop.run(&["dump", "-d", &shop.source.url()]).expect(0);
    shop.run(&["restore", "-d", &cluster.database("cli_none").url()]).expect(13);
    std::fs::rename(shop.home.path("repo"), shop.home.path("mine")).expect("moved");
    let (_, recipient) = shop.home.identity("attacker");
    shop.run(&["init", "-r", &recipient, "--writer-key", "attacker.key"]).expect(0);
    let refused = shop.run(&["dump", "-d", &shop.source.url()]);
    assert_eq!(refused.code, 13, "{}", refused.err);
}

#[test]
fn doctor_finds_what_a_dump_would_stumble_over() {
    let cluster = Cluster::shared(18);
    let shop = shop(cluster);
    let healthy = shop.run(&["doctor", "-d", &shop.source.url()]).expect(0).out;
    assert!(healthy.contains("ok       version: PostgreSQL 18"), "{healthy}");
    assert!(healthy.contains("ok       store: writes, reads, lists, deletes"), "{healthy}");
    let role = cluster.role("cli_poor", "LOGIN PASSWORD 'x'");
    shop.source.execute(&format!(
        "GRANT USAGE ON SCHEMA shop TO {0}; GRANT SELECT ON shop.customer TO {0};
         ALTER TABLE shop.customer ENABLE ROW LEVEL SECURITY",
        role.name()
    ));
    let url = cluster.url_for(role.name(), Some("x"), shop.source.name());
    let poor = shop.home.run(&["doctor", "-d", &url]).expect(10).out;
    assert!(poor.contains("PROBLEM  privileges: cannot read ") && poor.contains("shop.orders"), "{poor}");
    assert!(poor.contains("PROBLEM  row security: ") && poor.contains("shop.customer"), "{poor}");
    shop.source.execute(&format!("DROP OWNED BY {}", role.name()));
}
