//! A catalog nobody has heard of: what is in it is counted, named, and makes the exit code 3.

use pgfreight_fixtures::postgres::{Cluster, Options};

use crate::program::Home;

#[test]
fn rows_of_an_unknown_catalog_are_losses_by_name() {
    // A server of its own: the system catalogs are changed.
    let cluster = Cluster::start(18, &Options::default());
    let (home, database) = (Home::new(), cluster.database("cli_census"));
    database.execute("CREATE TABLE t (a int PRIMARY KEY); COMMENT ON TABLE t IS 'c'; INSERT INTO t VALUES (1)");
    home.run(&["init", "--repo", "repo", "--no-encryption"]).expect(0);
    let url = database.url();
    let dump = || home.run(&["dump", "-d", &url, "--repo", "repo", "--json"]);
    let show = |args: &[&str]| home.run(&[&["show", "--repo", "repo"], args].concat()).expect(0);
    assert_eq!(dump().expect(0).result()["report"]["losses"].as_array().map(Vec::len), Some(0));
    let all = show(&["--json"]).result()["report"]["census"].clone();
    let classes = all.as_object().expect("counts by catalog");
    assert!(classes["pg_class"]["carried"] == 2 && classes["pg_description"]["found"] == 1, "{all}");
    let balanced = |count: &serde_json::Value| {
        let number = |field: &str| count[field].as_u64().unwrap_or_default();
        number("found") == number("carried") + number("parts")
    };
    assert!(classes.values().all(balanced), "{all}");
    let text = show(&[]).out;
    let line = text.lines().find(|line| line.starts_with("catalog rows  ")).expect("a line");
    assert!(line.ends_with(" parts of others"), "{line}");

    database.execute(
        "SET allow_system_table_mods = on; CREATE TABLE pg_catalog.pg_hologram (oid oid, name text);
         INSERT INTO pg_catalog.pg_hologram VALUES (123, 'born with the cluster'), (20001, 'mine')",
    );
    let result = dump().expect(3).result();
    let losses: Vec<(&str, &str)> = result["report"]["losses"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|loss| (loss["class"].as_str().expect("a class"), loss["name"].as_str().expect("a name")))
        .collect();
    assert_eq!(losses, [("pg_hologram", "20001"), ("table", "pg_catalog.pg_hologram")]);
    let census = show(&["--json"]).result()["report"]["census"].clone();
    assert_eq!(census["pg_hologram"], serde_json::json!({ "found": 1, "carried": 0, "parts": 0 }));
    assert!(show(&[]).out.contains(", 2 NOT CARRIED\n"));
    // Whoever asks for one table is not told of the rest.
    home.run(&["dump", "-d", &url, "--repo", "repo", "-t", "t"]).expect(0);
    let part = show(&[]).out;
    assert!(part.contains(" left out by filters\n") && !part.contains("NOT CARRIED"), "{part}");
    let differs = home.run(&["diff", "--repo", "repo", "latest", "-d", &url]).expect(4).out;
    assert!(differs.contains("+ PG_HOLOGRAM 20001\n") && differs.contains("was made with"), "{differs}");
}
