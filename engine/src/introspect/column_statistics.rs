//! The question about columns' statistics, asked of the view that anybody may read or of the table behind it.
//!
//! Catalogs: `pg_stats`, `pg_statistic` (manual: "System Views", "System Catalogs").

use super::relation::USER_RELATION;

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// `pg_stats`.
    View,
    /// `pg_statistic`: superusers may read it, for less than half of what the view costs the server.
    Table,
}

/// Where a kind is kept in a row of `pg_statistic`.
#[derive(Clone, Copy)]
enum Kept {
    /// A column.
    Column(&'static str),
    /// The values of the slot with this number (`pg_statistic.h`: `STATISTIC_KIND_…`).
    Values(u8),
    /// Its numbers.
    Numbers(u8),
    /// The first of them.
    Number(u8),
}

/// Slots of a row.
const SLOTS: std::ops::RangeInclusive<u8> = 1..=5;

fn kept(kind: &str) -> Option<Kept> {
    Some(match kind {
        "null_frac" => Kept::Column("stanullfrac"),
        "avg_width" => Kept::Column("stawidth"),
        "n_distinct" => Kept::Column("stadistinct"),
        "most_common_vals" => Kept::Values(1),
        "most_common_freqs" => Kept::Numbers(1),
        "histogram_bounds" => Kept::Values(2),
        "correlation" => Kept::Number(3),
        "most_common_elems" => Kept::Values(4),
        "most_common_elem_freqs" => Kept::Numbers(4),
        "elem_count_histogram" => Kept::Numbers(5),
        "range_length_histogram" => Kept::Values(6),
        "range_empty_frac" => Kept::Number(6),
        "range_bounds_histogram" => Kept::Values(7),
        _ => return None,
    })
}

impl Kept {
    /// An expression over `pg_statistic s`. A column's slots are in no order: which kind each holds it says itself.
    fn expression(self) -> String {
        let (number, what, index) = match self {
            Self::Column(column) => return format!("s.{column}"),
            Self::Values(number) => (number, "stavalues", ""),
            Self::Numbers(number) => (number, "stanumbers", ""),
            Self::Number(number) => (number, "stanumbers", "[1]"),
        };
        let slots: String =
            SLOTS.map(|slot| format!(" WHEN s.stakind{slot} = {number} THEN s.{what}{slot}{index}")).collect();
        format!("CASE{slots} END")
    }
}

/// A row for every column that has statistics. Its key comes first: what the server cannot say of one column is that column's loss
/// alone.
///
/// The view is asked about one relation at a time. It asks itself for the reader's privilege on every column it may show, and
/// joined as a whole it would do so for all columns of all relations there are, indexes and TOAST tables too.
pub(super) fn question(kinds: &[&str], asked: Asked) -> String {
    let value = |kind: &&str| {
        let expression = match (asked, kept(kind)) {
            (Asked::Table, Some(kept)) => kept.expression(),
            _ => format!("s.{kind}"),
        };
        format!(", ({expression})::pg_catalog.text AS {kind}")
    };
    let values: String = kinds.iter().map(value).collect();
    let (inherited, rows) = match asked {
        Asked::View => (
            "s.inherited",
            "CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_stats
                                  WHERE schemaname = n.nspname AND tablename = c.relname OFFSET 0) s
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname",
        ),
        Asked::Table => (
            "s.stainherit",
            "JOIN pg_catalog.pg_statistic s ON s.starelid = c.oid
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = s.staattnum AND NOT a.attisdropped
              AND (NOT c.relrowsecurity OR NOT pg_catalog.row_security_active(c.oid))",
        ),
    };
    format!(
        "SELECT pg_catalog.concat(c.oid, '.', a.attnum, '.', {inherited}) AS key, c.oid AS relation,
                a.attname AS column, a.attnum AS number, {inherited} AS inherited{values}
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                {rows}
          WHERE {USER_RELATION} AND (c.relkind IN ('r', 'p', 'm', 'f') OR c.relkind IN ('i', 'I') AND EXISTS
                (SELECT FROM pg_catalog.pg_index i WHERE i.indexrelid = c.oid AND i.indexprs IS NOT NULL))
          ORDER BY c.oid, a.attnum, inherited"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::planner_statistics::KINDS;

    #[test]
    fn every_kind_is_kept_somewhere() {
        for kind in &KINDS {
            assert!(kept(kind.name).is_some(), "{}", kind.name);
        }
    }
}
