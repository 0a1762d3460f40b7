//! Stages, loads and what needs them.

use serde_json::json;

use super::*;
use crate::catalog::{Class, Object};
use crate::ddl::{LockKind, sample};
use crate::format::CopyFormat;
use crate::format::contents::{Fingerprint, TableChunk};
use crate::ids::{Digest, Oid};

fn relation(oid: u32) -> ObjectId {
    ObjectId { class: Class::Relation, oid: Oid(oid) }
}

fn entry(id: u32, kind: EntryKind, desc: &str, section: Section) -> Entry {
    Entry {
        schema: Some("public".into()),
        name: format!("e{id}"),
        create: vec!["select 1".into()],
        ..sample::entry(id, kind, desc, section)
    }
}

fn about(mut entry: Entry, oid: u32) -> Entry {
    entry.relation = Some(relation(oid));
    entry.object = Some(relation(oid));
    entry
}

fn data(oid: u32, chunks: &[u64]) -> TableData {
    TableData {
        kind: DataKind::Table,
        object: Some(relation(oid)),
        schema: "public".into(),
        name: format!("t{oid}"),
        columns: vec!["a".into()],
        format: CopyFormat::Text,
        condition: None,
        rows: 1,
        fingerprint: Fingerprint(0),
        chunks: chunks
            .iter()
            .map(|raw| TableChunk {
                chunk: 0,
                from: 0,
                to: None,
                rows: 1,
                raw: *raw,
                plain: Digest([0; 32]),
                fingerprint: Fingerprint(0),
            })
            .collect(),
    }
}

/// Model values come from JSON, so that new optional facts do not concern these tests.
fn object(id: ObjectId, parent: Option<ObjectId>, kind: &str, body: serde_json::Value) -> Object {
    let mut body = body;
    body["object"] = kind.into();
    from_json(json!({"id": id, "schema": "public", "name": "o", "parent": parent, "body": body}))
}

fn from_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_str(&value.to_string()).unwrap()
}

fn catalog(objects: Vec<Object>) -> Catalog {
    from_json(json!({
        "server": {"version": 180_000, "version_text": "18", "standby": false},
        "database": {
            "name": "d", "oid": 1, "owner": "o", "encoding": "UTF8", "collate": "C", "ctype": "C",
            "locale_provider": "c", "connection_limit": -1, "is_template": false,
        },
        "objects": objects, "edges": [], "unsupported": [],
    }))
}

fn table(oid: u32, parents: &[u32]) -> Object {
    let parents: Vec<_> = parents.iter().map(|oid| relation(*oid)).collect();
    object(relation(oid), None, "table", json!({"kind": "ordinary", "columns": [], "parents": parents}))
}

fn stage_of(plan: &RestorePlan, id: u32) -> Stage {
    *plan.stages.iter().find(|(_, tasks)| tasks.iter().any(|task| task.id == id)).unwrap().0
}

#[test]
fn kinds_fall_into_their_stages_and_follow_what_they_need() {
    use EntryKind::{Acl, Comment, Create, Refresh, SequenceSet, TableData};
    use Section::{Data, PostData, PreData};
    let mut late_index = entry(12, Create, "INDEX", PostData);
    late_index.depends = vec![8];
    let mut event_comment = entry(14, Comment, "COMMENT", PostData);
    event_comment.name = "EVENT TRIGGER e".into();
    let entries = [
        entry(1, Create, "SCHEMA", PreData),
        entry(2, Acl, "ACL", PreData),
        about(entry(3, TableData, "TABLE DATA", Data), 100),
        entry(4, SequenceSet, "SEQUENCE SET", Data),
        about(entry(5, Create, "CONSTRAINT", PostData), 100),
        entry(6, Create, "FK CONSTRAINT", PostData),
        entry(7, Create, "TRIGGER", PostData),
        entry(8, Create, "MATERIALIZED VIEW", PostData),
        entry(9, Refresh, "MATERIALIZED VIEW DATA", PostData),
        entry(10, Create, "EVENT TRIGGER", PostData),
        entry(11, EntryKind::DatabaseProperties, "DATABASE PROPERTIES", PreData),
        late_index,
        event_comment,
    ];
    let catalog = catalog(vec![]);
    let tables = [data(100, &[7, 8])];
    let plan = plan(PlanInput { entries: &entries, tables: &tables, catalog: &catalog, clean: false });
    let stages: Vec<_> = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14].into_iter().map(|id| stage_of(&plan, id)).collect();
    use Stage::{Before, Build, Keys, Last, Positions, Rest};
    assert_eq!(stages, [Before, Rest, Positions, Build, Keys, Rest, Rest, Stage::Refresh, Last, Last, Rest, Last]);
    assert_eq!(plan.loads.len(), 1);
    assert_eq!((plan.chunks(), plan.bytes()), (2, 15));
    let key = &plan.stage(Build)[0];
    assert_eq!((key.loads.as_slice(), key.weight), (&[0][..], 15));
    let text = plan.describe(&entries).to_string();
    assert!(text.contains("load public.t100: 1 rows, 15 bytes in 2 chunks"), "{text}");
}

#[test]
fn a_parents_statement_needs_all_its_partitions() {
    let entries = [
        about(entry(1, EntryKind::TableData, "TABLE DATA", Section::Data), 101),
        about(entry(2, EntryKind::TableData, "TABLE DATA", Section::Data), 102),
        about(entry(3, EntryKind::Create, "CONSTRAINT", Section::PostData), 100),
        about(entry(4, EntryKind::Create, "CONSTRAINT", Section::PostData), 101),
    ];
    let catalog = catalog(vec![table(100, &[]), table(101, &[100]), table(102, &[100])]);
    let tables = [data(101, &[1]), data(102, &[1])];
    let plan = plan(PlanInput { entries: &entries, tables: &tables, catalog: &catalog, clean: false });
    let build = plan.stage(Stage::Build);
    assert_eq!(build[0].loads, [0, 1]);
    assert_eq!(build[1].loads, [0]);
}

#[test]
fn without_pre_data_referenced_tables_load_first() {
    let key = json!({
        "rule": {"type": "foreign_key", "columns": ["a"], "references": relation(102), "referenced": ["a"]},
        "validated": true, "enforced": true, "local": true,
    });
    let id = ObjectId { class: Class::Constraint, oid: Oid(1) };
    let catalog = catalog(vec![object(id, Some(relation(101)), "constraint", key)]);
    let tables = [data(101, &[9]), data(102, &[1])];
    let mut entries = vec![
        about(entry(2, EntryKind::TableData, "TABLE DATA", Section::Data), 101),
        about(entry(3, EntryKind::TableData, "TABLE DATA", Section::Data), 102),
    ];
    let input = PlanInput { entries: &entries, tables: &tables, catalog: &catalog, clean: false };
    assert_eq!(plan(input).loads.iter().map(|load| load.after.clone()).collect::<Vec<_>>(), [vec![1], vec![]]);
    entries.insert(0, entry(1, EntryKind::Create, "TABLE", Section::PreData));
    let input = PlanInput { entries: &entries, tables: &tables, catalog: &catalog, clean: false };
    assert!(plan(input).loads.iter().all(|load| load.after.is_empty()));
}

#[test]
fn drops_run_backwards_and_unselected_data_is_not_loaded() {
    let mut first = entry(1, EntryKind::Create, "SCHEMA", Section::PreData);
    first.drop = Some("DROP SCHEMA IF EXISTS a".into());
    let mut second = about(entry(2, EntryKind::Create, "TABLE", Section::PreData), 100);
    second.drop = Some("DROP TABLE IF EXISTS a.t".into());
    second.locks = vec![(relation(100), LockKind::Exclusive)];
    let entries = [first, second, entry(3, EntryKind::Comment, "COMMENT", Section::PreData)];
    let catalog = catalog(vec![]);
    let tables = [data(100, &[1])];
    let plan = plan(PlanInput { entries: &entries, tables: &tables, catalog: &catalog, clean: true });
    assert_eq!(plan.drops, [2, 1]);
    assert!(plan.loads.is_empty());
}
