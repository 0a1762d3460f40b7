//! What a dump copies, in which order: largest table first, its chunks in block order.

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
    /// Orders tables (largest first, then by name) and numbers their chunks.
    pub fn arrange(mut tables: Vec<(PlannedTable, Vec<Span>)>) -> Self {
        tables.sort_by(|(a, _), (b, _)| {
            b.bytes.cmp(&a.bytes).then_with(|| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)))
        });
        let mut plan = Self::default();
        for (table, spans) in tables {
            let index = plan.tables.len();
            let chunks = spans.into_iter().enumerate().map(|(number, span)| PlannedChunk {
                table: index,
                number: u32::try_from(number).unwrap_or(u32::MAX),
                span,
                first: number == 0,
            });
            plan.chunks.extend(chunks);
            plan.tables.push(table);
        }
        plan
    }

    /// Estimated raw bytes of everything.
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }
}
