//! The cluster's own objects through the program: exit codes, messages, and passwords that show nowhere.

use pgfreight_fixtures::postgres::{Cluster, Database, Options};

use crate::program::{Home, Outcome};

/// What no output may hold: the beginning of every hash, and one that no server made.
const HASHES: [&str; 2] = ["SCRAM-SHA-256", "md5aaaaaaaa"];

fn cluster() -> Cluster {
    let cluster = Cluster::start(18, &Options::default());
    cluster.execute(
        "CREATE ROLE app LOGIN CREATEDB PASSWORD 'hunter2'; CREATE ROLE boss SUPERUSER PASSWORD 'hunter2';
         CREATE ROLE old PASSWORD 'md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'; GRANT app TO old; ALTER ROLE app SET work_mem TO '5MB'",
    );
    cluster
}

/// A home with a repository, and what runs there.
struct Place {
    home: Home,
    identity: String,
}

impl Place {
    fn new() -> Self {
        let home = Home::new();
        let (identity, recipient) = home.identity("id.txt");
        home.run(&["init", "-r", &recipient, "--repo", "repo"]).expect(0);
        Self { home, identity }
    }

    /// Runs it and looks for hashes in everything it says.
    fn run(&self, args: &[&str]) -> Outcome {
        let outcome = self.home.run(&[args, &["--repo", "repo"]].concat());
        for hash in HASHES {
            assert!(!outcome.out.contains(hash) && !outcome.err.contains(hash), "{}\n{}", outcome.out, outcome.err);
        }
        outcome
    }

    fn read(&self, args: &[&str]) -> Outcome {
        self.run(&[args, &["-i", &self.identity]].concat())
    }
}

fn source(cluster: &Cluster) -> Database<'_> {
    let database = cluster.database_with("cli_globals", "OWNER app");
    database.execute("CREATE TABLE t (a int); ALTER TABLE t OWNER TO app; INSERT INTO t VALUES (1)");
    database
}

#[test]
fn passwords_show_nowhere_and_arrive() {
    let (left, right) = (cluster(), Cluster::start(18, &Options::default()));
    let (place, source) = (Place::new(), source(&left));
    let url = source.url();
    place.run(&["dump", "-d", &url, "--globals", "--role-passwords", "--json"]).expect(0);

    let list = place.read(&["restore", "-l"]).expect(0).out;
    assert!(list.contains("1; pg_authid ") && list.contains(" ROLE PASSWORD - app -\n"), "{list}");
    let shown = place.read(&["show"]).expect(0).out;
    assert!(shown.contains("ROLE MEMBERSHIP") && shown.contains("--globals --role-passwords"), "{shown}");
    place.read(&["show", "--json"]).expect(0);
    let plain = place.read(&["schema", "latest"]).expect(0).out;
    assert!(!plain.contains("CREATE ROLE"), "{plain}");
    let schema = place.read(&["schema", "latest", "--globals"]).expect(0).out;
    let (role, table) = (schema.find("CREATE ROLE app WITH CREATEDB LOGIN;"), schema.find("CREATE TABLE"));
    assert!(role.is_some() && role < table, "{schema}");
    assert!(schema.contains("-- ROLE PASSWORD app\n-- left out: holds a secret\n"), "{schema}");
    assert!(schema.contains("GRANT app TO old") && schema.contains("ALTER ROLE app SET work_mem"), "{schema}");
    let live = place.home.run(&["schema", "-d", &url, "--globals"]).expect(0).out;
    assert!(live.contains("CREATE ROLE app") && !live.contains("PASSWORD"), "{live}");
    place.read(&["schema", "latest", "--globals", "--split", "ddl"]).expect(0);
    let file = std::fs::read_to_string(place.home.path("ddl/role/app.sql")).expect("a file per role");
    assert!(file.contains("CREATE ROLE app") && !file.contains("SCRAM"), "{file}");

    // Somebody who may not make superusers: every refusal is told, none with a hash.
    right.execute("CREATE ROLE poor LOGIN CREATEROLE CREATEDB");
    let poor = right.url_for("poor", None, "postgres");
    let lossy = place.read(&["restore", "-d", &poor, "-C", "-O", "-x", "--globals", "--json"]).expect(3);
    let refused = |event: &serde_json::Value| event["event"] == "loss" && event["name"] == "boss";
    assert_eq!(lossy.events().iter().filter(|event| refused(event)).count(), 2, "{}", lossy.out);
    right.execute(&format!("DROP DATABASE {}", source.name()));
    right.execute("DROP OWNED BY poor; DROP ROLE app, old, poor");
    let admin = right.url("postgres");
    let dry = place.read(&["restore", "-d", &admin, "--globals", "--dry-run"]).expect(3).out;
    assert!(dry.starts_with("globals:\n") && dry.contains("ROLE PASSWORD - app"), "{dry}");

    // Only the superuser is there already, with a password salted otherwise.
    let done = place.read(&["restore", "-d", &admin, "-C", "--globals"]).expect(3).out;
    assert!(done.contains("ROLE postgres: it is there already, with other attributes: password"), "{done}");
    assert!(done.contains("cluster-wide objects made"), "{done}");
    let hashes = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname IN ('app', 'boss', 'old') ORDER BY 1";
    assert_eq!(left.rows("postgres", hashes), right.rows("postgres", hashes));
}

#[test]
fn options_that_make_no_sense_are_refused_with_advice() {
    let left = cluster();
    let (place, source) = (Place::new(), source(&left));
    let url = source.url();
    let loose = place.run(&["dump", "-d", &url, "--role-passwords"]).expect(2);
    assert!(loose.err.contains("--role-passwords was asked for without --globals"), "{}", loose.err);
    place.run(&["dump", "-d", &url]).expect(0);
    for verb in [["restore", "--globals", "-C", "-d", &url], ["schema", "latest", "--globals", "--log-format", "text"]]
    {
        let refused = place.read(&verb).expect(2);
        assert!(refused.err.contains("holds no cluster-wide objects"), "{}", refused.err);
        assert!(refused.err.contains("Leave out --globals, or make a dump with it."), "{}", refused.err);
    }
    left.execute("CREATE ROLE reader LOGIN");
    source.execute("GRANT SELECT ON t TO reader");
    let poor = left.url_for("reader", None, source.name());
    let refused = place.run(&["dump", "-d", &poor, "--globals", "--role-passwords"]).expect(10);
    assert!(refused.err.contains("does not show the hashes of passwords"), "{}", refused.err);
    place.run(&["dump", "-d", &poor, "--globals"]).expect(0);
    place.home.write("config.toml", "[dump]\nglobals = true\n");
    let said = place.run(&["dump", "-d", &poor, "--config", "config.toml", "--explain-config"]).expect(0).out;
    assert!(said.lines().any(|line| line.contains("globals") && line.contains("true")), "{said}");

    let open = Home::new();
    open.run(&["init", "--no-encryption", "--repo", "repo"]).expect(0);
    let warned = open.run(&["dump", "-d", &url, "--globals", "--role-passwords", "--repo", "repo"]).expect(0);
    assert!(warned.err.contains("a repository that does not encrypt"), "{}", warned.err);
}
