//! Memory has a bound, whatever the row and however many tables (promise 7): values of 600 MB and near PostgreSQL's limit of 1 GB,
//! which `pg_dump` cannot carry, go out and back, and straight across, through the program within 256 MiB; so does the catalog of
//! 10,000 tables with statistics.

use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::time::Duration;

use pgfreight_fixtures::postgres::Cluster;
use pgfreight_fixtures::tools;

use crate::program::Home;

/// The bound of the promise, kilobytes.
const BOUND_KB: u64 = 256 << 10;

/// Runs a command to its end; the most memory it ever held, kilobytes (`VmHWM`, which only grows: the last look counts).
fn peak_of(mut command: Command) -> u64 {
    // Into a file: nobody reads a pipe meanwhile, and ten thousand tables have more to say than one holds.
    let mut said = tempfile::tempfile().expect("a file");
    let stderr = said.try_clone().expect("a second handle");
    let mut child = command.stdout(Stdio::null()).stderr(stderr).spawn().expect("the binary runs");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut words = String::new();
    said.rewind().and_then(|()| said.read_to_string(&mut words)).expect("its words");
    assert!(child.wait().expect("a child").success(), "{words}");
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

/// A row of COPY is what the server can hold in one piece: 1 GiB less a little, in binary and, with what has to be escaped, as text.
#[test]
#[ignore = "moves gigabytes; `make soak` runs it"]
fn values_near_a_gigabyte_in_256_mib() {
    let cluster = Cluster::shared(18);
    let (source, target) = (cluster.database("gigabyte_source"), cluster.database("gigabyte_target"));
    source.execute(
        "CREATE TABLE texts (id int PRIMARY KEY, value text); ALTER TABLE texts ALTER value SET STORAGE EXTERNAL;
         INSERT INTO texts SELECT 1, repeat(E'0123456789abcdef\n', 1000000000 / 17);
         CREATE TABLE bytes (id int PRIMARY KEY, value bytea); ALTER TABLE bytes ALTER value SET STORAGE EXTERNAL;
         INSERT INTO bytes SELECT 1, convert_to(repeat('0123456789abcdef', 1070000000 / 16), 'SQL_ASCII')",
    );
    assert_eq!(source.value("SELECT length(value) FROM bytes"), "1070000000");
    let home = Home::new();
    let (identity, recipient) = home.identity("id.txt");
    home.run(&["init", "-r", &recipient, "--repo", "repo"]).expect(0);
    let dumped = peak_of(home.command(&["dump", "--repo", "repo", "-d", &source.url(), "-j", "2"]));
    let restored =
        peak_of(home.command(&["restore", "--repo", "repo", "-d", &target.url(), "-i", &identity, "-j", "2"]));
    println!("peak memory: dump {dumped} kB, restore {restored} kB");
    for table in ["texts", "bytes"] {
        let sum = format!("SELECT id || ' ' || length(value) || ' ' || md5(value) FROM {table}");
        assert_eq!(source.value(&sum), target.value(&sum), "{table}");
    }
    assert!(dumped > 0 && dumped <= BOUND_KB && restored > 0 && restored <= BOUND_KB, "{dumped} and {restored} kB");
}

/// What grows with the number of tables, and not with their rows: catalog, table of contents, manifest, and the planner's
/// statistics, here of five rows a table. (They are held while the contents are written: of wide tables with long lists of common
/// values they alone can take more than the bound.)
#[test]
#[ignore = "ten thousand tables; `make soak` runs it"]
fn ten_thousand_small_tables_in_256_mib() {
    let cluster = Cluster::shared(18);
    let source = cluster.database("tables_source");
    for first in (0..10_000).step_by(500) {
        source.execute(&format!(
            "DO $$ BEGIN FOR i IN {first}..{last} LOOP
                 EXECUTE format('CREATE TABLE t%s (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text NOT NULL,
                                 made timestamptz DEFAULT now(), size int CHECK (size >= 0))', i);
                 EXECUTE format('CREATE INDEX ON t%s (name)', i);
                 EXECUTE format('COMMENT ON TABLE t%s IS %L', i, 'table number ' || i);
                 EXECUTE format('INSERT INTO t%s (name, size) SELECT n::text, n FROM generate_series(1, 5) n', i);
             END LOOP; END $$",
            last = first + 499
        ));
    }
    source.execute("ANALYZE");
    let home = Home::new();
    let (_, recipient) = home.identity("id.txt");
    home.run(&["init", "-r", &recipient, "--repo", "repo"]).expect(0);
    let dumped = peak_of(home.command(&["dump", "--repo", "repo", "-d", &source.url(), "-j", "4"]));
    println!("peak memory: dump {dumped} kB");
    assert!(dumped > 0 && dumped <= BOUND_KB, "the dump took {dumped} kB");
}
