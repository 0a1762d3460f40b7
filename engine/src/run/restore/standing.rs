//! Tables that stood in the target before, so that it refused to make ours, and that hold rows: somebody else's, or an extension's
//! script's. Rows are never added to them: they would be mixed, or doubled.

use super::{Run, locked};
use crate::connect::{self, Lane};
use crate::ddl::{Entry, EntryKind};
use crate::error::Result;
use crate::sql::qualified;
use crate::target::prepared::{Lost, display_name};
use crate::target::{facts, progress};

/// Why nothing is loaded.
const REASON: &str = "the table was there before, with rows, and none are added to them: \
                      use --clean, or --data-only with --allow-non-empty";

/// Finds them, behind pre-data and before anything is loaded, and loses their rows by name.
pub(super) async fn leave_alone(run: &Run, lane: &mut Lane) -> Result<()> {
    for load in refused(run) {
        let planned = &run.plan.loads[load];
        let table = &run.cargo.contents.tables[planned.table];
        let name = qualified(Some(&table.schema), &table.name);
        match facts::has_rows(lane, &name).await {
            Ok(true) => {}
            Ok(false) => continue,
            // It is not there, or may not be read: the load will say so.
            Err(error) if connect::sqlstate(&error).is_some() => continue,
            Err(error) => return Err(error),
        }
        locked(&run.spoiled).insert(load);
        let lost = Lost { class: "TABLE DATA".into(), name: planned.name.clone(), reason: REASON.into() };
        if !locked(&run.losses).contains(&lost) {
            lane.execute(&progress::loss(&lost)).await?;
            run.lose(lost);
        }
    }
    Ok(())
}

/// Loads of tables that were not made as they should, and into which no run has loaded anything yet.
fn refused(run: &Run) -> Vec<usize> {
    let losses = locked(&run.losses);
    let makes_a_table =
        |entry: &&Entry| entry.kind == EntryKind::Create && entry.object.is_some() && entry.object == entry.relation;
    let is_lost = |entry: &&Entry| {
        let name = display_name(entry);
        losses.iter().any(|lost| lost.class == entry.desc && lost.name == name)
    };
    let objects: Vec<_> = match losses.is_empty() {
        true => Vec::new(),
        false => run.entries.iter().filter(makes_a_table).filter(is_lost).map(|entry| entry.object).collect(),
    };
    let is_refused = |load: &usize| {
        let table = run.plan.loads[*load].table;
        let began = run.done.chunks.iter().any(|(loaded, _)| *loaded == table);
        !began && objects.contains(&run.cargo.contents.tables[table].object)
    };
    if objects.is_empty() { Vec::new() } else { (0..run.plan.loads.len()).filter(is_refused).collect() }
}
