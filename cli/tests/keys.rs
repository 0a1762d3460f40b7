//! `init` and `key`: who can read a repository.

use std::os::unix::fs::PermissionsExt;

use crate::program::Home;

#[test]
fn init_writes_a_private_writer_key_and_refuses_a_second_time() {
    let home = Home::new();
    let (_, recipient) = home.identity("id.txt");
    let report = home.run(&["init", "--repo", "repo", "-r", &recipient, "--json"]).expect(0).result();
    let report = &report["report"];
    assert_eq!(report["encrypted"], true);
    let key = std::path::PathBuf::from(report["writer_key"].as_str().expect("a path"));
    assert!(key.starts_with(home.path(".config/pgfreight")), "{}", key.display());
    let mode = std::fs::metadata(&key).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(&key).expect("readable");
    home.run(&["init", "--repo", "repo", "-r", &recipient]).expect(2);
    let refused = home.run(&["init", "--repo", "repo", "-r", &recipient, "--writer-key", "other.key"]).expect(2);
    assert!(refused.err.contains("already is a repository"), "{}", refused.err);
    assert!(!home.path("other.key").exists(), "a key file without a repository stays behind");
    assert_eq!(std::fs::read(&key).expect("readable"), before);
}

#[test]
fn nobody_to_read_is_refused_and_no_encryption_is_said_aloud() {
    let home = Home::new();
    let refused = home.run(&["init", "--repo", "repo"]).expect(2);
    assert!(refused.err.contains("--no-encryption"), "{}", refused.err);
    assert!(!home.path("repo/pgfreight.json").exists());
    let made = home.run(&["init", "--repo", "repo", "--no-encryption"]).expect(0);
    assert!(made.out.contains("NOT ENCRYPTED"), "{}", made.out);
    assert!(home.run(&["list", "--repo", "repo"]).expect(0).out.contains("NOT ENCRYPTED"));
    assert!(home.run(&["key", "list", "--repo", "repo"]).expect(0).out.contains("NOT ENCRYPTED"));
}

#[test]
fn readers_come_and_go() {
    let home = Home::new();
    let ((alice, to_alice), (bob, to_bob)) = (home.identity("alice"), home.identity("bob"));
    let repo = ["--repo", "repo"];
    let run = |args: &[&str]| home.run(&[args, &repo].concat());
    run(&["init", "-r", &to_alice, "--label", "alice"]).expect(0);
    run(&["key", "test", "-i", &bob]).expect(13);
    run(&["key", "add", "bob", "-r", &to_bob, "-i", &bob]).expect(13);
    run(&["key", "add", "bob", "-r", &to_bob, "-i", &alice]).expect(0);
    let test = run(&["key", "test", "-i", &bob, "--json"]).expect(0).result();
    assert_eq!(test["report"]["opens"], serde_json::json!(["bob"]));
    assert_eq!(test["report"]["refused"], serde_json::json!(["alice"]));
    run(&["key", "add", "bob", "-r", &to_bob, "-i", &alice]).expect(2);
    run(&["key", "remove", "alice"]).expect(0);
    run(&["key", "remove", "alice"]).expect(2);
    run(&["key", "remove", "bob"]).expect(2);
    run(&["key", "test", "-i", &alice]).expect(13);
}

#[test]
fn passphrases_come_from_files_and_variables() {
    let home = Home::new();
    home.write("phrase", "correct horse\n");
    home.run(&["init", "--repo", "repo", "--passphrase-file", "phrase"]).expect(0);
    let test = ["key", "test", "--repo", "repo"];
    home.run_with(&["list", "--repo", "repo"], &[("PGFREIGHT_PASSPHRASE", "correct horse")]).expect(0);
    let refused = home.run_with(&test, &[("PGFREIGHT_PASSPHRASE", "wrong battery")]).expect(13);
    assert!(!refused.err.contains("wrong battery"), "{}", refused.err);
    home.run(&test).expect(13);
}
