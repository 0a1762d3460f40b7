//! Sequences: `CREATE SEQUENCE` or a column's identity, `OWNED BY`, and their position.

use super::draft::{Context, Draft, Stage};
use super::relation::{alter, drop, name, set_owner};
use super::{EntryKind, Section};
use crate::catalog::features::Feature;
use crate::catalog::sequence::{OwnedBy, Sequence};
use crate::catalog::table::{Identity, Table};
use crate::catalog::{Body, Object};
use crate::sql::{quote_ident, quote_literal};

/// Entries of a sequence: itself, its owner, its position.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let Body::Sequence(sequence) = &object.body else { return Vec::new() };
    if object.extension.is_some() {
        return Vec::new();
    }
    let mut entries = Vec::new();
    match &sequence.owned_by {
        Some(owner) if owner.identity => entries.extend(identity(object, sequence, owner, cx)),
        owner => {
            entries.push(create(object, sequence, cx));
            entries.extend(owner.as_ref().and_then(|owner| owned_by(object, owner, cx)));
        }
    }
    if entries.iter().any(|entry| !entry.create.is_empty()) {
        entries.push(position(object, sequence));
    }
    entries
}

fn create(object: &Object, sequence: &Sequence, cx: &Context<'_>) -> Draft {
    let mut draft = Draft::new(object, "SEQUENCE", Section::PreData);
    let unlogged = sequence.unlogged && cx.has(Feature::UnloggedSequences);
    let mut sql = format!("CREATE {}SEQUENCE {}", if unlogged { "UNLOGGED " } else { "" }, name(object));
    if sequence.data_type != "bigint" {
        sql.push_str(&format!("\n    AS {}", sequence.data_type));
    }
    sql.push_str(&options(sequence));
    draft.create.push(sql);
    draft.relation = Some(object.id);
    draft.set_owner = set_owner(object);
    draft.drop = Some(drop(object));
    draft
}

/// Range of a sequence's data type.
fn range(data_type: &str) -> (i64, i64) {
    match data_type {
        "smallint" => (i16::MIN.into(), i16::MAX.into()),
        "integer" => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    }
}

/// The options that `CREATE SEQUENCE` and identity columns have in common, one per line.
fn options(sequence: &Sequence) -> String {
    let (lowest, highest) = range(&sequence.data_type);
    let (min, max) = if sequence.increment > 0 { (1, highest) } else { (lowest, -1) };
    let bound = |word: &str, value: i64, default: i64| match value == default {
        true => format!("NO {word}"),
        false => format!("{word} {value}"),
    };
    let mut sql = format!("\n    START WITH {}\n    INCREMENT BY {}", sequence.start, sequence.increment);
    sql.push_str(&format!("\n    {}", bound("MINVALUE", sequence.min, min)));
    sql.push_str(&format!("\n    {}", bound("MAXVALUE", sequence.max, max)));
    sql.push_str(&format!("\n    CACHE {}", sequence.cache));
    if sequence.cycle {
        sql.push_str("\n    CYCLE");
    }
    sql
}

fn owner_table<'a>(owner: &OwnedBy, cx: &Context<'a>) -> Option<(&'a Object, &'a Table)> {
    match cx.object(owner.table) {
        Some(object) => match &object.body {
            Body::Table(table) => Some((object, table)),
            _ => None,
        },
        None => None,
    }
}

fn owned_by(object: &Object, owner: &OwnedBy, cx: &Context<'_>) -> Option<Draft> {
    let (on, _) = owner_table(owner, cx).filter(|(on, _)| on.extension.is_none())?;
    let mut draft = Draft::new(object, "SEQUENCE OWNED BY", Section::PreData);
    draft.stage = Stage::OwnedBy;
    draft.relation = Some(object.id);
    let column = quote_ident(&owner.column);
    draft.create.push(format!("ALTER SEQUENCE {} OWNED BY {}.{column}", name(object), name(on)));
    draft.after.push(owner.table);
    Some(draft)
}

/// A column becomes an identity column when its sequence is made.
fn identity(object: &Object, sequence: &Sequence, owner: &OwnedBy, cx: &Context<'_>) -> Option<Draft> {
    let (on, table) = owner_table(owner, cx).filter(|(on, _)| on.extension.is_none())?;
    let column = table.columns.iter().find(|column| column.name == owner.column)?;
    let mut draft = Draft::new(object, "SEQUENCE", Section::PreData);
    draft.relation = Some(on.id);
    draft.after.push(on.id);
    if table.partition_bound.is_some() && cx.has(Feature::SharedPartitionIdentity) {
        let table = &on.name;
        draft.losses.push(format!("identity of column {} of partition {table} apart from its parent", owner.column));
        return Some(draft);
    }
    let kind = match column.identity {
        Some(Identity::Always) => "ALWAYS",
        _ => "BY DEFAULT",
    };
    draft.create.push(format!(
        "{} {} ALTER COLUMN {} ADD GENERATED {kind} AS IDENTITY (\n    SEQUENCE NAME {}{}\n)",
        alter(on),
        name(on),
        quote_ident(&owner.column),
        name(object),
        options(sequence)
    ));
    if cx.has(Feature::UnloggedSequences) && sequence.unlogged != table.unlogged {
        let logged = if sequence.unlogged { "UNLOGGED" } else { "LOGGED" };
        draft.create.push(format!("ALTER SEQUENCE {} SET {logged}", name(object)));
    }
    Some(draft)
}

/// The entry that moves a sequence to where it stood.
pub(super) fn position(object: &Object, sequence: &Sequence) -> Draft {
    let mut draft = Draft::new(object, "SEQUENCE SET", Section::Data);
    draft.stage = Stage::Position;
    draft.kind = EntryKind::SequenceSet;
    draft.relation = Some(sequence.owned_by.as_ref().filter(|owner| owner.identity).map_or(object.id, |o| o.table));
    match sequence.position {
        Some(at) => {
            let sequence = quote_literal(&name(object));
            draft.create.push(format!("SELECT pg_catalog.setval({sequence}, {}, {})", at.last_value, at.is_called));
        }
        None => draft.losses.push(format!("position of sequence {} could not be read", object.name)),
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sequence::Position;
    use crate::catalog::{Class, ObjectId};
    use crate::ddl::sample::{column, drafts, id, object, sql, table, table_object};

    fn sequence(owned_by: Option<OwnedBy>) -> Sequence {
        Sequence {
            data_type: "bigint".to_owned(),
            start: 1,
            increment: 1,
            min: 1,
            max: i64::MAX,
            cache: 1,
            cycle: false,
            unlogged: false,
            owned_by,
            position: Some(Position { last_value: 7, is_called: true }),
        }
    }

    const TABLE: ObjectId = ObjectId { class: Class::Relation, oid: crate::ids::Oid(1) };

    fn with_table(sequence: Sequence) -> [Object; 2] {
        let mut a = column("a", "integer");
        a.identity = Some(Identity::Always);
        let owner = sequence.owned_by.as_ref().map(|owner| owner.table);
        let mut own = object(Class::Relation, 2, "q'", Body::Sequence(sequence));
        own.parent = owner;
        [own, table_object(1, "t", table(vec![a]))]
    }

    #[test]
    fn defaults_of_either_direction_are_not_spelled_out() {
        let statements = sql(&with_table(sequence(None)), 0, 14, entries);
        let rest = "\n    START WITH 1\n    INCREMENT BY 1\n    NO MINVALUE\n    NO MAXVALUE\n    CACHE 1";
        assert_eq!(statements[0], format!("CREATE SEQUENCE s.\"q'\"{rest}"));
        assert_eq!(statements[1], "SELECT pg_catalog.setval('s.\"q''\"', 7, true)");
        let down = Sequence {
            data_type: "smallint".to_owned(),
            increment: -2,
            min: i16::MIN.into(),
            max: -1,
            start: -1,
            cycle: true,
            ..sequence(None)
        };
        let statements = sql(&with_table(down), 0, 14, entries);
        let rest = "\n    START WITH -1\n    INCREMENT BY -2\n    NO MINVALUE\n    NO MAXVALUE\n    CACHE 1\n    CYCLE";
        assert_eq!(statements[0], format!("CREATE SEQUENCE s.\"q'\"\n    AS smallint{rest}"));
    }

    #[test]
    fn an_owner_is_named_after_its_table_is_there() {
        let owner = OwnedBy { table: TABLE, column: "a".to_owned(), identity: false };
        let entries = drafts(&with_table(sequence(Some(owner))), 0, 14, entries);
        let stages: Vec<_> = entries.iter().map(|entry| entry.stage).collect();
        assert_eq!(stages, [Stage::Main, Stage::OwnedBy, Stage::Position]);
        assert_eq!(entries[1].create, ["ALTER SEQUENCE s.\"q'\" OWNED BY s.t.a"]);
        assert_eq!(entries[1].after, [id(Class::Relation, 1)]);
    }

    #[test]
    fn an_identity_is_added_to_its_column() {
        let owner = OwnedBy { table: TABLE, column: "a".to_owned(), identity: true };
        let unlogged = Sequence { unlogged: true, ..sequence(Some(owner)) };
        let statements = sql(&with_table(unlogged), 0, 15, entries);
        let rest = "    START WITH 1\n    INCREMENT BY 1\n    NO MINVALUE\n    NO MAXVALUE\n    CACHE 1\n)";
        let expected =
            "ALTER TABLE s.t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY (\n    SEQUENCE NAME s.\"q'\"\n";
        assert_eq!(statements[0], format!("{expected}{rest}"));
        assert_eq!(statements[1], "ALTER SEQUENCE s.\"q'\" SET UNLOGGED");
    }

    #[test]
    fn an_unread_position_is_a_loss() {
        let entries = drafts(&with_table(Sequence { position: None, ..sequence(None) }), 0, 14, entries);
        assert_eq!((entries[1].create.len(), entries[1].losses.len()), (0, 1));
    }
}
