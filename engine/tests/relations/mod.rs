//! Relations and what hangs on them: SQL into one database, read, written, run in another, compared.
//!
//! Each class has its SQL; both databases must then give the same `pg_dump -s` text and the same model. The order here
//! is the simplest that does: by section, then by kind. The real one has tests of its own.

mod across;
mod samples;

use std::collections::{HashMap, HashSet};

use pgfreight_engine::catalog::features::Features;
use pgfreight_engine::catalog::schema::Schema;
use pgfreight_engine::catalog::{Body, Class, Object, ObjectId};
use pgfreight_engine::ddl::{self, Context, Draft, Stage};
use pgfreight_engine::ids::{Oid, ServerVersion};
use pgfreight_engine::introspect;
use pgfreight_fixtures::compare::{self, Scope};
use pgfreight_fixtures::postgres::{Cluster, Database};
use serde_json::Value;

/// Every class of relation that is in a database, in catalog order.
async fn read(database: &Database<'_>) -> (Features, Vec<Object>) {
    let client = database.client().await;
    client.batch_execute("SET search_path = ''").await.unwrap();
    let version = client.query_one("SELECT current_setting('server_version_num')::int4", &[]).await.unwrap();
    let features = Features::of(ServerVersion(version.get::<_, i32>(0).try_into().unwrap()));
    let mut objects = schemas(&client).await;
    let client = introspect::Client::of(&client);
    objects.extend(introspect::table::read(&client, &features).await.unwrap());
    objects.extend(introspect::sequence::read(&client, &features).await.unwrap());
    objects.extend(introspect::view::read(&client, &features).await.unwrap());
    objects.extend(introspect::index::read(&client, &features).await.unwrap());
    objects.extend(introspect::constraint::read(&client, &features).await.unwrap());
    objects.extend(introspect::trigger::read(&client, &features).await.unwrap());
    objects.extend(introspect::rule::read(&client, &features).await.unwrap());
    objects.extend(introspect::policy::read(&client, &features).await.unwrap());
    objects.extend(introspect::statistics::read(&client, &features).await.unwrap());
    objects.extend(introspect::publication::read(&client, &features).await.unwrap());
    (features, objects)
}

/// Publications refer to schemas.
async fn schemas(client: &tokio_postgres::Client) -> Vec<Object> {
    let rows = client.query("SELECT oid, nspname FROM pg_namespace WHERE oid >= 16384", &[]).await.unwrap();
    let schema = |row: &tokio_postgres::Row| {
        let id = ObjectId { class: Class::Schema, oid: Oid(row.get(0)) };
        Object::new(id, row.get::<_, String>(1), Body::Schema(Schema::default()))
    };
    rows.iter().map(schema).collect()
}

fn drafts(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    match &object.body {
        Body::Table(_) => ddl::table::entries(object, cx),
        Body::Default(_) => ddl::column::entries(object, cx),
        Body::Sequence(_) => ddl::sequence::entries(object, cx),
        Body::View(_) => ddl::view::entries(object, cx),
        Body::Index(_) => ddl::index::entries(object, cx),
        Body::Constraint(_) => ddl::constraint::entries(object, cx),
        Body::Trigger(_) => ddl::trigger::entries(object, cx),
        Body::Rule(_) => ddl::rule::entries(object, cx),
        Body::Policy(_) => ddl::policy::entries(object, cx),
        Body::Statistics(_) => ddl::statistics::entries(object, cx),
        Body::Publication(_) => ddl::publication::entries(object, cx),
        _ => Vec::new(),
    }
}

/// Drafts for a target, in an order that works for the samples: what needs another comes after it in OID order.
fn write(objects: &[Object], target: Features) -> Vec<Draft> {
    let cx = Context::of(objects, target, HashSet::new());
    let mut all: Vec<Draft> = objects.iter().flat_map(|object| drafts(object, &cx)).collect();
    let kinds: HashMap<ObjectId, &Body> = objects.iter().map(|object| (object.id, &object.body)).collect();
    let rank = |draft: &Draft| match (kinds[&draft.object], draft.stage) {
        (Body::Sequence(sequence), Stage::Main) if sequence.owned_by.as_ref().is_none_or(|owner| !owner.identity) => 0,
        (Body::Table(_) | Body::View(_) | Body::Index(_), Stage::Main) => 1,
        (_, Stage::Attach) => 3,
        (Body::Constraint(constraint), _) if draft.desc == "FK CONSTRAINT" => 4 + i32::from(constraint.local),
        _ => 2,
    };
    all.sort_by_key(|draft| (draft.section, rank(draft), draft.object.oid));
    all
}

fn script(drafts: &[Draft]) -> String {
    let one = |draft: &Draft| {
        let method = draft.access_method.as_deref().unwrap_or("heap");
        let statements: String = draft.create.iter().map(|statement| format!("{statement};\n")).collect();
        format!("SET default_table_access_method = {method};\n{statements}")
    };
    let script: String = drafts.iter().map(one).collect();
    script.replace("SET default_table_access_method = heap;\n", "RESET default_table_access_method;\n")
}

/// The model as JSON with every identity spelled as a name, so that two databases can be compared.
fn spelled(objects: &[Object]) -> Vec<Value> {
    let by_id: HashMap<ObjectId, &Object> = objects.iter().map(|object| (object.id, object)).collect();
    let mut values: Vec<Value> =
        objects.iter().map(|object| spell(serde_json::to_value(object).unwrap(), &by_id)).collect();
    values.sort_by_key(Value::to_string);
    values
}

fn spell(value: Value, by_id: &HashMap<ObjectId, &Object>) -> Value {
    if let Ok(id) = serde_json::from_value::<ObjectId>(value.clone()) {
        let object = by_id.get(&id).unwrap_or_else(|| panic!("{id:?} is not in the model"));
        return format!("{:?} {:?}.{}", id.class, object.schema, object.name).into();
    }
    match value {
        Value::Array(values) => values.into_iter().map(|value| spell(value, by_id)).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, spell(value, by_id))).collect(),
        other => other,
    }
}

/// Takes a sample through both databases of one major and expects them equal in every respect.
async fn round_trip(major: u32, before: &str, sample: &str) {
    let cluster = Cluster::shared(major);
    let (source, target) = (cluster.database("relations_src"), cluster.database("relations_dst"));
    for database in [&source, &target] {
        database.execute(before);
    }
    source.execute(sample);
    let (features, objects) = read(&source).await;
    let drafts = write(&objects, features);
    let script = script(&drafts);
    target.execute(&script);
    assert_eq!(drafts.iter().flat_map(|draft| &draft.losses).collect::<Vec<_>>(), Vec::<&String>::new());
    let report = compare::databases(&source.url(), &target.url(), Scope::Schema);
    assert!(report.differences.is_empty(), "{}\n--- written:\n{script}", report.differences.join("\n"));
    let (_, again) = read(&target).await;
    let (expected, actual) = (spelled(&objects), spelled(&again));
    for (expected, actual) in expected.iter().zip(&actual) {
        assert_eq!(expected, actual, "PostgreSQL {major}\n--- written:\n{script}");
    }
    assert_eq!(expected.len(), actual.len());
}

/// What the oldest and the newest major have in common.
const BOTH: [u32; 2] = [14, 18];

macro_rules! round_trips {
    ($($majors:expr => $($name:ident: $sample:ident),*;)*) => {
        $($(#[tokio::test]
        async fn $name() {
            for major in $majors {
                round_trip(major, samples::BEFORE, samples::$sample).await;
            }
        })*)*
    };
}

round_trips! {
    BOTH =>
        columns: COLUMNS, defaults: DEFAULTS, sequences: SEQUENCES, checks: CHECKS, keys: KEYS,
        foreign_keys: FOREIGN_KEYS, indexes: INDEXES, inheritance: INHERITANCE, column_order: COLUMN_ORDER,
        partitions: PARTITIONS, foreign_tables: FOREIGN_TABLES, views: VIEWS, triggers: TRIGGERS, rules: RULES,
        policies: POLICIES, statistics: STATISTICS, publications: PUBLICATIONS, names: NAMES;
    [14, 15] => until_15: UNTIL_15;
    [15, 18] => since_15: SINCE_15;
    [17, 18] => since_17: SINCE_17;
    [18] => since_18: SINCE_18;
}
