//! Sequences: `pg_sequence`, their owners in `pg_depend`, and where they stand.
//!
//! A position is not transactional: it is read once, here, and may be ahead of the snapshot, never behind what
//! its rows use.

use rustc_hash::FxHashMap;
use tokio_postgres::Row;

use super::relation::{USER_RELATION, object, relation};
use super::rows::each;
use super::{Client, Feature, Features, IntrospectError};
use crate::catalog::sequence::{OwnedBy, Position, Sequence};
use crate::catalog::{Body, Class, Object};

/// How many sequences one statement reads on servers without `pg_get_sequence_data` (18). Each takes a lock that is
/// held to the end of the transaction, which the lock table's size bounds anyway; this bounds the statement.
const BATCH: usize = 200;

/// Whether sequences are asked where they stand. The server opens every one of them to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Positions {
    /// Their positions are data that is wanted.
    Read,
    /// Only what they are made of.
    Leave,
}

/// Reads all sequences.
pub async fn read(client: &Client<'_>, features: &Features) -> Result<Vec<Object>, IntrospectError> {
    read_with(client, features, Positions::Read).await
}

/// Reads all sequences, with their positions or without.
pub(super) async fn read_with(
    client: &Client<'_>,
    features: &Features,
    wanted: Positions,
) -> Result<Vec<Object>, IntrospectError> {
    let sql = format!(
        "SELECT c.oid, n.nspname, c.relname AS name, c.relpersistence = 'u' AS unlogged,
                format_type(s.seqtypid, NULL) AS data_type, s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
                s.seqcache, s.seqcycle, d.refobjid AS owner_table, a.attname AS owner_column,
                d.deptype = 'i' AS identity,
                quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS qualified,
                has_sequence_privilege(c.oid, 'SELECT')
                AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery()) AS readable
           FROM pg_sequence s
           JOIN pg_class c ON c.oid = s.seqrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
                AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
           LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
          WHERE {USER_RELATION}"
    );
    let (mut sequences, mut readable) = (Vec::new(), Vec::new());
    each(client, &sql, |row| {
        if row.try_get("readable")? {
            readable.push((row.try_get::<_, u32>("oid")?, row.try_get::<_, String>("qualified")?));
        }
        sequences.push(sequence(row)?);
        Ok(())
    })
    .await?;
    if wanted == Positions::Read {
        let positions = positions(client, features, &readable).await?;
        for object in &mut sequences {
            if let Body::Sequence(sequence) = &mut object.body {
                sequence.position = positions.get(&object.id.oid.0).copied();
            }
        }
    }
    Ok(sequences)
}

async fn positions(
    client: &Client<'_>,
    features: &Features,
    readable: &[(u32, String)],
) -> Result<FxHashMap<u32, Position>, IntrospectError> {
    // With 18 one function reads any sequence; before, each is a relation to read from.
    let statements: Vec<String> = match (features.has(Feature::SequenceDataFunction), readable.is_empty()) {
        (_, true) => Vec::new(),
        (true, _) => {
            let oids = readable.iter().map(|(oid, _)| oid.to_string()).collect::<Vec<_>>().join(",");
            let array = format!("'{{{oids}}}'::oid[]");
            vec![format!(
                "SELECT s.oid, d.last_value, d.is_called
                   FROM unnest({array}) s (oid) CROSS JOIN LATERAL pg_get_sequence_data(s.oid) d"
            )]
        }
        (false, _) => {
            let one = |(oid, name): &(u32, String)| format!("SELECT {oid}::oid, last_value, is_called FROM {name}");
            let union = |batch: &[(u32, String)]| batch.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ");
            readable.chunks(BATCH).map(union).collect()
        }
    };
    let mut positions = FxHashMap::default();
    for sql in statements {
        each(client, &sql, |row| {
            if let (Some(last_value), Some(is_called)) = (row.try_get(1)?, row.try_get(2)?) {
                positions.insert(row.try_get(0)?, Position { last_value, is_called });
            }
            Ok(())
        })
        .await?;
    }
    Ok(positions)
}

fn sequence(row: &Row) -> Result<Object, IntrospectError> {
    let owner: Option<u32> = row.try_get("owner_table")?;
    let owned_by = match owner {
        Some(table) => Some(OwnedBy {
            table: relation(table),
            column: row.try_get("owner_column")?,
            identity: row.try_get("identity")?,
        }),
        None => None,
    };
    let body = Sequence {
        data_type: row.try_get("data_type")?,
        start: row.try_get("seqstart")?,
        increment: row.try_get("seqincrement")?,
        min: row.try_get("seqmin")?,
        max: row.try_get("seqmax")?,
        cache: row.try_get("seqcache")?,
        cycle: row.try_get("seqcycle")?,
        unlogged: row.try_get("unlogged")?,
        owned_by,
        position: None,
    };
    // An identity's sequence is part of its table; one with OWNED BY only goes when the column goes.
    let parent = body.owned_by.as_ref().filter(|owner| owner.identity).map(|owner| owner.table);
    object(Class::Relation, row, parent, Body::Sequence(body))
}
