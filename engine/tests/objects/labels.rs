//! Security labels: from the rows of `pg_seclabel` and `pg_shseclabel` to those of another server.

use pgfreight_engine::run::options::{DumpOptions, RestoreOptions};
use pgfreight_engine::run::report::RestoreReport;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Database, LABEL_PROVIDERS, Options, Rows};

use crate::place::Place;

/// One object of each class that can have a label (manual: SECURITY LABEL), under names that need quoting.
const OBJECTS: &str = r#"
    CREATE SCHEMA "s ""1";
    CREATE TABLE "s ""1"."t.a" (id int PRIMARY KEY, "c ""1" text, gone int, d int) PARTITION BY RANGE (id);
    ALTER TABLE "s ""1"."t.a" DROP COLUMN gone;
    CREATE TABLE part PARTITION OF "s ""1"."t.a" DEFAULT;
    INSERT INTO "s ""1"."t.a" SELECT i, 'row ' || i, -i FROM generate_series(1, 100) i;
    CREATE VIEW v AS SELECT id AS "V c" FROM "s ""1"."t.a";
    CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM "s ""1"."t.a";
    CREATE FOREIGN DATA WRAPPER labels_w; CREATE SERVER labels_s FOREIGN DATA WRAPPER labels_w;
    CREATE FOREIGN TABLE f (a int) SERVER labels_s;
    CREATE SEQUENCE q;
    CREATE TYPE pair AS (a int, "b ""x" text); CREATE TYPE mood AS ENUM ('x'); CREATE TYPE r AS RANGE (subtype = int);
    CREATE DOMAIN d AS int CHECK (VALUE > 0);
    CREATE FUNCTION fn(a int, VARIADIC b text[]) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION fn() RETURNS int LANGUAGE sql AS 'SELECT 2';
    CREATE PROCEDURE pr(INOUT a int) LANGUAGE plpgsql AS 'BEGIN END';
    CREATE AGGREGATE ag(numeric) (SFUNC = numeric_add, STYPE = numeric);
    CREATE FUNCTION et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE EVENT TRIGGER "labels ""et" ON sql_drop EXECUTE FUNCTION et();
    CREATE FUNCTION labels_h() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
    CREATE LANGUAGE labels_l HANDLER labels_h;
    CREATE PUBLICATION "labels ""p" FOR TABLE part;
    CREATE SUBSCRIPTION "labels ""sub" CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE);
    SELECT lo_from_bytea(4711, 'x'), lo_create(4712);
    CREATE EXTENSION citext;
"#;

/// What the objects are called in a statement. A label on a member of an extension is the user's own.
const LABELLED: [&str; 28] = [
    r#"SCHEMA "s ""1""#,
    "SCHEMA public",
    r#"TABLE "s ""1"."t.a""#,
    r#"COLUMN "s ""1"."t.a"."c ""1""#,
    r#"COLUMN "s ""1"."t.a".d"#,
    "TABLE part",
    "COLUMN part.id",
    "VIEW v",
    r#"COLUMN v."V c""#,
    "MATERIALIZED VIEW m",
    "COLUMN m.n",
    "FOREIGN TABLE f",
    "COLUMN f.a",
    "SEQUENCE q",
    "TYPE pair",
    r#"COLUMN pair."b ""x""#,
    "TYPE mood",
    "TYPE r",
    "DOMAIN d",
    "FUNCTION fn(int, text[])",
    "PROCEDURE pr(int)",
    "AGGREGATE ag(numeric)",
    r#"EVENT TRIGGER "labels ""et""#,
    "LANGUAGE labels_l",
    r#"PUBLICATION "labels ""p""#,
    r#"SUBSCRIPTION "labels ""sub""#,
    "LARGE OBJECT 4711",
    "FUNCTION citext(boolean)",
];

/// Labels as difficult as texts can be; the empty one is a label too.
const TEXTS: [&str; 4] =
    ["it''s \"secret\"", "two\nlines, a tab\t, $$dollars$$ and \\ a ; -- backslash", "ünïcödé 🐘", ""];

/// One statement for each object and provider.
fn statements() -> String {
    let mut sql = String::new();
    for (number, object) in LABELLED.iter().enumerate() {
        for (place, provider) in LABEL_PROVIDERS.iter().enumerate() {
            let (provider, text) = (provider.replace('"', "\"\""), TEXTS[(number + place) % TEXTS.len()]);
            sql.push_str(&format!("SECURITY LABEL FOR \"{provider}\" ON {object} IS '{text}';\n"));
        }
    }
    sql
}

/// Every label of a database, by what it is on.
fn labels(database: &Database<'_>) -> Rows {
    database.rows(
        "SELECT (pg_identify_object(l.classoid, l.objoid, l.objsubid)).type, (pg_identify_object(l.classoid, l.objoid, l.objsubid)).identity,
                provider, label
           FROM (SELECT * FROM pg_seclabel UNION ALL
                 SELECT s.objoid, s.classoid, 0, s.provider, s.label FROM pg_shseclabel s JOIN pg_subscription u ON u.oid = s.objoid
                  WHERE s.classoid = 'pg_subscription'::regclass
                    AND u.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())) l
          ORDER BY 1, 2, 3",
    )
}

fn cluster(major: u32) -> Cluster {
    let settings = vec!["allow_in_place_tablespaces = on".to_owned()];
    let settings = if major < 15 { Vec::new() } else { settings };
    Cluster::start(major, &Options { labels: true, settings, ..Options::default() })
}

fn jobs(jobs: usize) -> RestoreOptions {
    RestoreOptions { jobs, ..RestoreOptions::default() }
}

fn sentences(report: &RestoreReport) -> Vec<String> {
    report.losses.iter().map(|loss| format!("{} {}: {}", loss.class, loss.name, loss.reason)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_of_every_class_come_back_with_every_text() {
    for (from, to) in [(14, 14), (18, 18), (14, 18)] {
        let (left, right) = (cluster(from), cluster(to));
        let (source, target) = (left.database("labels_src"), right.database("labels_dst"));
        source.execute(OBJECTS);
        source.execute(&statements());
        let expected = labels(&source);
        assert_eq!(expected.len(), LABELLED.len() * LABEL_PROVIDERS.len());
        let place = Place::plain().await;
        let report =
            place.dump(&source.url(), &DumpOptions { jobs: 2, level: 1, ..DumpOptions::default() }).await.unwrap();
        assert_eq!(report.losses, []);
        let restored = place.restore(&report.dump, &target.url(), &jobs(2)).await.unwrap();
        assert_eq!(sentences(&restored), Vec::<String>::new(), "{from} to {to}");
        assert_eq!(labels(&target), expected, "{from} to {to}");
        compare::assert_equal(&source.url(), &target.url(), if from == to { Scope::All } else { Scope::Data });
        // Asked to, a restore leaves them all out and says nothing of it.
        let bare = right.database("labels_bare");
        let options = RestoreOptions { no_security_labels: true, no_subscriptions: true, ..jobs(2) };
        let restored = place.restore(&report.dump, &bare.url(), &options).await.unwrap();
        assert_eq!((sentences(&restored), labels(&bare)), (Vec::new(), Rows::new()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_without_the_provider_names_each_label_and_gets_all_else() {
    let left = cluster(18);
    let (source, target) = (left.database("labels_src"), Cluster::shared(18).database("labels_none"));
    source.execute(OBJECTS);
    source.execute(&statements());
    let place = Place::plain().await;
    let dump = place.dump(&source.url(), &DumpOptions::default()).await.unwrap().dump;
    let restored = place.restore(&dump, &target.url(), &jobs(2)).await.unwrap();
    let lost = sentences(&restored);
    // Columns are told by the statement that failed: each of the two providers is refused for itself.
    for object in LABELLED {
        let (class, name) = object.split_once(' ').unwrap();
        let plain = name.split('(').next().unwrap();
        let told = lost.iter().filter(|loss| {
            loss.starts_with("SECURITY LABEL ") && loss.contains(&format!(" ON {class} ")) && loss.contains(plain)
        });
        assert!(told.count() >= LABEL_PROVIDERS.len(), "{object}: {lost:#?}");
    }
    assert_eq!(lost.len(), LABELLED.len() * LABEL_PROVIDERS.len(), "{lost:#?}");
    for loss in &lost {
        assert!(
            loss.contains("SQLSTATE 22023")
                && loss.contains("load its library")
                && loss.contains("--no-security-labels"),
            "{loss}"
        );
    }
    assert_eq!(labels(&target), Rows::new());
    for object in LABELLED {
        for provider in LABEL_PROVIDERS {
            let provider = provider.replace('"', "\"\"");
            source.execute(&format!("SECURITY LABEL FOR \"{provider}\" ON {object} IS NULL"));
        }
    }
    compare::assert_equal(&source.url(), &target.url(), Scope::All);
}

/// Labels of what belongs to the cluster: roles, tablespaces, databases.
#[tokio::test(flavor = "multi_thread")]
async fn labels_of_roles_tablespaces_and_databases_go_with_the_globals() {
    const SHARED: &str = "SELECT (pg_identify_object(classoid, objoid, 0)).type, (pg_identify_object(classoid, objoid, 0)).identity, provider,
        label FROM pg_shseclabel ORDER BY 1, 2, 3";
    let (left, right) = (cluster(18), cluster(18));
    left.execute(r#"CREATE ROLE "r ""1" LOGIN; CREATE ROLE plain"#);
    left.execute(r#"CREATE TABLESPACE "ts ""1" LOCATION ''"#);
    let source = left.database_with("labels \"db", r#"OWNER "r ""1""#);
    source.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    let name = source.name().replace('"', "\"\"");
    for (number, object) in
        [r#"ROLE "r ""1""#, "ROLE plain", r#"TABLESPACE "ts ""1""#, &format!("DATABASE \"{name}\"")].iter().enumerate()
    {
        for provider in LABEL_PROVIDERS {
            let (provider, text) = (provider.replace('"', "\"\""), TEXTS[number % TEXTS.len()]);
            left.execute(&format!("SECURITY LABEL FOR \"{provider}\" ON {object} IS '{text}'"));
        }
    }
    let expected = left.rows("postgres", SHARED);
    assert_eq!(expected.len(), 8);
    let place = Place::plain().await;
    let dump = place.dump(&source.url(), &DumpOptions { globals: true, ..DumpOptions::default() }).await.unwrap().dump;
    let options = RestoreOptions { create: true, globals: true, ..jobs(1) };
    let restored = place.restore(&dump, &right.url("postgres"), &options).await.unwrap();
    assert_eq!(sentences(&restored), Vec::<String>::new());
    assert_eq!(right.rows("postgres", SHARED), expected);
    // pg_dumpall gives labels in any order.
    let sorted = |cluster: &Cluster| {
        let text = compare::globals(&cluster.url("postgres"));
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&left), sorted(&right));
    compare::assert_equal(&source.url(), &right.url(source.name()), Scope::All);
    // A second time there is nothing to do; a role that is there with other labels is named, as with other attributes.
    let again = right.database("labels_again");
    let options = RestoreOptions { create: false, ..options };
    let restored = place.restore(&dump, &again.url(), &options).await.unwrap();
    assert_eq!((restored.globals, sentences(&restored)), (0, Vec::new()));
    right.execute("SECURITY LABEL FOR pgfreight ON ROLE plain IS 'other'; SECURITY LABEL FOR pgfreight ON ROLE \"r \"\"1\" IS NULL");
    let third = right.database("labels_third");
    let restored = place.restore(&dump, &third.url(), &options).await.unwrap();
    let other = ["plain", "r \"1"]
        .map(|role| format!("ROLE {role}: it is there already, with other attributes: security labels"));
    assert_eq!((restored.globals, sentences(&restored)), (0, other.to_vec()));
    // Where there is no such provider, roles, tablespaces and the database come all the same.
    let bare =
        Cluster::start(18, &Options { settings: vec!["allow_in_place_tablespaces = on".into()], ..Options::default() });
    let options = RestoreOptions { create: true, globals: true, ..jobs(1) };
    let restored = place.restore(&dump, &bare.url("postgres"), &options).await.unwrap();
    let lost = sentences(&restored);
    assert_eq!(lost.len(), 8, "{lost:#?}");
    assert!(
        lost.iter().all(|loss| loss.starts_with("SECURITY LABEL ") && loss.contains("--no-security-labels")),
        "{lost:#?}"
    );
    let made =
        "SELECT (SELECT count(*) FROM pg_roles WHERE rolname IN ('plain', 'r \"1')), (SELECT spcname FROM pg_tablespace
        WHERE oid >= 16384), (SELECT count(*) FROM pg_shseclabel)";
    assert_eq!(bare.rows("postgres", made), [["2", "ts \"1", "0"].map(|text| Some(text.to_owned()))]);
    compare::assert_equal(&source.url(), &bare.url(source.name()), Scope::Data);
}

/// No statement of a dump speaks of what `initdb` made; what users hang on it is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_label_on_what_initdb_made_is_named_as_not_carried() {
    let left = cluster(18);
    let source = left.database("labels_system");
    let provider = LABEL_PROVIDERS[0].replace('"', "\"\"");
    source
        .execute(&format!("SECURITY LABEL FOR \"{provider}\" ON FUNCTION pg_catalog.pg_ls_logdir() IS '{}'", TEXTS[0]));
    let report = Place::plain().await.dump(&source.url(), &DumpOptions::default()).await.unwrap();
    let named: Vec<String> = report.losses.iter().map(|loss| format!("{}: {}", loss.class, loss.name)).collect();
    assert!(
        matches!(&named[..], [one] if one.starts_with("security label: 1 of ") && one.contains("pg_ls_logdir")),
        "{named:?}"
    );
}
