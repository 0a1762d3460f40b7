//! Filters on a small catalog: two schemas, a partitioned table, a foreign key, an owned sequence, an extension with a
//! configuration table.

use super::*;
use crate::catalog::constraint::{Constraint, ForeignKey};
use crate::catalog::database::{Database, ServerFacts};
use crate::catalog::extension::{ConfigTable, Extension};
use crate::catalog::function::Function;
use crate::catalog::index::Index;
use crate::catalog::schema::Schema;
use crate::catalog::sequence::{OwnedBy, Sequence};
use crate::catalog::system::System;
use crate::catalog::table::{Table, TableKind};
use crate::catalog::typ::Type;
use crate::ddl::{Dialect, Toc, write};
use crate::ids::{Oid, ServerVersion};
use crate::plan::pull::Needs;
use crate::plan::select_entries::{parse_list, print_list, select_entries};

fn id(class: Class, oid: u32) -> ObjectId {
    ObjectId { class, oid: Oid(oid) }
}

fn relation(oid: u32) -> ObjectId {
    id(Class::Relation, oid)
}

fn object(id: ObjectId, schema: Option<&str>, name: &str, body: Body) -> Object {
    Object { schema: schema.map(str::to_owned), owner: Some("o".to_owned()), ..Object::new(id, name, body) }
}

fn table(oid: u32, schema: &str, name: &str, parents: &[u32]) -> Object {
    let body = Table {
        kind: TableKind::Ordinary,
        unlogged: false,
        columns: Vec::new(),
        of_type: None,
        partition_key: None,
        parents: parents.iter().map(|oid| relation(*oid)).collect(),
        partition_bound: None,
        options: Vec::new(),
        toast_options: Vec::new(),
        access_method: None,
        tablespace: None,
        replica_identity: Default::default(),
        row_security: false,
        force_row_security: false,
        foreign: None,
    };
    object(relation(oid), Some(schema), name, Body::Table(Box::new(body)))
}

fn sequence(oid: u32, name: &str, owner: u32) -> Object {
    let owned_by = Some(OwnedBy { table: relation(owner), column: "id".to_owned(), identity: false });
    let body = Sequence {
        data_type: "bigint".to_owned(),
        start: 1,
        increment: 1,
        min: 1,
        max: i64::MAX,
        cache: 1,
        cycle: false,
        unlogged: false,
        owned_by,
        position: Some(crate::catalog::sequence::Position { last_value: 7, is_called: true }),
    };
    object(relation(oid), Some("a"), name, Body::Sequence(body))
}

fn index(oid: u32, on: u32, name: &str) -> Object {
    let body = Index {
        definition: format!("CREATE INDEX {name} ON x"),
        constraint: None,
        clustered: false,
        replica_identity: false,
        valid: true,
        partitioned: false,
        attached_to: None,
        tablespace: None,
        statistics: Vec::new(),
    };
    Object { parent: Some(relation(on)), ..object(relation(oid), Some("a"), name, Body::Index(body)) }
}

fn foreign_key(oid: u32, on: u32, references: u32) -> Object {
    let key = ForeignKey {
        columns: vec!["x".to_owned()],
        references: relation(references),
        referenced: vec!["id".to_owned()],
        match_full: false,
        on_update: None,
        on_delete: None,
        delete_columns: Vec::new(),
        period: false,
    };
    let body = Constraint {
        rule: ConstraintRule::ForeignKey(Box::new(key)),
        validated: true,
        enforced: true,
        local: true,
        inherited: false,
        no_inherit: false,
        deferrable: false,
        deferred: false,
        triggers: Default::default(),
    };
    let object = object(id(Class::Constraint, oid), Some("a"), "fk", Body::Constraint(body));
    Object { parent: Some(relation(on)), owner: None, ..object }
}

fn catalog() -> Catalog {
    let version = ServerVersion::from_major(18);
    let database = Database {
        name: "shop".to_owned(),
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
    let config = vec![ConfigTable { relation: Oid(50), condition: String::new() }];
    let extension = Extension { version: "1".to_owned(), relocatable: true, config };
    let objects = vec![
        object(id(Class::Schema, 100), None, "a", Body::Schema(Schema::default())),
        object(id(Class::Schema, 101), None, "b", Body::Schema(Schema::default())),
        object(id(Class::Extension, 60), None, "ext", Body::Extension(extension)),
        object(id(Class::Type, 70), Some("a"), "mood", Body::Type(Type::Enum { labels: Vec::new() })),
        object(id(Class::Function, 80), Some("b"), "f", Body::Function(Box::<Function>::default())),
        object(id(Class::Function, 90), Some("pg_catalog"), "pg_sleep", Body::System(System::default())),
        table(1, "a", "orders", &[]),
        table(2, "a", "users", &[]),
        table(3, "b", "orders", &[]),
        table(4, "b", "part", &[3]),
        Object { extension: Some("ext".to_owned()), ..table(50, "a", "conf", &[]) },
        Object { extension: Some("ext".to_owned()), ..table(51, "a", "innards", &[]) },
        sequence(10, "orders_id_seq", 1),
        index(20, 1, "orders_idx"),
        foreign_key(30, 1, 2),
    ];
    let server = ServerFacts { version, version_text: "18".to_owned(), standby: false };
    Catalog {
        server,
        database,
        objects,
        edges: Vec::new(),
        unsupported: Vec::new(),
        planner_statistics: Vec::new(),
        globals: None,
        census: None,
    }
}

fn patterns(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Names of the objects a dump with these filters carries, and of those with data.
fn carried(filters: &Filters) -> (Vec<String>, Vec<String>) {
    let catalog = catalog();
    let selection = Selection::of(&catalog, filters).expect("the filters can be meant");
    let names = |ids: &BTreeSet<ObjectId>| {
        let objects = catalog.objects.iter().filter(|object| ids.contains(&object.id));
        objects.map(display).collect::<Vec<_>>()
    };
    (names(&selection.objects), names(&selection.data))
}

#[test]
fn without_filters_everything_is_carried_and_rows_of_extensions_only_where_registered() {
    let (objects, data) = carried(&Filters::default());
    assert_eq!(objects.len(), catalog().objects.len());
    assert_eq!(data, ["a.orders", "a.users", "b.orders", "b.part", "a.conf", "a.orders_id_seq"]);
}

#[test]
fn a_table_brings_what_hangs_on_it_and_nothing_else() {
    let (objects, data) = carried(&Filters { tables: patterns(&["a.orders"]), ..Filters::default() });
    assert_eq!(objects, ["a.orders", "a.orders_id_seq", "a.orders_idx", "a.fk"]);
    assert_eq!(data, ["a.orders", "a.orders_id_seq"]);
    let catalog = catalog();
    let filters = Filters { tables: patterns(&["a.orders"]), ..Filters::default() };
    let selection = Selection::of(&catalog, &filters).expect("selects");
    assert_eq!(selection.dangling, [("a.orders.fk".to_owned(), "a.users".to_owned())]);
    let reduced = selection.reduce(catalog);
    let stub = reduced.objects.iter().find(|object| object.name == "users");
    assert!(stub.is_some_and(|stub| stub.builtin), "the referenced table keeps its name and is not created");
}

#[test]
fn unqualified_patterns_see_what_the_search_path_shows() {
    let on = |path: &[&str]| {
        let filters = Filters { tables: patterns(&["orders"]), search_path: patterns(path), ..Filters::default() };
        carried(&filters).1
    };
    assert_eq!(on(&["b", "a"]), ["b.orders"]);
    assert_eq!(on(&["a"]), ["a.orders", "a.orders_id_seq"]);
    assert_eq!(on(&[]), ["a.orders", "b.orders", "a.orders_id_seq"]);
}

#[test]
fn exclusions_win_and_children_follow_where_asked() {
    let exclude = |plain: &[&str], children: &[&str]| {
        let filters = Filters {
            exclude_tables: patterns(plain),
            exclude_tables_and_children: patterns(children),
            ..Filters::default()
        };
        carried(&filters).1
    };
    assert_eq!(exclude(&["a.*"], &[]), ["b.orders", "b.part"]);
    assert_eq!(exclude(&["b.orders", "a.*"], &[]), ["b.part"]);
    assert_eq!(exclude(&["a.*"], &["b.orders"]), Vec::<String>::new());
    let (_, data) = carried(&Filters { tables_and_children: patterns(&["b.o*"]), ..Filters::default() });
    assert_eq!(data, ["b.orders", "b.part"]);
    let filters = Filters { exclude_table_data: patterns(&["*.orders"]), ..Filters::default() };
    let (objects, data) = carried(&filters);
    assert!(objects.contains(&"a.orders".to_owned()));
    assert_eq!(data, ["a.users", "b.part", "a.conf", "a.orders_id_seq"]);
}

#[test]
fn schemas_choose_what_is_in_them_and_leave_extensions_out_unless_named() {
    let (objects, _) = carried(&Filters { schemas: patterns(&["b"]), ..Filters::default() });
    assert_eq!(objects, ["b", "b.f", "b.orders", "b.part"]);
    let filters = Filters { schemas: patterns(&["b"]), extensions: patterns(&["e*"]), ..Filters::default() };
    let (objects, data) = carried(&filters);
    assert!(objects.contains(&"ext".to_owned()) && data.contains(&"a.conf".to_owned()));
    let (objects, _) = carried(&Filters { exclude_schemas: patterns(&["a"]), ..Filters::default() });
    assert!(!objects.contains(&"a.orders".to_owned()) && objects.contains(&"b.orders".to_owned()));
    let (objects, _) = carried(&Filters { exclude_extensions: patterns(&["ext"]), ..Filters::default() });
    assert!(!objects.contains(&"ext".to_owned()) && !objects.contains(&"a.conf".to_owned()));
}

#[test]
fn what_matches_nothing_is_an_error_where_nothing_is_left_or_names_are_strict() {
    let catalog = catalog();
    let select = |filters: Filters| Selection::of(&catalog, &filters);
    let none = select(Filters { tables: patterns(&["nope"]), ..Filters::default() });
    assert_eq!(none, Err(SelectError::NoMatch { what: "tables", pattern: "nope".to_owned() }));
    let none = select(Filters { schemas: patterns(&["nope"]), ..Filters::default() });
    assert_eq!(none, Err(SelectError::NoMatch { what: "schemas", pattern: "nope".to_owned() }));
    let some = select(Filters { tables: patterns(&["a.users", "nope"]), ..Filters::default() });
    assert_eq!(some.map(|selection| selection.unmatched), Ok(vec!["nope".to_owned()]));
    let strict = Filters { tables: patterns(&["a.users", "nope"]), strict_names: true, ..Filters::default() };
    assert_eq!(select(strict), Err(SelectError::NoMatch { what: "objects", pattern: "nope".to_owned() }));
    let both = select(Filters { schema_only: true, data_only: true, ..Filters::default() });
    assert!(matches!(both, Err(SelectError::Contradiction { .. })));
    let elsewhere = select(Filters { tables: patterns(&["other.a.users"]), ..Filters::default() });
    assert!(matches!(elsewhere, Err(SelectError::Pattern(_))));
}

#[test]
fn switches_choose_sections() {
    let catalog = catalog();
    let entries = toc();
    let kept = |filters: Filters| {
        let selection = Selection::of(&catalog, &filters).expect("selects");
        selection.kept(entries.clone()).iter().map(|entry| entry.section).collect::<BTreeSet<_>>()
    };
    assert!(!kept(Filters { schema_only: true, ..Filters::default() }).contains(&Section::Data));
    assert_eq!(kept(Filters { data_only: true, ..Filters::default() }), BTreeSet::from([Section::Data]));
    let post = BTreeSet::from([Section::PostData]);
    assert_eq!(kept(Filters { sections: post.clone(), ..Filters::default() }), post);
}

fn toc() -> Toc {
    write(&catalog(), Dialect { target: ServerVersion::from_major(18) })
}

/// Descriptions and tags of the entries a restore with these filters carries.
fn restored(filters: &RestoreFilters) -> Vec<String> {
    let toc = toc();
    let chosen = select_entries(&toc, filters).expect("selects");
    let entry = |id: &u32| &toc.entries[*id as usize - 1];
    chosen.iter().map(|id| format!("{} {}", entry(id).desc, entry(id).name)).collect()
}

#[test]
fn restoring_a_table_brings_what_hangs_on_it() {
    let filters =
        RestoreFilters { tables: patterns(&["orders"]), schemas: patterns(&["a"]), ..RestoreFilters::default() };
    let expected = [
        "SEQUENCE orders_id_seq",
        "TABLE orders",
        "SEQUENCE OWNED BY orders_id_seq",
        "TABLE DATA orders",
        "SEQUENCE SET orders_id_seq",
        "INDEX orders_idx",
        "FK CONSTRAINT orders fk",
    ];
    let mut found = restored(&filters);
    found.sort();
    let mut expected = expected.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(found, expected);
    let qualified = RestoreFilters { tables: patterns(&["a.orders"]), ..RestoreFilters::default() };
    assert_eq!(restored(&qualified).len(), expected.len());
    let data = RestoreFilters { tables: patterns(&["b.orders"]), data_only: true, ..RestoreFilters::default() };
    assert_eq!(restored(&data), ["TABLE DATA orders"]);
    let index = RestoreFilters { indexes: patterns(&["orders_idx"]), ..RestoreFilters::default() };
    assert_eq!(restored(&index), ["INDEX orders_idx"]);
}

#[test]
fn what_a_choice_needs_is_told() {
    let toc = toc();
    let fk = toc.entries.iter().find(|entry| entry.desc == "FK CONSTRAINT").map(|entry| entry.id).into_iter();
    let chosen: Vec<u32> = fk.collect();
    let needs = Needs::of(&toc, &chosen, BTreeSet::new());
    let names: BTreeSet<&str> = needs.all().iter().map(|entry| &*entry.name).collect();
    assert_eq!(names, BTreeSet::from(["orders", "users"]));
    let pulled = needs.pull(&BTreeSet::new());
    assert!(pulled.entries.is_empty() && pulled.missing.len() == 2, "relations do not come along: {pulled:?}");
    let there = toc.entries.iter().filter(|entry| entry.name == "users").filter_map(|entry| entry.object).collect();
    assert_eq!(needs.pull(&there).missing.len(), 1);
}

#[test]
fn a_list_is_read_back_and_its_order_kept() {
    let toc = toc();
    let list = print_list(&toc, "shop");
    let all: Vec<u32> = toc.entries.iter().map(|entry| entry.id).collect();
    assert_eq!(parse_list(&list), Ok(all));
    assert_eq!(parse_list(";1; comment\n\n3; x\n1; y\n3\n"), Ok(vec![3, 1]));
    assert_eq!(parse_list("1; x\nnonsense\n"), Err("nonsense".to_owned()));
    let filters = RestoreFilters { list: Some(vec![4, 2]), ..RestoreFilters::default() };
    assert_eq!(select_entries(&toc, &filters), Ok(vec![4, 2]));
}
