//! Comments and security labels (`pg_description`, `pg_seclabel`) of user-made objects, their columns included; of members of
//! extensions what was said after the extension's script.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;
use tokio_postgres::Row;

use super::heads::joined_by_hand;
use super::rows::each;
use super::{Client, Features, IntrospectError};
use crate::catalog::typ::Type;
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// All comments and labels by object.
#[derive(Debug, Default)]
pub struct Notes {
    comments: FxHashMap<ObjectId, String>,
    labels: FxHashMap<ObjectId, Vec<(String, String)>>,
    column_comments: FxHashMap<Oid, Vec<(String, String)>>,
    column_labels: FxHashMap<Oid, Vec<(String, String, String)>>,
}

impl Notes {
    /// Puts an object's comments and labels onto it. Those of a composite type's attributes hang on its relation.
    pub fn apply(&self, object: &mut Object) {
        object.comment = self.comments.get(&object.id).cloned();
        object.labels = self.labels.get(&object.id).cloned().unwrap_or_default();
        let relation = match &object.body {
            Body::Type(Type::Composite(composite)) => composite.relation,
            _ if object.id.class == Class::Relation => object.id.oid,
            _ => return,
        };
        object.column_comments = self.column_comments.get(&relation).cloned().unwrap_or_default();
        object.column_labels = self.column_labels.get(&relation).cloned().unwrap_or_default();
    }
}

/// `public` comes with a comment of its own; its absence is a change worth carrying. Large objects have the numbers that
/// their makers choose.
const USER_MADE: &str =
    "(d.objoid >= 16384 OR c.relname = 'pg_largeobject' OR d.objoid = (SELECT oid FROM pg_catalog.pg_namespace
                           WHERE nspname = 'public') AND c.relname = 'pg_namespace')";

/// Reads all comments and labels.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Notes, IntrospectError> {
    let notes = Mutex::new(Notes::default());
    // Who adds a table to an extension by hand speaks for himself.
    let by_extension =
        format!("({SAID_BY_EXTENSION} AND NOT (c.relname = 'pg_class' AND {}))", joined_by_hand("d.objoid"));
    let comments = query("pg_description", "NULL::text AS provider, d.description AS text", &by_extension);
    let labels = query("pg_seclabel", "d.provider, d.label AS text", &by_extension);
    let shared = query("pg_seclabel", "d.provider, d.label AS text", "false");
    let shared = shared.replace("pg_catalog.pg_seclabel d", SHARED_LABELS);
    let add = |row: &Row| notes.lock().unwrap_or_else(PoisonError::into_inner).add(row);
    futures_util::try_join!(each(client, &comments, add), each(client, &labels, add), each(client, &shared, add))?;
    Ok(notes.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Labels of subscriptions stand in the shared catalog.
const SHARED_LABELS: &str = "(SELECT s.*, 0 AS objsubid FROM pg_catalog.pg_shseclabel s
     WHERE s.classoid = 'pg_catalog.pg_subscription'::pg_catalog.regclass) d";

/// What an extension's own script said was said in the transaction that made its object a member.
const SAID_BY_EXTENSION: &str = "EXISTS (SELECT FROM pg_catalog.pg_depend m
     WHERE m.classid = d.classoid AND m.objid = d.objoid AND m.objsubid = 0 AND m.deptype = 'e' AND m.xmin = d.xmin)";

fn query(catalog: &str, columns: &str, but: &str) -> String {
    let by_provider = if catalog == "pg_seclabel" { ", d.provider" } else { "" };
    format!(
        "SELECT c.relname AS catalog, d.objoid AS oid, a.attname AS column, {columns}
           FROM pg_catalog.{catalog} d
           JOIN pg_catalog.pg_class c ON c.oid = d.classoid
           LEFT JOIN pg_catalog.pg_attribute a ON c.relname = 'pg_class' AND d.objsubid <> 0
                 AND a.attrelid = d.objoid AND a.attnum = d.objsubid
          WHERE {USER_MADE} AND NOT {but}
          ORDER BY d.objoid, d.objsubid{by_provider}"
    )
}

impl Notes {
    fn add(&mut self, row: &Row) -> Result<(), IntrospectError> {
        let Some(class) = Class::of_catalog(row.try_get("catalog")?) else { return Ok(()) };
        let oid = Oid(row.try_get("oid")?);
        let (id, text) = (ObjectId { class, oid }, row.try_get("text")?);
        match (row.try_get("column")?, row.try_get("provider")?) {
            (None, None) => _ = self.comments.insert(id, text),
            (None, Some(provider)) => self.labels.entry(id).or_default().push((provider, text)),
            (Some(column), None) => self.column_comments.entry(oid).or_default().push((column, text)),
            (Some(column), Some(provider)) => {
                self.column_labels.entry(oid).or_default().push((column, provider, text));
            }
        }
        Ok(())
    }
}
