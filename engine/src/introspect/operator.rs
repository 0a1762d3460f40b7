//! Operators, operator classes and families: `pg_operator`, `pg_opclass`, `pg_opfamily`, `pg_amop`, `pg_amproc`.

use std::collections::HashMap;

use serde::Deserialize;

use super::named::{Named, USER_SCHEMA, function, operator};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::operator::{FamilyMember, Operator, OperatorClass, OperatorFamily};
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Reads operators, classes and families. A system family comes with nothing but the members users added to it.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let queries = (operators(), families(), classes());
    let (operators, mut members, families, classes) = futures_util::try_join!(
        rows::<Named<OperatorRow>>(client, "operators", &queries.0),
        members(client),
        rows::<Named<FamilyRow>>(client, "operator families", &queries.1),
        rows::<Named<ClassRow>>(client, "operator classes", &queries.2)
    )?;
    let mut objects: Vec<Object> =
        operators.into_iter().map(|row| row.object(Class::Operator, |row| Body::Operator(row.body()))).collect();
    for row in families {
        let members = members.remove(&(Class::OperatorFamily, row.oid)).unwrap_or_default();
        let builtin = row.rest.builtin;
        if builtin && members.is_empty() {
            continue;
        }
        let mut object = row
            .object(Class::OperatorFamily, |row| Body::OperatorFamily(OperatorFamily { method: row.method, members }));
        object.builtin = builtin;
        objects.push(object);
    }
    for row in classes {
        let members = members.remove(&(Class::OperatorClass, row.oid)).unwrap_or_default();
        objects.push(row.object(Class::OperatorClass, |row| Body::OperatorClass(row.body(members))));
    }
    Ok(objects)
}

#[derive(Deserialize)]
struct OperatorRow {
    left: Option<String>,
    right: Option<String>,
    function: Option<String>,
    commutator: Option<String>,
    negator: Option<String>,
    restrict: Option<String>,
    join: Option<String>,
    hashes: bool,
    merges: bool,
    mentioned: bool,
}

impl OperatorRow {
    fn body(self) -> Operator {
        Operator {
            left: self.left,
            right: self.right,
            function: self.function,
            commutator: self.commutator,
            negator: self.negator,
            restrict: self.restrict,
            join: self.join,
            hashes: self.hashes,
            merges: self.merges,
            mentioned: self.mentioned,
        }
    }
}

fn operators() -> String {
    let side = |column: &str| format!("CASE WHEN {column} <> 0 THEN pg_catalog.format_type({column}, NULL) END");
    format!(
        "SELECT o.oid::int8 AS oid, n.nspname AS schema, o.oprname AS name, {} AS \"left\", {} AS \"right\",
                {} AS function, {} AS commutator, {} AS negator, {} AS restrict, {} AS \"join\",
                o.oprcanhash AS hashes, o.oprcanmerge AS merges,
                EXISTS (SELECT FROM pg_catalog.pg_operator m WHERE m.oid <> o.oid
                           AND (m.oprcom = o.oid OR m.oprnegate = o.oid)) AS mentioned
           FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
          WHERE {USER_SCHEMA} ORDER BY n.nspname, o.oprname, 4, 5",
        side("o.oprleft"),
        side("o.oprright"),
        function("o.oprcode"),
        operator("o.oprcom"),
        operator("o.oprnegate"),
        function("o.oprrest"),
        function("o.oprjoin"),
    )
}

#[derive(Deserialize)]
struct FamilyRow {
    method: String,
    builtin: bool,
}

/// System families too: who added a member to one wants it back.
fn families() -> String {
    format!(
        "SELECT f.oid::int8 AS oid, n.nspname AS schema, f.opfname AS name, a.amname AS method,
                f.oid < 16384 AS builtin
           FROM pg_catalog.pg_opfamily f
           JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace
           JOIN pg_catalog.pg_am a ON a.oid = f.opfmethod
          WHERE {USER_SCHEMA} OR f.oid < 16384 ORDER BY n.nspname, f.opfname, a.amname"
    )
}

#[derive(Deserialize)]
struct ClassRow {
    method: String,
    input: String,
    family: String,
    family_oid: u32,
    is_default: bool,
    storage: Option<String>,
}

impl ClassRow {
    fn body(self, members: Vec<FamilyMember>) -> OperatorClass {
        OperatorClass {
            method: self.method,
            input: self.input,
            family: self.family,
            family_id: Some(ObjectId { class: Class::OperatorFamily, oid: Oid(self.family_oid) }),
            default: self.is_default,
            storage: self.storage,
            members,
        }
    }
}

fn classes() -> String {
    format!(
        "SELECT c.oid::int8 AS oid, n.nspname AS schema, c.opcname AS name, a.amname AS method,
                pg_catalog.format_type(c.opcintype, NULL) AS input, c.opcfamily::int8 AS family_oid,
                pg_catalog.quote_ident(fn.nspname) || '.' || pg_catalog.quote_ident(f.opfname) AS family,
                c.opcdefault AS is_default,
                CASE WHEN c.opckeytype <> 0 THEN pg_catalog.format_type(c.opckeytype, NULL) END AS storage
           FROM pg_catalog.pg_opclass c
           JOIN pg_catalog.pg_namespace n ON n.oid = c.opcnamespace
           JOIN pg_catalog.pg_am a ON a.oid = c.opcmethod
           JOIN pg_catalog.pg_opfamily f ON f.oid = c.opcfamily
           JOIN pg_catalog.pg_namespace fn ON fn.oid = f.opfnamespace
          WHERE {USER_SCHEMA} ORDER BY n.nspname, c.opcname, a.amname"
    )
}

#[derive(Deserialize)]
struct OperatorMemberRow {
    class: Option<u32>,
    family: u32,
    strategy: i16,
    operator: String,
    order_by: Option<String>,
}

#[derive(Deserialize)]
struct FunctionMemberRow {
    class: Option<u32>,
    family: u32,
    support: i16,
    left: String,
    right: String,
    function: String,
}

/// Members by the class they depend on, or else by their family, operators first.
async fn members(client: &Client<'_>) -> Result<HashMap<(Class, u32), Vec<FamilyMember>>, IntrospectError> {
    let mut members: HashMap<_, Vec<_>> = HashMap::new();
    let queries = (operator_members(), function_members());
    let (operators, functions) = futures_util::try_join!(
        rows::<OperatorMemberRow>(client, "operators of families", &queries.0),
        rows::<FunctionMemberRow>(client, "functions of families", &queries.1)
    )?;
    let home = |class: Option<u32>, family| match class {
        Some(class) => (Class::OperatorClass, class),
        None => (Class::OperatorFamily, family),
    };
    for row in operators {
        let member = FamilyMember::Operator { strategy: row.strategy, operator: row.operator, order_by: row.order_by };
        members.entry(home(row.class, row.family)).or_default().push(member);
    }
    for row in functions {
        let types = (row.left, row.right);
        let member = FamilyMember::Function { support: row.support, types, function: row.function };
        members.entry(home(row.class, row.family)).or_default().push(member);
    }
    Ok(members)
}

/// SQL: the class a member depends on.
fn class_of(catalog: &str) -> String {
    format!(
        "(SELECT d.refobjid::int8 FROM pg_catalog.pg_depend d
           WHERE d.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND d.objid = m.oid
             AND d.refclassid = 'pg_catalog.pg_opclass'::pg_catalog.regclass LIMIT 1)"
    )
}

/// SQL: members users made; in families of others only with operators or functions that no extension brought.
fn made_by_users(catalog: &str, target: &str, column: &str) -> String {
    format!(
        "m.oid >= 16384 AND (f.oid >= 16384 OR (m.{column}::pg_catalog.oid >= 16384
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                             WHERE d.classid = 'pg_catalog.{target}'::pg_catalog.regclass
                               AND d.objid = m.{column}::pg_catalog.oid AND d.deptype = 'e')))
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                          WHERE d.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND d.objid = m.oid
                            AND d.deptype = 'e')"
    )
}

fn operator_members() -> String {
    format!(
        "SELECT {} AS class, f.oid::int8 AS family, m.amopstrategy AS strategy,
                (SELECT pg_catalog.quote_ident(xn.nspname) || '.' || x.oprname FROM pg_catalog.pg_operator x
                   JOIN pg_catalog.pg_namespace xn ON xn.oid = x.oprnamespace WHERE x.oid = m.amopopr)
                || ' (' || pg_catalog.format_type(m.amoplefttype, NULL) || ', '
                || pg_catalog.format_type(m.amoprighttype, NULL) || ')' AS operator,
                (SELECT pg_catalog.quote_ident(xn.nspname) || '.' || pg_catalog.quote_ident(x.opfname)
                   FROM pg_catalog.pg_opfamily x JOIN pg_catalog.pg_namespace xn ON xn.oid = x.opfnamespace
                  WHERE x.oid = m.amopsortfamily) AS order_by
           FROM pg_catalog.pg_amop m JOIN pg_catalog.pg_opfamily f ON f.oid = m.amopfamily
          WHERE {} ORDER BY f.oid, m.amopstrategy, 4",
        class_of("pg_amop"),
        made_by_users("pg_amop", "pg_operator", "amopopr"),
    )
}

fn function_members() -> String {
    format!(
        "SELECT {} AS class, f.oid::int8 AS family, m.amprocnum AS support,
                pg_catalog.format_type(m.amproclefttype, NULL) AS \"left\",
                pg_catalog.format_type(m.amprocrighttype, NULL) AS \"right\",
                m.amproc::pg_catalog.regprocedure::pg_catalog.text AS function
           FROM pg_catalog.pg_amproc m JOIN pg_catalog.pg_opfamily f ON f.oid = m.amprocfamily
          WHERE {} ORDER BY f.oid, m.amprocnum, 4, 5",
        class_of("pg_amproc"),
        made_by_users("pg_amproc", "pg_proc", "amproc"),
    )
}
