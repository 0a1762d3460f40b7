//! What the progress of a copy says besides: enough to continue it from a source that has gone on.
//!
//! A continued copy reads its source at another moment. Entries may be numbered otherwise, tables may be cut otherwise, rows
//! may be others. So an entry's row holds the digest of its statements, and a chunk's row the table, the range, and the
//! fingerprint of the rows that were loaded.
//!
//! Every continuation is a new attempt, and rows can be written under the latest one only (a check constraint on each
//! table): what a process that was thought dead still sends is refused by the target, and never mixed in.

use std::collections::BTreeMap;

use super::prepared::{Lost, display_name};
use super::progress::{DROPS, SCHEMA, number, single, unreadable};
use crate::catalog::Class;
use crate::connect::{self, Lane};
use crate::ddl::Entry;
use crate::error::{Error, Kind, Result};
use crate::format::contents::{DataKind, Fingerprint, TableData};
use crate::sql::{qualified, quote_literal};

/// The name of the constraints that hold earlier attempts off.
pub const ATTEMPT: &str = "_pgfreight_attempt";

/// Rows written by one statement.
const BATCH: usize = 500;

/// Large objects removed in one transaction: each takes a lock of its own.
const OBJECTS: usize = 1000;

/// What an entry is recognised by under another number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entered {
    /// Digest of what it runs, passwords left out; of large objects it begins with `lo`.
    pub digest: String,
    /// Class and name for people.
    pub what: String,
}

impl Entered {
    /// Of an entry.
    pub fn of(entry: &Entry) -> Self {
        let what = format!("{} {}", entry.desc, display_name(entry));
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        };
        add(&what);
        let statements = entry.create.iter().filter(|_| !entry.secret);
        let places = [&entry.set_owner, &entry.tablespace, &entry.access_method];
        statements.chain(places.into_iter().flatten()).for_each(|text| add(text));
        let hex = hasher.finalize().to_hex();
        let large = entry.object.is_some_and(|object| object.class == Class::LargeObject);
        Self { digest: format!("{}{hex}", if large { "lo" } else { "" }), what }
    }

    /// Whether it is about large objects, which come and go as rows do.
    pub fn is_of_large_objects(&self) -> bool {
        self.digest.starts_with("lo")
    }

    /// The values of its progress row.
    pub fn row(&self, id: u32, attempt: u64) -> String {
        format!("({id}, {attempt}, {}, {})", quote_literal(&self.digest), quote_literal(&self.what))
    }
}

/// What a loaded chunk is recognised by, and what it held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadedChunk {
    /// The table, as [`table_key`] has it.
    pub table: String,
    /// First block.
    pub from: u32,
    /// Block after the last one; `None` is open.
    pub to: Option<u32>,
    /// Rows.
    pub rows: u64,
    /// COPY bytes.
    pub raw: u64,
    /// Sum of the rows' hashes.
    pub fingerprint: Fingerprint,
}

/// What large objects are called where tables have [`table_key`]: no qualified name looks like it.
pub const LARGE_OBJECTS: &str = "large objects";

/// What tables are called in progress rows: qualified and quoted, so that no two share a name.
pub fn table_key(table: &TableData) -> String {
    match table.kind {
        DataKind::LargeObjects => LARGE_OBJECTS.to_owned(),
        DataKind::Table => qualified(Some(&table.schema), &table.name),
    }
}

impl LoadedChunk {
    fn values(&self) -> [String; 6] {
        let to = self.to.map_or_else(|| "NULL".to_owned(), |to| to.to_string());
        [
            quote_literal(&self.table),
            self.from.to_string(),
            to,
            self.rows.to_string(),
            self.raw.to_string(),
            quote_literal(&self.fingerprint.to_string()),
        ]
    }

    /// The statement that adds this to the row of a chunk, which its transaction has written at its beginning.
    pub fn add_to(&self, (load, chunk): (usize, usize)) -> String {
        let [what, first, past, rows, raw, fingerprint] = self.values();
        format!(
            "UPDATE {SCHEMA}.chunk SET what = {what}, first = {first}, past = {past}, rows = {rows}, raw = {raw}, \
             fingerprint = {fingerprint} WHERE load = {load} AND chunk = {chunk}"
        )
    }

    fn of(row: &[Option<String>]) -> Option<Self> {
        Some(Self {
            table: row.first()?.clone()?,
            from: number(row, 1)?,
            to: number(row, 2),
            rows: number(row, 3)?,
            raw: number(row, 4)?,
            fingerprint: Fingerprint(u128::from_str_radix(row.get(5)?.as_deref()?, 16).ok()?),
        })
    }
}

/// Everything an interrupted copy has written down, apart from its numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Entries that ran.
    pub entries: Vec<Entered>,
    /// The drops of `--clean` ran.
    pub dropped: bool,
    /// What takes back the first steps that no second one followed.
    pub begun: Vec<String>,
    /// Chunks that were loaded.
    pub chunks: Vec<LoadedChunk>,
}

/// Begins the next attempt: waits for what an earlier one has under way, and refuses whatever it still sends.
pub async fn take_over(lane: &mut Lane) -> Result<u64> {
    let bump = format!(
        "BEGIN; LOCK TABLE {SCHEMA}.run, {SCHEMA}.entry, {SCHEMA}.begun, {SCHEMA}.chunk IN ACCESS EXCLUSIVE MODE; \
         UPDATE {SCHEMA}.run SET attempt = attempt + 1"
    );
    lane.execute(&bump).await.map_err(unreadable)?;
    let attempt = single(lane, &format!("SELECT attempt FROM {SCHEMA}.run")).await?;
    let attempt: u64 = attempt.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Error::new(Kind::Target, "schema _pgfreight does not say which attempt of the copy it is")
            .hint("Begin again in an empty database.")
    })?;
    let mut sql = String::new();
    for table in ["entry", "begun", "chunk"] {
        // Rows of earlier attempts stay; they are written anew under the present one in a moment.
        sql.push_str(&format!(
            "ALTER TABLE {SCHEMA}.{table} DROP CONSTRAINT {ATTEMPT}, ADD CONSTRAINT {ATTEMPT} CHECK (attempt = {attempt}) \
             NOT VALID; "
        ));
    }
    lane.execute(&format!("{sql}COMMIT")).await.map_err(unreadable)?;
    Ok(attempt)
}

/// Reads what is written down.
pub async fn read(lane: &mut Lane) -> Result<Written> {
    let mut written = Written::default();
    let sql = format!("SELECT entry, digest, what FROM {SCHEMA}.entry ORDER BY entry");
    for row in lane.execute(&sql).await.map_err(unreadable)? {
        match (number::<u32>(&row, 0), <[Option<String>; 3]>::try_from(row)) {
            (Some(DROPS), _) => written.dropped = true,
            (_, Ok([_, Some(digest), Some(what)])) => written.entries.push(Entered { digest, what }),
            _ => {}
        }
    }
    let sql =
        format!("SELECT undo FROM {SCHEMA}.begun WHERE entry NOT IN (SELECT entry FROM {SCHEMA}.entry) ORDER BY entry");
    written.begun = lane.execute(&sql).await.map_err(unreadable)?.into_iter().flatten().flatten().collect();
    let sql = format!("SELECT what, first, past, rows, raw, fingerprint FROM {SCHEMA}.chunk ORDER BY load, chunk");
    let rows = lane.execute(&sql).await.map_err(unreadable)?;
    written.chunks = rows.iter().filter_map(|row| LoadedChunk::of(row)).collect();
    match written.chunks.len() == rows.len() {
        true => Ok(written),
        false => Err(Error::new(Kind::Target, "schema _pgfreight does not say what was loaded")
            .hint("Begin again in an empty database.")),
    }
}

/// How an interrupted copy cut its tables, in blocks per chunk, by [`table_key`]; nothing if there is none.
pub async fn grids(lane: &mut Lane) -> Result<BTreeMap<String, u32>> {
    let there = format!("SELECT pg_catalog.to_regclass('{SCHEMA}.chunk') IS NOT NULL");
    if single(lane, &there).await?.as_deref() != Some("t") {
        return Ok(BTreeMap::new());
    }
    let sql = format!("SELECT DISTINCT what, past - first FROM {SCHEMA}.chunk WHERE past IS NOT NULL");
    // Progress in another form belongs to another version, which is refused when its turn comes.
    let rows = lane.execute(&sql).await.unwrap_or_default();
    Ok(rows.iter().filter_map(|row| Some((row.first()?.clone()?, number(row, 1)?))).collect())
}

/// The chunk that an earlier try has committed, although its answer was lost.
pub async fn loaded(lane: &mut Lane, (load, chunk): (usize, usize)) -> Result<Option<LoadedChunk>> {
    let sql = format!(
        "SELECT what, first, past, rows, raw, fingerprint FROM {SCHEMA}.chunk WHERE load = {load} AND chunk = {chunk}"
    );
    Ok(lane.execute(&sql).await?.first().and_then(|row| LoadedChunk::of(row)))
}

/// What a continued copy keeps, under its own numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// Entries.
    pub entries: Vec<(u32, Entered)>,
    /// The drops of `--clean`.
    pub dropped: bool,
    /// Chunks.
    pub chunks: Vec<((usize, usize), LoadedChunk)>,
    /// Losses that are tried again.
    pub forgiven: Vec<Lost>,
}

/// Undoes what is not kept and writes down what is, in one transaction.
pub async fn rewrite(lane: &mut Lane, attempt: u64, undo: &[String], kept: &Kept) -> Result<()> {
    let mut statements: Vec<String> = vec!["BEGIN".to_owned()];
    statements.extend(undo.iter().cloned());
    statements.push(format!("DELETE FROM {SCHEMA}.entry; DELETE FROM {SCHEMA}.begun; DELETE FROM {SCHEMA}.chunk"));
    if kept.dropped {
        statements.push(super::progress::entry_done(DROPS, None));
    }
    for batch in kept.entries.chunks(BATCH) {
        let rows: Vec<String> = batch.iter().map(|(id, entered)| entered.row(*id, attempt)).collect();
        statements.push(format!("INSERT INTO {SCHEMA}.entry VALUES {}", rows.join(", ")));
    }
    for batch in kept.chunks.chunks(BATCH) {
        let row = |((load, chunk), loaded): &((usize, usize), LoadedChunk)| {
            format!("({load}, {chunk}, {attempt}, {})", loaded.values().join(", "))
        };
        let rows: Vec<String> = batch.iter().map(row).collect();
        statements.push(format!("INSERT INTO {SCHEMA}.chunk VALUES {}", rows.join(", ")));
    }
    let forgiven = kept.forgiven.iter().map(|lost| {
        let (class, name) = (quote_literal(&lost.class), quote_literal(&lost.name));
        format!("DELETE FROM {SCHEMA}.loss WHERE class = {class} AND name = {name}")
    });
    statements.extend(forgiven);
    statements.push("COMMIT".to_owned());
    for sql in statements {
        if let Err(error) = lane.execute(&sql).await {
            let _ = lane.execute("ROLLBACK").await;
            return Err(error
                .context("making room for rows that have changed at the source")
                .hint("Begin again in an empty database, or with --clean once schema _pgfreight is dropped."));
        }
    }
    Ok(())
}

/// Whether the target holds large objects.
pub async fn has_large_objects(lane: &mut Lane) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)";
    Ok(single(lane, sql).await?.as_deref() == Some("t"))
}

/// Removes all large objects of the target, of which an interrupted copy made every one.
pub async fn remove_large_objects(lane: &mut Lane) -> Result<()> {
    let sql = format!(
        "SELECT pg_catalog.count(pg_catalog.lo_unlink(oid)) \
         FROM (SELECT oid FROM pg_catalog.pg_largeobject_metadata ORDER BY oid LIMIT {OBJECTS}) o"
    );
    while has_large_objects(lane).await? {
        lane.execute(&sql).await.map_err(|error| error.context("removing large objects of an interrupted copy"))?;
    }
    Ok(())
}

/// Whether an error says that a later attempt of this copy has begun.
pub fn is_superseded(error: &Error) -> bool {
    connect::server_error(error).is_some_and(|server| server.constraint.as_deref() == Some(ATTEMPT))
}

/// The sentence for it.
pub fn superseded(error: Error) -> Error {
    error
        .context("another run of this copy has taken over the target")
        .hint("Let one of them work at a time: what this run has loaded is checked and kept by the other.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ddl::{EntryKind, Section, sample};

    fn entry(id: u32, create: &str) -> Entry {
        Entry {
            schema: Some("s".into()),
            name: "t".into(),
            create: vec![create.into()],
            ..sample::entry(id, EntryKind::Create, "TABLE", Section::PreData)
        }
    }

    #[test]
    fn entries_are_recognised_by_what_they_run() {
        let one = Entered::of(&entry(1, "CREATE TABLE s.t (a int)"));
        assert_eq!(one, Entered::of(&entry(9, "CREATE TABLE s.t (a int)")));
        assert_ne!(one.digest, Entered::of(&entry(1, "CREATE TABLE s.t (a bigint)")).digest);
        let moved = Entry { tablespace: Some("fast".into()), ..entry(1, "CREATE TABLE s.t (a int)") };
        assert_ne!(one.digest, Entered::of(&moved).digest);
        assert_eq!(one.what, "TABLE s.t");
        assert!(!one.is_of_large_objects());
        let secret = Entry { secret: true, ..entry(1, "PASSWORD 'x'") };
        assert_eq!(Entered::of(&secret), Entered::of(&Entry { secret: true, ..entry(1, "PASSWORD 'y'") }));
    }

    #[test]
    fn chunks_are_written_and_read_the_same() {
        let chunk = LoadedChunk {
            table: "s.\"T's\"".into(),
            from: 8,
            to: None,
            rows: 3,
            raw: 40,
            fingerprint: Fingerprint(0xab),
        };
        assert!(chunk.add_to((1, 2)).contains("SET what = 's.\"T''s\"', first = 8, past = NULL, rows = 3"));
        let row = ["s.\"T's\"", "8", "", "3", "40", "000000000000000000000000000000ab"];
        let row: Vec<Option<String>> = row.iter().map(|text| (!text.is_empty()).then(|| (*text).to_owned())).collect();
        assert_eq!(LoadedChunk::of(&row), Some(chunk));
        assert_eq!(LoadedChunk::of(&row[..5]), None);
    }
}
