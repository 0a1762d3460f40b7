//! What all classes share: owner, extension membership, ACL, comments and labels, read once for the whole database and
//! put onto the objects that the class readers made.

use std::collections::HashMap;

use serde::Deserialize;

use super::rows::rows;
use super::{Client, Features, IntrospectError, acl, comment};
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Everything that stands in an object's head.
#[derive(Debug, Default)]
pub struct Heads {
    owners: HashMap<ObjectId, String>,
    extensions: HashMap<ObjectId, String>,
    acls: acl::Acls,
    notes: comment::Notes,
}

impl Heads {
    /// Reads owners, memberships, ACLs, comments and labels.
    pub async fn read(client: &Client<'_>, features: &Features) -> Result<Self, IntrospectError> {
        Ok(Self {
            owners: owners(client).await?,
            extensions: members(client).await?,
            acls: acl::read(client, features).await?,
            notes: comment::read(client, features).await?,
        })
    }

    /// Fills in the head of an object. What its reader has already set (default privileges, large objects) stays.
    pub fn apply(&self, object: &mut Object) {
        let id = object.id;
        if object.owner.is_none() {
            object.owner = self.owners.get(&id).cloned();
        }
        if object.extension.is_none() {
            object.extension = self.extensions.get(&id).cloned();
        }
        if !matches!(object.body, Body::System(_) | Body::DefaultAcl(_) | Body::LargeObject(_)) {
            object.acl = self.acls.get(id).cloned();
        }
        self.notes.apply(object);
    }
}

/// Which extension an object is a member of, for every member of any extension.
pub async fn members(client: &Client<'_>) -> Result<HashMap<ObjectId, String>, IntrospectError> {
    let query = "SELECT c.relname AS catalog, d.objid::int8 AS oid, e.extname AS name
           FROM pg_catalog.pg_depend d
           JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
           JOIN pg_catalog.pg_class c ON c.oid = d.classid
          WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'";
    named(client, "extension members", query).await
}

/// Catalogs with owners, and the columns they stand in.
const OWNED: [(Class, &str); 16] = [
    (Class::Schema, "nspowner"),
    (Class::Extension, "extowner"),
    (Class::Type, "typowner"),
    (Class::Function, "proowner"),
    (Class::Relation, "relowner"),
    (Class::Statistics, "stxowner"),
    (Class::Publication, "pubowner"),
    (Class::EventTrigger, "evtowner"),
    (Class::ForeignDataWrapper, "fdwowner"),
    (Class::ForeignServer, "srvowner"),
    (Class::Collation, "collowner"),
    (Class::Conversion, "conowner"),
    (Class::Language, "lanowner"),
    (Class::Operator, "oprowner"),
    (Class::OperatorClass, "opcowner"),
    (Class::OperatorFamily, "opfowner"),
];

/// The same where the reader may see only some columns (`pg_subscription`) or the list would grow too long to read.
const OWNED_TOO: [(Class, &str); 3] = [
    (Class::TextSearchConfiguration, "cfgowner"),
    (Class::TextSearchDictionary, "dictowner"),
    (Class::Subscription, "subowner"),
];

/// Owners of all user-made objects and of everything in `public`'s place.
async fn owners(client: &Client<'_>) -> Result<HashMap<ObjectId, String>, IntrospectError> {
    let parts = OWNED.iter().chain(&OWNED_TOO).map(|(class, column)| {
        let catalog = class.catalog();
        let also = if *class == Class::Schema { " OR nspname = 'public'" } else { "" };
        format!(
            "SELECT '{catalog}' AS catalog, oid::int8 AS oid, pg_catalog.pg_get_userbyid({column}) AS name
               FROM pg_catalog.{catalog} WHERE oid >= 16384{also}"
        )
    });
    named(client, "owners", &parts.collect::<Vec<_>>().join(" UNION ALL ")).await
}

#[derive(Deserialize)]
struct Named {
    catalog: String,
    oid: u32,
    name: String,
}

/// Reads rows of catalog, OID and a name.
async fn named(
    client: &Client<'_>,
    what: &'static str,
    query: &str,
) -> Result<HashMap<ObjectId, String>, IntrospectError> {
    let rows = rows::<Named>(client, what, query).await?;
    let known = rows.into_iter().filter_map(|row| {
        let class = Class::of_catalog(&row.catalog)?;
        Some((ObjectId { class, oid: Oid(row.oid) }, row.name))
    });
    Ok(known.collect())
}
