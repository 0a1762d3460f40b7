//! Large objects, by owner and privileges: `pg_largeobject_metadata`. Their contents are data.

use serde::Deserialize;

use super::acl::exploded;
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::large_object::LargeObject;
use crate::catalog::{Acl, AclItem, Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Most large objects in one object of the model: statements stay short, and a restore shows progress.
const BATCH: u32 = 1000;

#[derive(Deserialize)]
struct Row {
    oids: Vec<u32>,
    owner: String,
    current: Option<Vec<AclItem>>,
    initial: Option<Vec<AclItem>>,
}

/// Reads all large objects. The server groups them: there may be millions.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let query = format!(
        "SELECT g.oids, pg_catalog.pg_get_userbyid(m.lomowner) AS owner,
                CASE WHEN m.lomacl IS NOT NULL THEN {} END AS current,
                CASE WHEN m.lomacl IS NOT NULL THEN {} END AS initial
           FROM (SELECT pg_catalog.array_agg(s.oid::int8 ORDER BY s.oid) AS oids, pg_catalog.min(s.oid) AS first
                   FROM (SELECT l.oid, l.lomowner, l.lomacl::text AS acl, x.objoid,
                                (row_number() OVER (PARTITION BY l.lomowner, l.lomacl::text, x.objoid
                                                    ORDER BY l.oid) - 1) / {BATCH} AS batch
                           FROM pg_catalog.pg_largeobject_metadata l
                           LEFT JOIN (SELECT objoid, classoid FROM pg_catalog.pg_description
                                       UNION SELECT objoid, classoid FROM pg_catalog.pg_seclabel) x
                             ON x.objoid = l.oid
                            AND x.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass) s
                  GROUP BY s.lomowner, s.acl, s.objoid, s.batch) g
           JOIN pg_catalog.pg_largeobject_metadata m ON m.oid = g.first
          ORDER BY g.first",
        exploded("m.lomacl"),
        exploded("pg_catalog.acldefault('L', m.lomowner)"),
    );
    let rows = rows::<Row>(client, "large objects", &query).await?;
    Ok(rows.into_iter().filter_map(large_objects).collect())
}

fn large_objects(row: Row) -> Option<Object> {
    let (first, last) = (*row.oids.first()?, *row.oids.last()?);
    let name = if first == last { first.to_string() } else { format!("{first}..{last}") };
    let body = Body::LargeObject(LargeObject { oids: row.oids.into_iter().map(Oid).collect() });
    let mut object = Object::new(ObjectId { class: Class::LargeObject, oid: Oid(first) }, name, body);
    object.owner = Some(row.owner);
    let (current, initial) = (row.current.unwrap_or_default(), row.initial.unwrap_or_default());
    if current != initial {
        object.acl = Some(Box::new(Acl { current, initial, ..Acl::default() }));
    }
    Some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_named_by_its_ends() {
        let row = |oids| Row { oids, owner: "o".into(), current: None, initial: None };
        let name = |oids| large_objects(row(oids)).map(|object| object.name);
        assert_eq!(name(vec![7]).as_deref(), Some("7"));
        assert_eq!(name(vec![7, 9, 4_000_000_000]).as_deref(), Some("7..4000000000"));
        assert_eq!(name(vec![]), None);
    }
}
