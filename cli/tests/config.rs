//! Settings: layers, origins, refusals with lines.

use crate::program::Home;

fn origin_of(outcome: &crate::program::Outcome, key: &str) -> (String, String) {
    let rows = outcome.result()["report"].as_array().cloned().unwrap_or_default();
    let row = rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("no {key}: {}", outcome.out));
    (row["value"].as_str().unwrap_or_default().to_owned(), row["origin"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn flags_beat_variables_beat_the_file_beats_defaults() {
    let home = Home::new();
    home.write(
        "c.toml",
        "repo = \"/file\"\njobs = 2\n\n[dump]\ncompress = \"zstd:9\"\nexclude-table = [\"a\", \"b\"]\n",
    );
    let explain = ["dump", "-d", "shop", "--config", "c.toml", "--explain-config", "--json"];
    let low = home.run(&explain).expect(0);
    assert_eq!(origin_of(&low, "repo"), ("/file".into(), "c.toml:1".into()));
    assert_eq!(origin_of(&low, "jobs"), ("2".into(), "c.toml:2".into()));
    assert_eq!(origin_of(&low, "compress (zstd level)"), ("9".into(), "c.toml:5".into()));
    assert_eq!(origin_of(&low, "exclude-table"), ("a, b".into(), "c.toml:6".into()));
    assert_eq!(origin_of(&low, "memory").1, "default");
    let middle = home.run_with(&explain, &[("PGFREIGHT_JOBS", "3"), ("PGFREIGHT_REPO", "/env")]).expect(0);
    assert_eq!(origin_of(&middle, "jobs"), ("3".into(), "$PGFREIGHT_JOBS".into()));
    assert_eq!(origin_of(&middle, "repo"), ("/env".into(), "$PGFREIGHT_REPO".into()));
    let args: Vec<&str> = explain.into_iter().chain(["-j", "5"]).collect();
    let high = home.run_with(&args, &[("PGFREIGHT_JOBS", "3")]).expect(0);
    assert_eq!(origin_of(&high, "jobs"), ("5".into(), "command line".into()));
}

#[test]
fn unknown_keys_are_refused_with_file_and_line() {
    let home = Home::new();
    home.write("c.toml", "repo = \"/r\"\n[dump]\njbos = 4\n");
    let refused = home.run(&["list", "--config", "c.toml"]).expect(2);
    assert!(refused.err.starts_with("error: c.toml:3: unknown field `jbos`"), "{}", refused.err);
    assert!(refused.err.contains("\nhint: "), "{}", refused.err);
}

#[test]
fn values_that_cannot_be_meant_name_their_place() {
    let home = Home::new();
    home.write("c.toml", "repo = \"/r\"\nmemory = \"lots\"\n");
    let refused = home.run(&["verify", "--config", "c.toml"]).expect(2);
    assert!(refused.err.contains("c.toml:2") && refused.err.contains("256MiB"), "{}", refused.err);
    let refused = home.run_with(&["verify", "--repo", "/r"], &[("PGFREIGHT_JOBS", "many")]).expect(2);
    assert!(refused.err.contains("$PGFREIGHT_JOBS"), "{}", refused.err);
}

#[test]
fn explaining_shows_no_secret() {
    let home = Home::new();
    home.write("c.toml", "[source]\ndbname = \"postgresql://me:hunter2@db/shop?sslmode=require\"\n");
    let variables = [("PGFREIGHT_PASSPHRASE", "hunter2"), ("PGPASSWORD", "hunter2"), ("PGFREIGHT_REPO", "/r")];
    for args in [
        &["dump", "--config", "c.toml", "--explain-config"][..],
        &["dump", "-d", "postgresql://me:hunter2@db/shop", "--explain-config"],
        &["dump", "-d", "host=db password=hunter2", "--explain-config"],
        &["list", "--explain-config"],
    ] {
        let outcome = home.run_with(args, &variables).expect(0);
        assert!(!outcome.out.contains("hunter2") && !outcome.err.contains("hunter2"), "{}{}", outcome.out, outcome.err);
    }
}

#[test]
fn a_target_is_never_chosen_by_the_environment_alone() {
    let home = Home::new();
    let variables = [("DATABASE_URL", "postgresql://db/production"), ("PGDATABASE", "production")];
    let refused = home.run_with(&["restore", "--repo", "/r", "--explain-config"], &variables).expect(2);
    assert!(refused.err.contains("-d"), "{}", refused.err);
}
