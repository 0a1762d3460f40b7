//! Refusals: exit codes, form, and what must not be in them.

use pgfreight_fixtures::postgres::{Cluster, Options};

use crate::program::Home;

#[test]
fn usage_errors_exit_2() {
    let home = Home::new();
    for args in [
        &["dump", "--nonsense"][..],
        &["nonsense"],
        &["list"],
        &["dump", "-s", "-a", "--repo", "/r"],
        &["dump", "-Z", "gzip", "--repo", "/r"],
        &["dump", "-j", "1000", "--repo", "/r", "-d", "x", "--explain-config"],
        &["restore", "--repo", "/r", "--if-exists", "-d", "x"],
        &["schema", "latest", "-d", "x", "--repo", "/r"],
        &["diff", "--repo", "/r"],
        &["diff", "latest", "--repo", "/r"],
        &["diff", "a", "b", "-d", "x", "--repo", "/r"],
        &["diff", "a", "b", "-s", "-a", "--repo", "/r"],
        &["copy", "-d", "x"],
        &["copy", "-d", "x", "--to", "y", "-s", "-a"],
        &["copy", "-d", "x", "--to", "y", "--if-exists"],
        &["copy", "x", "-d", "x", "--to", "y"],
        &["init", "--repo", "/r", "--no-encryption", "--passphrase"],
    ] {
        home.run(args).expect(2);
    }
}

#[test]
fn errors_say_what_why_and_what_to_do() {
    let home = Home::new();
    let refused = home.run(&["dump", "-d", "x", "--repo", &home.text("repo")]).expect(13);
    let mut lines = refused.err.lines();
    assert!(
        lines.next().is_some_and(|line| line.starts_with("error: cannot read the writer key file ")),
        "{}",
        refused.err
    );
    assert!(lines.next().is_some_and(|line| line.starts_with("  1: ")), "{}", refused.err);
    assert!(lines.next().is_some_and(|line| line.starts_with("hint: ")), "{}", refused.err);
    assert_eq!(lines.next(), None);
}

#[test]
fn json_errors_are_events() {
    let home = Home::new();
    let event = home.run(&["dump", "-d", "x", "--repo", &home.text("repo"), "--json"]).expect(13).result();
    assert_eq!((event["v"].as_u64(), event["event"].as_str()), (Some(1), Some("error")));
    assert_eq!((event["kind"].as_str(), event["code"].as_u64()), (Some("identity"), Some(13)));
    assert!(event["hint"].is_string() && event["causes"].is_array() && event["time"].is_string());
    let event = home.run(&["dump", "--nonsense", "--json"]).expect(2).result();
    assert_eq!((event["kind"].as_str(), event["code"].as_u64()), (Some("usage"), Some(2)));
}

#[test]
fn a_place_that_is_no_repository_is_a_store_error() {
    let home = Home::new();
    std::fs::create_dir(home.path("empty")).expect("made");
    for verb in [&["list"][..], &["verify"], &["key", "list"]] {
        let args: Vec<&str> = verb.iter().copied().chain(["--repo", "empty"]).collect();
        let refused = home.run(&args).expect(12);
        assert!(refused.err.contains("hint: "), "{}", refused.err);
    }
}

#[test]
fn a_server_that_is_not_there_is_a_source_error_and_its_password_stays_secret() {
    let home = Home::new();
    let url = "postgresql://me:hunter2@127.0.0.1:1/shop?connect_timeout=2";
    for args in [&["doctor", "-d", url][..], &["schema", "-d", url]] {
        let refused = home.run(args).expect(10);
        assert!(!refused.err.contains("hunter2") && !refused.out.contains("hunter2"), "{}", refused.err);
    }
}

#[test]
fn quiet_runs_say_nothing_but_errors() {
    let home = Home::new();
    let (_, recipient) = home.identity("id.txt");
    let made = home.run(&["init", "--repo", "repo", "-r", &recipient, "--quiet"]).expect(0);
    assert!(made.out.is_empty() && made.err.is_empty(), "{}{}", made.out, made.err);
    assert!(!home.run(&["init", "--repo", "repo", "-r", &recipient, "--quiet"]).expect(2).err.is_empty());
}

/// A damaged catalog, and a body that the target does not compile: exit 3, each thing by name with its statement and what to do,
/// all else there; with `-e` the first refusal is the end.
#[test]
fn what_cannot_be_carried_is_named_and_the_rest_is() {
    // A server of its own: its catalogs are damaged.
    let cluster = Cluster::start(18, &Options::default());
    let (home, source) = (Home::new(), cluster.database("cli_damaged"));
    source.execute(
        "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (a int, m mood); INSERT INTO t VALUES (1, 'a');
         CREATE FUNCTION takes(mood) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE INDEX by_mood ON t (m);
         CREATE FUNCTION newer() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT casefold('A'); END;
         SET allow_system_table_mods = on; DELETE FROM pg_type WHERE typname = 'mood'",
    );
    home.run(&["init", "--repo", "repo", "--no-encryption"]).expect(0);
    let dump = home.run(&["dump", "-d", &source.url(), "--repo", "repo"]).expect(3);
    for expected in
        ["column public.t.m: ", "index public.by_mood: ", "function public.takes: ", "cache lookup failed for type"]
    {
        assert!(dump.out.contains(expected), "{expected}: {}", dump.out);
    }
    let target = Cluster::shared(15).database("cli_damaged");
    let url = target.url();
    let restore = ["restore", "--repo", "repo", "--allow-unsigned", "-d", &url];
    let text = home.run(&restore).expect(3).out;
    let line = text.lines().find(|line| line.contains("FUNCTION public.newer(): ")).unwrap_or_else(|| panic!("{text}"));
    for expected in ["casefold", "in: CREATE FUNCTION public.newer()", "does not compile on the target"] {
        assert!(line.contains(expected), "{expected}: {line}");
    }
    assert_eq!(target.value("SELECT a FROM t"), "1");
    target.execute("DROP TABLE t");
    let refused = home.run(&[&restore[..], &["-e"]].concat()).expect(11);
    assert!(
        refused.err.contains("error: FUNCTION public.newer()") && refused.err.contains("hint: It does not compile"),
        "{}",
        refused.err
    );
}

/// What the target's build lacks, ICU and a provider of security labels: exit 3, each by name with what to do, all else there;
/// without the labels and with ICU it is no loss.
#[test]
fn a_target_that_is_built_otherwise_costs_what_it_cannot_have() {
    let cluster = Cluster::start(15, &Options { icu: true, labels: true, ..Options::default() });
    let (home, source) = (Home::new(), cluster.database("cli_icu"));
    source.execute(
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE sorted (a text COLLATE ci); CREATE TABLE plain (a int); INSERT INTO plain VALUES (1), (2);
         SECURITY LABEL FOR pgfreight ON TABLE plain IS 'it''s secret'",
    );
    home.run(&["init", "--repo", "repo", "--no-encryption"]).expect(0);
    home.run(&["dump", "-d", &source.url(), "--repo", "repo"]).expect(0);
    let restore = ["restore", "--repo", "repo", "--allow-unsigned", "-d"];
    let bare = Cluster::shared(15).database("cli_icu");
    let text = home.run(&[&restore[..], &[&bare.url()]].concat()).expect(3).out;
    for expected in [
        "COLLATION public.ci: ",
        "built without ICU",
        "TABLE public.sorted: ",
        "SECURITY LABEL public.TABLE plain: ",
        "--no-security-labels",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(bare.value("SELECT sum(a) FROM plain"), "3");
    let other = Cluster::icu(15).database("cli_icu");
    home.run(&[&restore[..], &[&other.url(), "--no-security-labels"]].concat()).expect(0);
    assert_eq!(other.value("SELECT count(*) FROM pg_class WHERE relname IN ('sorted', 'plain')"), "2");
}
