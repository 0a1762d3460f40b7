//! Proof behind the last row: every restored table is read back and its fingerprint compared with the dump's.

use super::{Run, locked};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::format::contents::TableData;
use crate::run::fingerprint::{self, Begun, ReadingLanes};
use crate::source::lane::LaneOptions;

impl Run {
    /// The loads whose tables must now equal the dump's: those that lost nothing and began empty.
    pub(super) fn checked(&self) -> Vec<usize> {
        let spoiled = locked(&self.spoiled).clone();
        let whole = |load: &usize| !spoiled.contains(load) && !self.occupied.contains(load);
        (0..self.plan.loads.len()).filter(whole).collect()
    }

    /// A table with the rows it should have now.
    fn table_as_read(&self, table: usize) -> TableData {
        let reading = self.reading(table);
        let data = self.cargo.contents.tables[table].clone();
        TableData { rows: reading.rows, fingerprint: reading.fingerprint, ..data }
    }
}

/// Reads restored tables back; gives one sentence for each that differs.
pub(super) async fn fingerprints(run: &Run) -> Result<Vec<String>> {
    if run.options.no_check {
        return Ok(Vec::new());
    }
    run.stopped()?;
    run.around.news.tell(Event::Phase { name: "check" });
    let begun = |load: usize| run.read_back.begun(load, run.table_as_read(run.plan.loads[load].table));
    let begun: Vec<Begun> = run.checked().into_iter().map(begun).collect();
    let tables: Vec<TableData> = begun.iter().map(|begun| begun.table.clone()).collect();
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let reader = LaneOptions { connect: run.target.clone(), role: run.options.role.clone(), row_security: false };
    let encoding = &run.cargo.contents.header.encoding;
    let jobs = run.options.jobs;
    // Numbered behind the lanes that add foreign keys meanwhile.
    let lanes = ReadingLanes { count: jobs, timeline: Some((run.timeline.clone(), jobs)) };
    let compared = fingerprint::finish(&reader, begun, encoding, lanes, &run.around).await;
    let compared = compared.map_err(|error| error.context("reading restored tables back"))?;
    Ok(compared
        .iter()
        .zip(&tables)
        .filter_map(|(comparison, table)| comparison.problem(table, run.cargo.origin()))
        .collect())
}

/// The restored rows are not those they should be.
pub(super) fn unequal(problems: &[String], origin: &str) -> Error {
    let what = match problems {
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first}; and {} more tables differ", rest.len()),
        [] => "tables differ".to_owned(),
    };
    Error::new(Kind::Verification, format!("the restored rows are not those of the {origin}: {what}"))
        .hint(match origin {
            "dump" => "Something changed the rows on their way in or since: triggers, rules, other sessions. `pgfreight verify --against` shows all tables.",
            _ => "Something changed the rows on their way in or since: triggers, rules, other sessions.",
        })
}
