//! What ANALYZE found out about relations (`pg_class`, `pg_stats`): the planner's statistics. Not the objects that
//! `CREATE STATISTICS` makes, which are [`super::statistics`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
#[derive(Clone, PartialEq, Serialize, Deserialize)]
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
    pub values: BTreeMap<String, String>,
}

impl std::fmt::Debug for ColumnStatistics {
    /// Without values of rows.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds: Vec<&String> = self.values.keys().collect();
        f.debug_struct("ColumnStatistics").field("column", &self.column).field("kinds", &kinds).finish_non_exhaustive()
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
