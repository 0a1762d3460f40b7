//! Keys of large tables in two steps, of which the long one lets others work on the same table.
//!
//! `ADD CONSTRAINT` builds a key's index, or reads all rows for a foreign key, while it holds the strong lock that only writing
//! down the constraint needs. The same end comes of two statements:
//!
//! | | first | second |
//! |---|---|---|
//! | primary key, unique | `CREATE UNIQUE INDEX`, long, beside other index builds and readers | `ADD … USING INDEX`, short, alone |
//! | foreign key | `ADD … NOT VALID`, short, locks both tables | `VALIDATE CONSTRAINT`, long, leaves the referenced table to others |
//!
//! Manual: "ALTER TABLE". What the server cannot make so, or would make another thing of, has one step: keys of partitioned tables,
//! primary keys of tables with parents, temporal keys, those that hold nulls for equal.

use super::constraint::{add_clause, deferral};
use super::relation::{alter, list, name, storage_options};
use super::{Entry, EntryKind, LockKind};
use crate::catalog::constraint::{Constraint, ConstraintRule, ForeignKey, Key};
use crate::catalog::table::TableKind;
use crate::catalog::{Body, Object, ObjectId};
use crate::sql::{qualified, quote_ident};

/// The two steps, in the place of the first statement of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TwoSteps {
    /// The statement they replace.
    pub whole: String,
    /// The first step.
    pub first: String,
    /// What takes the first step back.
    pub undo: String,
    /// The second step.
    pub second: String,
    /// Relations the first step locks.
    pub first_locks: Vec<(ObjectId, LockKind)>,
    /// Relations the second step locks.
    pub second_locks: Vec<(ObjectId, LockKind)>,
}

/// The two steps of a key, if it can be made so; `find` gives objects of the schema.
pub fn of<'a>(entry: &Entry, find: impl Fn(ObjectId) -> Option<&'a Object>) -> Option<TwoSteps> {
    let whole = entry.create.first().filter(|_| entry.kind == EntryKind::Create)?;
    let object = find(entry.object?)?;
    let Body::Constraint(constraint) = &object.body else { return None };
    let table = ordinary(find(object.parent?)?)?;
    match &constraint.rule {
        ConstraintRule::Key(key) => of_key(whole, object, (constraint, key), table),
        ConstraintRule::ForeignKey(key) => of_foreign_key(whole, object, (constraint, key), table, find),
        _ => None,
    }
}

fn ordinary(object: &Object) -> Option<&Object> {
    matches!(&object.body, Body::Table(table) if table.kind == TableKind::Ordinary).then_some(object)
}

fn of_key(whole: &str, object: &Object, (constraint, key): (&Constraint, &Key), table: &Object) -> Option<TwoSteps> {
    // From 18 on the second step would make a not-null constraint of the table's own of one that a parent gave it.
    let has_parents = matches!(&table.body, Body::Table(table) if !table.parents.is_empty());
    if key.without_overlaps || key.nulls_not_distinct || key.primary && has_parents {
        return None;
    }
    let (index, on) = (quote_ident(&object.name), name(table));
    let mut first = format!("CREATE UNIQUE INDEX {index} ON {on} USING btree ({})", list(&key.columns));
    if !key.include.is_empty() {
        first.push_str(&format!(" INCLUDE ({})", list(&key.include)));
    }
    if !key.options.is_empty() {
        first.push_str(&format!(" WITH ({})", storage_options(&key.options, &[])));
    }
    let kind = if key.primary { "PRIMARY KEY" } else { "UNIQUE" };
    let clause = format!("{kind} USING INDEX {index}{}", deferral(constraint));
    Some(TwoSteps {
        whole: whole.to_owned(),
        first,
        undo: format!("DROP INDEX IF EXISTS {}", qualified(table.schema.as_deref(), &object.name)),
        second: add_clause(object, table, true, &clause),
        first_locks: vec![(table.id, LockKind::Share)],
        second_locks: vec![(table.id, LockKind::Exclusive)],
    })
}

fn of_foreign_key<'a>(
    whole: &str,
    object: &Object,
    (constraint, key): (&Constraint, &ForeignKey),
    table: &Object,
    find: impl Fn(ObjectId) -> Option<&'a Object>,
) -> Option<TwoSteps> {
    ordinary(find(key.references)?)?;
    if key.period || !constraint.validated || !constraint.enforced {
        return None;
    }
    let (alter, on, constraint) = (alter(table), name(table), quote_ident(&object.name));
    Some(TwoSteps {
        whole: whole.to_owned(),
        first: format!("{whole} NOT VALID"),
        undo: format!("{alter} ONLY {on} DROP CONSTRAINT IF EXISTS {constraint}"),
        second: format!("{alter} ONLY {on} VALIDATE CONSTRAINT {constraint}"),
        first_locks: vec![(table.id, LockKind::Exclusive), (key.references, LockKind::Exclusive)],
        second_locks: vec![(table.id, LockKind::Exclusive)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::ddl::Section;
    use crate::ddl::sample::{self, column, constraint, id, on_table, table, table_object};

    fn key() -> Key {
        Key {
            index: id(Class::Relation, 20),
            primary: true,
            columns: vec!["a".to_owned(), "B".to_owned()],
            include: vec!["c".to_owned()],
            nulls_not_distinct: false,
            without_overlaps: false,
            options: vec![("fillfactor".to_owned(), "50".to_owned())],
        }
    }

    fn foreign() -> ForeignKey {
        ForeignKey {
            columns: vec!["a".to_owned()],
            references: id(Class::Relation, 2),
            referenced: vec!["x".to_owned()],
            match_full: false,
            on_update: None,
            on_delete: None,
            delete_columns: Vec::new(),
            period: false,
        }
    }

    /// The steps of a constraint on table `t`, beside table `r`, each of its kind.
    fn steps(body: Constraint, kinds: [TableKind; 2]) -> Option<TwoSteps> {
        steps_below(body, kinds, &[])
    }

    /// The same where `t` has parents.
    fn steps_below(body: Constraint, kinds: [TableKind; 2], parents: &[ObjectId]) -> Option<TwoSteps> {
        let made = |oid, name: &str, kind| {
            let mut object = table_object(oid, name, table(vec![column("a", "integer")]));
            if let Body::Table(table) = &mut object.body {
                (table.kind, table.parents) = (kind, parents.to_vec());
            }
            object
        };
        let object = on_table(Class::Constraint, 10, "C c", Body::Constraint(body));
        let entry = Entry {
            schema: Some("s".into()),
            name: "t C c".into(),
            object: Some(object.id),
            relation: object.parent,
            create: vec!["WHOLE".into(), "MARK".into()],
            ..sample::entry(5, EntryKind::Create, "CONSTRAINT", Section::PostData)
        };
        let objects = [object, made(1, "t", kinds[0]), made(2, "r", kinds[1])];
        of(&entry, |id| objects.iter().find(|object| object.id == id))
    }

    const PLAIN: [TableKind; 2] = [TableKind::Ordinary; 2];

    #[test]
    fn an_index_then_the_key() {
        let mut body = constraint(ConstraintRule::Key(key()));
        let made = steps(body.clone(), PLAIN).unwrap();
        let index = "CREATE UNIQUE INDEX \"C c\" ON s.t USING btree (a, \"B\") INCLUDE (c) WITH (fillfactor='50')";
        assert_eq!((made.whole.as_str(), made.first.as_str()), ("WHOLE", index));
        assert_eq!(made.second, "ALTER TABLE ONLY s.t ADD CONSTRAINT \"C c\" PRIMARY KEY USING INDEX \"C c\"");
        assert_eq!(made.undo, "DROP INDEX IF EXISTS s.\"C c\"");
        assert_eq!(made.first_locks, [(id(Class::Relation, 1), LockKind::Share)]);
        (body.deferrable, body.rule) = (true, ConstraintRule::Key(Key { primary: false, ..key() }));
        assert!(steps(body, PLAIN).unwrap().second.ends_with("UNIQUE USING INDEX \"C c\" DEFERRABLE"));
    }

    #[test]
    fn a_foreign_key_then_its_proof() {
        let body = constraint(ConstraintRule::ForeignKey(Box::new(foreign())));
        let made = steps(body, PLAIN).unwrap();
        assert_eq!(made.first, "WHOLE NOT VALID");
        assert_eq!(made.second, "ALTER TABLE ONLY s.t VALIDATE CONSTRAINT \"C c\"");
        assert_eq!(made.undo, "ALTER TABLE ONLY s.t DROP CONSTRAINT IF EXISTS \"C c\"");
        assert_eq!(made.first_locks.len(), 2);
        assert_eq!(made.second_locks, [(id(Class::Relation, 1), LockKind::Exclusive)]);
    }

    #[test]
    fn what_would_be_another_thing_has_one_step() {
        let rule = |rule| steps(constraint(rule), PLAIN);
        assert_eq!(rule(ConstraintRule::Key(Key { without_overlaps: true, ..key() })), None);
        assert_eq!(rule(ConstraintRule::Key(Key { nulls_not_distinct: true, ..key() })), None);
        assert_eq!(rule(ConstraintRule::ForeignKey(Box::new(ForeignKey { period: true, ..foreign() }))), None);
        assert_eq!(rule(ConstraintRule::Check { expression: "a > 0".to_owned() }), None);
        let primary = constraint(ConstraintRule::Key(key()));
        let unique = constraint(ConstraintRule::Key(Key { primary: false, ..key() }));
        let below = |body| steps_below(body, PLAIN, &[id(Class::Relation, 2)]);
        assert!(below(primary).is_none() && below(unique).is_some());
        let partitioned = [TableKind::Partitioned, TableKind::Ordinary];
        assert_eq!(steps(constraint(ConstraintRule::Key(key())), partitioned), None);
        let foreign_key = constraint(ConstraintRule::ForeignKey(Box::new(foreign())));
        assert_eq!(steps(foreign_key.clone(), partitioned), None);
        assert_eq!(steps(foreign_key.clone(), [TableKind::Ordinary, TableKind::Partitioned]), None);
        assert_eq!(steps(Constraint { validated: false, ..foreign_key }, PLAIN), None);
    }
}
