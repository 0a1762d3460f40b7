//! One small catalog per kind of loop, and what breaks it.

use super::super::sample::{column, constraint, default, id, object, table, table_object};
use super::super::{Dialect, Section, Toc, write};
use super::*;
use crate::catalog::constraint::{ConstraintRule, Key};
use crate::catalog::database::{Database, ServerFacts};
use crate::catalog::function::Function;
use crate::catalog::rule::Rule;
use crate::catalog::schema::Schema;
use crate::catalog::sequence::{OwnedBy, Sequence};
use crate::catalog::table::{Generated, Table};
use crate::catalog::typ::{Base, Domain, Range};
use crate::catalog::view::{Materialized, View};
use crate::catalog::{Catalog, Edge};
use crate::ids::{Oid, ServerVersion};

const TABLE: ObjectId = ObjectId { class: Class::Relation, oid: Oid(1) };

fn catalog(objects: Vec<Object>, edges: Vec<Edge>) -> Catalog {
    let version = ServerVersion::from_major(18);
    let server = ServerFacts { version, version_text: "18.0".to_owned(), standby: false };
    let database = Database {
        name: "d".to_owned(),
        oid: Oid(5),
        owner: "o".to_owned(),
        encoding: "UTF8".to_owned(),
        collate: "C".to_owned(),
        ctype: "C".to_owned(),
        locale_provider: 'c',
        locale: None,
        icu_rules: None,
        connection_limit: -1,
        is_template: false,
        tablespace: None,
        acl: None,
        comment: None,
        labels: Vec::new(),
        settings: Vec::new(),
    };
    let (planner_statistics, globals, census) = (Vec::new(), None, None);
    Catalog { server, database, objects, edges, unsupported: Vec::new(), planner_statistics, globals, census }
}

fn needs(dependent: ObjectId, referenced: ObjectId) -> Edge {
    Edge { dependent, referenced, kind: 'n', column: 0, referenced_column: 0, by_rule: false }
}

/// A view's query needs something.
fn reads(view: ObjectId, referenced: ObjectId) -> Edge {
    Edge { by_rule: true, referenced_column: 1, ..needs(view, referenced) }
}

fn function(oid: u32, name: &str) -> Object {
    let body = Function {
        signature: "integer".to_owned(),
        result: Some("integer".to_owned()),
        language: "sql".to_owned(),
        source: Source::Text { text: "SELECT 1".to_owned() },
        ..Function::default()
    };
    object(Class::Function, oid, name, Body::Function(Box::new(body)))
}

/// A function with a parsed body, which the server knows the dependencies of.
fn atomic(oid: u32, name: &str) -> Object {
    let mut object = function(oid, name);
    if let Body::Function(function) = &mut object.body {
        function.source = Source::Parsed { text: "BEGIN ATOMIC\n SELECT 1;\nEND".to_owned() };
    }
    object
}

fn view(oid: u32, name: &str, materialized: bool) -> Object {
    let materialized = materialized.then_some(Materialized {
        populated: true,
        access_method: None,
        tablespace: None,
        toast_options: Vec::new(),
    });
    let columns = vec![column("x", "integer")];
    let body = View { definition: " SELECT 1 AS x".to_owned(), columns, options: Vec::new(), materialized };
    object(Class::Relation, oid, name, Body::View(body))
}

fn with_column() -> Object {
    table_object(1, "t", table(vec![column("a", "integer")]))
}

fn check(oid: u32, name: &str, parent: ObjectId) -> Object {
    let rule = ConstraintRule::Check { expression: "(f(1) > 0)".to_owned() };
    let object = object(Class::Constraint, oid, name, Body::Constraint(constraint(rule)));
    Object { owner: None, parent: Some(parent), ..object }
}

fn primary_key(oid: u32) -> Object {
    let rule = ConstraintRule::Key(Key {
        index: id(Class::Relation, 900),
        primary: true,
        columns: vec!["a".to_owned()],
        include: Vec::new(),
        nulls_not_distinct: false,
        without_overlaps: false,
        options: Vec::new(),
    });
    let object = object(Class::Constraint, oid, "t_pkey", Body::Constraint(constraint(rule)));
    Object { owner: None, parent: Some(TABLE), ..object }
}

fn typ(oid: u32, name: &str, body: Type) -> Object {
    object(Class::Type, oid, name, Body::Type(body))
}

fn toc(objects: Vec<Object>, edges: Vec<Edge>) -> Toc {
    let dialect = Dialect { target: ServerVersion::from_major(18) };
    let toc = write(&catalog(objects, edges), dialect);
    for entry in &toc.entries {
        let late = entry.depends.iter().find(|need| **need >= entry.id);
        assert_eq!(late, None, "{} {} runs before what it needs", entry.desc, entry.name);
    }
    toc
}

/// Every creating entry: section's first letter, description, tag, and the first words of its statement.
fn lines(toc: &Toc) -> Vec<String> {
    let creates = toc.entries.iter().filter(|entry| entry.kind == super::super::EntryKind::Create);
    let line = |entry: &super::super::Entry| {
        let section = match entry.section {
            Section::PreData => "pre",
            Section::Data => "data",
            Section::PostData => "post",
        };
        let words: Vec<&str> = entry.create.first().map_or("", |sql| sql).split_whitespace().take(3).collect();
        format!("{section} {} {}: {}", entry.desc, entry.name, words.join(" "))
    };
    creates.map(line).collect()
}

/// The text of one entry's statements.
fn text<'a>(toc: &'a Toc, name: &str) -> &'a str {
    let entry = toc.entries.iter().find(|entry| entry.name == name && !entry.create.is_empty());
    entry.map_or("", |entry| &entry.create[0])
}

#[test]
fn a_base_type_and_its_functions_meet_at_the_shell() {
    let base = Base { input: "s.tin".to_owned(), output: "s.tout".to_owned(), ..Base::default() };
    let objects = vec![typ(10, "t", Type::Base(Box::new(base))), function(20, "tin"), function(21, "tout")];
    let (t, input, output) = (objects[0].id, objects[1].id, objects[2].id);
    let edges = vec![needs(t, input), needs(t, output), needs(input, t), needs(output, t)];
    let lines = lines(&toc(objects, edges));
    assert_eq!(lines[0], "pre SHELL TYPE t: CREATE TYPE s.t");
    assert!(lines[1].starts_with("pre FUNCTION tin") && lines[2].starts_with("pre FUNCTION tout"), "{lines:?}");
    assert!(lines[3].starts_with("pre TYPE t"), "{lines:?}");
}

#[test]
fn a_range_type_with_a_canonical_function_has_a_shell_only_then() {
    let range = Range { subtype: "integer".to_owned(), ..Range::default() };
    let plain = lines(&toc(vec![typ(10, "r", Type::Range(range.clone()))], Vec::new()));
    assert_eq!(plain.len(), 1, "{plain:?}");
    let range = Range { canonical: Some("s.canon".to_owned()), ..range };
    let objects = vec![typ(10, "r", Type::Range(range)), function(20, "canon")];
    let edges = vec![needs(objects[0].id, objects[1].id), needs(objects[1].id, objects[0].id)];
    let lines = lines(&toc(objects, edges));
    assert_eq!(lines[0], "pre SHELL TYPE r: CREATE TYPE s.r");
    assert!(lines[1].starts_with("pre FUNCTION canon") && lines[2].starts_with("pre TYPE r"), "{lines:?}");
}

#[test]
fn a_view_and_a_function_of_its_row_type() {
    let objects = vec![view(2, "v", false), atomic(20, "f")];
    let (v, f) = (objects[0].id, objects[1].id);
    let toc = toc(objects, vec![reads(v, f), needs(f, v)]);
    let lines = lines(&toc);
    assert_eq!(lines[0], "pre VIEW v: CREATE VIEW s.v");
    assert!(lines[1].starts_with("pre FUNCTION f"), "{lines:?}");
    assert_eq!(lines[2], "pre VIEW v: CREATE OR REPLACE");
    assert!(text(&toc, "v").contains("NULL::integer AS x"));
}

#[test]
fn views_in_a_circle_need_one_placeholder() {
    let objects = vec![view(2, "a", false), view(3, "b", false), view(4, "c", false)];
    let ids: Vec<ObjectId> = objects.iter().map(|object| object.id).collect();
    let edges = vec![reads(ids[0], ids[1]), reads(ids[1], ids[2]), reads(ids[2], ids[0])];
    let lines = lines(&toc(objects, edges));
    assert_eq!(
        lines,
        [
            "pre VIEW a: CREATE VIEW s.a",
            "pre VIEW c: CREATE VIEW s.c",
            "pre VIEW b: CREATE VIEW s.b",
            "pre VIEW a: CREATE OR REPLACE",
        ]
    );
}

#[test]
fn a_view_that_reads_itself_is_no_exception() {
    let objects = vec![view(2, "v", false)];
    let edges = vec![reads(objects[0].id, objects[0].id)];
    assert_eq!(lines(&toc(objects, edges)), ["pre VIEW v: CREATE VIEW s.v", "pre VIEW v: CREATE OR REPLACE"]);
}

#[test]
fn a_view_that_groups_by_a_primary_key_is_completed_after_the_data_and_dependents_do_with_its_shell() {
    let objects = vec![with_column(), primary_key(30), view(2, "v", false), view(3, "w", false)];
    let edges = vec![
        reads(objects[2].id, TABLE),
        reads(objects[2].id, objects[1].id),
        reads(objects[3].id, objects[2].id),
        needs(objects[1].id, TABLE),
    ];
    let lines = lines(&toc(objects, edges));
    assert_eq!(lines[1..3], ["pre VIEW v: CREATE VIEW s.v", "pre VIEW w: CREATE VIEW s.w"]);
    assert!(lines[3].starts_with("post CONSTRAINT"), "{lines:?}");
    assert_eq!(lines[4], "post VIEW v: CREATE OR REPLACE");
}

#[test]
fn what_groups_by_a_primary_key_and_cannot_be_completed_later_moves_with_what_needs_it() {
    let objects = vec![
        with_column(),
        primary_key(30),
        view(2, "m", true),
        view(3, "over_m", true),
        atomic(20, "f"),
        default(1, "a", "s.f(1)", None),
    ];
    let (key, m, over, f, value) = (objects[1].id, objects[2].id, objects[3].id, objects[4].id, objects[5].id);
    let edges =
        vec![reads(m, key), reads(over, m), needs(f, key), needs(value, f), needs(value, TABLE), needs(key, TABLE)];
    let toc = toc(objects, edges);
    let lines = lines(&toc);
    assert!(lines[0].starts_with("pre TABLE t") && lines[1].starts_with("post CONSTRAINT"), "{lines:?}");
    assert!(lines[1..].iter().all(|line| line.starts_with("post")), "{lines:?}");
    assert!(!text(&toc, "t").contains("DEFAULT"));
    let refreshes: Vec<_> = toc.entries.iter().filter(|entry| entry.desc == "MATERIALIZED VIEW DATA").collect();
    assert_eq!(refreshes[0].name, "m");
    assert!(refreshes[1].depends.contains(&refreshes[0].id), "refreshes follow each other");
}

#[test]
fn a_default_that_calls_a_function_of_the_tables_rows_stands_apart() {
    let objects = vec![with_column(), default(1, "a", "s.f(1)", None), function(20, "f")];
    let edges = vec![needs(objects[1].id, TABLE), needs(objects[1].id, objects[2].id), needs(objects[2].id, TABLE)];
    let lines = lines(&toc(objects, edges));
    assert!(lines[0].starts_with("pre TABLE t") && lines[1].starts_with("pre FUNCTION f"), "{lines:?}");
    assert!(lines[2].starts_with("pre DEFAULT"), "{lines:?}");
}

#[test]
fn a_default_that_can_be_printed_inline_is() {
    let objects = vec![with_column(), default(1, "a", "s.f(1)", None), function(20, "f")];
    let edges = vec![needs(objects[1].id, TABLE), needs(objects[1].id, objects[2].id)];
    let toc = toc(objects, edges);
    assert!(lines(&toc)[0].starts_with("pre FUNCTION f"));
    assert!(text(&toc, "t").contains("DEFAULT s.f(1)"));
}

#[test]
fn an_owned_sequence_and_its_column_are_no_loop() {
    let sequence = Sequence {
        data_type: "integer".to_owned(),
        start: 1,
        increment: 1,
        min: 1,
        max: 2_147_483_647,
        cache: 1,
        cycle: false,
        unlogged: false,
        owned_by: Some(OwnedBy { table: TABLE, column: "a".to_owned(), identity: false }),
        position: None,
    };
    let sequence = object(Class::Relation, 7, "t_a_seq", Body::Sequence(sequence));
    let objects = vec![with_column(), default(1, "a", "nextval('s.t_a_seq'::regclass)", None), sequence];
    let owned = Edge { kind: 'a', referenced_column: 1, ..needs(objects[2].id, TABLE) };
    let edges = vec![needs(objects[1].id, TABLE), needs(objects[1].id, objects[2].id), owned];
    let toc = toc(objects, edges);
    let lines = lines(&toc);
    assert!(lines[0].starts_with("pre SEQUENCE t_a_seq") && lines[1].starts_with("pre TABLE t"), "{lines:?}");
    assert!(lines[2].starts_with("pre SEQUENCE OWNED BY"), "{lines:?}");
    assert!(text(&toc, "t").contains("DEFAULT nextval"));
}

#[test]
fn a_check_that_calls_a_function_of_the_tables_rows_follows_the_data() {
    let mut parent = table(vec![column("a", "integer")]);
    parent.parents = vec![id(Class::Relation, 8)];
    let objects = vec![
        table_object(1, "t", parent),
        check(40, "c", TABLE),
        function(20, "f"),
        table_object(8, "p", table(Vec::new())),
    ];
    let edges = vec![needs(objects[1].id, TABLE), needs(objects[1].id, objects[2].id), needs(objects[2].id, TABLE)];
    let lines = lines(&toc(objects, edges));
    assert!(lines.iter().any(|line| line.starts_with("post CHECK CONSTRAINT t c")), "{lines:?}");
}

#[test]
fn a_check_that_calls_a_function_follows_the_data_unless_the_function_is_given() {
    let objects = vec![with_column(), check(40, "c", TABLE), function(20, "f")];
    let edges = vec![needs(objects[1].id, TABLE), needs(objects[1].id, objects[2].id)];
    let apart = toc(objects.clone(), edges.clone());
    assert!(!text(&apart, "t").contains("CHECK"));
    let mut objects = objects;
    objects[2].extension = Some("x".to_owned());
    assert!(text(&toc(objects, edges), "t").contains("CONSTRAINT c CHECK"));
}

#[test]
fn a_domain_and_a_function_that_takes_it() {
    let domain = Domain { base: "integer".to_owned(), ..Domain::default() };
    let objects = vec![typ(10, "d", Type::Domain(domain)), check(40, "c", id(Class::Type, 10)), function(20, "f")];
    let (d, c, f) = (objects[0].id, objects[1].id, objects[2].id);
    let toc = toc(objects, vec![needs(c, d), needs(c, f), needs(f, d)]);
    let lines = lines(&toc);
    assert!(lines[0].starts_with("pre DOMAIN d") && lines[1].starts_with("pre FUNCTION f"), "{lines:?}");
    assert_eq!(lines[2], "pre CHECK CONSTRAINT d c: ALTER DOMAIN s.d");
    assert!(!text(&toc, "d").contains("CHECK"));
}

#[test]
fn partitions_and_foreign_keys_are_no_loops() {
    let child = Table {
        parents: vec![id(Class::Relation, 2)],
        partition_bound: Some("DEFAULT".to_owned()),
        ..table(Vec::new())
    };
    let parent = Table { partition_key: Some("LIST (a)".to_owned()), ..table(Vec::new()) };
    let objects = vec![table_object(1, "child", child), table_object(2, "parent", parent)];
    let edges = vec![Edge { kind: 'a', ..needs(objects[0].id, objects[1].id) }];
    let lines = lines(&toc(objects, edges));
    assert!(lines.last().is_some_and(|line| line.starts_with("pre TABLE ATTACH child")), "{lines:?}");
}

#[test]
fn parsed_functions_that_call_each_other_begin_with_a_stub() {
    let objects = vec![atomic(20, "f"), atomic(21, "g")];
    let (f, g) = (objects[0].id, objects[1].id);
    let lines = lines(&toc(objects, vec![needs(f, g), needs(g, f)]));
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("pre FUNCTION f") && lines[1].starts_with("pre FUNCTION g"), "{lines:?}");
    assert!(lines[2].contains("f(") && lines[2].contains("OR REPLACE"), "{lines:?}");
}

#[test]
fn rules_follow_both_of_their_tables() {
    let rule = Rule {
        definition: "CREATE RULE r AS ON INSERT TO s.t DO ALSO NOTHING".to_owned(),
        enabled: Default::default(),
    };
    let rule = Object { parent: Some(TABLE), ..object(Class::Rule, 50, "r", Body::Rule(rule)) };
    let lines = lines(&toc(vec![with_column(), rule], vec![needs(id(Class::Rule, 50), TABLE)]));
    assert!(lines[1].starts_with("post RULE"), "{lines:?}");
}

/// A table, a generated column of it that calls a function, and the function, which takes the table's rows.
fn generated_by_rows() -> (Vec<Object>, Vec<Edge>) {
    let mut column = column("g", "integer");
    column.generated = Some(Generated::Stored);
    let generated = default(1, "g", "s.f(NULL::s.t)", Some(Generated::Stored));
    let objects = vec![table_object(1, "t", table(vec![column])), generated, function(20, "f")];
    let edges = vec![needs(objects[1].id, TABLE), needs(objects[1].id, objects[2].id), needs(objects[2].id, TABLE)];
    (objects, edges)
}

#[test]
fn a_generated_column_whose_function_takes_the_tables_rows_gets_its_expression_later() {
    let (objects, edges) = generated_by_rows();
    let toc = toc(objects, edges);
    let lines = lines(&toc);
    assert!(lines[0].starts_with("pre TABLE t") && lines[1].starts_with("pre FUNCTION f"), "{lines:?}");
    assert!(text(&toc, "t").contains("g integer GENERATED ALWAYS AS (NULL::integer) STORED"), "{}", text(&toc, "t"));
    assert_eq!(text(&toc, "t g"), "ALTER TABLE ONLY s.t ALTER COLUMN g SET EXPRESSION AS (s.f(NULL::s.t))");
}

/// No statement before 17 makes a column generated that is there: it is filled all the same, and the loss is named.
#[test]
fn where_no_expression_can_be_set_the_generated_column_has_a_default() {
    let (objects, edges) = generated_by_rows();
    let toc = write(&catalog(objects, edges), Dialect { target: ServerVersion::from_major(16) });
    assert!(!text(&toc, "t").contains("GENERATED"));
    assert_eq!(text(&toc, "t g"), "ALTER TABLE ONLY s.t ALTER COLUMN g SET DEFAULT s.f(NULL::s.t)");
    let lost: Vec<&String> = toc.entries.iter().flat_map(|entry| &entry.losses).collect();
    assert!(lost.len() == 1 && lost[0].starts_with("column g is computed when a row is inserted"), "{lost:?}");
}

#[test]
fn a_domain_whose_default_gives_the_domain_gets_it_later() {
    let domain = Domain { base: "integer".to_owned(), default: Some("s.f()".to_owned()), ..Domain::default() };
    let objects = vec![typ(10, "d", Type::Domain(domain)), check(40, "c", id(Class::Type, 10)), function(20, "f")];
    let (d, c, f) = (objects[0].id, objects[1].id, objects[2].id);
    let toc = toc(objects, vec![needs(c, d), needs(d, f), needs(f, d)]);
    let lines = lines(&toc);
    assert!(lines[0].starts_with("pre DOMAIN d: CREATE DOMAIN") && lines[1].starts_with("pre FUNCTION f"), "{lines:?}");
    assert_eq!(lines[2], "pre DOMAIN d: ALTER DOMAIN s.d");
    assert!(lines[3].starts_with("pre CHECK CONSTRAINT d c"), "{lines:?}");
    assert!(!text(&toc, "d").contains("DEFAULT"));
}

#[test]
fn functions_whose_defaults_call_each_other_begin_with_a_stub_without_them() {
    let with_default = |oid, name: &str, other: &str| {
        let mut object = function(oid, name);
        if let Body::Function(function) = &mut object.body {
            function.arguments = format!("a integer DEFAULT s.{other}(1)");
            function.identity_arguments = "a integer".to_owned();
        }
        object
    };
    let objects = vec![with_default(20, "f", "g"), with_default(21, "g", "f"), with_default(22, "h", "h")];
    let (f, g, h) = (objects[0].id, objects[1].id, objects[2].id);
    let toc = toc(objects, vec![needs(f, g), needs(g, f), needs(h, h)]);
    let creates: Vec<&str> =
        toc.entries.iter().filter_map(|entry| Some(entry.create.first()?.lines().next()?)).collect();
    let expected = [
        "CREATE FUNCTION s.f(a integer) RETURNS integer",
        "CREATE FUNCTION s.g(a integer DEFAULT s.f(1)) RETURNS integer",
        "CREATE OR REPLACE FUNCTION s.f(a integer DEFAULT s.g(1)) RETURNS integer",
        "CREATE FUNCTION s.h(a integer) RETURNS integer",
        "CREATE OR REPLACE FUNCTION s.h(a integer DEFAULT s.h(1)) RETURNS integer",
    ];
    let mut sorted = creates.clone();
    sorted.sort_by_key(|line| line.contains("s.h(a"));
    assert_eq!(sorted[sorted.len() - 5..], expected);
    // Defaults cannot be taken away again.
    let drops = toc.entries.iter().filter_map(|entry| entry.drop.as_deref()).filter(|drop| drop.contains("s.f"));
    assert_eq!(drops.collect::<Vec<_>>(), ["DROP FUNCTION IF EXISTS s.f(a integer) CASCADE"]);
}

#[test]
fn a_parsed_function_that_counts_a_materialized_view_which_calls_it() {
    let objects = vec![view(2, "m", true), atomic(20, "f")];
    let (m, f) = (objects[0].id, objects[1].id);
    let count = Edge { referenced_column: 0, ..needs(f, m) };
    let lines = lines(&toc(objects, vec![reads(m, f), count]));
    assert!(lines[0].starts_with("pre FUNCTION f"), "{lines:?}");
    assert!(lines[1].starts_with("pre MATERIALIZED VIEW m"), "{lines:?}");
    assert!(lines[2].contains("f(") && lines[2].contains("OR REPLACE"), "{lines:?}");
}

#[test]
fn partitioned_tables_and_indexes_need_themselves_without_a_loop() {
    let objects = vec![with_column()];
    let edges = vec![Edge { column: 1, referenced_column: 2, kind: 'a', ..needs(TABLE, TABLE) }];
    assert_eq!(lines(&toc(objects, edges)), ["pre TABLE t: CREATE TABLE s.t"]);
}

/// As pg_dump does: everything is written, in some order, and the server has the last word.
#[test]
fn a_loop_that_cannot_be_broken_is_tried_all_the_same() {
    let objects = vec![view(2, "m", true), view(3, "n", true), with_column()];
    let edges =
        vec![reads(objects[0].id, objects[1].id), reads(objects[1].id, objects[0].id), reads(objects[0].id, TABLE)];
    let lines = lines(&toc(objects, edges));
    assert_eq!(lines.len(), 3, "{lines:?}");
}

#[test]
fn members_of_extensions_stand_for_their_extension_and_schemas_come_first() {
    let mut member = function(20, "f");
    member.extension = Some("x".to_owned());
    let extension = object(Class::Extension, 60, "x", Body::Extension(Default::default()));
    let schema = Object { schema: None, ..object(Class::Schema, 70, "s", Body::Schema(Schema::default())) };
    let objects = vec![with_column(), default(1, "a", "s.f(1)", None), member, extension, schema];
    let edges = vec![
        needs(objects[1].id, TABLE),
        needs(objects[1].id, objects[2].id),
        needs(TABLE, objects[4].id),
        needs(objects[3].id, objects[4].id),
    ];
    let toc = toc(objects, edges);
    let names: Vec<&str> = toc.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names[1..4], ["s", "x", "t"]);
    assert!(toc.entries[3].depends.contains(&toc.entries[2].id));
}

#[test]
fn the_same_model_in_any_order_of_edges_gives_the_same_entries() {
    let objects = vec![view(2, "a", false), view(3, "b", false), atomic(20, "f"), with_column()];
    let ids: Vec<ObjectId> = objects.iter().map(|object| object.id).collect();
    let mut edges = vec![reads(ids[0], ids[1]), reads(ids[1], ids[0]), needs(ids[2], ids[0]), reads(ids[1], ids[2])];
    let first = toc(objects.clone(), edges.clone());
    edges.reverse();
    assert_eq!(toc(objects, edges), first);
}

#[test]
fn a_long_chain_does_not_exhaust_the_stack() {
    let objects: Vec<Object> = (2..5_002).map(|oid| view(oid, &format!("v{oid:05}"), false)).collect();
    let pairs = objects.windows(2).map(|pair| reads(pair[0].id, pair[1].id));
    let edges: Vec<Edge> = pairs.collect();
    let toc = toc(objects, edges);
    assert_eq!(toc.entries.len(), 1 + 5_000);
    assert_eq!(toc.entries[1].name, "v05001");
}
