//! `copy` through the program: exit codes, JSON, passwords, and `kill -9` while the source goes on.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Auth, Cluster, Database, Options};
use serde_json::Value;

use crate::program::Home;

/// Rows enough for a dozen chunks of a mebibyte, a key between two tables, and a trigger that would change every row.
fn fill(database: &Database<'_>) {
    database.execute(
        "CREATE TABLE big (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text NOT NULL, state text);
         INSERT INTO big (word, state) SELECT string_agg(md5((i * 10 + k)::text), ''), 'old'
             FROM generate_series(1, 40000) i, generate_series(1, 10) k GROUP BY i;
         CREATE INDEX ON big (left(word, 8));
         CREATE TABLE small (id int PRIMARY KEY, big bigint REFERENCES big);
         INSERT INTO small SELECT i, i FROM generate_series(1, 1000) i;
         CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.state := ''new''; RETURN NEW; END';
         CREATE TRIGGER noted BEFORE INSERT ON big FOR EACH ROW EXECUTE FUNCTION noted()",
    );
}

#[test]
fn a_copy_says_what_it_did_and_the_databases_are_equal() {
    let (old, new) = (Cluster::shared(16), Cluster::shared(18));
    let (source, target) = (old.database("cli_copy"), new.database("cli_copied"));
    fill(&source);
    let home = Home::new();
    let args = ["copy", "-d", &source.url(), "--to", &target.url(), "-j", "2", "--chunk-size", "1MiB"];
    let planned = home.run(&[&args[..], &["--dry-run"]].concat()).expect(0);
    assert!(planned.out.contains("load public.big: about "), "{}", planned.out);
    let done = home.run(&args).expect(0);
    for told in ["copied ", "2 tables with 41,000 rows", "2 tables read back and proved equal to the source"] {
        assert!(done.out.contains(told), "{told}: {}", done.out);
    }
    compare::assert_equal(&source.url(), &target.url(), Scope::Data);
    // Full targets are refused, and once more with --clean everything is replaced.
    let refused = home.run(&args).expect(11);
    assert!(refused.err.contains("is not empty") && refused.err.contains("hint: "), "{}", refused.err);
    let clean = home.run(&[&args[..], &["--clean", "--if-exists", "--json"]].concat()).expect(0);
    let result = clean.result();
    assert_eq!((result["verb"].as_str(), result["exit_code"].as_u64()), (Some("copy"), Some(0)));
    let report = &result["report"];
    assert_eq!((report["rows"].as_u64(), report["proved_tables"].as_u64()), (Some(41_000), Some(2)), "{report}");
    assert_eq!((report["restarts"].as_u64(), report["dump"].is_null()), (Some(0), true), "{report}");
    let planned = clean.events().into_iter().find(|event| event["event"] == "planned").expect("planned");
    assert!(planned.get("dump").is_none() && planned["chunks"].as_u64() > Some(10), "{planned}");
    compare::assert_equal(&source.url(), &target.url(), Scope::Data);
}

#[test]
fn either_side_has_its_exit_code() {
    let cluster = Cluster::shared(18);
    let (source, target) = (cluster.database("cli_copy_codes"), cluster.database("cli_copy_codes_to"));
    source.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE TABLE secret (a int)");
    let nowhere = "postgresql://me:hunter2@127.0.0.1:1/shop?connect_timeout=2";
    let home = Home::new();
    let from = home.run(&["copy", "-d", nowhere, "--to", &target.url()]).expect(10);
    let to = home.run(&["copy", "-d", &source.url(), "--to", nowhere]).expect(11);
    let same = home.run(&["copy", "-d", &source.url(), "--to", &source.url()]).expect(2);
    assert!(same.err.contains("the target is the source itself"), "{}", same.err);
    let unnamed = home.run_with(&["copy", "-d", &source.url()], &[("PGDATABASE", target.name())]).expect(2);
    assert!(unnamed.err.contains("--to"), "{}", unnamed.err);
    for outcome in [from, to, same, unnamed] {
        assert!(outcome.err.contains("hint: ") && !outcome.err.contains("hunter2"), "{}", outcome.err);
    }
    home.write("protected.toml", &format!("[target]\nprotected = [\"{}\"]\n", target.name()));
    let args = ["copy", "-d", &source.url(), "--to", &target.url()];
    let protected = home.run(&[&args[..], &["--config", "protected.toml"]].concat()).expect(11);
    assert!(protected.err.contains("is protected"), "{}", protected.err);
    // A role that the target does not have is a loss, and losses are an exit code.
    let other = Cluster::shared(17).database("cli_copy_losses");
    let owner = cluster.role("copy_owner", "");
    source.execute(&format!("ALTER TABLE secret OWNER TO {}", owner.name()));
    let args = ["copy", "-d", &source.url(), "--to", &other.url()];
    let lossy = home.run(&args).expect(3);
    assert!(lossy.out.contains("not carried: ") && lossy.out.contains("public.secret"), "{}", lossy.out);
    home.run(&[&args[..], &["-c", "--if-exists", "-O"]].concat()).expect(0);
    assert_eq!(other.value("SELECT count(*) FROM t"), "1");
}

#[test]
fn the_sources_password_is_not_offered_to_another_server() {
    let locked = Options { auth: Auth::Password, password: "from-here".into(), ..Options::default() };
    let (from, to) =
        (Cluster::start(18, &locked), Cluster::start(18, &Options { password: "to-there".into(), ..locked.clone() }));
    let (source, target) = (from.database("locked"), to.database("locked_too"));
    source.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    let plain = |cluster: &Cluster, name: &str| {
        format!("host={} port={} user={} dbname={name}", cluster.host(), cluster.port(), cluster.user())
    };
    let (one, two) = (plain(&from, source.name()), plain(&to, target.name()));
    let home = Home::new();
    let args = ["copy", "-w", "-d", &one, "--to", &two];
    // Both servers would take the other's password in clear text. This one is not even told it.
    let refused = home.run_with(&args, &[("PGPASSWORD", "from-here")]).expect(11);
    assert!(refused.err.contains("password"), "{}", refused.err);
    assert!(!to.log().contains("password authentication failed"), "{}", to.log());
    let own = [("PGPASSWORD", "from-here"), ("PGFREIGHT_TARGET_PASSWORD", "to-there")];
    let explained = home.run_with(&[&args[..], &["--explain-config"]].concat(), &own).expect(0);
    assert!(
        !explained.out.contains("to-there") && explained.out.contains("PGFREIGHT_TARGET_PASSWORD"),
        "{}",
        explained.out
    );
    home.run_with(&args, &own).expect(0);
    assert_eq!(target.value("SELECT count(*) FROM t"), "1");
    // On one server one password is enough.
    let third = from.database("locked_again");
    home.run_with(&["copy", "-w", "-d", &one, "--to", &plain(&from, third.name())], &own[..1]).expect(0);
    assert_eq!(third.value("SELECT count(*) FROM t"), "1");
}

/// Ends a run with SIGKILL at the first event that is `moment`.
fn kill_at(home: &Home, args: &[&str], mut moment: impl FnMut(&Value) -> bool) {
    let mut command = home.command(&[args, &["--json"]].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs");
    let mut last = String::new();
    for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
        if moment(&serde_json::from_str(&line).expect("JSON")) {
            child.kill().expect("it still runs");
            break;
        }
        last = line;
    }
    let status = child.wait().expect("ends");
    assert_eq!(status.signal(), Some(9), "it ended before its moment came: {last}");
}

#[test]
fn killed_twice_while_rows_change_it_goes_on_and_the_result_is_equal() {
    let (old, new) = (Cluster::shared(15), Cluster::shared(18));
    let (source, target) = (old.database("cli_copy_kill"), new.database("cli_copy_killed"));
    fill(&source);
    source.execute("CREATE TABLE steady AS SELECT i, md5(i::text) AS t FROM generate_series(1, 200000) i");
    // It is refreshed behind the triggers, and takes long enough for a signal to arrive.
    source.execute("CREATE MATERIALIZED VIEW slow AS SELECT 1 AS one FROM pg_sleep(0.5)");
    let home = Home::new();
    let args = ["copy", "-d", &source.url(), "--to", &target.url(), "-j", "1", "--chunk-size", "1MiB"];
    // In the middle of the rows.
    let mut chunks = 0;
    kill_at(&home, &args, |event| {
        chunks += u32::from(event["event"] == "chunk_done");
        chunks == 6
    });
    source.execute("UPDATE big SET word = 'changed' WHERE id IN (5, 39000); DELETE FROM small WHERE id = 7");
    // While keys, triggers and the like are made.
    kill_at(&home, &args, |event| event["event"] == "entry_done" && event["kind"] == "TRIGGER");
    source.execute("UPDATE big SET state = 'later' WHERE id = 77; INSERT INTO small VALUES (5000, 5000)");
    let done = home.run(&[&args[..], &["--json"]].concat()).expect(0);
    let warned: Vec<String> = done
        .events()
        .iter()
        .filter(|event| event["event"] == "warning")
        .filter_map(|event| event["message"].as_str().map(str::to_owned))
        .collect();
    assert!(warned.iter().any(|message| message.contains("rows of public.big changed at the source")), "{warned:?}");
    assert!(!warned.iter().any(|message| message.contains("steady")), "{warned:?}");
    let report = done.result()["report"].clone();
    assert!(report["resumed_chunks"].as_u64() > Some(0), "{report}");
    assert_eq!(report["proved_tables"].as_u64(), Some(3), "{report}");
    compare::assert_equal(&source.url(), &target.url(), Scope::Data);
    assert_eq!(
        target.value("SELECT count(*) FROM big WHERE state = 'new'"),
        source.value("SELECT count(*) FROM big WHERE state = 'new'")
    );
    assert_eq!(target.value("SELECT count(*) FROM pg_trigger WHERE tgname = 'noted'"), "1");
    assert_eq!(target.value("SELECT count(*) FROM pg_namespace WHERE nspname = '_pgfreight'"), "0");
}
