//! `diff` as a program: exit codes, text, JSON.

use pgfreight_fixtures::postgres::Cluster;

use crate::program::Home;

const SCHEMA: &str = "
    CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE orders (id int PRIMARY KEY, note text);
    CREATE FUNCTION total() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FOREIGN DATA WRAPPER w; CREATE SERVER srv FOREIGN DATA WRAPPER w OPTIONS (password 'hunter1');
    INSERT INTO customer SELECT i, 'customer ' || i FROM generate_series(1, 10) i;
    INSERT INTO orders SELECT i, 'note' FROM generate_series(1, 10) i;";

#[test]
fn equal_is_0_and_different_is_4_and_all_of_it_is_told() {
    let (home, database) = (Home::new(), Cluster::shared(18).database("cli_diff"));
    database.execute(SCHEMA);
    let (identity, recipient) = home.identity("id.txt");
    home.run(&["init", "-r", &recipient, "--repo", "repo"]).expect(0);
    let url = database.url();
    let dump = |args: &[&str]| {
        let outcome = home.run(&[&["dump", "-d", &url, "--repo", "repo", "--json"], args].concat()).expect(0);
        outcome.result()["report"]["dump"].as_str().expect("a name").to_owned()
    };
    let diff = |args: &[&str]| home.run(&[&["diff", "--repo", "repo", "-i", &identity], args].concat());
    let first = dump(&[]);

    let equal = diff(&["-d", &url]).expect(0).out;
    assert!(equal.contains(&format!("- dump {first} (PostgreSQL 18.")), "{equal}");
    assert!(equal.contains(&format!("+ database {} (PostgreSQL 18.", database.name())), "{equal}");
    assert!(equal.lines().last().is_some_and(|line| line.starts_with("equal: ")), "{equal}");
    assert_eq!(diff(&["latest", &first, "--json"]).expect(0).result()["exit_code"], 0);

    database.execute(
        "ALTER TABLE customer ADD mail text; INSERT INTO orders VALUES (11, 'note'), (12, 'note'); DROP FUNCTION total();
         CREATE VIEW v AS SELECT 1 AS a; ALTER SERVER srv OPTIONS (SET password 'hunter2')",
    );
    let different = diff(&["-d", &url]).expect(4).out;
    for line in [
        "- FUNCTION public.total()",
        "+ VIEW public.v",
        "~ TABLE public.customer",
        "    +     name text NOT NULL,",
        "    +     mail text",
        "~ SERVER srv (holds a secret: not shown)",
        "~ rows of public.orders: 10 rows, 12 rows",
        "? rows of public.customer: 10 rows, not counted, not comparable (the columns are not the same)",
    ] {
        assert!(different.lines().any(|found| found == line), "{line}\n{different}");
    }
    let closing = different.lines().last().unwrap_or_default();
    assert!(closing.starts_with("different: ") && closing.ends_with("1 added, 1 removed, 3 changed, 1 not comparable"));
    assert!(!different.contains("hunter"), "{different}");
    let schema = diff(&["-d", &url, "--schema-only"]).expect(4).out;
    assert!(schema.contains("VIEW public.v") && !schema.contains("rows of"), "{schema}");
    let rows = diff(&["-d", &url, "--data-only"]).expect(4).out;
    assert!(rows.contains("rows of public.orders") && !rows.contains("VIEW"), "{rows}");

    let second = dump(&["-T", "customer"]);
    let result = diff(&[&first, &second, "--json"]).expect(4).result();
    assert_eq!((result["verb"].as_str(), result["exit_code"].as_u64()), (Some("diff"), Some(4)));
    let report = &result["report"];
    assert_eq!((report["first"]["name"].as_str(), report["second"]["kind"].as_str()), (Some(&*first), Some("dump")));
    let named = |name: &str| {
        let found = report["schema"].as_array().expect("a list").iter().find(|object| object["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {report}")).clone()
    };
    assert_eq!((named("v")["change"].as_str(), named("v")["kind"].as_str()), (Some("added"), Some("VIEW")));
    assert!(named("srv")["secret"].as_bool() == Some(true) && named("srv")["before"].is_null());
    let orders = report["data"].as_array().expect("a list").iter().find(|rows| rows["name"] == "orders");
    let orders = orders.unwrap_or_else(|| panic!("orders in {report}"));
    assert_eq!((orders["before"]["rows"].as_u64(), orders["after"]["rows"].as_u64()), (Some(10), Some(12)));
    assert!(report["notes"][0].as_str().is_some_and(|note| note.contains(&second) && note.contains("customer")));
    assert!(!result.to_string().contains("hunter"));
}

#[test]
fn what_cannot_be_compared_is_3_and_errors_keep_their_codes() {
    let (home, database) = (Home::new(), Cluster::shared(18).database("cli_diff_errors"));
    database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    let (identity, recipient) = home.identity("id.txt");
    home.run(&["init", "-r", &recipient, "--repo", "repo"]).expect(0);
    let url = database.url();
    for format in ["text", "binary"] {
        home.run(&["dump", "-d", &url, "--repo", "repo", "--copy-format", format]).expect(0);
    }
    let list = home.run(&["list", "--repo", "repo", "--json"]).expect(0).result();
    let name = |at: usize| list["report"]["dumps"][at]["dump"].as_str().expect("a name").to_owned();
    let (text, binary) = (name(0), name(1));
    let diff = |args: &[&str]| home.run(&[&["diff", "--repo", "repo", "-i", &identity], args].concat());
    let unknown = diff(&[&text, &binary]).expect(3).out;
    assert!(
        unknown.contains("? rows of public.t: 1 row, not comparable (copied as text and as binary)\n"),
        "{unknown}"
    );
    assert!(unknown.contains("no difference found: "), "{unknown}");
    diff(&[&text, &binary, "--schema-only"]).expect(0);

    let refused = home.run(&["diff", &text, &binary, "--repo", "repo"]).expect(13);
    assert!(refused.err.contains("no identity was given") && refused.err.contains("hint: "), "{}", refused.err);
    let refused = diff(&[&text, "nonsense"]).expect(2);
    assert!(refused.err.contains("there is no dump nonsense"), "{}", refused.err);
    let refused = diff(&["-d", "postgresql://me:hunter2@127.0.0.1:1/shop?connect_timeout=2"]).expect(10);
    assert!(!refused.err.contains("hunter2"), "{}", refused.err);
    let plan = diff(&["-d", &url, "--explain-config"]).expect(0).out;
    assert!(plan.contains("jobs"), "{plan}");
}
