//! Every chunk opened to its end, and every table's sums.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{StreamExt, stream};

use super::{cancelled, empty};
use crate::error::{Kind, Result};
use crate::event::{Counters, Event};
use crate::run::chunk_reader::ChunkReader;
use crate::run::cpu_pool::CpuPool;
use crate::run::opened::OpenedDump;
use crate::run::options::{Surroundings, VerifyOptions};
use crate::run::report::VerifyReport;
use crate::store::Repository;

/// Opens all chunks, `jobs` at a time.
pub async fn check(
    repository: &Repository,
    dump: &OpenedDump,
    options: &VerifyOptions,
    around: &Surroundings,
) -> Result<VerifyReport> {
    super::plan(dump, around);
    let tables = &dump.contents.tables;
    let left: Vec<AtomicU32> =
        tables.iter().map(|table| AtomicU32::new(u32::try_from(table.chunks.len()).unwrap_or(u32::MAX))).collect();
    let jobs = (0..tables.len()).flat_map(|table| (0..tables[table].chunks.len()).map(move |chunk| (table, chunk)));
    let pool = CpuPool::with_all_cores()?;
    let check = Check { repository, dump, pool: &pool, around, left: &left };
    let mut checks = stream::iter(jobs).map(|job| check.one(job)).buffer_unordered(options.jobs.max(1));
    let mut report = empty(&dump.manifest, "opened");
    loop {
        tokio::select! {
            biased;
            () = around.stop.cancelled() => return Err(cancelled()),
            next = checks.next() => match next {
                None => break,
                Some(problem) => report.problems.extend(problem?),
            },
        }
    }
    drop(checks);
    report.problems.sort();
    report.tables = tables.len() as u64;
    report.rows = tables.iter().map(|table| table.rows).sum();
    report.raw_bytes = tables.iter().flat_map(|table| &table.chunks).map(|chunk| chunk.raw).sum();
    report.objects = dump.manifest.chunks.len() as u64;
    report.stored_bytes = Counters::get(&around.news.counters.stored_bytes);
    Ok(report)
}

#[derive(Clone, Copy)]
struct Check<'a> {
    repository: &'a Repository,
    dump: &'a OpenedDump,
    pool: &'a CpuPool,
    around: &'a Surroundings,
    left: &'a [AtomicU32],
}

impl Check<'_> {
    /// The problem with one chunk, if there is one.
    async fn one(self, (table, chunk): (usize, usize)) -> Result<Option<String>> {
        let data = &self.dump.contents.tables[table];
        let name = data.display_name();
        let counters = &self.around.news.counters;
        let problem = match Box::pin(self.read((table, chunk))).await {
            Ok(()) => None,
            Err(error) if error.kind() == Kind::Verification => Some(format!("{name}, chunk {chunk}: {error}")),
            Err(error) => return Err(error),
        };
        let facts = &data.chunks[chunk];
        Counters::add(&counters.rows, facts.rows);
        Counters::add(&counters.chunks, 1);
        self.around.news.tell(Event::ChunkDone {
            table: name.clone(),
            chunk: u32::try_from(chunk).unwrap_or(u32::MAX),
            rows: facts.rows,
            raw: facts.raw,
            stored: self.dump.manifest.chunks[facts.chunk as usize].stored_len(),
            reused: false,
        });
        if self.left[table].fetch_sub(1, Ordering::Relaxed) == 1 {
            self.around.news.tell(Event::TableDone { table: name, rows: data.rows });
        }
        Ok(problem)
    }

    async fn read(self, (table, chunk): (usize, usize)) -> Result<()> {
        let counters = &self.around.news.counters;
        let mut reader = ChunkReader::new(self.repository, self.pool, self.dump, (table, chunk))?;
        while let Some(block) = reader.next().await? {
            Counters::add(&counters.raw_bytes, block.len() as u64);
        }
        Counters::add(&counters.stored_bytes, reader.stored_read());
        Ok(())
    }
}
