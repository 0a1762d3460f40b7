//! Help texts are part of the interface: each verb's stands in `tests/help/`. `UPDATE_HELP=1` rewrites them.

use crate::program::{Home, tests_folder};

const VERBS: [&str; 18] = [
    "",
    "init",
    "dump",
    "restore",
    "copy",
    "list",
    "show",
    "cat",
    "schema",
    "diff",
    "verify",
    "doctor",
    "key",
    "key list",
    "key test",
    "key add",
    "key remove",
    "completions",
];

#[test]
fn every_verbs_help_is_the_published_one() {
    let home = Home::new();
    let mut stale = Vec::new();
    for verb in VERBS {
        let args: Vec<&str> = verb.split_whitespace().chain(["--help"]).collect();
        let outcome = home.run_with(&args, &[("COLUMNS", "100")]).expect(0);
        let name = if verb.is_empty() { "pgfreight".to_owned() } else { verb.replace(' ', "-") };
        let path = tests_folder().join("help").join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_HELP").is_some() {
            std::fs::write(&path, &outcome.out).expect("written");
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(&outcome.out) {
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "help changed: {}; UPDATE_HELP=1 rewrites the files", stale.join(", "));
}

#[test]
fn question_mark_is_help_and_h_is_the_host() {
    let home = Home::new();
    let help = home.run(&["dump", "-?"]).expect(0);
    assert!(help.out.contains("-h, --host"), "{}", help.out);
    home.run(&["dump", "-h"]).expect(2);
}

#[test]
fn completions_are_printed_for_every_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.run(&["completions", shell]).expect(0).out;
        assert!(script.contains("pgfreight") && script.contains("restore"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let home = Home::new();
    let mut command = home.command(&["completions", "zsh"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
