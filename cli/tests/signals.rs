//! Ctrl-C and SIGTERM.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pgfreight_fixtures::postgres::Cluster;

use crate::program::Home;

/// Enough rows that a dump under load is not over before the signal comes.
const ROWS: &str = "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 20) AS filler FROM generate_series(1, 300000) i";

fn signal(child: &Child, name: &str) {
    let sent = Command::new("/bin/kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
}

#[test]
fn a_stopped_dump_says_how_to_go_on_and_goes_on() {
    let cluster = Cluster::shared(18);
    let home = Home::new();
    let source = cluster.database("cli_stop");
    source.execute(ROWS);
    let (identity, recipient) = home.identity("id.txt");
    home.run(&["init", "--repo", "repo", "-r", &recipient]).expect(0);
    let url = source.url();
    let dump = ["dump", "-d", &url, "--repo", "repo", "-j", "1", "-Z", "zstd:12", "--json"];
    for name in ["INT", "TERM"] {
        let mut command = home.command(&dump);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let mut events = BufReader::new(child.stdout.take().expect("piped")).lines();
        let data = events.by_ref().map_while(Result::ok).any(|line| line.contains("\"table_started\""));
        assert!(data, "the dump never came to its data");
        signal(&child, name);
        let last = events.map_while(Result::ok).last().unwrap_or_default();
        let mut said = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        assert_eq!(child.wait().expect("ends").code(), Some(130), "{name}: {last}\n{said}");
        assert!(last.contains("\"cancelled\"") && last.contains("same command"), "{name}: {last}");
        assert!(said.contains("stopping cleanly"), "{said}");
    }
    assert!(home.run(&["list", "--repo", "repo"]).expect(0).out.contains("no dumps yet"));
    home.run(&dump).expect(0);
    home.run(&["verify", "--repo", "repo", "-i", &identity]).expect(0);
}

#[test]
fn a_second_signal_stops_at_once() {
    let cluster = Cluster::shared(18);
    let home = Home::new();
    let source = cluster.database("cli_stop_twice");
    source.execute(ROWS);
    let (_, recipient) = home.identity("id.txt");
    home.run(&["init", "--repo", "repo", "-r", &recipient]).expect(0);
    let mut command = home.command(&["dump", "-d", &source.url(), "--repo", "repo", "-j", "1", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs");
    let mut events = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(events.by_ref().map_while(Result::ok).any(|line| line.contains("\"table_started\"")));
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(20));
    // It may have ended between the two.
    let _ = Command::new("/bin/kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
    assert_eq!(child.wait().expect("ends").code(), Some(130));
}

/// A restore that is repeated after its end compares; stopped then, it is stopped, and not refused for what the target has.
#[test]
fn a_restore_stopped_while_it_compares_is_cancelled() {
    let cluster = Cluster::shared(18);
    let home = Home::new();
    let (source, target) = (cluster.database("cli_stop_compare"), cluster.database("cli_stop_compare_target"));
    source.execute(ROWS);
    home.run(&["init", "--repo", "repo", "--no-encryption"]).expect(0);
    home.run(&["dump", "-d", &source.url(), "--repo", "repo"]).expect(0);
    let url = target.url();
    let restore = ["restore", "--repo", "repo", "--allow-unsigned", "-d", &url, "-j", "1", "--json"];
    home.run(&restore).expect(0);
    let mut command = home.command(&restore);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs");
    let mut events = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(events.by_ref().map_while(Result::ok).any(|line| line.contains("comparing both")));
    signal(&child, "INT");
    let last = events.map_while(Result::ok).last().unwrap_or_default();
    assert_eq!(child.wait().expect("ends").code(), Some(130), "{last}");
    assert!(last.contains("\"cancelled\"") && last.contains("\"hint\""), "{last}");
    home.run(&restore).expect(0);
}
