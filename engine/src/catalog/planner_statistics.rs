//! What ANALYZE found out about relations (`pg_class`, `pg_stats`): the planner's statistics. Not the objects that
//! `CREATE STATISTICS` makes, which are [`super::statistics`].

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ObjectId;

/// The statistics of a table, materialized view or index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannerStatistics {
    /// The relation.
    pub relation: ObjectId,
    /// `relpages`; -1 for partitioned tables that were analyzed.
    pub pages: i32,
    /// `reltuples`, as the server wrote it; -1 for unknown.
    pub tuples: String,
    /// `relallvisible`, in pages.
    pub all_visible: i32,
    /// `relallfrozen` (18), in pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_frozen: Option<i32>,
    /// Per column, in order; of indexes only columns that are expressions have any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnStatistics>,
}

/// One row of `pg_stats`. Holds values of rows: private like the rows themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// Column, unquoted.
    pub column: String,
    /// `attnum`: names of an index's columns are not chosen by anybody.
    pub number: i16,
    /// They include inheritance children.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
    /// Columns of `pg_stats` that are not null, by name (see [`KINDS`]), as text. None at all: there are some, and they are no
    /// text in UTF-8, so that the target must look for itself.
    pub values: Values,
}

/// Values by the name of their kind, in no more room than they take: there is one of these for every column of a database.
#[derive(Clone, Default, PartialEq)]
pub struct Values(Box<[(u8, Box<str>)]>);

impl Values {
    /// The value of a kind, by its name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(kind, _)| KINDS[usize::from(*kind)].name == name).map(|(_, value)| &**value)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Values by names; none if a name is no kind's.
    pub fn of(named: impl IntoIterator<Item = (String, String)>) -> Option<Self> {
        let one = |(name, value): (String, String)| Some((number(&name)?, value.into_boxed_str()));
        named.into_iter().map(one).collect::<Option<Box<[_]>>>().map(Self)
    }
}

impl std::fmt::Debug for Values {
    /// Without values of rows.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(kind, _)| KINDS[usize::from(*kind)].name)).finish()
    }
}

/// The place of a kind among all.
fn number(name: &str) -> Option<u8> {
    KINDS.iter().position(|kind| kind.name == name).and_then(|place| u8::try_from(place).ok())
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(kind, value)| (KINDS[usize::from(*kind)].name, value)))
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Values;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("statistics by the names of their kinds")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
                let mut values = Vec::with_capacity(KINDS.len());
                while let Some((name, value)) = map.next_entry::<String, Box<str>>()? {
                    let kind =
                        number(&name).ok_or_else(|| A::Error::unknown_field(&name, &["a kind of statistics"]))?;
                    values.push((kind, value));
                }
                Ok(Values(values.into_boxed_slice()))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

/// A column of `pg_stats` that `pg_restore_attribute_stats` takes under the same name.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// The type it is handed over as.
    pub type_name: &'static str,
    /// The major that brought it.
    pub since: u32,
}

const fn kind(name: &'static str, type_name: &'static str, since: u32) -> Kind {
    Kind { name, type_name, since }
}

/// All kinds, in the order they are written in (manual: "Statistics Manipulation Functions").
pub const KINDS: [Kind; 13] = [
    kind("null_frac", "real", 14),
    kind("avg_width", "integer", 14),
    kind("n_distinct", "real", 14),
    kind("most_common_vals", "text", 14),
    kind("most_common_freqs", "real[]", 14),
    kind("histogram_bounds", "text", 14),
    kind("correlation", "real", 14),
    kind("most_common_elems", "text", 14),
    kind("most_common_elem_freqs", "real[]", 14),
    kind("elem_count_histogram", "real[]", 14),
    kind("range_length_histogram", "text", 17),
    kind("range_empty_frac", "real", 17),
    kind("range_bounds_histogram", "text", 17),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_a_map_of_known_kinds_and_show_nothing() {
        let named = [("null_frac", "0"), ("most_common_vals", "{secret}")];
        let values = Values::of(named.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap_or_default();
        let text = serde_json::to_string(&values).unwrap_or_default();
        assert_eq!(text, r#"{"null_frac":"0","most_common_vals":"{secret}"}"#);
        assert_eq!(serde_json::from_str::<Values>(&text).ok(), Some(values.clone()));
        assert_eq!((values.get("null_frac"), values.get("n_distinct")), (Some("0"), None));
        assert!(serde_json::from_str::<Values>(r#"{"other":"0"}"#).is_err());
        let column = ColumnStatistics { column: "a".into(), number: 1, inherited: false, values };
        let shown = format!("{column:?}");
        assert!(shown.contains("most_common_vals") && !shown.contains("secret"), "{shown}");
    }
}
