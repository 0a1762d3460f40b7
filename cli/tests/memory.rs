//! Memory has a bound, whatever the row (promise 7): one value of 600 MB, which `pg_dump` cannot carry, goes out and back,
//! and straight across, through the program with eight lanes within 256 MiB.

use std::process::{Command, Stdio};
use std::time::Duration;

use pgfreight_fixtures::postgres::Cluster;
use pgfreight_fixtures::tools;

use crate::program::Home;

/// The bound of the promise, kilobytes.
const BOUND_KB: u64 = 256 << 10;

/// Runs a command to its end; the most memory it ever held, kilobytes (`VmHWM`, which only grows: the last look counts).
fn peak_of(mut command: Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().expect("its output");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    peak
}

#[test]
#[ignore = "moves a gigabyte; `make soak` runs it"]
fn a_value_of_600_mb_in_256_mib() {
    let cluster = Cluster::shared(18);
    let (source, target) = (cluster.database("memory_source"), cluster.database("memory_target"));
    // Half random, so that compression does not make it small: 9,375,000 blocks of 64 hexadecimal digits, as bytes.
    source.execute(
        "CREATE TABLE huge (id int PRIMARY KEY, value bytea); ALTER TABLE huge ALTER value SET STORAGE EXTERNAL;
         INSERT INTO huge SELECT 1, string_agg(convert_to(md5(i::text) || md5((-i)::text), 'SQL_ASCII'), '')
             FROM generate_series(1, 9375000) i;
         INSERT INTO huge VALUES (2, 'small'), (3, NULL);
         CREATE TABLE others (id int, t text);
         INSERT INTO others SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 400000) i",
    );
    assert_eq!(source.value("SELECT length(value) FROM huge WHERE id = 1"), "600000000");
    let refused = tools::pg_dump(18).args(["-Fc", "-f", "/dev/null", "-t", "huge", "-d"]).arg(source.url()).output();
    let refused = refused.expect("pg_dump runs");
    assert!(!refused.status.success(), "pg_dump can carry it by now");

    let home = Home::new();
    let (identity, recipient) = home.identity("id.txt");
    home.run(&["init", "-r", &recipient, "--repo", "repo"]).expect(0);
    let dumped = peak_of(home.command(&["dump", "--repo", "repo", "-d", &source.url(), "-j", "8"]));
    let restored =
        peak_of(home.command(&["restore", "--repo", "repo", "-d", &target.url(), "-i", &identity, "-j", "8"]));
    let verified = peak_of(home.command(&["verify", "--repo", "repo", "-i", &identity, "-j", "8"]));
    let again = cluster.database("memory_again");
    let copied = peak_of(home.command(&["copy", "-d", &source.url(), "--to", &again.url(), "-j", "8"]));
    println!("peak memory: dump {dumped} kB, restore {restored} kB, verify {verified} kB, copy {copied} kB");
    let sum = "SELECT string_agg(id || ' ' || coalesce(md5(value), '-'), ',' ORDER BY id) FROM huge";
    assert_eq!(source.value(sum), target.value(sum));
    assert_eq!(source.value(sum), again.value(sum));
    for (what, peak) in [("dump", dumped), ("restore", restored), ("verify", verified), ("copy", copied)] {
        assert!(peak > 0 && peak <= BOUND_KB, "{what} took {peak} kB");
    }
}
