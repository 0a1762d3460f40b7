//! Publications: `pg_publication`, `pg_publication_rel`, `pg_publication_namespace`.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::relation::{object, relation};
use super::{Client, Feature, Features, IntrospectError};
use crate::catalog::publication::{Publication, PublishedTable};
use crate::catalog::table::Generated;
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Reads all publications with their tables and schemas.
pub async fn read(client: &Client<'_>, features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let generated = match features.has(Feature::PublicationGeneratedColumns) {
        true => "p.pubgencols = 's'",
        false => "false",
    };
    let sql = format!(
        "SELECT p.oid, NULL::name AS nspname, p.pubname AS name, p.puballtables AS all_tables, p.pubinsert,
                p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot AS via_root, {generated} AS generated_columns
           FROM pg_publication p ORDER BY p.pubname"
    );
    let rows = async { Ok(client.query(&sql, &[]).await?) };
    let (mut tables, mut schemas, rows) =
        futures_util::try_join!(tables(client, features), schemas(client, features), rows)?;
    let read = |row: &Row| {
        let oid = row.try_get("oid")?;
        publication(row, tables.remove(&oid).unwrap_or_default(), schemas.remove(&oid).unwrap_or_default())
    };
    rows.iter().map(read).collect()
}

async fn tables(
    client: &Client<'_>,
    features: &Features,
) -> Result<HashMap<u32, Vec<PublishedTable>>, IntrospectError> {
    let (columns, filter) = match features.has(Feature::PublicationFilters) {
        true => (
            "ARRAY(SELECT a.attname FROM pg_attribute a
                    WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs) ORDER BY a.attnum)",
            "pg_get_expr(r.prqual, r.prrelid)",
        ),
        false => ("ARRAY[]::name[]", "NULL::text"),
    };
    let sql = format!(
        "SELECT r.prpubid, r.prrelid, {columns} AS columns, {filter} AS filter
           FROM pg_publication_rel r
           JOIN pg_class c ON c.oid = r.prrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
          ORDER BY n.nspname, c.relname"
    );
    let mut tables: HashMap<u32, Vec<PublishedTable>> = HashMap::new();
    for row in client.query(&sql, &[]).await? {
        tables.entry(row.try_get("prpubid")?).or_default().push(PublishedTable {
            table: relation(row.try_get("prrelid")?),
            columns: row.try_get("columns")?,
            filter: row.try_get("filter")?,
        });
    }
    Ok(tables)
}

async fn schemas(client: &Client<'_>, features: &Features) -> Result<HashMap<u32, Vec<ObjectId>>, IntrospectError> {
    let mut schemas: HashMap<u32, Vec<ObjectId>> = HashMap::new();
    if !features.has(Feature::PublicationSchemas) {
        return Ok(schemas);
    }
    let sql = "SELECT p.pnpubid, p.pnnspid FROM pg_publication_namespace p
                 JOIN pg_namespace n ON n.oid = p.pnnspid ORDER BY n.nspname";
    for row in client.query(sql, &[]).await? {
        let schema = ObjectId { class: Class::Schema, oid: Oid(row.try_get("pnnspid")?) };
        schemas.entry(row.try_get("pnpubid")?).or_default().push(schema);
    }
    Ok(schemas)
}

fn publication(row: &Row, tables: Vec<PublishedTable>, schemas: Vec<ObjectId>) -> Result<Object, IntrospectError> {
    let mut publish = Vec::new();
    for operation in ["insert", "update", "delete", "truncate"] {
        if row.try_get(format!("pub{operation}").as_str())? {
            publish.push(operation.to_owned());
        }
    }
    let generated: bool = row.try_get("generated_columns")?;
    let body = Publication {
        all_tables: row.try_get("all_tables")?,
        publish,
        via_root: row.try_get("via_root")?,
        generated_columns: generated.then_some(Generated::Stored),
        tables,
        schemas,
    };
    object(Class::Publication, row, None, Body::Publication(body))
}
