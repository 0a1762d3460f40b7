//! The books of a dump: how many rows users made in each system catalog, and what became of each (promise 10).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::operator::FamilyMember;
use super::typ::Type;
use super::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// First OID that `initdb` does not give.
pub const FIRST_USER_OID: u32 = 16_384;

/// Rows of one system catalog. What is neither carried, nor a part, nor left out is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Count {
    /// Rows users made.
    pub found: u64,
    /// Rows that are objects of the model, or stand in one: labels, members, comments.
    pub carried: u64,
    /// Rows that come with something else: members of extensions, row types, TOAST tables, internal triggers, copies in
    /// partitions, and whatever is temporary.
    pub parts: u64,
    /// Rows that the dump's filters left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Count {
    /// Rows nobody accounts for. Each is named among the catalog's [`super::Unsupported`].
    pub fn missing(&self) -> u64 {
        self.found.saturating_sub(self.carried + self.parts + self.left_out)
    }
}

/// Every system catalog with rows of users, by name.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Census(pub BTreeMap<String, Count>);

impl Census {
    /// All catalogs together.
    pub fn total(&self) -> Count {
        let add = |sum: Count, count: &Count| Count {
            found: sum.found + count.found,
            carried: sum.carried + count.carried,
            parts: sum.parts + count.parts,
            left_out: sum.left_out + count.left_out,
        };
        self.0.values().fold(Count::default(), add)
    }

    /// Books an object that the model has and the dump does not.
    pub fn leave_out(&mut self, object: &Object) {
        if object.extension.is_some() {
            return;
        }
        let own = own_row(object).into_iter().chain(rows_of(object));
        for Rows { catalog, rows, .. } in own {
            let Some(count) = self.0.get_mut(catalog) else { continue };
            let rows = rows.min(count.carried);
            count.carried -= rows;
            count.left_out += rows;
        }
    }

    /// Books everything missing as left out: a dump of chosen tables or schemas is not asked about the rest.
    pub fn leave_out_the_missing(&mut self) {
        self.0.values_mut().for_each(|count| count.left_out += count.missing());
    }
}

/// Rows that belong to an object, in a catalog whose rows are no objects of the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rows {
    /// The catalog.
    pub catalog: &'static str,
    /// Whom they belong to, as that catalog says it; all large objects are one.
    pub owner: ObjectId,
    /// How many.
    pub rows: u64,
}

/// The one owner of all rows of `pg_largeobject_metadata`.
pub const LARGE_OBJECTS: ObjectId = ObjectId { class: Class::LargeObject, oid: Oid(0) };

fn own_row(object: &Object) -> Option<Rows> {
    let is_row = object.id.oid.0 >= FIRST_USER_OID && object.id.class != Class::LargeObject;
    is_row.then(|| Rows { catalog: object.id.class.catalog(), owner: object.id, rows: 1 })
}

/// The rows that stand in an object besides its own.
pub fn rows_of(object: &Object) -> Vec<Rows> {
    let mut found = Vec::new();
    let mut add = |catalog, owner, rows: usize| {
        if rows > 0 {
            found.push(Rows { catalog, owner, rows: rows as u64 });
        }
    };
    // Comments and labels of a composite type's attributes hang on its relation.
    let mut columns = object.id;
    match &object.body {
        Body::Type(Type::Enum { labels }) => add("pg_enum", object.id, labels.len()),
        Body::Type(Type::Composite(composite)) => {
            columns = ObjectId { class: Class::Relation, oid: composite.relation }
        }
        Body::OperatorClass(class) => members(&class.members, object.id, &mut add),
        Body::OperatorFamily(family) => members(&family.members, object.id, &mut add),
        Body::Publication(publication) => {
            add("pg_publication_rel", object.id, publication.tables.len());
            add("pg_publication_namespace", object.id, publication.schemas.len());
        }
        Body::LargeObject(batch) => add("pg_largeobject_metadata", LARGE_OBJECTS, batch.oids.len()),
        Body::Table(table) => add("pg_inherits", object.id, table.parents.len()),
        Body::Index(index) => add("pg_inherits", object.id, usize::from(index.attached_to.is_some())),
        _ => {}
    }
    add("pg_description", object.id, usize::from(object.comment.is_some()));
    add("pg_description", columns, object.column_comments.len());
    add("pg_seclabel", object.id, object.labels.len());
    add("pg_seclabel", columns, object.column_labels.len());
    found
}

fn members(members: &[FamilyMember], owner: ObjectId, add: &mut impl FnMut(&'static str, ObjectId, usize)) {
    let operators = members.iter().filter(|member| matches!(member, FamilyMember::Operator { .. })).count();
    add("pg_amop", owner, operators);
    add("pg_amproc", owner, members.len() - operators);
}

#[cfg(test)]
mod tests {
    use super::super::large_object::LargeObject;
    use super::super::schema::Schema;
    use super::*;

    fn object(class: Class, oid: u32, body: Body) -> Object {
        Object::new(ObjectId { class, oid: Oid(oid) }, "x", body)
    }

    fn count(found: u64, carried: u64, parts: u64) -> Count {
        Count { found, carried, parts, left_out: 0 }
    }

    #[test]
    fn what_is_left_out_is_booked_from_carried_and_the_rest_is_missing() {
        let books = [("pg_namespace", count(3, 2, 0)), ("pg_description", count(2, 1, 1)), ("pg_enum", count(2, 2, 0))];
        let mut census = Census(books.map(|(name, count)| (name.to_owned(), count)).into());
        assert_eq!((census.total().missing(), census.total().found), (1, 7));
        let mut schema = object(Class::Schema, FIRST_USER_OID, Body::Schema(Schema::default()));
        schema.comment = Some("c".into());
        census.leave_out(&schema);
        assert_eq!(census.0["pg_namespace"], Count { left_out: 1, ..count(3, 1, 0) });
        assert_eq!(census.0["pg_description"], Count { left_out: 1, ..count(2, 0, 1) });
        let labels = Type::Enum { labels: vec!["a".into(), "b".into()] };
        let given = Object { extension: Some("e".into()), ..object(Class::Type, 20_000, Body::Type(labels.clone())) };
        census.leave_out(&given);
        assert_eq!(census.0["pg_enum"].left_out, 0);
        census.leave_out(&object(Class::Type, 20_000, Body::Type(labels)));
        assert_eq!(census.0["pg_enum"], Count { left_out: 2, ..count(2, 0, 0) });
        assert_eq!(census.total().missing(), 1);
        census.leave_out_the_missing();
        assert_eq!((census.total().missing(), census.total().left_out), (0, 5));
    }

    #[test]
    fn rows_stand_where_their_catalog_says() {
        let batch = LargeObject { oids: vec![Oid(5), Oid(6)] };
        let rows = rows_of(&object(Class::LargeObject, 5, Body::LargeObject(batch)));
        assert_eq!(rows, [Rows { catalog: "pg_largeobject_metadata", owner: LARGE_OBJECTS, rows: 2 }]);
        let composite = super::super::typ::Composite { relation: Oid(30_000), attributes: Vec::new() };
        let mut composite = object(Class::Type, 30_001, Body::Type(Type::Composite(composite)));
        composite.column_comments = vec![("a".into(), "c".into())];
        let owner = ObjectId { class: Class::Relation, oid: Oid(30_000) };
        assert_eq!(rows_of(&composite), [Rows { catalog: "pg_description", owner, rows: 1 }]);
        assert_eq!(own_row(&object(Class::Schema, 2200, Body::Schema(Schema::default()))), None);
    }
}
