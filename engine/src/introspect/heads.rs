//! What all classes share: owner, extension membership, ACL, comments and labels, read once for the whole database and
//! put onto the objects that the class readers made.

use rustc_hash::FxHashMap;

use super::rows::each;
use super::{Client, Features, IntrospectError, acl, comment};
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Everything that stands in an object's head.
#[derive(Debug, Default)]
pub struct Heads {
    owners: Named,
    extensions: Named,
    acls: acl::Acls,
    notes: comment::Notes,
}

impl Heads {
    /// Reads owners, memberships, ACLs, comments and labels.
    pub async fn read(client: &Client<'_>, features: &Features) -> Result<Self, IntrospectError> {
        let (owners, extensions, acls, notes) = futures_util::try_join!(
            owners(client),
            members(client),
            acl::read(client, features),
            comment::read(client, features)
        )?;
        Ok(Self { owners, extensions, acls, notes })
    }

    /// Fills in the head of an object. What its reader has already set (default privileges, large objects) stays.
    pub fn apply(&self, object: &mut Object) {
        let id = object.id;
        if object.owner.is_none() {
            object.owner = self.owners.get(id).map(str::to_owned);
        }
        if object.extension.is_none() {
            object.extension = self.extensions.get(id).map(str::to_owned);
        }
        if !matches!(object.body, Body::System(_) | Body::DefaultAcl(_) | Body::LargeObject(_)) {
            object.acl = self.acls.get(id).cloned().map(Box::new);
        }
        self.notes.apply(object);
    }
}

/// One name for each of many objects; names are few.
#[derive(Debug, Default)]
pub struct Named {
    names: Vec<String>,
    objects: FxHashMap<ObjectId, u32>,
}

impl Named {
    /// The object's name, if it has one.
    pub fn get(&self, id: ObjectId) -> Option<&str> {
        self.objects.get(&id).map(|name| self.names[*name as usize].as_str())
    }
}

/// Which extension an object is a member of, for every member of any extension.
pub async fn members(client: &Client<'_>) -> Result<Named, IntrospectError> {
    let query = "SELECT c.relname::pg_catalog.text, e.extname::pg_catalog.text, g.oids
           FROM (SELECT d.classid, d.refobjid, pg_catalog.array_agg(d.objid) AS oids
                   FROM pg_catalog.pg_depend d
                  WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
                    AND NOT (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND {by_hand})
                  GROUP BY d.classid, d.refobjid) g
           JOIN pg_catalog.pg_extension e ON e.oid = g.refobjid
           JOIN pg_catalog.pg_class c ON c.oid = g.classid";
    named(client, &query.replace("{by_hand}", &joined_by_hand("d.objid"))).await
}

/// SQL: whether a table joined its extension by `ALTER EXTENSION … ADD TABLE`, and is the user's own therefore: another
/// transaction made it than the one that made it a member. System columns keep their rows as long as the table lives. What an
/// extension registers as holding user's data is its own, whoever added it.
pub(super) fn joined_by_hand(table: &str) -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_depend h
                   JOIN pg_catalog.pg_attribute b ON b.attrelid = h.objid AND b.attnum = -1
                  WHERE h.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND h.objid = {table}
                    AND h.objsubid = 0 AND h.deptype = 'e' AND h.xmin <> b.xmin
                    AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension x WHERE h.objid = ANY (x.extconfig)))"
    )
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
async fn owners(client: &Client<'_>) -> Result<Named, IntrospectError> {
    let parts = OWNED.iter().chain(&OWNED_TOO).map(|(class, column)| {
        let catalog = class.catalog();
        let also = if *class == Class::Schema { " OR nspname = 'public'" } else { "" };
        format!(
            "SELECT '{catalog}'::pg_catalog.text, pg_catalog.pg_get_userbyid({column})::pg_catalog.text,
                    pg_catalog.array_agg(oid)
               FROM pg_catalog.{catalog} WHERE oid >= 16384{also} GROUP BY {column}"
        )
    });
    named(client, &parts.collect::<Vec<_>>().join(" UNION ALL ")).await
}

/// Reads rows of catalog, name and the OIDs it belongs to.
async fn named(client: &Client<'_>, query: &str) -> Result<Named, IntrospectError> {
    let mut found = Named::default();
    each(client, query, |row| {
        let Some(class) = Class::of_catalog(row.try_get(0)?) else { return Ok(()) };
        let oids: Vec<u32> = row.try_get(2)?;
        let name = found.names.len() as u32;
        found.names.push(row.try_get(1)?);
        found.objects.extend(oids.into_iter().map(|oid| (ObjectId { class, oid: Oid(oid) }, name)));
        Ok(())
    })
    .await?;
    Ok(found)
}
