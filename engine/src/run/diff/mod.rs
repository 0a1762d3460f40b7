//! `diff`: the schemas and the rows of two dumps, or of a dump and a live database.
//!
//! Schemas are compared object by object ([`crate::ddl::difference`]). Rows are compared by count and fingerprint: of two
//! dumps as their contents say, without reading a chunk; of a database by reading every table the dump has, as
//! `verify --against` does. Where fingerprints say nothing about each other, that is told and is no difference.

mod data;
mod database;

use std::collections::HashSet;
use std::time::Instant;

use serde::Serialize;

use self::data::Stock;
pub use self::data::{DataDifference, Status, Value};
use super::opened::OpenedDump;
use super::options::{DiffOptions, Surroundings};
use super::report::Loss;
use crate::catalog::table::TableKind;
use crate::catalog::{Body, Catalog, Object};
use crate::ddl::difference::{self, Difference, Side};
use crate::ddl::{Carried, Section};
use crate::error::Result;
use crate::format::contents::Contents;
use crate::source::lane::LaneOptions;

/// One of the two that were compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Party {
    /// `dump` or `database`.
    pub kind: &'static str,
    /// The dump's name or the database's.
    pub name: String,
    /// Version of the server.
    pub server: String,
}

/// What a comparison came to.
#[derive(Clone, Debug, Serialize)]
pub struct DiffReport {
    /// The side whose own things are "removed".
    pub first: Party,
    /// The side whose own things are "added".
    pub second: Party,
    /// Objects of either side that were compared.
    pub objects: u64,
    /// Tables (and large objects) of either side whose rows were compared.
    pub tables: u64,
    /// Objects that differ, by schema and name.
    pub schema: Vec<Difference>,
    /// Rows, positions and contents that differ or could not be compared, by schema and name.
    pub data: Vec<DataDifference>,
    /// What could not be compared besides, one sentence each.
    pub incomplete: Vec<String>,
    /// What explains differences without being one: filters a dump was made with.
    pub notes: Vec<String>,
    /// What one of the two does not carry and was compared by name only.
    pub losses: Vec<Loss>,
    /// Wall time.
    pub seconds: f64,
}

impl DiffReport {
    /// Whether something differs.
    pub fn differs(&self) -> bool {
        !self.schema.is_empty() || self.data.iter().any(|difference| difference.status != Status::NotComparable)
    }

    /// Whether everything asked for was compared.
    pub fn is_complete(&self) -> bool {
        self.incomplete.is_empty()
            && self.losses.is_empty()
            && self.data.iter().all(|difference| difference.status != Status::NotComparable)
    }

    fn new(first: Party, second: Party) -> Self {
        Self {
            first,
            second,
            objects: 0,
            tables: 0,
            schema: Vec::new(),
            data: Vec::new(),
            incomplete: Vec::new(),
            notes: Vec::new(),
            losses: Vec::new(),
            seconds: 0.0,
        }
    }

    fn compare_schemas(&mut self, first: Side<'_>, second: Side<'_>) -> Result<()> {
        let compared = difference::compare(first, second);
        self.objects = compared.compared;
        self.schema = compared.differences;
        let lost = [first, second].into_iter().flat_map(|side| &side.catalog.unsupported);
        self.losses = lost.map(Loss::unsupported).collect();
        self.losses.sort();
        self.losses.dedup();
        Ok(())
    }
}

/// Compares two dumps. Nothing but their contents is read.
///
/// # Errors
/// `Kind::Format` for a dump whose schema cannot be put in order.
pub fn dumps(first: &OpenedDump, second: &OpenedDump, options: &DiffOptions) -> Result<DiffReport> {
    let clock = Instant::now();
    let mut report = DiffReport::new(party(first), party(second));
    let both = [&*first.contents, &*second.contents];
    report.notes.extend(both.into_iter().filter_map(filters));
    let carried = both.map(carried);
    if options.schema && covers(&mut report, &both, "schema", has_schema) {
        report.compare_schemas(side(both[0], &carried[0]), side(both[1], &carried[1]))?;
    }
    if options.data && covers(&mut report, &both, "data", has_data) {
        let stocks = both.map(Stock::of_dump);
        report.tables = data::tables(&stocks[0], &stocks[1]);
        report.data = data::compare(&stocks[0], &stocks[1]);
    }
    report.seconds = clock.elapsed().as_secs_f64();
    Ok(report)
}

/// Compares a dump with a live database, which is the second side. The schema and the rows are read under snapshots of
/// their own, one after the other.
///
/// # Errors
/// `Kind::Source`; `Kind::Cancelled` when it was stopped.
pub async fn database(
    dump: &OpenedDump,
    database: &LaneOptions,
    options: &DiffOptions,
    around: &Surroundings,
) -> Result<DiffReport> {
    let clock = Instant::now();
    let contents = &*dump.contents;
    let live = database::read(database, contents, around).await?;
    let mut report = DiffReport::new(party(dump), live_party(&live.catalog));
    report.notes.extend(filters(contents));
    let carried = carried(contents);
    if options.schema && covers(&mut report, &[contents], "schema", has_schema) {
        let live = Side { catalog: &live.catalog, carried: None };
        report.compare_schemas(side(contents, &carried), live)?;
    }
    if options.data && covers(&mut report, &[contents], "data", has_data) {
        let (mine, other) = live.stocks(contents, database, options.jobs, around).await?;
        report.tables = data::tables(&mine, &other);
        report.data = data::compare(&mine, &other);
    }
    report.seconds = clock.elapsed().as_secs_f64();
    Ok(report)
}

fn party(dump: &OpenedDump) -> Party {
    let server = dump.contents.catalog.server.version.to_string();
    Party { kind: "dump", name: dump.manifest.dump.to_string(), server }
}

fn live_party(catalog: &Catalog) -> Party {
    Party { kind: "database", name: catalog.database.name.clone(), server: catalog.server.version.to_string() }
}

/// Filters are why a dump lacks things; whoever reads a long list of differences should know of them.
fn filters(contents: &Contents) -> Option<String> {
    let Contents { header, .. } = contents;
    let made = || format!("dump {} was made with {}", header.dump, header.options.join(" "));
    (!header.options.is_empty()).then(made)
}

fn carried(contents: &Contents) -> HashSet<u32> {
    contents.carried().map(|entry| entry.id).collect()
}

fn side<'a>(contents: &'a Contents, carried: &'a HashSet<u32>) -> Side<'a> {
    Side { catalog: &contents.catalog, carried: Some(carried) }
}

/// False for a dump of data alone.
fn has_schema(contents: &Contents) -> bool {
    contents.carried().any(Carried::is_schema) || contents.tables.is_empty()
}

/// False for a dump of the schema alone, unless that is all there was.
fn has_data(contents: &Contents) -> bool {
    let has_rows = |object: &Object| match &object.body {
        Body::Table(table) => table.kind == TableKind::Ordinary && !object.is_given(),
        Body::Sequence(_) => !object.is_given(),
        _ => false,
    };
    let carried = !contents.tables.is_empty() || contents.carried().any(|entry| entry.section == Section::Data);
    carried || !contents.catalog.objects.iter().any(has_rows)
}

/// Whether all dumps carry a half; of those that do not it is said.
fn covers(report: &mut DiffReport, dumps: &[&Contents], half: &str, has: fn(&Contents) -> bool) -> bool {
    let without: Vec<String> =
        dumps.iter().filter(|contents| !has(contents)).map(|contents| contents.header.dump.to_string()).collect();
    report.incomplete.extend(without.iter().map(|dump| format!("dump {dump} carries no {half}: not compared")));
    without.is_empty()
}
