//! Reading a table back from a live database to prove it equal: rows, bytes and fingerprint by the same COPY that the dump
//! used. Shared by `verify --against` and by the check at the end of a restore.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;

use bytes::BytesMut;
use tokio::task::JoinSet;

use super::cpu_pool::CpuPool;
use super::options::Surroundings;
use super::timeline::{self, Timeline, Work};
use crate::connect::{self, CopyOut};
use crate::error::{Error, Kind, Result};
use crate::event::{Counters, Event, News};
use crate::format::CopyFormat;
use crate::format::contents::{DataKind, Fingerprint, TableData};
use crate::limits::{BATCH, CHUNK_ATTEMPTS, SMALL_TABLE};
use crate::plan::dump_plan::Span;
use crate::plan::split;
use crate::seal::RowHasher;
use crate::source::copy_out::{self, CopySource};
use crate::source::facts;
use crate::source::holder::Holder;
use crate::source::lane::{LaneOptions, SnapshotLane};

/// What a table's rows came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// Rows.
    pub rows: u64,
    /// COPY bytes.
    pub raw: u64,
    /// Sum of the rows' hashes.
    pub fingerprint: Fingerprint,
}

impl Reading {
    /// Takes in another part of the same table.
    pub fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.raw += other.raw;
        self.fingerprint = self.fingerprint + other.fingerprint;
    }
}

/// How one table compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Rows and fingerprint agree.
    Equal(Reading),
    /// They do not.
    Differs(Reading),
    /// The table cannot be read; why, without its name.
    Unread(String),
}

impl Comparison {
    /// What is wrong with a table, in one sentence; `None` if nothing is. `origin` is what it should equal: a `dump`, or the
    /// `source` of a copy.
    pub fn problem(&self, table: &TableData, origin: &str) -> Option<String> {
        let name = table.display_name();
        match self {
            Self::Equal(_) => None,
            Self::Differs(reading) if reading.rows != table.rows => {
                Some(format!("{name}: {} rows in the {origin}, {} in the database", table.rows, reading.rows))
            }
            Self::Differs(reading) => Some(format!(
                "{name}: fingerprint {} in the {origin}, {} in the database ({} rows each)",
                table.fingerprint, reading.fingerprint, table.rows
            )),
            Self::Unread(problem) => Some(format!("{name}: {problem}")),
        }
    }
}

/// A table, and what was read of it before.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The table.
    pub table: TableData,
    /// What its rows came to so far, and the ranges that are left; `None` where nothing was read.
    pub read: Option<(Reading, Vec<Span>)>,
}

/// Who reads.
#[derive(Clone, Debug)]
pub struct ReadingLanes {
    /// How many.
    pub count: usize,
    /// Where they say what they did, and the number of the first of them there.
    pub timeline: Option<(Timeline, usize)>,
}

impl Begun {
    fn sum(&self) -> Reading {
        self.read.as_ref().map(|(sum, _)| *sum).unwrap_or_default()
    }
}

impl From<usize> for ReadingLanes {
    /// Lanes that leave no trace.
    fn from(count: usize) -> Self {
        Self { count, timeline: None }
    }
}

struct Job {
    table: usize,
    span: Span,
    /// A whole table of few pages.
    small: bool,
}

/// Small tables that are read in one round trip.
const TOGETHER: usize = 32;

struct Readers {
    tables: Vec<TableData>,
    encoding: String,
    jobs: Mutex<VecDeque<Job>>,
    lanes: usize,
    holder: Holder,
    pool: CpuPool,
    news: News,
    timeline: Option<(Timeline, usize)>,
    sums: Mutex<Vec<Result<Reading, String>>>,
}

/// Reads `tables` from the database behind `options` under one snapshot, with `lanes` lanes, several in a big table, and
/// compares each with what the dump says.
pub async fn compare(
    options: &LaneOptions,
    tables: Vec<TableData>,
    encoding: &str,
    lanes: impl Into<ReadingLanes>,
    around: &Surroundings,
) -> Result<Vec<Comparison>> {
    let tables = tables.into_iter().map(|table| Begun { table, read: None }).collect();
    finish(options, tables, encoding, lanes.into(), around).await
}

/// As [`compare`], for tables of which a part may have been read.
pub async fn finish(
    options: &LaneOptions,
    begun: Vec<Begun>,
    encoding: &str,
    lanes: ReadingLanes,
    around: &Surroundings,
) -> Result<Vec<Comparison>> {
    let (holder, reader) = Holder::open(options).await?;
    let jobs = divide(&reader, &begun, lanes.count).await?;
    drop(reader);
    let readers = Arc::new(Readers {
        sums: Mutex::new(begun.iter().map(|begun| Ok(begun.sum())).collect()),
        tables: begun.into_iter().map(|begun| begun.table).collect(),
        encoding: encoding.to_owned(),
        jobs: Mutex::new(jobs),
        lanes: lanes.count.max(1),
        holder,
        pool: CpuPool::for_lanes(lanes.count)?,
        news: around.news.clone(),
        timeline: lanes.timeline,
    });
    let mut set = JoinSet::new();
    for number in 0..lanes.count.max(1) {
        set.spawn(lane(Arc::clone(&readers), number));
    }
    loop {
        tokio::select! {
            biased;
            () = around.stop.cancelled() => return Err(Error::new(Kind::Cancelled, "stopped while reading tables back")),
            next = set.join_next() => match next {
                None => break,
                Some(Ok(result)) => result?,
                Some(Err(panic)) => return Err(Error::new(Kind::Bug, "a reading lane failed").because(panic)),
            },
        }
    }
    let sums = std::mem::take(&mut *locked(&readers.sums));
    Ok(readers.tables.iter().zip(sums).map(|(table, sum)| judge(table, sum)).collect())
}

/// Cuts tables into spans by their size in that database; everything that cannot be cut is read whole. The largest first.
async fn divide(
    reader: &crate::source::reader::CatalogReader,
    tables: &[Begun],
    lanes: usize,
) -> Result<VecDeque<Job>> {
    let name = |begun: &'_ Begun| (begun.table.schema.clone(), begun.table.name.clone());
    let names: Vec<(String, String)> = tables.iter().map(name).collect();
    let names: Vec<(&str, &str)> = names.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).collect();
    let sizes = facts::sizes(reader.client(), &names).await?;
    let sizes: Vec<u64> = (0..tables.len()).map(|index| sizes.get(index).copied().flatten().unwrap_or(0)).collect();
    let mut order: Vec<usize> = (0..tables.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(sizes[*index]));
    let mut jobs = VecDeque::new();
    for index in order {
        let Begun { table, read } = &tables[index];
        let whole = table.condition.is_some() || table.kind == DataKind::LargeObjects;
        let spans = match read {
            Some((_, left)) => left.clone(),
            None if whole => vec![Span::WHOLE],
            None => split::to_read_back(sizes[index], sizes.iter().sum(), lanes),
        };
        let raw: u64 = table.chunks.iter().map(|chunk| chunk.raw).sum();
        let few_pages = raw <= SMALL_TABLE && sizes[index] * 8192 <= SMALL_TABLE;
        let small = !whole && read.is_none() && few_pages && spans == [Span::WHOLE];
        jobs.extend(spans.into_iter().map(|span| Job { table: index, span, small }));
    }
    Ok(jobs)
}

async fn lane(readers: Arc<Readers>, number: usize) -> Result<()> {
    let mut lane: Option<SnapshotLane> = None;
    loop {
        let jobs = readers.take();
        if jobs.is_empty() {
            return Ok(());
        }
        if jobs.len() > 1 {
            let reading = readers.stint(number, "small tables");
            let together = together(&readers, &mut lane, &jobs).await?;
            drop(reading);
            if let Some(together) = together {
                jobs.iter().zip(together).for_each(|(job, reading)| readers.record(job, Ok(reading)));
                continue;
            }
        }
        for job in &jobs {
            let reading = readers.stint(number, &readers.tables[job.table].display_name());
            let outcome = with_retries(&readers, &mut lane, job).await?;
            drop(reading);
            readers.record(job, outcome);
        }
    }
}

impl Readers {
    /// The next job, or several small ones; none at the end.
    fn take(&self) -> Vec<Job> {
        let mut jobs = locked(&self.jobs);
        let most = (jobs.len() / (4 * self.lanes)).clamp(1, TOGETHER);
        let small = jobs.iter().take(most).take_while(|job| job.small).count();
        let count = small.max(1).min(jobs.len());
        jobs.drain(..count).collect()
    }

    fn stint(&self, number: usize, name: &str) -> Option<timeline::Begun<'_>> {
        let (timeline, first) = self.timeline.as_ref()?;
        Some(timeline.begin(Work::of(first + number, "check", name)))
    }

    fn record(&self, job: &Job, outcome: Result<Reading, String>) {
        let mut sums = locked(&self.sums);
        match outcome {
            Ok(reading) => {
                Counters::add(&self.news.counters.rows, reading.rows);
                if let Ok(sum) = &mut sums[job.table] {
                    sum.add(reading);
                }
            }
            Err(problem) => sums[job.table] = Err(problem),
        }
    }
}

/// Reads small tables in one round trip; `None` if anything went wrong, and each is to be read alone.
async fn together(readers: &Readers, lane: &mut Option<SnapshotLane>, jobs: &[Job]) -> Result<Option<Vec<Reading>>> {
    let open = match lane {
        Some(open) => open,
        None => lane.insert(readers.holder.open_lane(readers.lanes).await?),
    };
    let table = |job: &Job| &readers.tables[job.table];
    let source = |job: &Job| copy_out::statement(CopySource::of(table(job), &readers.encoding), job.span);
    let copies: Vec<String> = jobs.iter().map(source).collect();
    let Ok(payload) = open.copy_all(&copies, BATCH).await else {
        *lane = None;
        return Ok(None);
    };
    let formats: Vec<CopyFormat> = jobs.iter().map(|job| table(job).format).collect();
    let hashing = move || payload.iter().zip(formats).map(|(plain, format)| whole(plain, format)).collect::<Vec<_>>();
    let readings: Result<Vec<Reading>, _> = readers.pool.run(hashing).await?.into_iter().collect();
    if let Ok(readings) = &readings {
        Counters::add(&readers.news.counters.raw_bytes, readings.iter().map(|reading| reading.raw).sum());
    }
    Ok(readings.ok())
}

/// What a whole COPY comes to.
fn whole(plain: &[u8], format: CopyFormat) -> Result<Reading, crate::seal::FramingError> {
    let mut hasher = RowHasher::new(format);
    hasher.push(plain)?;
    let raw = hasher.bytes();
    let (rows, fingerprint) = hasher.finish()?;
    Ok(Reading { rows, raw, fingerprint })
}

/// The outer result ends the whole comparison, the inner one is this table's problem.
async fn with_retries(
    readers: &Readers,
    lane: &mut Option<SnapshotLane>,
    job: &Job,
) -> Result<Result<Reading, String>> {
    let mut attempt = 1;
    loop {
        let open = match lane {
            Some(open) => open,
            None => lane.insert(readers.holder.open_lane(readers.lanes).await?),
        };
        let source = CopySource::of(&readers.tables[job.table], &readers.encoding);
        let outcome = read_span(open, &readers.pool, &readers.news, source, job.span).await;
        let error = match outcome {
            Ok(reading) => return Ok(Ok(reading)),
            Err(error) => error,
        };
        // The transaction is aborted or the connection gone: either way a fresh lane.
        *lane = None;
        if !error.is_passing() {
            return if connect::sqlstate(&error).is_some() || error.kind() == Kind::Verification {
                Ok(Err(error.to_string()))
            } else {
                Err(error)
            };
        }
        attempt += 1;
        if attempt > CHUNK_ATTEMPTS {
            return Err(error);
        }
        let what = format!("reading {} back", readers.tables[job.table].display_name());
        readers.news.tell(Event::Retry { what, attempt, cause: error.to_string() });
        tokio::time::sleep(std::time::Duration::from_millis(200 << attempt)).await;
    }
}

/// Reads one span.
async fn read_span(
    lane: &mut SnapshotLane,
    pool: &CpuPool,
    news: &News,
    source: CopySource<'_>,
    span: Span,
) -> Result<Reading> {
    let mut copy = lane.copy_out(&copy_out::statement(source, span)).await?;
    hash(&mut copy, RowHasher::new(source.format), pool, news).await
}

/// Reads a running copy to its end.
pub async fn hash(copy: &mut CopyOut<'_>, mut hasher: RowHasher, pool: &CpuPool, news: &News) -> Result<Reading> {
    let mut spare = BytesMut::with_capacity(BATCH + (BATCH >> 3));
    let mut filled = BytesMut::with_capacity(BATCH + (BATCH >> 3));
    let mut more = copy.read(&mut filled, BATCH).await?;
    while !filled.is_empty() {
        Counters::add(&news.counters.raw_bytes, filled.len() as u64);
        let hashing = pool.run(move || {
            let result = hasher.push(&filled);
            (hasher, filled, result)
        });
        let reading = async { if more { copy.read(&mut spare, BATCH).await } else { Ok(false) } };
        let (hashed, read) = tokio::join!(hashing, reading);
        let (returned, mut emptied, result) = hashed?;
        result.map_err(framing)?;
        more = read?;
        hasher = returned;
        emptied.clear();
        filled = std::mem::replace(&mut spare, emptied);
    }
    let raw = hasher.bytes();
    let (rows, fingerprint) = hasher.finish().map_err(framing)?;
    Ok(Reading { rows, raw, fingerprint })
}

pub(super) fn framing(error: crate::seal::FramingError) -> Error {
    Error::new(Kind::Verification, "the server's COPY data is malformed").because(error)
}

fn judge(table: &TableData, sum: Result<Reading, String>) -> Comparison {
    match sum {
        Err(problem) => Comparison::Unread(problem),
        Ok(reading) if (reading.rows, reading.fingerprint) == (table.rows, table.fingerprint) => {
            Comparison::Equal(reading)
        }
        Ok(reading) => Comparison::Differs(reading),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
