//! The session that catalogs are read in, also where they are damaged.
//!
//! The quick way asks every question once, for the whole database. Where the server stumbles over a row (a reference to an object
//! that was removed by force, bytes that are no text), one such row would take everything down with it. Then all is asked once
//! more with care: each question behind a savepoint of its own, and one that fails is divided until the culprits stand alone.
//! They are left out and remembered; the census names them.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use futures_util::TryStreamExt;
use tokio_postgres::types::{ToSql, Type, WasNull};
use tokio_postgres::{Error, Row};

use super::IntrospectError;

/// Whether rows were taken.
type Taken = Result<(), IntrospectError>;

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The column that rows are known by, where they have it; otherwise it is the first.
const KEY: &str = "oid";

/// A row as JSON.
const WHOLE: &str = "pg_catalog.to_json(q)::pg_catalog.text";

/// Something that the catalogs no longer say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// A row of the catalogs: the object it speaks of, if that is known, and what the server says.
    Row {
        /// What was asked for when the server stumbled.
        key: String,
        /// Its message.
        reason: String,
        /// There is nothing wrong with it, but that it is no text in UTF-8.
        no_text: bool,
    },
    /// A column whose type is gone.
    Column {
        /// OID of its relation.
        relation: u32,
        /// Name, unquoted.
        name: String,
    },
}

/// A session inside the dump's transaction.
pub struct Client<'a> {
    inner: &'a tokio_postgres::Client,
    /// Held while a question and its savepoint are under way: only one can be.
    careful: Option<tokio::sync::Mutex<()>>,
    damage: Mutex<Vec<Damage>>,
}

impl<'a> Client<'a> {
    /// Asks each question once; one that fails ends the transaction, as ever.
    pub fn of(inner: &'a tokio_postgres::Client) -> Self {
        Self { inner, careful: None, damage: Mutex::default() }
    }

    /// Marks in the open transaction where [taking care](Self::take_care) begins. What is asked behind it need not wait for it.
    pub(super) async fn begin(&self) -> Result<(), IntrospectError> {
        Ok(self.inner.batch_execute("SAVEPOINT catalogs").await?)
    }

    /// Back to where [`Self::begin`] was, whatever failed since.
    pub(super) async fn begin_again(&self) -> Result<(), IntrospectError> {
        Ok(self.inner.batch_execute("ROLLBACK TO SAVEPOINT catalogs").await?)
    }

    /// From here on with care, everything again, if that can help against an error; otherwise gives it back.
    pub(super) async fn take_care(&mut self, error: IntrospectError) -> Result<(), IntrospectError> {
        if !error.may_be_damage() || self.careful.is_some() {
            return Err(error);
        }
        self.begin_again().await?;
        *self = Self { careful: Some(tokio::sync::Mutex::default()), ..Self::of(self.inner) };
        Ok(())
    }

    /// The rows of a query. With care: those the server can give.
    pub(super) async fn query(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, Error> {
        match &self.careful {
            // Nothing has to be asked about types first: one round trip.
            None if parameters.is_empty() => self.inner.query_typed(sql, &[]).await,
            None => self.inner.query(sql, parameters).await,
            Some(turn) => {
                let _turn = turn.lock().await;
                self.ask(sql, "q.*", parameters).await
            }
        }
    }

    /// Hands over each row of a query as it comes; no answer is held whole. With care: those the server can give.
    pub(super) async fn each(&self, sql: &str, take: impl FnMut(&Row) -> Taken) -> Taken {
        match &self.careful {
            None => self.stream(sql, take).await,
            Some(_) => self.hand_over(&self.query(sql, &[]).await?, take),
        }
    }

    /// The same of rows as JSON, one column of text.
    pub(super) async fn each_json(&self, sql: &str, take: impl FnMut(&Row) -> Taken) -> Taken {
        match &self.careful {
            None => self.stream(&format!("SELECT {WHOLE} FROM ({sql}) q"), take).await,
            Some(turn) => {
                let _turn = turn.lock().await;
                self.hand_over(&self.ask(sql, WHOLE, &[]).await?, take)
            }
        }
    }

    async fn stream(&self, sql: &str, mut take: impl FnMut(&Row) -> Taken) -> Taken {
        let nothing = std::iter::empty::<(&(dyn ToSql + Sync), Type)>();
        let mut rows = pin!(self.inner.query_typed_raw(sql, nothing).await?);
        while let Some(row) = rows.try_next().await? {
            take(&row)?;
        }
        Ok(())
    }

    /// Rows one by one. One that lacks what every such row has is left out: the server gives nothing where a part of the catalogs
    /// is gone that a definition is made of.
    fn hand_over(&self, rows: &[Row], mut take: impl FnMut(&Row) -> Taken) -> Taken {
        rows.iter().try_for_each(|row| match (take(row), key(row)) {
            (Err(IntrospectError::Query(error)), Some(key)) if is_lack(&error) => {
                let reason = contradiction("a part of its definition is missing");
                self.leave_out(Damage::Row { key, reason, no_text: false });
                Ok(())
            }
            (taken, _) => taken,
        })
    }

    /// Statements without an answer.
    pub(super) async fn batch_execute(&self, sql: &str) -> Result<(), Error> {
        self.inner.batch_execute(sql).await
    }

    /// Remembers what is left out.
    pub(super) fn leave_out(&self, damage: Damage) {
        self.damage.lock().unwrap_or_else(PoisonError::into_inner).push(damage);
    }

    /// What was left out.
    pub(super) fn damage(&self) -> Vec<Damage> {
        self.damage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A question; if the server stumbles, by parts.
    async fn ask(&self, sql: &str, list: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, Error> {
        match self.guarded(&format!("SELECT {list} FROM ({sql}) q"), parameters).await {
            Err(error) if is_damage(&error) => self.by_parts(sql, list, parameters, error).await,
            other => other,
        }
    }

    /// Rows have a key: their `oid`, or else the first column. Whatever a question computes, it computes for the rows of the
    /// part alone, because conditions on keys go down to where rows are read.
    async fn by_parts(
        &self,
        sql: &str,
        list: &str,
        parameters: Parameters<'_>,
        whole: Error,
    ) -> Result<Vec<Row>, Error> {
        let columns = self.inner.prepare(sql).await?;
        let columns: Vec<&str> = columns.columns().iter().map(|column| column.name()).collect();
        let Some(key) = columns.iter().find(|name| **name == KEY).or(columns.first()) else { return Err(whole) };
        let key = format!("q.{}::pg_catalog.text", crate::sql::quote_ident(key));
        let keys = self.guarded(&format!("SELECT DISTINCT {key} FROM ({sql}) q ORDER BY 1"), parameters).await?;
        let keys = keys.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Option<String>>, _>>()?;
        let mut parts = vec![keys.into_iter().flatten().collect::<Vec<_>>()];
        let mut rows = Vec::new();
        while let Some(mut part) = parts.pop() {
            let among = part.iter().map(|key| crate::sql::quote_literal(key)).collect::<Vec<_>>().join(", ");
            if part.is_empty() {
                continue;
            }
            match self.guarded(&format!("SELECT {list} FROM ({sql}) q WHERE {key} IN ({among})"), parameters).await {
                Ok(found) => rows.extend(found),
                Err(error) if !is_damage(&error) => return Err(error),
                Err(error) if part.len() == 1 => {
                    self.leave_out(Damage::Row {
                        key: part.remove(0),
                        reason: reason(&error),
                        no_text: is_no_text(&error),
                    });
                }
                Err(_) => {
                    parts.push(part.split_off(part.len() / 2));
                    parts.push(part);
                }
            }
        }
        Ok(rows)
    }

    /// A query that leaves the transaction as it was if it fails.
    async fn guarded(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, Error> {
        self.inner.batch_execute("SAVEPOINT question").await?;
        let answer = self.inner.query(sql, parameters).await;
        let end = match answer {
            Ok(_) => "RELEASE SAVEPOINT question",
            Err(_) => "ROLLBACK TO SAVEPOINT question; RELEASE SAVEPOINT question",
        };
        self.inner.batch_execute(end).await?;
        answer
    }
}

/// Class XX: the server met something in its catalogs that it did not expect (manual: "PostgreSQL Error Codes").
const UNEXPECTED: &str = "XX";
/// Bytes that are no text in UTF-8: a database in SQL_ASCII takes any, also in its catalogs and its statistics.
const NO_TEXT: &str = "22021";
/// What was asked behind a question that failed, and not looked at.
const NOT_LOOKED_AT: &str = "25P02";

/// Whether a row made the server stumble, so that the others may still be had.
fn is_damage(error: &Error) -> bool {
    is_no_text(error) || error.code().is_some_and(|code| code.code().starts_with(UNEXPECTED))
}

fn is_no_text(error: &Error) -> bool {
    error.code().is_some_and(|code| code.code() == NO_TEXT)
}

impl IntrospectError {
    /// Whether a row made the server stumble where several questions were under way.
    pub(super) fn may_be_damage(&self) -> bool {
        let query = |error: &Error| {
            is_damage(error) || is_lack(error) || error.code().is_some_and(|code| code.code() == NOT_LOOKED_AT)
        };
        matches!(self, Self::Query(error) if query(error))
    }
}

/// Whether a row lacks a value that none should lack.
fn is_lack(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<WasNull>())
}

/// What a row is known by.
fn key(row: &Row) -> Option<String> {
    let at = row.columns().iter().position(|column| column.name() == KEY).unwrap_or(0);
    let oid = row.try_get(at).map(|oid: u32| oid.to_string());
    oid.or_else(|_| row.try_get(at).map(|oid: i64| oid.to_string())).or_else(|_| row.try_get(at)).ok()
}

/// Why a row is left out, and what to do.
fn reason(error: &Error) -> String {
    let message = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    match is_no_text(error) {
        true => format!("it is no text: {message}; give it a definition in one encoding"),
        false => contradiction(&message),
    }
}

/// What the catalogs say of something that is not there.
pub(super) fn contradiction(what: &str) -> String {
    format!("the catalogs contradict themselves: {what}; look the number up in pg_depend, and drop what needs it")
}
