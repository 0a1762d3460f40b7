//! The cluster's own objects, from one cluster to another. Clusters are private: roles of other tests must not be in them.

use std::sync::Arc;

use pgfreight_engine::Kind;
use pgfreight_engine::event::{Event, News, Observer};
use pgfreight_engine::introspect::{self, Features};
use pgfreight_engine::run::restore::preview;
use pgfreight_fixtures::postgres::Options;
use tokio_util::sync::CancellationToken;

use super::*;

/// Roles of every attribute under every kind of name, and what hangs on them, in the words of 14.
const ROLES: &str = r#"
    CREATE ROLE plain;
    CREATE ROLE "user" LOGIN CREATEDB CONNECTION LIMIT 7 PASSWORD 'hunter2';
    CREATE ROLE "we""ird, 'n\ü ♥" SUPERUSER NOINHERIT CREATEROLE REPLICATION BYPASSRLS LOGIN
        VALID UNTIL '2031-02-03 04:05:06+02';
    CREATE ROLE "Forever-- " VALID UNTIL 'infinity' CONNECTION LIMIT 0;
    CREATE ROLE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    CREATE ROLE r1; CREATE ROLE r2; CREATE ROLE r3; CREATE ROLE r4;
    ALTER ROLE "user" SET search_path TO "$user", "Odd, one", public;
    ALTER ROLE "user" SET "DateStyle" TO 'ISO, DMY';
    ALTER ROLE "user" SET my.quote TO 'it''s \ one';
    ALTER ROLE plain SET work_mem TO '5MB';
    ALTER ROLE ALL SET log_duration TO on;
    COMMENT ON ROLE plain IS 'it''s plain';
    GRANT pg_monitor TO "user";
    GRANT pg_read_all_data TO plain WITH ADMIN OPTION;
    GRANT plain TO "user";
"#;

/// What only newer servers can say.
const ROLES_18: &str = r#"
    GRANT r1 TO r4 WITH ADMIN OPTION;
    GRANT r1 TO r3 WITH ADMIN OPTION, INHERIT FALSE GRANTED BY r4;
    GRANT r1 TO r2 WITH SET FALSE GRANTED BY r3;
    GRANT r1 TO r2 WITH INHERIT FALSE;
    GRANT pg_maintain TO r2;
    GRANT SET ON PARAMETER work_mem TO plain WITH GRANT OPTION;
    GRANT ALTER SYSTEM ON PARAMETER my.param TO PUBLIC;
    GRANT ALL ON PARAMETER log_duration TO "user";
    SET SESSION AUTHORIZATION plain;
    GRANT SET ON PARAMETER work_mem TO "user";
    RESET SESSION AUTHORIZATION;
"#;

const TABLESPACE: &str = r#"CREATE TABLESPACE "Fast ü" OWNER "user" LOCATION '' WITH (random_page_cost = 1.5)"#;

const IN_TABLESPACE: &str = r#"
    GRANT CREATE ON TABLESPACE "Fast ü" TO plain WITH GRANT OPTION;
    COMMENT ON TABLESPACE "Fast ü" IS 'quick';
    ALTER ROLE r1 SET default_tablespace TO "Fast ü"; ALTER ROLE r1 SET temp_tablespaces TO "Fast ü", pg_default;
"#;

const DATABASE: &str = r#"
    CREATE TABLE t (a int) TABLESPACE "Fast ü"; ALTER TABLE t OWNER TO plain; INSERT INTO t SELECT generate_series(1, 9);
    GRANT SELECT ON t TO "we""ird, 'n\ü ♥";
"#;

fn cluster(major: u32) -> Cluster {
    Cluster::start(major, &Options { settings: vec!["allow_in_place_tablespaces = on".into()], ..Options::default() })
}

/// A cluster with everything, and a database that belongs to a role and lies in a tablespace.
fn full(cluster: &Cluster) -> Database<'_> {
    cluster.execute(ROLES);
    cluster.execute(ROLES_18);
    cluster.execute(TABLESPACE);
    cluster.execute(IN_TABLESPACE);
    let database = cluster.database_with("globals", r#"OWNER "user" TABLESPACE "Fast ü""#);
    database.execute(DATABASE);
    database
}

fn with_globals() -> DumpOptions {
    DumpOptions { jobs: 1, level: 1, globals: true, ..DumpOptions::default() }
}

fn into_new(globals: bool) -> RestoreOptions {
    RestoreOptions { jobs: 1, create: true, globals, ..RestoreOptions::default() }
}

fn sentences(report: &RestoreReport) -> Vec<String> {
    report.losses.iter().map(|loss| format!("{} {}: {}", loss.class, loss.name, loss.reason)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_equals_its_source_and_repeating_changes_nothing() {
    let (left, right) = (cluster(18), cluster(18));
    let source = full(&left);
    let place = Place::new().await;
    let dump = place.dump_as(&source.url(), &with_globals()).await.unwrap();
    let report = place.restore(&dump, &right.url("postgres"), &into_new(true)).await.unwrap();
    assert_eq!(sentences(&report), Vec::<String>::new());
    assert_eq!(compare::globals(&left.url("postgres")), compare::globals(&right.url("postgres")));
    compare::assert_equal(&source.url(), &right.url(source.name()), Scope::All);
    // pg_dumpall leaves this one out.
    let of_all = "SELECT setconfig::text FROM pg_db_role_setting WHERE setrole = 0 AND setdatabase = 0";
    assert_eq!(right.rows("postgres", of_all), [[Some("{log_duration=on}".to_owned())]]);

    // As after an interruption: a part is there, a part is not.
    right.execute(
        r#"REVOKE r1 FROM r2 GRANTED BY r3; REVOKE ALL ON PARAMETER my.param FROM PUBLIC; ALTER ROLE ALL RESET ALL;
           REVOKE ADMIN OPTION FOR pg_read_all_data FROM plain;
           DROP ROLE "Forever-- ""#,
    );
    let again = right.database("again");
    let options = RestoreOptions { create: false, ..into_new(true) };
    let shown = preview(&dump, &connect(&again.url()), &options, &Surroundings::quiet()).await.unwrap();
    assert!(shown.to_string().starts_with("globals:\n") && shown.globals.len() == 5, "{shown}");
    let report = place.restore(&dump, &again.url(), &options).await.unwrap();
    assert_eq!((report.globals, sentences(&report)), (5, Vec::new()));
    assert_eq!(compare::globals(&left.url("postgres")), compare::globals(&right.url("postgres")));
    let third = right.database("third");
    let report = place.restore(&dump, &third.url(), &options).await.unwrap();
    assert_eq!((report.globals, sentences(&report)), (0, Vec::new()));
}

/// Stops a run when something happens.
struct Stopper {
    when: &'static str,
    stop: CancellationToken,
}

impl Observer for Stopper {
    fn event(&self, event: &Event) {
        let happened = match event {
            Event::Phase { name } => name,
            Event::EntryDone { kind, .. } => kind.as_str(),
            _ => return,
        };
        if happened == self.when {
            self.stop.cancel();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_anywhere_the_same_command_goes_on() {
    let left = cluster(18);
    let source = full(&left);
    let place = Place::new().await;
    let dump = place.dump_as(&source.url(), &with_globals()).await.unwrap();
    for when in ["globals", "ROLE", "TABLESPACE", "pre-data", "foreign keys"] {
        let right = cluster(18);
        let stop = CancellationToken::new();
        let news = News::new(Arc::new(Stopper { when, stop: stop.clone() }));
        let (target, around) = (connect(&right.url("postgres")), Surroundings { news, stop });
        let error = restore(&place.repository, &dump, &target, &into_new(true), &around).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled, "{when}: {error}");
        let report = place.restore(&dump, &right.url("postgres"), &into_new(true)).await.unwrap();
        assert_eq!(sentences(&report), Vec::<String>::new(), "{when}");
        assert_eq!(compare::globals(&left.url("postgres")), compare::globals(&right.url("postgres")), "{when}");
        compare::assert_equal(&source.url(), &right.url(source.name()), Scope::All);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_target_lacks_has_a_name() {
    let (left, right) = (cluster(18), cluster(15));
    let source = full(&left);
    let place = Place::new().await;
    let dump = place.dump_as(&source.url(), &with_globals()).await.unwrap();
    let report = place.restore(&dump, &right.url("postgres"), &into_new(true)).await.unwrap();
    let expected = [
        "ROLE MEMBERSHIP pg_maintain TO r2: role pg_maintain is not known to that version",
        "ROLE MEMBERSHIP r1 TO r2: INHERIT FALSE: there the member's own attribute decides",
        "ROLE MEMBERSHIP r1 TO r2 GRANTED BY r3: SET FALSE: there every member may SET ROLE",
        "ROLE MEMBERSHIP r1 TO r2 GRANTED BY r3: a second grant of the same: that version keeps one",
        "ROLE MEMBERSHIP r1 TO r3 GRANTED BY r4: INHERIT FALSE: there the member's own attribute decides",
    ];
    assert_eq!(sentences(&report), expected);
    let roles = "SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
        rolbypassrls, rolconnlimit, rolvaliduntil, rolconfig FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1";
    assert_eq!(left.rows("postgres", roles), right.rows("postgres", roles));
}

#[tokio::test(flavor = "multi_thread")]
async fn older_clusters_come_over_whole() {
    let (left, right) = (cluster(14), cluster(18));
    left.execute(ROLES);
    let source = left.database("globals");
    let place = Place::new().await;
    let dump = place.dump_as(&source.url(), &with_globals()).await.unwrap();
    let report = place.restore(&dump, &right.url("postgres"), &into_new(true)).await.unwrap();
    assert_eq!(sentences(&report), Vec::<String>::new());
    // Options of memberships stand in the newer cluster's text only.
    let cut = |text: String| -> Vec<String> {
        let head = |line: &str| match line.starts_with("GRANT") {
            true => line.split(" WITH ").next().unwrap().trim_end_matches(';').to_owned(),
            false => line.to_owned(),
        };
        text.lines().map(head).collect()
    };
    assert_eq!(cut(compare::globals(&left.url("postgres"))), cut(compare::globals(&right.url("postgres"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_are_there_are_left_alone() {
    let (left, right) = (cluster(18), cluster(18));
    let source = full(&left);
    right.execute("CREATE ROLE plain CREATEDB; ALTER ROLE plain SET work_mem TO '6MB'; CREATE ROLE \"user\" LOGIN");
    right.execute(r#"CREATE TABLESPACE "Fast ü" LOCATION ''"#);
    let place = Place::new().await;
    let dump = place.dump_as(&source.url(), &with_globals()).await.unwrap();
    let report = place.restore(&dump, &right.url("postgres"), &into_new(true)).await.unwrap();
    let expected = [
        "ROLE plain: it is there already, with other attributes: createdb, comment",
        "ROLE user: it is there already, with other attributes: createdb, connection limit",
        "ROLE SETTINGS plain: it is there already, with other settings: work_mem",
        "ROLE SETTINGS user: it is there already, with other settings: search_path, DateStyle, my.quote",
        "TABLESPACE Fast ü: it is there already, with other attributes: owner, options, privileges, comment",
    ];
    let mut losses = sentences(&report);
    losses.sort_by_key(|loss| expected.iter().position(|line| line == loss));
    assert_eq!(losses, expected);
    let rows = right.rows("postgres", "SELECT rolcreatedb, rolconfig FROM pg_roles WHERE rolname = 'plain'");
    assert_eq!(rows, [[Some("t".to_owned()), Some("{work_mem=6MB}".to_owned())]]);
    // What GRANT gives is given all the same.
    let granted = "SELECT count(*) FROM pg_auth_members WHERE member = 'user'::regrole";
    assert_eq!(right.rows("postgres", granted), [[Some("2".to_owned())]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_targets_and_dumps_change_nothing() {
    let (left, right) = (cluster(18), cluster(18));
    let source = full(&left);
    let place = Place::new().await;
    let dump = place.dump_as(&source.url(), &with_globals()).await.unwrap();
    let before = compare::globals(&right.url("postgres"));
    let occupied = right.database("occupied");
    occupied.execute("CREATE TABLE mine (a int)");
    let into = RestoreOptions { create: false, ..into_new(true) };
    let error = place.restore(&dump, &occupied.url(), &into).await.unwrap_err();
    assert!(error.what().contains("is not empty"), "{error}");
    let protected = RestoreOptions { protected: [source.name().to_owned()].into(), ..into_new(true) };
    let error = place.restore(&dump, &right.url("postgres"), &protected).await.unwrap_err();
    assert!(error.what().contains("is protected"), "{error}");
    assert_eq!(compare::globals(&right.url("postgres")), before);

    // Without the option the dump's globals are nobody's business.
    let quiet = right.database("quiet");
    let report = place.restore(&dump, &quiet.url(), &RestoreOptions { no_owner: true, ..jobs(1) }).await.unwrap();
    assert!(report.losses.iter().all(|loss| loss.class != "ROLE"), "{:?}", sentences(&report));
    assert_eq!(compare::globals(&right.url("postgres")), before);

    let bare = place.dump_as(&source.url(), &DumpOptions { globals: false, ..with_globals() }).await.unwrap();
    let error = place.restore(&bare, &right.url("postgres"), &into_new(true)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.what().contains("holds no cluster-wide objects") && error.advice().is_some(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_come_only_when_asked_for_and_only_to_those_who_see_them() {
    let (left, right) = (cluster(18), cluster(18));
    let source = full(&left);
    left.execute("CREATE ROLE reader LOGIN");
    source.execute("GRANT SELECT ON t TO reader");
    let place = Place::new().await;
    let asked = DumpOptions { role_passwords: true, ..with_globals() };
    let poor = left.url_for("reader", None, source.name());
    let error = place.dump_as(&poor, &asked).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Source);
    assert!(error.what().contains("does not show the hashes of passwords"), "{error}");
    assert!(error.advice().is_some_and(|hint| hint.contains("--role-passwords")), "{:?}", error.advice());
    let without = place.dump_as(&poor, &with_globals()).await.unwrap();
    assert!(without.globals().unwrap().roles.iter().all(|role| role.password.is_none()));
    let loose = DumpOptions { globals: false, ..asked.clone() };
    assert_eq!(place.dump_as(&source.url(), &loose).await.unwrap_err().kind(), Kind::Usage);

    let dump = place.dump_as(&source.url(), &asked).await.unwrap();
    let report = place.restore(&dump, &right.url("postgres"), &into_new(true)).await.unwrap();
    // Each cluster salts its own superuser's password.
    assert_eq!(sentences(&report), ["ROLE postgres: it is there already, with other attributes: password"]);
    let hashes = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname <> 'postgres' ORDER BY 1";
    let (here, there) = (left.rows("postgres", hashes), right.rows("postgres", hashes));
    assert_eq!(here, there);
    let hash = here.iter().find(|row| row[0].as_deref() == Some("user")).unwrap()[1].clone().unwrap();
    assert!(hash.starts_with("SCRAM-SHA-256$"), "{hash}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_make_everything_names_what_it_could_not() {
    let (left, right) = (cluster(18), cluster(18));
    let source = full(&left);
    right.execute("CREATE ROLE poor LOGIN CREATEROLE CREATEDB");
    let place = Place::new().await;
    let dump = place.dump_as(&source.url(), &with_globals()).await.unwrap();
    let target = right.database("target");
    target.execute(&format!("GRANT ALL ON DATABASE {} TO poor; GRANT ALL ON SCHEMA public TO poor", target.name()));
    let url = right.url_for("poor", None, target.name());
    let options = RestoreOptions { create: false, no_owner: true, ..into_new(true) };
    let strict = RestoreOptions { exit_on_error: true, ..options.clone() };
    let error = place.restore(&dump, &url, &strict).await.unwrap_err();
    assert!(error.what().contains("permission denied"), "{error}");
    assert_eq!(
        right.rows("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'plain'")[0][0].as_deref(),
        Some("0")
    );
    let report = place.restore(&dump, &url, &options).await.unwrap();
    let lost = sentences(&report);
    assert!(lost.iter().any(|loss| loss.starts_with("ROLE we\"ird, 'n\\ü ♥: permission denied")), "{lost:?}");
    assert!(lost.iter().any(|loss| loss.starts_with("TABLESPACE Fast ü: permission denied")), "{lost:?}");
    let rows = right.rows("postgres", "SELECT rolconnlimit, rolcreatedb FROM pg_roles WHERE rolname = 'user'");
    assert_eq!(rows, [[Some("7".to_owned()), Some("t".to_owned())]]);
}

#[tokio::test]
async fn every_major_is_read_into_the_model() {
    for major in pgfreight_fixtures::parts::MAJORS {
        let cluster = cluster(major);
        cluster.execute(ROLES);
        if major == 18 {
            cluster.execute(ROLES_18);
        }
        cluster.execute(TABLESPACE);
        cluster.execute(IN_TABLESPACE);
        let client = cluster.connect("postgres").await.unwrap();
        client.batch_execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET search_path = ''").await.unwrap();
        let features = Features::of(pgfreight_engine::ids::ServerVersion::from_major(major));
        let globals = introspect::globals::read(&introspect::Client::of(&client), &features, false).await.unwrap();
        assert_eq!((globals.bootstrap.as_str(), globals.roles.len(), globals.tablespaces.len()), ("postgres", 10, 1));
        let user = globals.role("user").unwrap();
        assert_eq!((user.login, user.create_db, user.connection_limit, &user.password), (true, true, 7, &None));
        assert_eq!(user.settings[2], ("my.quote".to_owned(), "it's \\ one".to_owned()));
        let odd = globals.role("we\"ird, 'n\\ü ♥").unwrap();
        assert_eq!(odd.valid_until.as_deref(), Some("2031-02-03 02:05:06+00"));
        assert!(odd.superuser && !odd.inherit && odd.create_role && odd.replication && odd.bypass_rls);
        assert_eq!(globals.role("Forever-- ").unwrap().valid_until.as_deref(), Some("infinity"));
        assert_eq!(globals.settings, [("log_duration".to_owned(), "on".to_owned())]);
        let plain = globals.memberships.iter().find(|m| m.role == "plain").unwrap();
        let options = (major >= 16).then_some(true);
        assert_eq!((plain.inherit, plain.set, plain.grantor.is_some()), (options, options, major >= 16), "{major}");
        let fast = &globals.tablespaces[0];
        assert_eq!((fast.location.as_str(), fast.owner.as_deref()), ("", Some("user")));
        assert_eq!(fast.options, [("random_page_cost".to_owned(), "1.5".to_owned())]);
        assert_eq!(globals.parameters.len(), if major == 18 { 3 } else { 0 });
        assert!(globals.roles.iter().all(|role| !role.name.starts_with("pg_")));
    }
}
