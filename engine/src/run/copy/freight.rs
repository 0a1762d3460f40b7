//! What a copy carries, in the form a restore takes: contents whose rows are still to be read.

use std::sync::Arc;

use chrono::Utc;

use crate::catalog::Catalog;
use crate::ddl::{self, Dialect};
use crate::error::Result;
use crate::format::contents::{Contents, Fingerprint, Header, TableChunk, TableData};
use crate::ids::Digest;
use crate::plan::dump_plan::{DumpPlan, PlannedTable};
use crate::plan::select::Selection;
use crate::run::dump::new_dump_id;
use crate::run::options::DumpOptions;
use crate::run::report::Loss;
use crate::run::restore::cargo::Cargo;
use crate::source::holder::Holder;

/// What was chosen at the source.
pub(super) struct Chosen<'a> {
    pub(super) holder: &'a Holder,
    pub(super) selected: Catalog,
    pub(super) selection: &'a Selection,
    pub(super) plan: &'a DumpPlan,
    pub(super) losses: &'a [Loss],
}

/// Everything but the rows; `origin` is what a continued copy is recognised by.
pub(super) fn cargo(chosen: Chosen<'_>, origin: String, options: &DumpOptions) -> Result<Cargo> {
    let Chosen { holder, selected: catalog, selection, plan, losses } = chosen;
    let toc = ddl::write(&catalog, Dialect { target: catalog.server.version });
    let header = Header {
        // No dump will be called so: the run needs a name, and nothing shows it.
        dump: new_dump_id(Utc::now())?,
        snapshot: holder.snapshot().to_owned(),
        encoding: holder.encoding().to_owned(),
        options: Vec::new(),
        losses: losses.iter().map(|loss| (loss.class.clone(), loss.name.clone(), loss.reason.clone())).collect(),
    };
    let mut contents =
        Contents { header, entries: selection.kept(toc), forgotten: Vec::new(), tables: tables(plan), catalog };
    contents.forget_entries();
    Ok(Cargo {
        contents: Arc::new(contents),
        mark: origin,
        choices: choices(options),
        partial: !selection.database,
        dump: None,
    })
}

/// The options of the source that decide what is copied; how tables are cut does not.
fn choices(options: &DumpOptions) -> String {
    let DumpOptions { filters, copy_format, role, row_security, globals, role_passwords, .. } = options;
    format!(" {filters:?} {copy_format:?} {role:?} {:?}", [row_security, globals, role_passwords])
}

fn tables(plan: &DumpPlan) -> Vec<TableData> {
    let mut tables: Vec<TableData> = plan.tables.iter().map(table).collect();
    for chunk in &plan.chunks {
        tables[chunk.table].chunks.push(TableChunk {
            chunk: 0,
            from: chunk.span.from,
            to: chunk.span.to,
            rows: 0,
            raw: 0,
            plain: Digest([0; 32]),
            fingerprint: Fingerprint::default(),
        });
    }
    // An estimate, for the order of work and for the display.
    for (table, planned) in tables.iter_mut().zip(&plan.tables) {
        let each = planned.bytes / (table.chunks.len() as u64).max(1);
        table.chunks.iter_mut().for_each(|chunk| chunk.raw = each);
    }
    tables
}

fn table(planned: &PlannedTable) -> TableData {
    TableData {
        kind: planned.kind,
        object: planned.object,
        schema: planned.schema.clone(),
        name: planned.name.clone(),
        columns: planned.columns.clone(),
        format: planned.format,
        condition: planned.condition.clone(),
        rows: 0,
        fingerprint: Fingerprint::default(),
        chunks: Vec::new(),
    }
}
