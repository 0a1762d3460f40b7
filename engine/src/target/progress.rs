//! How far a restore has come, kept in the target (promise 6).
//!
//! Schema `_pgfreight`, made before anything else and dropped at the end:
//!
//! | table | a row says |
//! |---|---|
//! | `run` | this database is being restored from this dump with these options |
//! | `entry` | this entry of the table of contents was run (0: the drops of `--clean`) |
//! | `begun` | the first of this entry's two steps was run, and what takes it back |
//! | `chunk` | this chunk of this table was loaded |
//! | `loss` | an entry that was run could not be carried; kept so that a continued run reports it too |
//! | `occupied` | this table had rows before, which no check may count |
//!
//! A copy's source may be another when it is continued, so its rows also say what they speak of, and which attempt wrote
//! them ([`super::copy_progress`]).
//!
//! Every row commits together with what it speaks of. Rows are inserted first in their transaction: when a connection is
//! lost in the middle of a commit, the next attempt waits for the old transaction's end at the primary key and then knows
//! what became of it.

use std::collections::{BTreeSet, HashSet};

use super::copy_progress::{self, ATTEMPT, Entered};
use super::prepared::Lost;
use crate::connect::{self, Lane};
use crate::error::{Error, Kind, Result};
use crate::ids::Digest;
use crate::sql::quote_literal;

/// The schema's name.
pub const SCHEMA: &str = "_pgfreight";

/// Version of the tables; another one is refused.
const FORMAT: u32 = 3;

/// What the origin of a copy begins with; no dump is called so.
pub const COPY_OF: &str = "copy of ";

/// The entry number that stands for the drops of `--clean`.
pub const DROPS: u32 = 0;

/// What a run is recognised by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunMark {
    /// Where the rows come from: a dump's name, or what a copy's source is known by.
    pub origin: String,
    /// Digest of all options that decide what is done.
    pub options: Digest,
}

/// What stands in the target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// No restore has begun here.
    Nothing,
    /// This very restore was interrupted.
    Same(Box<Done>),
    /// Another restore was interrupted.
    Other {
        /// Where its rows come from.
        origin: String,
        /// When it began, as the target says.
        started: String,
        /// Whether it is the same origin with other options (or by another version of this program).
        same_origin: bool,
    },
}

/// What an interrupted run had done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Done {
    /// Entries.
    pub entries: BTreeSet<u32>,
    /// Entries of which the first of two steps was run.
    pub begun: BTreeSet<u32>,
    /// Chunks: position of the table in the contents, number of the chunk.
    pub chunks: HashSet<(usize, usize)>,
    /// Losses it had.
    pub losses: Vec<Lost>,
    /// Tables that had rows before, as [`Entered`] names them.
    pub occupied: BTreeSet<String>,
    /// The server was started again since: unlogged tables may have lost their rows.
    pub restarted: bool,
}

const STARTED: &str = "pg_catalog.pg_postmaster_start_time()::pg_catalog.text";

/// Looks what stands in the target.
pub async fn read(lane: &mut Lane, mark: &RunMark) -> Result<Found> {
    let sql = format!("SELECT pg_catalog.to_regclass('{SCHEMA}.run') IS NOT NULL");
    if single(lane, &sql).await?.as_deref() != Some("t") {
        return Ok(Found::Nothing);
    }
    let sql = format!("SELECT format, dump, options, started::pg_catalog.text, server = {STARTED} FROM {SCHEMA}.run");
    let rows = lane.execute(&sql).await.map_err(unreadable)?;
    let row = rows.into_iter().next().and_then(|row| <[Option<String>; 5]>::try_from(row).ok());
    let Some([format, dump, options, started, same_server]) = row else { return Ok(Found::Nothing) };
    let text = |value: Option<String>| value.unwrap_or_default();
    let (origin, options) = (text(dump), text(options));
    let same_origin = origin == mark.origin;
    if text(format) != FORMAT.to_string() || !same_origin || options != mark.options.to_string() {
        return Ok(Found::Other { origin, started: text(started), same_origin });
    }
    let mut done = Done { restarted: same_server.as_deref() != Some("t"), ..Done::default() };
    let questions = [
        format!("SELECT entry FROM {SCHEMA}.entry"),
        format!("SELECT entry FROM {SCHEMA}.begun"),
        format!("SELECT load, chunk FROM {SCHEMA}.chunk"),
        format!("SELECT what FROM {SCHEMA}.occupied"),
        format!("SELECT class, name, reason FROM {SCHEMA}.loss"),
    ];
    let mut answers = lane.ask(&questions).await.map_err(unreadable)?.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    next().iter().for_each(|row| done.entries.extend(number::<u32>(row, 0)));
    next().iter().for_each(|row| done.begun.extend(number::<u32>(row, 0)));
    next().iter().for_each(|row| done.chunks.extend(number(row, 0).zip(number(row, 1))));
    done.occupied.extend(next().into_iter().flatten().flatten());
    for row in next() {
        if let Ok([class, name, reason]) = <[Option<String>; 3]>::try_from(row) {
            done.losses.push(Lost { class: text(class), name: text(name), reason: text(reason) });
        }
    }
    Ok(Found::Same(Box::new(done)))
}

/// Makes the schema and writes the run down, and the tables that have rows already, in one transaction.
pub async fn begin(lane: &mut Lane, mark: &RunMark, occupied: &BTreeSet<String>) -> Result<()> {
    let occupied: String = occupied
        .iter()
        .map(|what| format!("INSERT INTO {SCHEMA}.occupied VALUES ({}); ", quote_literal(what)))
        .collect();
    let sql = format!(
        "BEGIN; CREATE SCHEMA {SCHEMA}; \
         CREATE TABLE {SCHEMA}.run (format pg_catalog.int4, dump pg_catalog.text, options pg_catalog.text, \
         started pg_catalog.timestamptz, server pg_catalog.text, attempt pg_catalog.int8); \
         CREATE TABLE {SCHEMA}.entry (entry pg_catalog.int8 PRIMARY KEY, attempt pg_catalog.int8 \
         CONSTRAINT {ATTEMPT} CHECK (attempt = 1), digest pg_catalog.text, what pg_catalog.text); \
         CREATE TABLE {SCHEMA}.begun (entry pg_catalog.int8 PRIMARY KEY, undo pg_catalog.text, attempt pg_catalog.int8 \
         CONSTRAINT {ATTEMPT} CHECK (attempt = 1)); \
         CREATE TABLE {SCHEMA}.chunk (load pg_catalog.int8, chunk pg_catalog.int8, attempt pg_catalog.int8 \
         CONSTRAINT {ATTEMPT} CHECK (attempt = 1), what pg_catalog.text, first pg_catalog.int8, past pg_catalog.int8, \
         rows pg_catalog.int8, raw pg_catalog.int8, fingerprint pg_catalog.text, PRIMARY KEY (load, chunk)); \
         CREATE TABLE {SCHEMA}.occupied (what pg_catalog.text); \
         CREATE TABLE {SCHEMA}.loss (class pg_catalog.text, name pg_catalog.text, reason pg_catalog.text); \
         INSERT INTO {SCHEMA}.run VALUES ({FORMAT}, {dump}, {options}, pg_catalog.now(), {STARTED}, 1); \
         {occupied}COMMIT",
        dump = quote_literal(&mark.origin),
        options = quote_literal(&mark.options.to_string()),
    );
    if let Err(error) = lane.execute(&sql).await {
        let _ = lane.execute("ROLLBACK").await;
        let hint = match connect::sqlstate(&error) {
            Some("42501") => "The role needs CREATE on the database, for schema _pgfreight while the restore runs.",
            Some("42P06") => "Another restore into this database has just begun.",
            _ => "Schema _pgfreight keeps the restore's progress; it is dropped at the end.",
        };
        return Err(error.context("cannot keep progress in the target").hint(hint));
    }
    Ok(())
}

/// Unlogged tables lost their rows when the server crashed: their chunks count as not loaded and what may be left of them
/// is removed, in one transaction. Also notes the new start of the server.
pub async fn forget_unlogged(lane: &mut Lane, tables: &[(usize, String)]) -> Result<()> {
    let mut sql = format!("BEGIN; UPDATE {SCHEMA}.run SET server = {STARTED}");
    for (load, name) in tables {
        sql.push_str(&format!("; DELETE FROM {SCHEMA}.chunk WHERE load = {load}; TRUNCATE ONLY {name}"));
    }
    sql.push_str("; COMMIT");
    match lane.execute(&sql).await {
        Ok(_) => Ok(()),
        Err(error) => {
            let _ = lane.execute("ROLLBACK").await;
            Err(error.context("cannot load unlogged tables again after the server's restart"))
        }
    }
}

/// The statement that writes an entry down; of a copy, with its attempt and what the entry is.
pub fn entry_done(id: u32, attempt: Option<&(u64, Entered)>) -> String {
    entries_done([(id, attempt)])
}

/// One statement that writes entries down, at least one.
pub fn entries_done<'a>(entries: impl IntoIterator<Item = (u32, Option<&'a (u64, Entered)>)>) -> String {
    let row = |(id, attempt): (u32, Option<&(u64, Entered)>)| match attempt {
        None => format!("({id})"),
        Some((attempt, entered)) => entered.row(id, *attempt),
    };
    let rows: Vec<String> = entries.into_iter().map(row).collect();
    format!("INSERT INTO {SCHEMA}.entry VALUES {}", rows.join(", "))
}

/// The statement that writes down the first of an entry's two steps, and what takes it back; of a copy, with its attempt.
pub fn entry_begun(id: u32, undo: &str, attempt: Option<u64>) -> String {
    let attempt = attempt.map_or_else(String::new, |attempt| format!(", {attempt}"));
    format!("INSERT INTO {SCHEMA}.begun VALUES ({id}, {}{attempt})", quote_literal(undo))
}

/// The statements that take the first of an entry's two steps back.
pub fn entry_undone(id: u32, undo: &str) -> String {
    format!("{undo}; DELETE FROM {SCHEMA}.begun WHERE entry = {id}")
}

/// One statement that writes chunks (position of the table, number of the chunk) down, at least one; of a copy, with its
/// attempt.
pub fn chunks_done(chunks: &[(usize, usize)], attempt: Option<u64>) -> String {
    let attempt = attempt.map_or_else(String::new, |attempt| format!(", {attempt}"));
    let rows: Vec<String> = chunks.iter().map(|(load, chunk)| format!("({load}, {chunk}{attempt})")).collect();
    format!("INSERT INTO {SCHEMA}.chunk VALUES {}", rows.join(", "))
}

/// The statement that writes a loss down.
pub fn loss(lost: &Lost) -> String {
    format!(
        "INSERT INTO {SCHEMA}.loss VALUES ({}, {}, {})",
        quote_literal(&lost.class),
        quote_literal(&lost.name),
        quote_literal(&lost.reason)
    )
}

/// Whether an error says that the thing was written down by an earlier attempt.
pub fn is_done_already(error: &Error) -> bool {
    connect::server_error(error).is_some_and(|server| {
        server.code == "23505"
            && server
                .constraint
                .as_deref()
                .is_some_and(|name| matches!(name, "entry_pkey" | "begun_pkey" | "chunk_pkey"))
            && server.schema.as_deref().is_none_or(|schema| schema == SCHEMA)
    })
}

/// The statements that drop the schema, unless a later attempt of the same copy has taken over; their commit waits until everything before it is on the target's disk.
pub fn drop_statements(attempt: Option<u64>) -> String {
    let ours =
        attempt.map_or_else(String::new, |attempt| format!("INSERT INTO {SCHEMA}.entry VALUES (-1, {attempt}); "));
    format!(
        "{ours}SET LOCAL synchronous_commit = on; \
         DROP TABLE IF EXISTS {SCHEMA}.occupied, {SCHEMA}.loss, {SCHEMA}.chunk, {SCHEMA}.begun, {SCHEMA}.entry, \
         {SCHEMA}.run; DROP SCHEMA IF EXISTS {SCHEMA}"
    )
}

/// Drops the schema.
pub async fn end(lane: &mut Lane, attempt: Option<u64>) -> Result<()> {
    let ended = lane.execute(&format!("BEGIN; {}; COMMIT", drop_statements(attempt))).await;
    ended.map_err(|error| match copy_progress::is_superseded(&error) {
        true => copy_progress::superseded(error),
        false => error
            .context("everything is restored, but its progress cannot be removed")
            .hint("Drop schema _pgfreight by hand."),
    })?;
    Ok(())
}

pub(super) fn unreadable(error: Error) -> Error {
    error
        .context("cannot read an earlier restore's progress")
        .hint("Schema _pgfreight holds it: grant this role access, or drop the schema to forget that restore.")
}

pub(super) fn number<T: std::str::FromStr>(row: &[Option<String>], at: usize) -> Option<T> {
    row.get(at)?.as_deref()?.parse().ok()
}

/// The first value of the first row.
pub(super) async fn single(lane: &mut Lane, sql: &str) -> Result<Option<String>> {
    Ok(lane.execute(sql).await?.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
}

/// Refuses to touch a target that another restore has begun to fill.
pub fn refuse_other(origin: &str, started: &str, same_origin: bool) -> Error {
    let what = match (origin.strip_prefix(COPY_OF), same_origin) {
        (None, true) => "restore of this dump with other options".to_owned(),
        (None, false) => format!("restore of dump {origin}"),
        (Some(_), true) => "copy of this database with other options".to_owned(),
        (Some(_), false) => "copy of another database".to_owned(),
    };
    Error::new(Kind::Target, format!("the target holds an unfinished {what} (begun {started})")).hint(
        "Finish it with the command and version that began it, or restore into an empty database; dropping schema \
         _pgfreight forgets that restore but leaves what it made.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_quote_what_they_carry() {
        let lost = Lost { class: "ACL".into(), name: "it's".into(), reason: "role \"x\"".into() };
        assert_eq!(loss(&lost), "INSERT INTO _pgfreight.loss VALUES ('ACL', 'it''s', 'role \"x\"')");
        assert_eq!(entry_done(7, None), "INSERT INTO _pgfreight.entry VALUES (7)");
        let entered = Entered { digest: "ab".into(), what: "TABLE it's".into() };
        assert_eq!(
            entry_done(7, Some(&(3, entered))),
            "INSERT INTO _pgfreight.entry VALUES (7, 3, 'ab', 'TABLE it''s')"
        );
        assert_eq!(entries_done([(7, None), (8, None)]), "INSERT INTO _pgfreight.entry VALUES (7), (8)");
        assert_eq!(chunks_done(&[(1, 2)], None), "INSERT INTO _pgfreight.chunk VALUES (1, 2)");
        assert_eq!(chunks_done(&[(1, 2), (4, 0)], Some(3)), "INSERT INTO _pgfreight.chunk VALUES (1, 2, 3), (4, 0, 3)");
        assert_eq!(entry_begun(7, "DROP 'x'", None), "INSERT INTO _pgfreight.begun VALUES (7, 'DROP ''x''')");
        assert_eq!(entry_begun(7, "DROP", Some(3)), "INSERT INTO _pgfreight.begun VALUES (7, 'DROP', 3)");
    }
}
