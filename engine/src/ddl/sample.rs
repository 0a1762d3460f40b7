//! Small models for tests of this room and of those above.

use std::collections::HashSet;

use super::draft::{Context, Draft};
use super::{Entry, EntryKind, Section};
use crate::catalog::constraint::{Constraint, ConstraintRule};
use crate::catalog::features::Features;
use crate::catalog::table::{Column, ColumnDefault, Generated, NotNull, Table, TableKind};
use crate::catalog::{Body, Catalog, Class, Object, ObjectId};
use crate::ids::{Oid, ServerVersion};

pub(super) fn id(class: Class, oid: u32) -> ObjectId {
    ObjectId { class, oid: Oid(oid) }
}

/// An entry without a name, a statement or anything it needs.
pub(crate) fn entry(id: u32, kind: EntryKind, desc: &str, section: Section) -> Entry {
    Entry {
        id,
        kind,
        desc: desc.to_owned(),
        section,
        schema: None,
        name: String::new(),
        owner: None,
        object: None,
        relation: None,
        create: vec![],
        set_owner: None,
        drop: None,
        depends: vec![],
        locks: vec![],
        tablespace: None,
        access_method: None,
        secret: false,
        losses: vec![],
    }
}

/// An object in schema `s`, owned by `o`.
pub(super) fn object(class: Class, oid: u32, name: &str, body: Body) -> Object {
    let object = Object::new(id(class, oid), name, body);
    Object { schema: Some("s".to_owned()), owner: Some("o".to_owned()), ..object }
}

/// Something that hangs on relation 1.
pub(super) fn on_table(class: Class, oid: u32, name: &str, body: Body) -> Object {
    Object { owner: None, parent: Some(id(Class::Relation, 1)), ..object(class, oid, name, body) }
}

pub(super) fn column(name: &str, type_name: &str) -> Column {
    Column {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        collation: None,
        not_null: None,
        generated: None,
        identity: None,
        storage: None,
        compression: None,
        statistics: None,
        options: Vec::new(),
        fdw_options: Vec::new(),
        inherited: false,
        local: true,
    }
}

pub(super) fn not_null(name: Option<&str>) -> NotNull {
    let name = name.map(str::to_owned);
    NotNull { name, local: true, inherited: false, no_inherit: false, not_valid: false }
}

pub(super) fn table(columns: Vec<Column>) -> Table {
    Table {
        kind: TableKind::Ordinary,
        unlogged: false,
        columns,
        of_type: None,
        partition_key: None,
        parents: Vec::new(),
        partition_bound: None,
        options: Vec::new(),
        toast_options: Vec::new(),
        access_method: None,
        tablespace: None,
        replica_identity: Default::default(),
        row_security: false,
        force_row_security: false,
        foreign: None,
    }
}

/// A table as relation `oid`.
pub(super) fn table_object(oid: u32, name: &str, table: Table) -> Object {
    object(Class::Relation, oid, name, Body::Table(Box::new(table)))
}

/// A default of a column of relation `on`; its OID is made from the relation's.
pub(super) fn default(on: u32, column: &str, expression: &str, generated: Option<Generated>) -> Object {
    let body = ColumnDefault { column: column.to_owned(), expression: expression.to_owned(), generated };
    let oid = on * 1000 + u32::from(column.as_bytes()[0]);
    let object = object(Class::Default, oid, column, Body::Default(body));
    Object { owner: None, parent: Some(id(Class::Relation, on)), ..object }
}

pub(super) fn constraint(rule: ConstraintRule) -> Constraint {
    Constraint {
        rule,
        validated: true,
        enforced: true,
        local: true,
        inherited: false,
        no_inherit: false,
        deferrable: false,
        deferred: false,
        triggers: Vec::new(),
    }
}

/// The drafts of one object for a target major.
pub(super) fn drafts(
    objects: &[Object],
    of: usize,
    major: u32,
    entries: fn(&Object, &Context<'_>) -> Vec<Draft>,
) -> Vec<Draft> {
    let target = Features::of(ServerVersion::from_major(major));
    entries(&objects[of], &Context::of(objects, target, HashSet::new()))
}

/// The statements of one object for a target major.
pub(super) fn sql(
    objects: &[Object],
    of: usize,
    major: u32,
    entries: fn(&Object, &Context<'_>) -> Vec<Draft>,
) -> Vec<String> {
    drafts(objects, of, major, entries).into_iter().flat_map(|draft| draft.create).collect()
}

/// A catalog of objects without dependencies, from an 18.
pub(super) fn catalog(objects: Vec<Object>) -> Catalog {
    Catalog { objects, edges: Vec::new(), ..crate::format::samples::contents().catalog }
}
