//! `--rate-limit`, `--polite`, `-j auto`, and the timeline in JSON.

use std::collections::BTreeMap;

use pgfreight_fixtures::postgres::Cluster;
use serde_json::Value;

use crate::program::Home;

/// What `--explain-config` says of a dump's setting; nothing if it says nothing.
fn explained(home: &Home, args: &[&str], key: &str) -> Option<(String, String)> {
    let explain = [&["dump", "-d", "x", "--repo", "/r", "--explain-config", "--json"], args].concat();
    let rows = home.run(&explain).expect(0).result()["report"].as_array().cloned().unwrap_or_default();
    let row = rows.into_iter().find(|row| row["key"] == key)?;
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    Some((text("value"), text("origin")))
}

#[test]
fn limits_are_read_from_flags_and_file_and_nonsense_is_refused() {
    let home = Home::new();
    home.write(
        "c.toml",
        "jobs = \"auto\"\n[dump]\nrate-limit = \"5MB/s\"\nmax-replication-lag = \"9s\"\nmax-active = 3\n",
    );
    let config: &[&str] = &["--config", "c.toml"];
    let said = |args: &[&str], key| explained(&home, &[config, args].concat(), key);
    assert_eq!(said(&[], "jobs"), Some(("auto".into(), "c.toml:1".into())));
    let rate = "rate-limit (bytes per second)";
    assert_eq!(said(&[], rate), Some(("5000000".into(), "c.toml:3".into())));
    assert_eq!(said(&["--rate-limit", "1MiB/s"], rate), Some(("1048576".into(), "command line".into())));
    // Limits in the file wait for --polite; on the command line they imply it.
    assert_eq!(said(&[], "polite").map(|(value, _)| value), Some("false".into()));
    assert_eq!(said(&[], "max-active"), None);
    assert_eq!(said(&["--polite"], "max-active"), Some(("3".into(), "c.toml:5".into())));
    assert_eq!(said(&["--max-active", "7"], "max-active"), Some(("7".into(), "command line".into())));
    assert_eq!(said(&["--max-active", "7"], "max-replication-lag"), Some(("9s".into(), "c.toml:4".into())));
    for refused in
        [["--rate-limit", "10"], ["--rate-limit", "fast"], ["--max-active", "-1"], ["-j", "0"], ["-j", "all"]]
    {
        home.run(&[&["dump", "-d", "x", "--repo", "/r", "--explain-config"], &refused[..]].concat()).expect(2);
    }
}

/// Lines of one event.
fn events(out: &str, name: &str) -> Vec<Value> {
    let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|line| line["event"] == name).collect()
}

/// What each lane did, in order; no lane does two things at once.
fn timeline(out: &str) -> BTreeMap<u64, Vec<(f64, f64, String)>> {
    let mut lanes: BTreeMap<u64, Vec<(f64, f64, String)>> = BTreeMap::new();
    for stint in events(out, "stint") {
        assert_eq!(stint["v"], 1);
        let number = |name: &str| stint[name].as_f64().unwrap_or_else(|| panic!("no {name}: {stint}"));
        let what = format!("{} {}", stint["what"].as_str().expect("what"), stint["name"].as_str().expect("a name"));
        let lane = stint["lane"].as_u64().expect("a lane");
        lanes.entry(lane).or_default().push((number("begin"), number("end"), what));
    }
    for stints in lanes.values_mut() {
        stints.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(stints.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{stints:?}");
    }
    lanes
}

#[test]
fn json_holds_the_timeline_of_both_ways_and_people_read_of_idle_lanes() {
    let cluster = Cluster::shared(18);
    let (source, target) = (cluster.database("cli_timeline"), cluster.database("cli_timeline_target"));
    source.execute(
        "CREATE TABLE a AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, 20000) i;
         CREATE TABLE b AS SELECT i AS id FROM generate_series(1, 500) i;
         ALTER TABLE a ADD PRIMARY KEY (id); CREATE INDEX ON a (word); ALTER TABLE b ADD FOREIGN KEY (id) REFERENCES a",
    );
    let home = Home::new();
    home.run(&["init", "--repo", "repo", "--no-encryption"]).expect(0);
    let dumped = home.run(&["dump", "-d", &source.url(), "--repo", "repo", "-j", "auto", "--json"]).expect(0);
    let chosen = events(&dumped.out, "jobs");
    assert!(chosen.len() == 1 && chosen[0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{chosen:?}");
    assert_eq!(chosen[0]["jobs"], dumped.result()["report"]["jobs"]);
    let copied = timeline(&dumped.out).into_values().flatten().filter(|stint| stint.2.starts_with("copy ")).count();
    assert_eq!(copied, events(&dumped.out, "chunk_done").len());

    let restore = ["restore", "-d", &target.url(), "--repo", "repo", "--allow-unsigned"];
    let plan = home.run(&[&restore[..], &["-j", "auto", "--dry-run"]].concat()).expect(0).out;
    assert!(plan.starts_with("lanes: "), "{plan}");
    let restored = home.run(&[&restore[..], &["-j", "2", "--json"]].concat()).expect(0);
    let lanes = timeline(&restored.out);
    let names: Vec<&str> = lanes.values().flatten().map(|stint| stint.2.as_str()).collect();
    for expected in ["load public.a", "INDEX public.a_word_idx", "check public.a", "check public.b"] {
        assert!(names.contains(&expected), "{expected}: {names:?}");
    }
    assert!(lanes.contains_key(&4), "statements in order have the line behind all lanes: {lanes:?}");
    assert!(restored.result()["report"]["idle_seconds"].as_f64().is_some_and(|idle| idle >= 0.0));

    let told =
        home.run(&["dump", "-d", &source.url(), "--repo", "repo", "-j", "2", "--rate-limit", "200kB/s"]).expect(0).out;
    assert!(told.contains("2 lanes idle for "), "{told}");
}
