//! How large objects are divided into chunks: by OID, so that about the target's worth of bytes falls into each.

use tokio_postgres::Client;

use super::error::failed;
use crate::error::Result;
use crate::plan::dump_plan::Span;

/// Number, size and division of all large objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LargeObjectFacts {
    /// How many there are in the snapshot.
    pub count: u64,
    /// Bytes, estimated from the size of their catalog.
    pub bytes: u64,
    /// OID ranges.
    pub spans: Vec<Span>,
}

/// Reads OIDs in order and cuts them into ranges of a power-of-two count each, so that ranges keep their bounds as long
/// as objects are only added.
pub async fn facts(client: &Client, target: u64) -> Result<LargeObjectFacts> {
    let size = "SELECT count(*), pg_catalog.pg_relation_size('pg_catalog.pg_largeobject') \
                FROM pg_catalog.pg_largeobject_metadata";
    let rows = client.query_typed(size, &[]).await.map_err(|error| failed("counting large objects", error))?;
    let value = |column: usize| rows.first().map_or(0, |row| row.get::<_, i64>(column).unsigned_abs());
    let (count, bytes) = (value(0), value(1));
    if count == 0 {
        return Ok(LargeObjectFacts { count, bytes, spans: Vec::new() });
    }
    let each = (bytes / count).max(1);
    let per_chunk = (target / each).clamp(1, 1 << 16);
    let per_chunk = 1_u64 << per_chunk.ilog2();
    let cuts = "SELECT oid FROM (SELECT oid, row_number() OVER (ORDER BY oid) - 1 AS n \
                FROM pg_catalog.pg_largeobject_metadata) o WHERE n > 0 AND n % $1 = 0 ORDER BY oid";
    let step = i64::try_from(per_chunk).unwrap_or(i64::MAX);
    let rows = client.query(cuts, &[&step]).await.map_err(|error| failed("dividing large objects", error))?;
    let mut from = 0;
    let mut spans = Vec::with_capacity(rows.len() + 1);
    for row in &rows {
        let cut: u32 = row.get(0);
        spans.push(Span { from, to: Some(cut) });
        from = cut;
    }
    spans.push(Span { from, to: None });
    Ok(LargeObjectFacts { count, bytes, spans })
}
