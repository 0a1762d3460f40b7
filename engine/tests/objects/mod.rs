//! Everything that is not a relation: SQL into one database, read, written, run in another, compared.

mod extensions;
mod icu;
mod labels;
mod samples;
mod sessions;
mod tablespaces;

use pgfreight_engine::catalog::typ::Type;
use pgfreight_engine::catalog::{Body, Catalog, Class};
use pgfreight_engine::ddl::{self, Dialect, EntryKind, Toc};
use pgfreight_engine::ids::ServerVersion;
use pgfreight_engine::introspect;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Database};

/// The oldest and the newest major.
const BOTH: [u32; 2] = [14, 18];

/// Roles belong to the cluster, which tests share: whoever comes first makes them.
const ROLES: &str = r#"
DO $$ DECLARE r text; BEGIN
    FOREACH r IN ARRAY ARRAY['objects_owner', 'objects_reader', 'objects_grantor', 'objects "rölé'] LOOP
        BEGIN EXECUTE format('CREATE ROLE %I', r); EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
    END LOOP;
END $$"#;

/// Reads a database as a dump does.
async fn read(database: &Database<'_>) -> Catalog {
    let client = database.client().await;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET search_path = ''";
    client.batch_execute(begin).await.unwrap();
    introspect::read(&client).await.unwrap()
}

fn write(catalog: &Catalog, major: u32) -> Toc {
    ddl::write(catalog, Dialect { target: ServerVersion::from_major(major) })
}

/// All statements but those about the database itself, with secrets, as a restore runs them.
fn script(toc: &Toc) -> String {
    let own = |kind| !matches!(kind, EntryKind::Database | EntryKind::DatabaseProperties | EntryKind::Refresh);
    let entries = toc.entries.iter().filter(|entry| own(entry.kind) && entry.object.is_some());
    let mut script = String::from("SET check_function_bodies = off; SET search_path = '';\n");
    for entry in entries {
        let method = entry.access_method.as_deref().unwrap_or("heap");
        script.push_str(&format!("SET default_table_access_method = {method};\n"));
        for statement in entry.create.iter().chain(&entry.set_owner) {
            script.push_str(&format!("{statement};\n"));
        }
    }
    script
}

fn losses(toc: &Toc) -> Vec<&String> {
    toc.entries.iter().flat_map(|entry| &entry.losses).collect()
}

/// Takes a sample through both databases of each major and expects them equal, and nothing lost or overlooked.
async fn round_trip(sample: &str, scope: Scope) {
    for major in BOTH {
        let cluster = Cluster::shared(major);
        cluster.execute(ROLES);
        let (source, target) = (cluster.database("objects_src"), cluster.database("objects_dst"));
        source.execute(samples::BEFORE);
        source.execute(sample);
        let catalog = read(&source).await;
        assert_eq!(catalog.unsupported, []);
        let toc = write(&catalog, major);
        assert_eq!(losses(&toc), Vec::<&String>::new());
        let script = script(&toc);
        target.execute(&script);
        let report = compare::databases(&source.url(), &target.url(), scope);
        assert!(report.differences.is_empty(), "{major}: {}\n--- written:\n{script}", report.differences.join("\n"));
        let again = read(&target).await;
        let names = |catalog: &Catalog| {
            catalog.objects.iter().map(|o| (o.id.class, o.schema.clone(), o.name.clone())).collect::<Vec<_>>()
        };
        assert_eq!(names(&catalog), names(&again), "{major}");
    }
}

#[tokio::test]
async fn schemas_keep_owner_comment_and_privileges_public_included() {
    round_trip(samples::SCHEMAS, Scope::Schema).await;
}

#[tokio::test]
async fn types_of_every_kind_come_back() {
    round_trip(samples::TYPES, Scope::Schema).await;
}

#[tokio::test]
async fn domains_come_back_with_their_constraints() {
    round_trip(samples::DOMAINS, Scope::Schema).await;
}

#[tokio::test]
async fn functions_come_back_with_every_property() {
    round_trip(samples::FUNCTIONS, Scope::Schema).await;
}

#[tokio::test]
async fn aggregates_of_every_kind_come_back() {
    round_trip(&samples::aggregates(), Scope::Schema).await;
}

#[tokio::test]
async fn operators_classes_and_families_come_back() {
    round_trip(samples::OPERATORS, Scope::Schema).await;
}

#[tokio::test]
async fn text_search_comes_back() {
    round_trip(samples::TEXT_SEARCH, Scope::Schema).await;
}

#[tokio::test]
async fn casts_conversions_collations_languages_transforms_and_methods_come_back() {
    round_trip(samples::SMALL_CLASSES, Scope::Schema).await;
}

#[tokio::test]
async fn foreign_servers_come_back_with_their_mappings() {
    round_trip(samples::FOREIGN, Scope::Schema).await;
}

#[tokio::test]
async fn event_triggers_come_last_and_in_their_state() {
    round_trip(samples::EVENT_TRIGGERS, Scope::Schema).await;
}

#[tokio::test]
async fn privileges_come_back_whoever_granted_them() {
    round_trip(samples::PRIVILEGES, Scope::Schema).await;
}

#[tokio::test]
async fn large_objects_keep_owner_privileges_and_comment() {
    round_trip(samples::LARGE_OBJECTS, Scope::All).await;
}

#[tokio::test]
async fn extensions_come_back_in_their_schema() {
    round_trip(samples::EXTENSIONS, Scope::Schema).await;
}

/// A subscription keeps its database from being dropped, so they go before the databases do.
#[tokio::test]
async fn subscriptions_come_back_disabled() {
    const GONE: &str = r#"
        ALTER SUBSCRIPTION "objects ""bin" SET (slot_name = NONE); DROP SUBSCRIPTION "objects ""bin"; DROP SUBSCRIPTION objects_off;"#;
    for major in BOTH {
        let cluster = Cluster::shared(major);
        let (source, target) = (cluster.database("objects_src"), cluster.database("objects_dst"));
        source.execute(samples::SUBSCRIPTIONS);
        let catalog = read(&source).await;
        let toc = write(&catalog, major);
        let secret = toc.entries.iter().filter(|entry| entry.secret).map(|entry| &*entry.name);
        assert_eq!(secret.collect::<Vec<_>>(), ["objects_off"]);
        assert!(!format!("{catalog:?}").contains("password=p"));
        target.execute(&script(&toc));
        let report = compare::databases(&source.url(), &target.url(), Scope::Schema);
        source.execute(GONE);
        target.execute(GONE);
        assert_eq!(report.differences, Vec::<String>::new(), "{major}");
    }
}

/// `CREATE DATABASE` and its properties make a database that reads the same, name and OID aside.
#[tokio::test]
async fn a_database_comes_back_with_its_properties() {
    for major in BOTH {
        let cluster = Cluster::shared(major);
        cluster.execute(ROLES);
        let source = cluster.database("objects_db");
        let name = source.name().to_owned();
        let copy = format!("{name} \"copy");
        let quoted = copy.replace('"', "\"\"");
        source.execute(&format!(
            r#"ALTER DATABASE "{name}" SET search_path = s, "we""ird", public; ALTER DATABASE "{name}" SET work_mem = '5MB';
               ALTER DATABASE "{name}" SET "objects.own" = 'it''s "x" \ , 🐘'; ALTER DATABASE "{name}" CONNECTION LIMIT 33;
               ALTER ROLE objects_reader IN DATABASE "{name}" SET statement_timeout = '7s'; COMMENT ON DATABASE "{name}" IS 'it''s';
               GRANT CREATE ON DATABASE "{name}" TO objects_owner; REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC;
               GRANT CONNECT ON DATABASE "{name}" TO objects_reader WITH GRANT OPTION; ALTER DATABASE "{name}" OWNER TO objects_owner"#
        ));
        let mut catalog = read(&source).await;
        catalog.database.name = copy.clone();
        let toc = write(&catalog, major);
        let entries = toc.entries.iter().filter(|entry| entry.object.is_none());
        for statement in entries.flat_map(|entry| entry.create.iter().chain(&entry.set_owner)) {
            cluster.execute(statement);
        }
        let client = cluster.connect(&copy).await.unwrap();
        let features = introspect::Features::of(catalog.server.version);
        let mut again = introspect::database::read(&introspect::Client::of(&client), &features).await.unwrap();
        drop(client);
        cluster.execute(&format!("DROP DATABASE \"{quoted}\" WITH (FORCE)"));
        again.oid = catalog.database.oid;
        assert_eq!(again, catalog.database, "{major}");
    }
}

/// What no reader knows is named: here the readers are made to forget, and an object stands where none is read.
#[tokio::test]
async fn the_census_names_what_the_model_lacks() {
    let cluster = Cluster::shared(18);
    let database = cluster.database("objects_census");
    database.execute(
        "CREATE TABLE t (a int PRIMARY KEY, b text DEFAULT 'x'); CREATE CAST (int4 AS \"char\"[]) WITH INOUT;
         CREATE FUNCTION pg_catalog.objects_mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    let catalog = read(&database).await;
    let named = |unsupported: &[pgfreight_engine::catalog::Unsupported]| {
        unsupported.iter().map(|u| format!("{} {}", u.class, u.name)).collect::<Vec<_>>()
    };
    assert_eq!(named(&catalog.unsupported), ["function pg_catalog.objects_mine()"]);
    let client = database.client().await;
    client.batch_execute("BEGIN; SET search_path = ''").await.unwrap();
    let forgotten = |class| catalog.objects.iter().filter(|o| o.id.class != class).cloned().collect::<Vec<_>>();
    let (census, casts) =
        introspect::census::read(&introspect::Client::of(&client), &forgotten(Class::Cast)).await.unwrap();
    assert_eq!((census.0["pg_cast"].missing(), census.total().missing()), (1, 2));
    assert_eq!(named(&casts)[0], "cast (integer AS pg_catalog.\"char\"[])");
    let (_, constraints) =
        introspect::census::read(&introspect::Client::of(&client), &forgotten(Class::Constraint)).await.unwrap();
    assert!(named(&constraints).contains(&"table constraint t_pkey on public.t".to_owned()), "{constraints:?}");
}

/// Rows that only stand in an object are counted against what the model has of them.
#[tokio::test]
async fn the_census_names_what_an_object_lacks() {
    let database = Cluster::shared(18).database("objects_standing");
    database.execute(
        r#"CREATE TYPE mood AS ENUM ('a', 'b', 'c'); CREATE TYPE pair AS (a int); CREATE TABLE parent (a int);
        CREATE TABLE child () INHERITS (parent); CREATE PUBLICATION pub FOR TABLE parent, TABLES IN SCHEMA public;
        COMMENT ON COLUMN pair.a IS 'c'; COMMENT ON TABLE parent IS 'c'; COMMENT ON COLUMN parent.a IS 'd';
        CREATE OPERATOR FAMILY family USING btree;
        ALTER OPERATOR FAMILY family USING btree ADD OPERATOR 1 < (int4, int4), FUNCTION 1 (int4, int4) btint4cmp(int4, int4);
        CREATE OPERATOR CLASS class FOR TYPE int4 USING btree FAMILY family AS OPERATOR 3 =;
        CREATE FOREIGN DATA WRAPPER w; CREATE SERVER srv FOREIGN DATA WRAPPER w; CREATE USER MAPPING FOR PUBLIC SERVER srv;
        SELECT lo_create(4001), lo_create(4002); CREATE VIEW v AS SELECT 1 AS a"#,
    );
    let client = database.client().await;
    client.batch_execute("BEGIN; SET search_path = ''").await.unwrap();
    let catalog = introspect::read(&client).await.unwrap();
    assert_eq!(catalog.unsupported, []);
    let total = catalog.census.unwrap().total();
    assert!(total.missing() == 0 && total.left_out == 0 && total.carried > 20 && total.parts > 5, "{total:?}");
    let mut objects = catalog.objects;
    objects.retain(|object| !matches!(object.body, Body::UserMapping(_)));
    for object in &mut objects {
        object.comment = None;
        object.column_comments.clear();
        match &mut object.body {
            Body::Type(Type::Enum { labels }) => labels.truncate(1),
            Body::Table(table) => table.parents.clear(),
            Body::Publication(publication) => {
                publication.tables.clear();
                publication.schemas.clear();
            }
            Body::OperatorFamily(family) => family.members.clear(),
            Body::OperatorClass(class) => class.members.clear(),
            Body::LargeObject(batch) => batch.oids.truncate(1),
            _ => {}
        }
    }
    let (census, unsupported) = introspect::census::read(&introspect::Client::of(&client), &objects).await.unwrap();
    let named: Vec<String> = unsupported.iter().map(|lost| format!("{}: {}", lost.class, lost.name)).collect();
    let expected = [
        "comment: 1 of public.pair",
        "comment: 2 of public.parent",
        "enum label: 2 of public.mood",
        "large object: 1 of pg_largeobject",
        "operator family function: 1 of public.family USING btree",
        "operator family operator: 1 of public.class USING btree",
        "operator family operator: 1 of public.family USING btree",
        "parent: 1 of public.child",
        "published schema: 1 of pub",
        "published table: 2 of pub",
        "user mapping: public on server srv",
    ];
    assert_eq!(named, expected);
    assert_eq!(census.total().missing(), 14);
    // A comment that no statement of ours carries is no part of anything.
    database.execute("COMMENT ON RULE \"_RETURN\" ON v IS 'c'");
    let client = database.client().await;
    client.batch_execute("BEGIN; SET search_path = ''").await.unwrap();
    let catalog = introspect::read(&client).await.unwrap();
    assert_eq!(catalog.unsupported.len(), 1, "{:?}", catalog.unsupported);
    assert_eq!(catalog.unsupported[0].name, "1 of \"_RETURN\" on public.v");
}

/// What lives no longer than a session is nobody's loss.
#[tokio::test]
async fn temporary_things_of_others_are_no_losses() {
    let database = Cluster::shared(18).database("objects_temporary");
    let other = database.client().await;
    let temporary = "CREATE TEMP TABLE t (id serial PRIMARY KEY, a text DEFAULT 'x' CHECK (a <> ''), b int REFERENCES t);
        CREATE TEMP VIEW v AS SELECT 1 AS a; CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.f(); COMMENT ON TABLE t IS 'c';
        CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING; CREATE POLICY p ON t; CREATE STATISTICS pg_temp.s ON id, a FROM t;
        CREATE TYPE pg_temp.mood AS ENUM ('a'); CREATE DOMAIN pg_temp.d AS int CHECK (VALUE > 0);
        CREATE TEMP TABLE child () INHERITS (t); COMMENT ON CONSTRAINT t_pkey ON t IS 'c'; COMMENT ON COLUMN v.a IS 'c'";
    other.batch_execute(temporary).await.unwrap();
    let catalog = read(&database).await;
    assert_eq!(catalog.unsupported, []);
    let total = catalog.census.unwrap().total();
    assert!(total.parts == total.found && total.found > 20, "{total:?}");
    other.batch_execute("SELECT 1").await.unwrap();
}

/// Who may not see a secret reads everything else, and the missing parts are named.
#[tokio::test]
async fn an_ordinary_role_reads_all_but_secrets() {
    let cluster = Cluster::shared(18);
    let database = cluster.database("objects_plain");
    let role = cluster.role("objects_plain", "LOGIN");
    database.execute(
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER srv FOREIGN DATA WRAPPER w;
         CREATE USER MAPPING FOR PUBLIC SERVER srv OPTIONS (password 'hidden');
         CREATE SUBSCRIPTION objects_plain CONNECTION 'password=hidden' PUBLICATION p WITH (connect = false, slot_name = NONE)",
    );
    let url = cluster.url_for(role.name(), None, database.name());
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("BEGIN; SET search_path = ''").await.unwrap();
    let catalog = introspect::read(&client).await;
    database.execute("DROP SUBSCRIPTION objects_plain");
    drop(client);
    connection.await.unwrap().unwrap();
    let catalog = catalog.unwrap();
    assert_eq!(catalog.unsupported.len(), 1);
    assert_eq!(catalog.unsupported[0].name, "objects_plain");
    let toc = write(&catalog, 18);
    let expected = "options of USER MAPPING public SERVER srv: the role that dumped may not see them";
    assert_eq!(losses(&toc), [expected]);
}

/// The newest server's objects on the oldest: what it lacks is named, all else runs.
#[tokio::test]
async fn an_older_server_gets_what_it_can_have() {
    let (new, old) = (Cluster::shared(18), Cluster::shared(14));
    for cluster in [new, old] {
        cluster.execute(ROLES);
    }
    let (source, target) = (new.database("objects_new"), old.database("objects_old"));
    source.execute(
        "CREATE SCHEMA s; CREATE COLLATION s.b (provider = builtin, locale = 'C.UTF-8'); CREATE TABLE s.t (a int);
         GRANT MAINTAIN, SELECT ON s.t TO objects_reader; GRANT ALL ON s.t TO objects_owner;
         ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO objects_reader;
         CREATE DOMAIN s.d AS int CONSTRAINT named NOT NULL; COMMENT ON CONSTRAINT named ON DOMAIN s.d IS 'lost'",
    );
    let toc = write(&read(&source).await, 14);
    let expected = [
        "collation b of the provider builtin",
        "comment on not-null constraint named, which has no name there",
        "privilege MAINTAIN on s.t for objects_reader",
        "DEFAULT PRIVILEGES FOR LARGE OBJECTS of postgres",
    ];
    assert_eq!(losses(&toc), expected);
    target.execute(&script(&toc));
    assert_eq!(
        target.value("SELECT relacl FROM pg_class WHERE relname = 't'"),
        "{postgres=arwdDxt/postgres,objects_reader=r/postgres,objects_owner=arwdDxt/postgres}"
    );
}

/// What an owner has by a grant of his own is written down nowhere on servers without that privilege.
#[tokio::test]
async fn maintain_is_lost_by_name_unless_all_stands_for_it() {
    let (new, old) = (Cluster::shared(18), Cluster::shared(15));
    for cluster in [new, old] {
        cluster.execute(ROLES);
    }
    let (source, target) = (new.database("objects_new"), old.database("objects_old"));
    source.execute(
        "CREATE SCHEMA s; CREATE TABLE s.whole (a int); ALTER TABLE s.whole OWNER TO objects_owner;
         GRANT ALL ON s.whole TO objects_reader; CREATE TABLE s.part (a int); ALTER TABLE s.part OWNER TO objects_owner;
         REVOKE TRUNCATE ON s.part FROM objects_owner; CREATE TABLE s.less (a int); ALTER TABLE s.less OWNER TO objects_owner;
         REVOKE MAINTAIN ON s.less FROM objects_owner;
         ALTER DEFAULT PRIVILEGES FOR ROLE objects_owner REVOKE TRUNCATE ON TABLES FROM objects_owner;
         ALTER DEFAULT PRIVILEGES FOR ROLE objects_reader GRANT ALL ON TABLES TO objects_owner",
    );
    let toc = write(&read(&source).await, 15);
    let expected = [
        "that objects_owner has no MAINTAIN on s.less",
        "privilege MAINTAIN on s.part for objects_owner",
        "privilege MAINTAIN for objects_owner in DEFAULT PRIVILEGES FOR TABLES",
    ];
    assert_eq!(losses(&toc), expected);
    target.execute(&script(&toc));
    let acls = "SELECT relname, relacl FROM pg_class WHERE relnamespace = 's'::regnamespace
                UNION ALL SELECT defaclrole::regrole::text, defaclacl FROM pg_default_acl ORDER BY 1";
    let stored: Vec<String> = target.rows(acls).into_iter().map(|row| row.into_iter().flatten().collect()).collect();
    let expected = [
        "less",
        "objects_owner{objects_owner=arwdxt/objects_owner}",
        "objects_reader{objects_owner=arwdDxt/objects_reader,objects_reader=arwdDxt/objects_reader}",
        "part{objects_owner=arwdxt/objects_owner}",
        "whole{objects_owner=arwdDxt/objects_owner,objects_reader=arwdDxt/objects_owner}",
    ];
    assert_eq!(stored, expected);
}

/// Only who restores rows wants to know where sequences stand; the rest of the model is the same.
#[tokio::test]
async fn a_schema_alone_leaves_positions_unread() {
    let database = Cluster::shared(18).database("objects_positions");
    database.execute("CREATE SEQUENCE s; SELECT nextval('s'); CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY)");
    let client = database.client().await;
    client.batch_execute("BEGIN; SET search_path = ''").await.unwrap();
    let mut whole = introspect::read(&client).await.unwrap();
    let alone = introspect::Sessions::alone(&client, whole.server.version);
    let schema = introspect::read_with(alone, introspect::Positions::Leave).await.unwrap();
    let mut read = 0;
    for object in &mut whole.objects {
        if let Body::Sequence(sequence) = &mut object.body {
            read += usize::from(sequence.position.take().is_some());
        }
    }
    assert_eq!(read, 2);
    assert_eq!(whole.objects, schema.objects);
}
