//! Privileges: what is in force and what creation gives, for every object where the two differ.
//!
//! Creation gives `acldefault`, or, for members of extensions and for system objects, what `pg_init_privs` noted.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use serde::Deserialize;

use super::heads::joined_by_hand;
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::system::System;
use crate::catalog::{Acl, AclItem, Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// ACLs that differ from what creation gives.
#[derive(Debug, Default)]
pub struct Acls(HashMap<ObjectId, Acl>);

impl Acls {
    /// The ACL of an object, unless it is what creation gives.
    pub fn get(&self, id: ObjectId) -> Option<&Acl> {
        self.0.get(&id)
    }
}

/// A catalog with ACLs: class, owner's column, ACL's column, object type of `acldefault`.
struct Guarded(Class, &'static str, &'static str, &'static str);

const GUARDED: [Guarded; 7] = [
    Guarded(Class::Schema, "nspowner", "nspacl", "'n'"),
    Guarded(Class::Type, "typowner", "typacl", "'T'"),
    Guarded(Class::Function, "proowner", "proacl", "'f'"),
    Guarded(Class::Relation, "relowner", "relacl", "CASE WHEN o.relkind = 'S' THEN 's' ELSE 'r' END::\"char\""),
    Guarded(Class::ForeignDataWrapper, "fdwowner", "fdwacl", "'F'"),
    Guarded(Class::ForeignServer, "srvowner", "srvacl", "'S'"),
    Guarded(Class::Language, "lanowner", "lanacl", "'l'"),
];

/// SQL: the grants of an `aclitem[]` expression as JSON, in the order they are stored in.
pub(super) fn exploded(acl: &str) -> String {
    format!(
        "(SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                     'grantee', CASE WHEN x.grantee <> 0 THEN pg_catalog.pg_get_userbyid(x.grantee) END,
                     'grantor', pg_catalog.pg_get_userbyid(x.grantor),
                     'privilege', x.privilege_type, 'grantable', x.is_grantable) ORDER BY x.n)
            FROM pg_catalog.aclexplode({acl})
                 WITH ORDINALITY x(grantor, grantee, privilege_type, is_grantable, n))"
    )
}

#[derive(Deserialize)]
struct ObjectRow {
    catalog: String,
    oid: u32,
    current: Option<Vec<AclItem>>,
    initial: Option<Vec<AclItem>>,
}

#[derive(Deserialize)]
struct ColumnRow {
    oid: u32,
    name: String,
    current: Option<Vec<AclItem>>,
    initial: Option<Vec<AclItem>>,
}

/// Reads the ACLs of user-made objects and of the schema `public`.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Acls, IntrospectError> {
    let query = GUARDED.iter().map(objects_query).collect::<Vec<_>>().join(" UNION ALL ");
    let columns = columns_query("a.attrelid >= 16384");
    let (objects, columns) = futures_util::try_join!(
        rows::<ObjectRow>(client, "privileges", &query),
        rows::<ColumnRow>(client, "column privileges", &columns)
    )?;
    let mut acls: HashMap<ObjectId, Acl> = HashMap::new();
    for row in objects {
        let Some(class) = Class::of_catalog(&row.catalog) else { continue };
        let acl = acls.entry(ObjectId { class, oid: Oid(row.oid) }).or_default();
        acl.current = row.current.unwrap_or_default();
        acl.initial = row.initial.unwrap_or_default();
    }
    for row in columns {
        let id = ObjectId { class: Class::Relation, oid: Oid(row.oid) };
        add_column(acls.entry(id).or_default(), row);
    }
    Ok(Acls(acls))
}

/// Objects of one catalog whose ACL is another than at creation; `public` always, because what creation gives depends
/// on the target's version.
fn objects_query(Guarded(class, owner, acl, kind): &Guarded) -> String {
    let catalog = class.catalog();
    let default = format!("pg_catalog.acldefault({kind}, o.{owner})");
    let current = format!("coalesce(o.{acl}, {default})");
    let initial = format!("coalesce(i.initprivs, {default})");
    let (also, but) = match class {
        Class::Schema => ("OR o.nspname = 'public'", "OR o.nspname = 'public'"),
        _ => ("", ""),
    };
    // A table that joined an extension by hand has what its user granted before, and is made without it.
    let by_hand = match class {
        Class::Relation => format!("AND NOT {}", joined_by_hand("o.oid")),
        _ => String::new(),
    };
    format!(
        "SELECT '{catalog}' AS catalog, o.oid::int8 AS oid, {} AS current, {} AS initial
           FROM pg_catalog.{catalog} o
           LEFT JOIN pg_catalog.pg_init_privs i
             ON i.classoid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND i.objoid = o.oid AND i.objsubid = 0 {by_hand}
          WHERE (o.oid >= 16384 {also}) AND (o.{acl} IS NOT NULL OR i.objoid IS NOT NULL)
            AND ({current} IS DISTINCT FROM {initial} {but})",
        exploded(&current),
        exploded(&initial),
    )
}

/// Columns with an ACL of their own, in column order. Few columns have one: the two places where it can stand are looked
/// through apart, so that the server joins nothing to all columns there are.
fn columns_query(which: &str) -> String {
    let initial = format!(
        "JOIN pg_catalog.pg_init_privs i
             ON i.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.objoid = a.attrelid
            AND i.objsubid = a.attnum AND NOT {}",
        joined_by_hand("a.attrelid")
    );
    format!(
        "SELECT a.attrelid::int8 AS oid, a.attname AS name, {} AS current, {} AS initial
           FROM (SELECT a.attrelid, a.attnum, a.attname, a.attacl, i.initprivs
                   FROM pg_catalog.pg_attribute a LEFT {initial}
                  WHERE {which} AND NOT a.attisdropped AND a.attacl IS NOT NULL
                 UNION ALL
                 SELECT a.attrelid, a.attnum, a.attname, a.attacl, i.initprivs
                   FROM pg_catalog.pg_attribute a {initial}
                  WHERE {which} AND NOT a.attisdropped AND a.attacl IS NULL) a
          WHERE a.attacl IS DISTINCT FROM a.initprivs
          ORDER BY a.attrelid, a.attnum",
        exploded("a.attacl"),
        exploded("a.initprivs"),
    )
}

fn add_column(acl: &mut Acl, row: ColumnRow) {
    if let Some(current) = row.current {
        acl.columns.push((row.name.clone(), current));
    }
    if let Some(initial) = row.initial {
        acl.initial_columns.push((row.name, initial));
    }
}

#[derive(Deserialize)]
struct SystemRow {
    catalog: String,
    oid: u32,
    schema: Option<String>,
    name: String,
    word: String,
    identity: String,
    owner: String,
    /// Owner `initdb` gave: the bootstrap superuser.
    born: String,
    /// The range type that a constructor function came with.
    parent: Option<u32>,
    current: Option<Vec<AclItem>>,
    initial: Option<Vec<AclItem>>,
}

/// System objects whose owner or ACL was changed after `initdb`, and constructor functions of range types with an ACL:
/// nothing creates them, so they come as objects of their own with nothing but that.
pub async fn system(client: &Client<'_>) -> Result<Vec<Object>, IntrospectError> {
    let questions = [system_relations(), system_functions(), system_languages(), system_types(), system_schemas()];
    let of_columns = columns_query("a.attrelid < 16384");
    // Sent at once: far away every question costs a round trip.
    let ask = |question| rows::<SystemRow>(client, "privileges of system objects", question);
    let (found, columns) = futures_util::try_join!(
        try_join_all(questions.iter().map(|question| ask(question))),
        rows::<ColumnRow>(client, "privileges of system columns", &of_columns)
    )?;
    let found = found.into_iter().flatten().filter_map(system_object);
    let mut objects: HashMap<_, _> = found.map(|object| (object.id, object)).collect();
    for row in columns {
        let id = ObjectId { class: Class::Relation, oid: Oid(row.oid) };
        if let Some(object) = objects.get_mut(&id) {
            add_column(object.acl.get_or_insert_default(), row);
        }
    }
    let mut objects = objects.into_values().collect::<Vec<_>>();
    objects.sort_by(|a, b| (a.id.class, &a.schema, &a.name, a.id).cmp(&(b.id.class, &b.schema, &b.name, b.id)));
    Ok(objects)
}

fn system_object(row: SystemRow) -> Option<Object> {
    let class = Class::of_catalog(&row.catalog)?;
    let owner_changed = row.parent.is_none() && row.owner != row.born;
    let system = System { word: row.word, identity: row.identity, owner_changed };
    let mut object = Object::new(ObjectId { class, oid: Oid(row.oid) }, row.name, Body::System(system));
    let (current, mut initial) = (row.current.unwrap_or_default(), row.initial.unwrap_or_default());
    if owner_changed {
        // ALTER … OWNER rewrites the grants of the old owner into grants of the new one; so will the target.
        for item in &mut initial {
            replace(&mut item.grantor, &row.born, &row.owner);
            if let Some(grantee) = &mut item.grantee {
                replace(grantee, &row.born, &row.owner);
            }
        }
    }
    if current != initial {
        object.acl = Some(Box::new(Acl { current, initial, ..Acl::default() }));
    }
    object.schema = row.schema;
    object.owner = Some(row.owner);
    object.builtin = true;
    object.parent = row.parent.map(|oid| ObjectId { class: Class::Type, oid: Oid(oid) });
    Some(object)
}

fn replace(role: &mut String, old: &str, new: &str) {
    if role == old {
        new.clone_into(role);
    }
}

/// The query for one kind of system object. `which` chooses among those born with the cluster.
struct SystemQuery<'a> {
    guarded: &'a Guarded,
    /// Columns `schema`, `name`, `word`, `identity`, `parent`.
    columns: &'a str,
    /// Further joins.
    joins: &'a str,
    /// Condition.
    which: &'a str,
    /// Condition that keeps an object whose ACL is as at creation.
    keep: &'a str,
}

impl SystemQuery<'_> {
    fn sql(&self) -> String {
        let Guarded(class, owner, acl, kind) = self.guarded;
        let catalog = class.catalog();
        let default = format!("pg_catalog.acldefault({kind}, o.{owner})");
        let current = format!("coalesce(o.{acl}, {default})");
        let initial = format!("coalesce(i.initprivs, {default})");
        let (columns, joins, which, keep) = (self.columns, self.joins, self.which, self.keep);
        format!(
            "SELECT '{catalog}' AS catalog, o.oid::int8 AS oid, {columns},
                    pg_catalog.pg_get_userbyid(o.{owner}) AS owner, pg_catalog.pg_get_userbyid(10) AS born,
                    {} AS current, {} AS initial
               FROM pg_catalog.{catalog} o {joins}
               LEFT JOIN pg_catalog.pg_init_privs i
                 ON i.classoid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND i.objoid = o.oid AND i.objsubid = 0
              WHERE {which} AND ({current} IS DISTINCT FROM {initial} OR o.{owner} <> 10 {keep})",
            exploded(&current),
            exploded(&initial),
        )
    }
}

/// `information_schema` gets its grants after `pg_init_privs` is filled, so there is nothing to compare with.
const SYSTEM_SCHEMA: &str = "n.nspname = 'pg_catalog'";

fn system_relations() -> String {
    SystemQuery {
        guarded: &GUARDED[3],
        columns: "n.nspname AS schema, o.relname AS name, 'TABLE' AS word, NULL::int8 AS parent,
                  pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.relname) AS identity",
        joins: "JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace",
        which: &format!("o.oid < 16384 AND o.relkind IN ('r', 'v', 'm', 'p', 'S', 'f') AND {SYSTEM_SCHEMA}"),
        keep: "OR EXISTS (SELECT FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_init_privs ai
                           ON ai.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND ai.objoid = o.oid
                          AND ai.objsubid = a.attnum
                        WHERE a.attrelid = o.oid AND a.attacl IS NOT NULL
                          AND a.attacl IS DISTINCT FROM ai.initprivs)",
    }
    .sql()
}

fn system_functions() -> String {
    SystemQuery {
        guarded: &GUARDED[2],
        columns: "n.nspname AS schema, o.proname AS name, t.oid::int8 AS parent,
                  CASE o.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS word,
                  pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.proname)
                  || '(' || pg_catalog.pg_get_function_identity_arguments(o.oid) || ')' AS identity",
        joins: "JOIN pg_catalog.pg_namespace n ON n.oid = o.pronamespace
                LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                  AND d.objid = o.oid AND d.deptype = 'i' AND o.oid >= 16384
                LEFT JOIN pg_catalog.pg_range r ON r.rngmultitypid = d.refobjid
                LEFT JOIN pg_catalog.pg_type t ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
                  AND t.oid = coalesce(r.rngtypid, d.refobjid)",
        which: &format!(
            "((o.oid < 16384 AND {SYSTEM_SCHEMA}) OR t.oid IS NOT NULL)
             AND (t.oid IS NULL OR o.proacl IS NOT NULL)"
        ),
        keep: "AND t.oid IS NULL",
    }
    .sql()
}

fn system_languages() -> String {
    SystemQuery {
        guarded: &GUARDED[6],
        columns: "NULL::text AS schema, o.lanname AS name, 'LANGUAGE' AS word, NULL::int8 AS parent,
                  pg_catalog.quote_ident(o.lanname) AS identity",
        joins: "",
        which: "o.oid < 16384",
        keep: "",
    }
    .sql()
}

fn system_types() -> String {
    SystemQuery {
        guarded: &GUARDED[1],
        columns: "n.nspname AS schema, o.typname AS name, 'TYPE' AS word, NULL::int8 AS parent,
                  pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.typname) AS identity",
        joins: "JOIN pg_catalog.pg_namespace n ON n.oid = o.typnamespace",
        which: &format!("o.oid < 16384 AND o.typrelid = 0 AND {SYSTEM_SCHEMA}"),
        keep: "",
    }
    .sql()
}

fn system_schemas() -> String {
    SystemQuery {
        guarded: &GUARDED[0],
        columns: "NULL::text AS schema, n.nspname AS name, 'SCHEMA' AS word, NULL::int8 AS parent,
                  pg_catalog.quote_ident(n.nspname) AS identity",
        joins: "JOIN pg_catalog.pg_namespace n ON n.oid = o.oid",
        which: SYSTEM_SCHEMA,
        keep: "",
    }
    .sql()
}
