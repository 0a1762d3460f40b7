//! What a dump copies, in which order: largest chunks first, those of a table one after the other in block order.

use std::cmp::Reverse;

use crate::catalog::ObjectId;
use crate::format::CopyFormat;
use crate::format::contents::DataKind;
use crate::format::manifest::GridMemory;
use crate::ids::TableTag;

/// Half-open range of heap blocks (or large object OIDs); `to: None` is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// First.
    pub from: u32,
    /// One past the last.
    pub to: Option<u32>,
}

impl Span {
    /// Everything.
    pub const WHOLE: Self = Self { from: 0, to: None };
}

/// A table (or the large objects) of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedTable {
    /// Rows or large objects.
    pub kind: DataKind,
    /// The table.
    pub object: Option<ObjectId>,
    /// Schema, unquoted; empty for large objects.
    pub schema: String,
    /// Name, unquoted.
    pub name: String,
    /// Columns of the COPY.
    pub columns: Vec<String>,
    /// Format of the COPY.
    pub format: CopyFormat,
    /// Extension configuration condition.
    pub condition: Option<String>,
    /// The holder has a lock on it.
    pub locked: bool,
    /// Estimated raw bytes: heap and TOAST.
    pub bytes: u64,
    /// What the next dump recognises it by, and its grid.
    pub grid: Option<(TableTag, GridMemory)>,
}

impl PlannedTable {
    /// The name people know it by.
    pub fn display_name(&self) -> String {
        match self.kind {
            DataKind::Table => format!("{}.{}", self.schema, self.name),
            DataKind::LargeObjects => self.name.clone(),
        }
    }
}

/// One COPY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedChunk {
    /// Index into [`DumpPlan::tables`].
    pub table: usize,
    /// Number within the table, from 0.
    pub number: u32,
    /// What it covers.
    pub span: Span,
    /// True for the table's first chunk in execution order.
    pub first: bool,
}

/// The whole plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DumpPlan {
    /// Tables, largest first.
    pub tables: Vec<PlannedTable>,
    /// Chunks in execution order; position is identity.
    pub chunks: Vec<PlannedChunk>,
}

impl DumpPlan {
    /// Orders tables (largest first, then by name), and their chunks: those of the table with the largest chunks first, so that
    /// what runs last is small and no lane is left alone with much.
    pub fn arrange(mut tables: Vec<(PlannedTable, Vec<Span>)>) -> Self {
        tables.sort_by(|(a, _), (b, _)| {
            b.bytes.cmp(&a.bytes).then_with(|| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)))
        });
        let mut order: Vec<usize> = (0..tables.len()).collect();
        order.sort_by_key(|index| Reverse(chunk_bytes(&tables[*index])));
        let numbered = |table: usize, (number, span): (usize, &Span)| PlannedChunk {
            table,
            number: u32::try_from(number).unwrap_or(u32::MAX),
            span: *span,
            first: number == 0,
        };
        let chunks_of = |table: usize| tables[table].1.iter().enumerate().map(move |span| numbered(table, span));
        let chunks = order.into_iter().flat_map(chunks_of).collect();
        Self { chunks, tables: tables.into_iter().map(|(table, _)| table).collect() }
    }

    /// Lanes that have something to do, of so many.
    pub fn lanes(&self, jobs: usize) -> usize {
        jobs.min(self.chunks.len())
    }

    /// Estimated raw bytes of everything.
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }
}

/// Estimated raw bytes of one chunk of a table.
fn chunk_bytes((table, spans): &(PlannedTable, Vec<Span>)) -> u64 {
    table.bytes / spans.len().max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, bytes: u64, chunks: u32) -> (PlannedTable, Vec<Span>) {
        let planned = PlannedTable {
            kind: DataKind::Table,
            object: None,
            schema: "s".to_owned(),
            name: name.to_owned(),
            columns: Vec::new(),
            format: CopyFormat::Text,
            condition: None,
            locked: true,
            bytes,
            grid: None,
        };
        let spans = (0..chunks).map(|i| Span { from: i, to: (i + 1 < chunks).then_some(i + 1) }).collect();
        (planned, spans)
    }

    #[test]
    fn largest_tables_stand_first_and_largest_chunks_run_first() {
        let plan = DumpPlan::arrange(vec![
            table("b", 5, 1),
            table("wide", 60, 1),
            table("huge", 120, 3),
            table("a", 5, 1),
            table("none", 0, 0),
        ]);
        let names: Vec<&str> = plan.tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["huge", "wide", "a", "b", "none"]);
        let runs: Vec<(&str, u32, bool)> =
            plan.chunks.iter().map(|chunk| (names[chunk.table], chunk.number, chunk.first)).collect();
        let expected = [
            ("wide", 0, true),
            ("huge", 0, true),
            ("huge", 1, false),
            ("huge", 2, false),
            ("a", 0, true),
            ("b", 0, true),
        ];
        assert_eq!(runs, expected);
    }
}
