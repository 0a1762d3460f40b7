//! The session that catalogs are read in, also where they are damaged.
//!
//! The quick way asks every question once, for the whole database. Where the server stumbles over a row (SQLSTATE class XX: a
//! reference to an object that was removed by force), one such row would take everything down with it. Then all is asked once
//! more with care: each question behind a savepoint of its own, and one that fails is divided until the culprits stand alone.
//! They are left out and remembered; the census names them.

use std::sync::{Mutex, PoisonError};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

/// Something that the catalogs no longer say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// A row of the catalogs: the object it speaks of, if that is known, and what the server says.
    Row {
        /// What was asked for when the server stumbled.
        key: String,
        /// Its message.
        reason: String,
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

    /// Asks with care.
    pub(super) fn careful(inner: &'a tokio_postgres::Client) -> Self {
        Self { careful: Some(tokio::sync::Mutex::default()), ..Self::of(inner) }
    }

    /// The rows of a query. With care: those the server can give.
    pub(super) async fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        match &self.careful {
            None => self.inner.query(sql, parameters).await,
            Some(turn) => {
                let _turn = turn.lock().await;
                self.ask(sql, "q.*").await
            }
        }
    }

    /// The rows of a query as JSON, one column of text.
    pub(super) async fn json(&self, sql: &str) -> Result<Vec<Row>, Error> {
        const WHOLE: &str = "pg_catalog.to_json(q)::pg_catalog.text";
        match &self.careful {
            None => self.inner.query(&format!("SELECT {WHOLE} FROM ({sql}) q"), &[]).await,
            Some(turn) => {
                let _turn = turn.lock().await;
                self.ask(sql, WHOLE).await
            }
        }
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
    async fn ask(&self, sql: &str, list: &str) -> Result<Vec<Row>, Error> {
        match self.guarded(&format!("SELECT {list} FROM ({sql}) q")).await {
            Err(error) if is_damage(&error) => self.by_parts(sql, list, error).await,
            other => other,
        }
    }

    /// Rows have a key: their `oid`, or else the first column. Whatever a question computes, it computes for the rows of the
    /// part alone, because conditions on keys go down to where rows are read.
    async fn by_parts(&self, sql: &str, list: &str, whole: Error) -> Result<Vec<Row>, Error> {
        let columns = self.inner.prepare(sql).await?;
        let columns: Vec<&str> = columns.columns().iter().map(|column| column.name()).collect();
        let Some(key) = columns.iter().find(|name| **name == "oid").or(columns.first()) else { return Err(whole) };
        let key = format!("q.{}::pg_catalog.text", crate::sql::quote_ident(key));
        let keys = self.guarded(&format!("SELECT DISTINCT {key} FROM ({sql}) q")).await?;
        let keys = keys.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Option<String>>, _>>()?;
        let mut parts = vec![keys.into_iter().flatten().collect::<Vec<_>>()];
        let mut rows = Vec::new();
        while let Some(mut part) = parts.pop() {
            let among = part.iter().map(|key| crate::sql::quote_literal(key)).collect::<Vec<_>>().join(", ");
            if part.is_empty() {
                continue;
            }
            match self.guarded(&format!("SELECT {list} FROM ({sql}) q WHERE {key} IN ({among})")).await {
                Ok(found) => rows.extend(found),
                Err(error) if !is_damage(&error) => return Err(error),
                Err(error) if part.len() == 1 => {
                    let reason =
                        error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
                    self.leave_out(Damage::Row { key: part.remove(0), reason });
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
    async fn guarded(&self, sql: &str) -> Result<Vec<Row>, Error> {
        self.inner.batch_execute("SAVEPOINT question").await?;
        let answer = self.inner.query(sql, &[]).await;
        let end = match answer {
            Ok(_) => "RELEASE SAVEPOINT question",
            Err(_) => "ROLLBACK TO SAVEPOINT question; RELEASE SAVEPOINT question",
        };
        self.inner.batch_execute(end).await?;
        answer
    }
}

/// Whether the server met something in its catalogs that it did not expect: class XX of the SQLSTATEs (manual: "PostgreSQL Error
/// Codes").
pub(super) fn is_damage(error: &Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("XX"))
}

/// The same where several questions were under way: those behind the one that failed are refused without being looked at.
pub(super) fn may_be_damage(error: &Error) -> bool {
    is_damage(error) || error.code().is_some_and(|code| code.code() == "25P02")
}
