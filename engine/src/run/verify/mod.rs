//! `verify`: is the dump what it says? Three depths, each with what the depth before it needs plus one thing more.
//!
//! - *stored*, no key: every object is there, with its length, and its bytes have the digest it is named by.
//! - *opened*, with an identity: every chunk decrypts, decompresses, is COPY data to the end, and has the rows, plain digest
//!   and fingerprint that the contents say.
//! - *database*, against a live one: every table there, read by COPY, has the fingerprint that the contents say.
//!
//! Problems are collected, not thrown: a report names everything that is wrong.

mod opened;
mod stored;

use std::time::Instant;

use super::fingerprint::{self, Comparison};
use super::jobs;
use super::opened::OpenedDump;
use super::options::{Surroundings, VerifyOptions};
use super::report::VerifyReport;
use super::restore::carries;
use crate::connect::{self, Role};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::format::manifest::VerifiedManifest;
use crate::source::lane::LaneOptions;
use crate::store::Repository;

/// Checks stored bytes; needs no key.
pub async fn stored(
    repository: &Repository,
    manifest: &VerifiedManifest,
    options: &VerifyOptions,
    around: &Surroundings,
) -> Result<VerifyReport> {
    let clock = Instant::now();
    around.news.tell(Event::Phase { name: "verify" });
    let options = &settled(options, manifest.chunks.len(), around);
    let mut report = stored::check(repository, manifest, options, around).await?;
    report.seconds = clock.elapsed().as_secs_f64();
    Ok(report)
}

/// Opens every chunk, which also checks every stored byte that belongs to one.
pub async fn opened(
    repository: &Repository,
    dump: &OpenedDump,
    options: &VerifyOptions,
    around: &Surroundings,
) -> Result<VerifyReport> {
    let clock = Instant::now();
    around.news.tell(Event::Phase { name: "verify" });
    let options = &settled(options, chunks(dump), around);
    let mut report = opened::check(repository, dump, options, around).await?;
    report.seconds = clock.elapsed().as_secs_f64();
    Ok(report)
}

/// Reads every table of the dump back from a live database and compares fingerprints; reads nothing from the store.
pub async fn database(
    dump: &OpenedDump,
    database: &LaneOptions,
    options: &VerifyOptions,
    around: &Surroundings,
) -> Result<VerifyReport> {
    let clock = Instant::now();
    around.news.tell(Event::Phase { name: "verify" });
    let tables = dump.contents.tables.clone();
    let encoding = &dump.contents.header.encoding;
    plan(dump, around);
    let lanes = match options.auto_jobs {
        true => lanes_for(database, chunks(dump), options, around).await?,
        false => options.jobs,
    };
    let compared = fingerprint::compare(database, tables, encoding, lanes, around).await?;
    let mut report = empty(&dump.manifest, "database");
    for (comparison, table) in compared.iter().zip(&dump.contents.tables) {
        if let Comparison::Equal(reading) = comparison {
            report.tables += 1;
            report.rows += reading.rows;
            report.raw_bytes += reading.raw;
        }
        report.problems.extend(comparison.problem(table, "dump"));
    }
    report.seconds = clock.elapsed().as_secs_f64();
    Ok(report)
}

fn chunks(dump: &OpenedDump) -> usize {
    dump.contents.tables.iter().map(|table| table.chunks.len()).sum()
}

/// `-j auto` where nothing but the store is read.
fn settled(options: &VerifyOptions, pieces: usize, around: &Surroundings) -> VerifyOptions {
    if !options.auto_jobs {
        return options.clone();
    }
    let choice = jobs::without_server(pieces, options.jobs, |jobs| carries(options.memory, jobs));
    jobs::tell(&choice, &around.news);
    VerifyOptions { jobs: choice.jobs, auto_jobs: false, ..options.clone() }
}

/// `-j auto` on a live database.
async fn lanes_for(
    database: &LaneOptions,
    pieces: usize,
    options: &VerifyOptions,
    around: &Surroundings,
) -> Result<usize> {
    let mut lane = connect::lane(&database.connect, Role::Source).await?;
    let choice = jobs::with_server(&mut lane, pieces, options.jobs, |jobs| carries(options.memory, jobs)).await?;
    lane.close().await;
    jobs::tell(&choice, &around.news);
    Ok(choice.jobs)
}

/// Turns a report with problems into an error, for callers that need a yes or no.
pub fn demand(report: &VerifyReport) -> Result<()> {
    let Some(first) = report.problems.first() else { return Ok(()) };
    let more = report.problems.len() - 1;
    let rest = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    let what = format!("dump {} is not what it says: {first}{rest}", report.dump);
    Err(Error::new(Kind::Verification, what).hint("Restore from another dump; `pgfreight list` names them."))
}

fn plan(dump: &OpenedDump, around: &Surroundings) {
    let tables = &dump.contents.tables;
    around.news.tell(Event::Planned {
        dump: Some(dump.manifest.dump.clone()),
        tables: tables.len() as u64,
        chunks: tables.iter().map(|table| table.chunks.len() as u64).sum(),
        bytes: tables.iter().flat_map(|table| &table.chunks).map(|chunk| chunk.raw).sum(),
        done_before: 0,
    });
}

fn empty(manifest: &VerifiedManifest, depth: &'static str) -> VerifyReport {
    VerifyReport {
        dump: manifest.dump.clone(),
        depth,
        objects: 0,
        stored_bytes: 0,
        tables: 0,
        rows: 0,
        raw_bytes: 0,
        problems: Vec::new(),
        seconds: 0.0,
    }
}

fn cancelled() -> Error {
    Error::new(Kind::Cancelled, "the verification was stopped before it was complete")
}
