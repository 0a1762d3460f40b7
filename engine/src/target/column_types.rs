//! What the columns of a table hold, as the target knows them: not everywhere are they what they were in the source.

use std::collections::BTreeMap;

use crate::ids::Oid;
use crate::sql;

/// A type that is no domain: its OID and `pg_type.typtype`.
pub type Type = (Oid, char);

/// Asks for all columns of a table: name, and the type behind all domains (`pg_attribute`, `pg_type`).
pub fn query(schema: &str, name: &str) -> String {
    let name = sql::quote_literal(&sql::qualified(Some(schema), name));
    format!(
        "WITH RECURSIVE behind AS (\
         SELECT attname, atttypid AS type FROM pg_catalog.pg_attribute \
         WHERE attrelid = {name}::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped \
         UNION ALL SELECT b.attname, t.typbasetype FROM behind b JOIN pg_catalog.pg_type t ON t.oid = b.type \
         WHERE t.typtype = 'd') \
         SELECT b.attname, t.oid, t.typtype FROM behind b JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype <> 'd'"
    )
}

/// Reads the answer.
pub fn read(rows: Vec<Vec<Option<String>>>) -> BTreeMap<String, Type> {
    let column = |row: Vec<Option<String>>| {
        let [Some(name), Some(oid), Some(kind)] = <[Option<String>; 3]>::try_from(row).ok()? else { return None };
        Some((name, (Oid(oid.parse().ok()?), kind.chars().next()?)))
    };
    rows.into_iter().filter_map(column).collect()
}
