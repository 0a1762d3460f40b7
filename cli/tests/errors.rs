//! Refusals: exit codes, form, and what must not be in them.

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
