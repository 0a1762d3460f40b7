//! The statements around reading a piece of a loaded table back on a connection that writes otherwise.

use super::copy_in::NO_ENCODING;
use crate::limits::HEAP_PAGE;
use crate::sql;

/// Pages a table has.
pub fn blocks(schema: &str, name: &str) -> String {
    let name = sql::quote_literal(&sql::qualified(Some(schema), name));
    format!("SELECT pg_catalog.pg_relation_size({name}::pg_catalog.regclass) / {HEAP_PAGE}")
}

/// Begins to read. Everything it sets ends with the transaction.
pub fn begin(encoding: &str) -> String {
    let mut sql = String::from("BEGIN READ ONLY; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off");
    if encoding == NO_ENCODING {
        sql.push_str("; SET LOCAL client_encoding = 'SQL_ASCII'");
    }
    sql
}
