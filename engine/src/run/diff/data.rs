//! What two sides hold besides schema: rows of tables, positions of sequences, filled materialized views. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;

use crate::catalog::sequence::Position;
use crate::catalog::{Body, Catalog, ObjectId};
use crate::ddl::{Carried, EntryKind};
use crate::format::CopyFormat;
use crate::format::contents::{Contents, DataKind, Fingerprint, TableData};

/// How data compares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Only the second side has it.
    Added,
    /// Only the first side has it.
    Removed,
    /// Both have it, and not the same.
    Changed,
    /// Both have it, and what is known of them says nothing about whether it is the same.
    NotComparable,
}

/// Data that is not known to be the same on both sides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DataDifference {
    /// How it compares.
    pub status: Status,
    /// `rows`, `position` or `contents`.
    pub kind: &'static str,
    /// Schema; empty for large objects.
    pub schema: String,
    /// Table, sequence or materialized view.
    pub name: String,
    /// On the first side.
    pub before: Option<Value>,
    /// On the second side.
    pub after: Option<Value>,
    /// Why it is not comparable.
    pub reason: Option<String>,
}

/// What is known of a piece of data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A table's rows.
    Rows {
        /// How many; `None` if nobody counted.
        rows: Option<u64>,
        /// Their fingerprint, where there is one.
        fingerprint: Option<Fingerprint>,
    },
    /// Where a sequence stands.
    Position(Position),
    /// Whether a materialized view is filled.
    Contents {
        /// It is.
        filled: bool,
    },
}

/// A table's rows and what their fingerprint was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// Counted.
    Counted(Counted),
    /// There, and nobody counted them.
    Uncounted,
    /// There, and they cannot be read in the way the other side was; why.
    Unread(String),
}

/// Rows with a fingerprint: two of them are comparable if all but the last two fields are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub format: CopyFormat,
    pub columns: Vec<String>,
    pub encoding: String,
    pub condition: Option<String>,
    pub rows: u64,
    pub fingerprint: Fingerprint,
}

/// By schema and name; large objects have an empty schema.
pub(super) type Name = (String, String);

/// All data of a side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stock {
    pub tables: BTreeMap<Name, Rows>,
    pub positions: BTreeMap<Name, Option<Position>>,
    pub filled: BTreeMap<Name, bool>,
}

impl Stock {
    /// What a dump carries.
    pub(super) fn of_dump(contents: &Contents) -> Self {
        let tables = contents.tables.iter();
        let rows = |table| (name(table), Rows::Counted(Counted::of(table, &contents.header.encoding)));
        Self { tables: tables.map(rows).collect(), ..Self::of_catalog(&contents.catalog, contents.carried()) }
    }

    /// Positions and filled views of a catalog, as far as entries carry them.
    pub(super) fn of_catalog(catalog: &Catalog, entries: impl Iterator<Item = Carried>) -> Self {
        let positions: HashSet<ObjectId> =
            entries.filter(|entry| entry.kind == EntryKind::SequenceSet).filter_map(|entry| entry.object).collect();
        let mut stock = Self::default();
        for object in &catalog.objects {
            let name = (object.schema.clone().unwrap_or_default(), object.name.clone());
            match &object.body {
                Body::Sequence(sequence) if positions.contains(&object.id) => {
                    stock.positions.insert(name, sequence.position);
                }
                Body::View(view) => {
                    if let Some(materialized) = &view.materialized {
                        stock.filled.insert(name, materialized.populated);
                    }
                }
                _ => {}
            }
        }
        stock
    }
}

/// The name a table's rows go by.
pub(super) fn name(table: &TableData) -> Name {
    match table.kind {
        DataKind::Table => (table.schema.clone(), table.name.clone()),
        DataKind::LargeObjects => (String::new(), table.name.clone()),
    }
}

impl Counted {
    /// What contents say of a table.
    pub(super) fn of(table: &TableData, encoding: &str) -> Self {
        Self {
            format: table.format,
            columns: table.columns.clone(),
            encoding: encoding.to_owned(),
            condition: table.condition.clone(),
            rows: table.rows,
            fingerprint: table.fingerprint,
        }
    }

    /// Why fingerprints of the same rows would not be the same.
    fn obstacle(&self, other: &Self) -> Option<String> {
        let word = |format| if format == CopyFormat::Text { "text" } else { "binary" };
        if self.columns != other.columns {
            Some("the columns are not the same".to_owned())
        } else if self.format != other.format {
            Some(format!("copied as {} and as {}", word(self.format), word(other.format)))
        } else if self.encoding != other.encoding {
            Some(format!("encoded in {} and in {}", self.encoding, other.encoding))
        } else if self.condition != other.condition {
            Some("the extension chooses other rows".to_owned())
        } else {
            None
        }
    }
}

/// How many tables either side has.
pub(super) fn tables(first: &Stock, second: &Stock) -> u64 {
    first.tables.keys().chain(second.tables.keys()).collect::<BTreeSet<_>>().len() as u64
}

/// Compares all data of two sides; sorted by schema, name and kind.
pub(super) fn compare(first: &Stock, second: &Stock) -> Vec<DataDifference> {
    let mut found = Vec::new();
    for name in first.tables.keys().chain(second.tables.keys()).collect::<BTreeSet<_>>() {
        found.extend(rows(name, first.tables.get(name), second.tables.get(name)));
    }
    // A sequence or view that only one side has is a difference of the schemas.
    for (name, before) in &first.positions {
        let Some(after) = second.positions.get(name) else { continue };
        if before != after || before.is_none() {
            let status = if before.is_some() && after.is_some() { Status::Changed } else { Status::NotComparable };
            let reason = (status == Status::NotComparable).then(|| "could not be read".to_owned());
            let value = |position: Option<Position>| position.map(Value::Position);
            found.push(difference((status, "position"), name, (value(*before), value(*after)), reason));
        }
    }
    for (name, before) in &first.filled {
        if let Some(after) = second.filled.get(name).filter(|after| *after != before) {
            let values = [*before, *after].map(|filled| Some(Value::Contents { filled }));
            found.push(difference((Status::Changed, "contents"), name, values.into(), None));
        }
    }
    found.sort_by(|a, b| (&a.schema, &a.name, a.kind).cmp(&(&b.schema, &b.name, b.kind)));
    found
}

fn difference(
    (status, kind): (Status, &'static str),
    (schema, name): &Name,
    (before, after): (Option<Value>, Option<Value>),
    reason: Option<String>,
) -> DataDifference {
    DataDifference { status, kind, schema: schema.clone(), name: name.clone(), before, after, reason }
}

fn rows(name: &Name, before: Option<&Rows>, after: Option<&Rows>) -> Option<DataDifference> {
    let (status, reason) = match (before, after) {
        (Some(rows), None) | (None, Some(rows)) if rows.is_empty() => return None,
        (Some(_), None) => (Status::Removed, None),
        (None, Some(_)) => (Status::Added, None),
        (None, None) => return None,
        (Some(Rows::Counted(one)), Some(Rows::Counted(other))) => match one.obstacle(other) {
            _ if one.rows != other.rows => (Status::Changed, None),
            // No row is the same as no row, however it would have been copied.
            _ if one.rows == 0 => return None,
            Some(obstacle) => (Status::NotComparable, Some(obstacle)),
            None if one.fingerprint != other.fingerprint => (Status::Changed, None),
            None => return None,
        },
        (Some(Rows::Unread(reason)), _) | (_, Some(Rows::Unread(reason))) => {
            (Status::NotComparable, Some(reason.clone()))
        }
        _ => (Status::NotComparable, Some("not counted".to_owned())),
    };
    Some(difference((status, "rows"), name, (before.map(Rows::value), after.map(Rows::value)), reason))
}

impl Rows {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Counted(Counted { rows: 0, .. }))
    }

    fn value(&self) -> Value {
        match self {
            Self::Counted(counted) => Value::Rows { rows: Some(counted.rows), fingerprint: Some(counted.fingerprint) },
            Self::Uncounted | Self::Unread(_) => Value::Rows { rows: None, fingerprint: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(rows: u64, fingerprint: u128) -> Counted {
        Counted {
            format: CopyFormat::Text,
            columns: vec!["a".into()],
            encoding: "UTF8".into(),
            condition: None,
            rows,
            fingerprint: Fingerprint(fingerprint),
        }
    }

    fn with(rows: Option<Rows>) -> Stock {
        let name = ("s".to_owned(), "t".to_owned());
        Stock { tables: rows.map(|rows| (name, rows)).into_iter().collect(), ..Stock::default() }
    }

    #[test]
    fn counts_speak_always_and_fingerprints_only_to_their_like() {
        let base = counted(2, 7);
        let binary = Counted { format: CopyFormat::Binary, ..base.clone() };
        let columns = Counted { columns: vec!["b".into()], ..base.clone() };
        let encoding = Counted { encoding: "LATIN1".into(), ..base.clone() };
        let condition = Counted { condition: Some("WHERE a".into()), ..base.clone() };
        let unread = Rows::Unread("no right".into());
        let cases = [
            (Some(Rows::Counted(base.clone())), None),
            (Some(Rows::Counted(counted(2, 8))), Some(Status::Changed)),
            (Some(Rows::Counted(counted(3, 7))), Some(Status::Changed)),
            (Some(Rows::Counted(Counted { rows: 3, ..binary.clone() })), Some(Status::Changed)),
            (Some(Rows::Counted(binary)), Some(Status::NotComparable)),
            (Some(Rows::Counted(columns)), Some(Status::NotComparable)),
            (Some(Rows::Counted(encoding)), Some(Status::NotComparable)),
            (Some(Rows::Counted(condition)), Some(Status::NotComparable)),
            (Some(unread), Some(Status::NotComparable)),
            (Some(Rows::Uncounted), Some(Status::NotComparable)),
            (None, Some(Status::Removed)),
        ];
        for (other, expected) in cases {
            let found = compare(&with(Some(Rows::Counted(base.clone()))), &with(other.clone()));
            assert_eq!(found.first().map(|difference| difference.status), expected, "{other:?}");
            let explained = found.first().is_none_or(|d| d.reason.is_some() == (d.status == Status::NotComparable));
            assert!(explained, "{found:?}");
        }
        let empty = |format| with(Some(Rows::Counted(Counted { format, ..counted(0, 0) })));
        assert_eq!(compare(&empty(CopyFormat::Text), &empty(CopyFormat::Binary)), []);
        assert_eq!(compare(&empty(CopyFormat::Text), &with(None)), []);
        assert_eq!(compare(&with(None), &with(Some(Rows::Uncounted)))[0].status, Status::Added);
    }

    #[test]
    fn positions_and_contents_count_where_both_sides_have_them() {
        let name = |name: &str| ("s".to_owned(), name.to_owned());
        let at = |last_value| Some(Position { last_value, is_called: true });
        let stock = |moved: Option<Position>, filled| Stock {
            positions: [(name("moved"), moved), (name("still"), at(1))].into(),
            filled: [(name("m"), filled)].into(),
            ..Stock::default()
        };
        let told = |one: &Stock, other: &Stock| -> Vec<(Status, &'static str, String)> {
            compare(one, other).into_iter().map(|d| (d.status, d.kind, d.name)).collect()
        };
        assert_eq!(told(&stock(at(1), true), &stock(at(1), true)), []);
        let expected =
            [(Status::Changed, "contents", "m".to_owned()), (Status::Changed, "position", "moved".to_owned())];
        assert_eq!(told(&stock(at(1), true), &stock(at(2), false)), expected);
        assert_eq!(told(&stock(None, true), &stock(at(2), true))[0].0, Status::NotComparable);
        assert_eq!(told(&stock(at(1), true), &Stock::default()), []);
    }
}
