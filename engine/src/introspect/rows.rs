//! Answers row by row: no answer is ever held whole, and every question costs one round trip.
//!
//! Classes with few objects come as JSON objects: the server names the columns, serde puts them in place, and a column that an
//! older major lacks is simply absent. What there may be a hundred thousand of comes as plain columns ([`each`]).

use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use super::{Client, IntrospectError};

/// Runs a query and reads every row as a `T`. OIDs must be cast to `int8`.
pub(super) async fn rows<T: DeserializeOwned>(
    client: &Client<'_>,
    what: &'static str,
    query: &str,
) -> Result<Vec<T>, IntrospectError> {
    let mut found = Vec::new();
    let take = |row: &Row| {
        found.push(parse(what, row.try_get(0)?)?);
        Ok(())
    };
    client.each_json(query, take).await?;
    Ok(found)
}

/// Runs a query and hands over each row of its answer as it comes.
pub(super) async fn each(
    client: &Client<'_>,
    query: &str,
    take: impl FnMut(&Row) -> Result<(), IntrospectError>,
) -> Result<(), IntrospectError> {
    client.each(query, take).await
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
