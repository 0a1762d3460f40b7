//! Answers row by row: no answer is ever held whole, and every question costs one round trip.
//!
//! Classes with few objects come as JSON objects: the server names the columns, serde puts them in place, and a column that an
//! older major lacks is simply absent. What there may be a hundred thousand of comes as plain columns ([`each`]).

use std::pin::pin;

use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::IntrospectError;

/// Runs `SELECT to_json(r)::text FROM (query) r` and reads every row as a `T`. OIDs must be cast to `int8`.
pub(super) async fn rows<T: DeserializeOwned>(
    client: &Client,
    what: &'static str,
    query: &str,
) -> Result<Vec<T>, IntrospectError> {
    let wrapped = format!("SELECT pg_catalog.to_json(r)::pg_catalog.text FROM ({query}) r");
    let mut found = Vec::new();
    each(client, &wrapped, |row| {
        found.push(parse(what, row.try_get(0)?)?);
        Ok(())
    })
    .await?;
    Ok(found)
}

/// Runs a query and hands over each row of its answer as it comes.
pub(super) async fn each(
    client: &Client,
    query: &str,
    mut take: impl FnMut(&Row) -> Result<(), IntrospectError>,
) -> Result<(), IntrospectError> {
    let nothing = std::iter::empty::<(&(dyn ToSql + Sync), Type)>();
    let mut rows = pin!(client.query_typed_raw(query, nothing).await?);
    while let Some(row) = rows.try_next().await? {
        take(&row)?;
    }
    Ok(())
}

/// One row.
fn parse<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, IntrospectError> {
    serde_json::from_str(text).map_err(|source| IntrospectError::Shape { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Row {
        oid: u32,
        #[serde(default)]
        newer: Option<String>,
    }

    #[test]
    fn absent_columns_are_none_and_bad_rows_name_what_was_read() {
        assert_eq!(parse::<Row>("x", r#"{"oid":4294967295}"#).ok(), Some(Row { oid: u32::MAX, newer: None }));
        let error = parse::<Row>("casts", "{}").map_err(|e| e.to_string());
        assert_eq!(error, Err("a row of casts does not have the expected shape".to_owned()));
    }
}
