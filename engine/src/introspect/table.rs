//! Tables, their columns, defaults and not-null constraints: `pg_class`, `pg_attribute`, `pg_attrdef`, `pg_constraint`,
//! `pg_inherits`, `pg_foreign_table`.
//!
//! Three queries for the whole database, joined here by the relation's OID.

use std::collections::HashMap;

use rustc_hash::FxHashMap;
use tokio_postgres::Row;

use super::client::Damage;
use super::relation::{HEAP, USER_RELATION, column_options, object, options, relation};
use super::rows::each;
use super::{Client, Features, IntrospectError};
use crate::catalog::constraint::{Constraint, ConstraintRule};
use crate::catalog::table::{
    Column, ColumnDefault, ForeignTable, Generated, Identity, NotNull, ReplicaIdentity, Table, TableKind,
};
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::ids::Oid;

/// Reads all tables with their columns, all column defaults, and the not-null constraints that have names.
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let mut columns = columns(client, &['r', 'p', 'f']).await?;
    let sql = format!(
        "SELECT c.oid, n.nspname, c.relname AS name, c.relkind::text AS kind, c.relpersistence = 'u' AS unlogged,
                c.reloptions, toast.reloptions AS toast_options,
                CASE WHEN c.relkind = 'p' OR am.amname <> '{HEAP}' THEN am.amname END AS access_method,
                ts.spcname AS tablespace, 
                CASE WHEN c.relkind = 'f' THEN 'd' ELSE c.relreplident::text END AS replica_identity,
                c.relrowsecurity AS row_security, c.relforcerowsecurity AS force_row_security,
                CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END AS of_type,
                CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
                CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END AS partition_bound,
                inh.parents,
                srv.srvname AS server, ft.ftoptions AS server_options
           FROM pg_class c
           JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN (SELECT i.inhrelid, array_agg(i.inhparent ORDER BY i.inhseqno) AS parents
                        FROM pg_inherits i GROUP BY i.inhrelid) inh ON inh.inhrelid = c.oid
           LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
           LEFT JOIN pg_am am ON am.oid = c.relam
           LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
           LEFT JOIN pg_foreign_table ft ON ft.ftrelid = c.oid
           LEFT JOIN pg_foreign_server srv ON srv.oid = ft.ftserver
          WHERE c.relkind IN ('r', 'p', 'f') AND {USER_RELATION}"
    );
    let (mut tables, mut not_nulls) = (Vec::new(), Vec::new());
    let read = each(client, &sql, |row| {
        let id: u32 = row.try_get("oid")?;
        let columns = columns.remove(&id).unwrap_or_default();
        let table = table(row, columns.columns)?;
        not_nulls.extend(columns.not_nulls.into_iter().map(|(oid, column)| not_null_constraint(oid, column, &table)));
        tables.push(table);
        Ok(())
    });
    let ((), defaults) = futures_util::try_join!(read, defaults(client))?;
    inherit_not_null(&mut tables);
    tables.extend(not_nulls.into_iter().flatten());
    tables.extend(defaults);
    Ok(tables)
}

/// A column's not-null constraint as an object: comments and dependencies may point at it.
fn not_null_constraint(oid: u32, position: usize, table: &Object) -> Option<Object> {
    let Body::Table(body) = &table.body else { return None };
    let column = body.columns.get(position)?;
    let not_null = column.not_null.as_ref()?;
    let constraint = Constraint {
        rule: ConstraintRule::NotNull { column: column.name.clone() },
        validated: !not_null.not_valid,
        enforced: true,
        local: not_null.local,
        inherited: not_null.inherited,
        no_inherit: not_null.no_inherit,
        deferrable: false,
        deferred: false,
        triggers: Vec::new(),
    };
    let id = ObjectId { class: Class::Constraint, oid: Oid(oid) };
    let name = not_null.name.clone()?;
    let schema = table.schema.clone();
    Some(Object { schema, parent: Some(table.id), ..Object::new(id, name, Body::Constraint(constraint)) })
}

/// What a relation has of columns.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// The columns, in their order.
    pub columns: Vec<Column>,
    /// OIDs of not-null constraints, with the column's position in the list.
    not_nulls: Vec<(u32, usize)>,
}

/// All columns of the relations of some kinds (`pg_class.relkind`), by relation.
pub(super) async fn columns(client: &Client<'_>, kinds: &[char]) -> Result<FxHashMap<u32, Columns>, IntrospectError> {
    let kinds = kinds.iter().map(|kind| format!("'{kind}'")).collect::<Vec<_>>().join(", ");
    // Named not-null constraints exist from 18 on; before, the join finds nothing.
    let sql = format!(
        "SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod) AS type_name,
                CASE WHEN a.attcollation <> t.typcollation AND co.oid IS NOT NULL
                     THEN quote_ident(con.nspname) || '.' || quote_ident(co.collname) END AS collation,
                a.attnotnull AS not_null, a.attgenerated::text AS generated, a.attidentity::text AS identity,
                CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END AS storage,
                NULLIF(a.attcompression::text, '') AS compression,
                NULLIF(a.attstattarget, -1)::int4 AS statistics,
                a.attoptions AS options, a.attfdwoptions AS fdw_options,
                a.attinhcount > 0 AS inherited, a.attislocal AS local,
                nn.oid AS nn_oid, nn.conname AS nn_name, nn.conislocal AS nn_local, nn.coninhcount > 0 AS nn_inherited,
                nn.connoinherit AS nn_no_inherit, nn.convalidated AS nn_validated, t.oid IS NULL AS typeless
           FROM pg_attribute a
           JOIN pg_class c ON c.oid = a.attrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_type t ON t.oid = a.atttypid
           LEFT JOIN pg_collation co ON co.oid = a.attcollation
           LEFT JOIN pg_namespace con ON con.oid = co.collnamespace
           LEFT JOIN pg_constraint nn ON nn.conrelid = a.attrelid AND nn.contype = 'n' AND nn.conkey[1] = a.attnum
          WHERE c.relkind IN ({kinds}) AND {USER_RELATION} AND a.attnum > 0 AND NOT a.attisdropped"
    );
    let mut found: FxHashMap<u32, Vec<(i16, Option<u32>, Column)>> = FxHashMap::default();
    each(client, &sql, |row| {
        let relation: u32 = row.try_get("attrelid")?;
        if row.try_get("typeless")? {
            client.leave_out(Damage::Column { relation, name: row.try_get("attname")? });
            return Ok(());
        }
        let column = (row.try_get("attnum")?, row.try_get("nn_oid")?, column(row)?);
        found.entry(relation).or_default().push(column);
        Ok(())
    })
    .await?;
    Ok(found.into_iter().map(|(relation, columns)| (relation, in_order(columns))).collect())
}

/// Puts a relation's columns in order: many small sorts here cost less than one big one there.
fn in_order(mut numbered: Vec<(i16, Option<u32>, Column)>) -> Columns {
    numbered.sort_unstable_by_key(|(number, ..)| *number);
    let not_null = |(position, (_, oid, _)): (usize, &(i16, Option<u32>, Column))| oid.map(|oid| (oid, position));
    let not_nulls = numbered.iter().enumerate().filter_map(not_null).collect();
    Columns { not_nulls, columns: numbered.into_iter().map(|(.., column)| column).collect() }
}

async fn defaults(client: &Client<'_>) -> Result<Vec<Object>, IntrospectError> {
    // Only a generated column's expression can name columns. Without a relation the server need not open every table.
    let sql = format!(
        "SELECT d.oid, d.adrelid, n.nspname, a.attname AS name,
                pg_get_expr(d.adbin, CASE WHEN a.attgenerated = '' THEN 0 ELSE d.adrelid END) AS expression,
                a.attgenerated::text AS generated
           FROM pg_attrdef d
           JOIN pg_class c ON c.oid = d.adrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
          WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND {USER_RELATION} AND NOT a.attisdropped"
    );
    let mut found = Vec::new();
    each(client, &sql, |row| {
        found.push(default(row)?);
        Ok(())
    })
    .await?;
    Ok(found)
}

fn default(row: &Row) -> Result<Object, IntrospectError> {
    let body = Body::Default(ColumnDefault {
        column: row.try_get("name")?,
        expression: row.try_get("expression")?,
        generated: generated(row.try_get("generated")?),
    });
    object(Class::Default, row, Some(relation(row.try_get("adrelid")?)), body)
}

fn table(row: &Row, columns: Vec<Column>) -> Result<Object, IntrospectError> {
    let kind = match row.try_get::<_, &str>("kind")? {
        "p" => TableKind::Partitioned,
        "f" => TableKind::Foreign,
        _ => TableKind::Ordinary,
    };
    let server: Option<String> = row.try_get("server")?;
    let server_options = options(row.try_get("server_options")?);
    let body = Table {
        kind,
        unlogged: row.try_get("unlogged")?,
        columns,
        of_type: row.try_get("of_type")?,
        partition_key: row.try_get("partition_key")?,
        parents: row.try_get::<_, Option<Vec<u32>>>("parents")?.into_iter().flatten().map(relation).collect(),
        partition_bound: row.try_get("partition_bound")?,
        options: options(row.try_get("reloptions")?),
        toast_options: options(row.try_get("toast_options")?),
        access_method: row.try_get("access_method")?,
        tablespace: row.try_get("tablespace")?,
        replica_identity: match row.try_get::<_, &str>("replica_identity")? {
            "n" => ReplicaIdentity::Nothing,
            "f" => ReplicaIdentity::Full,
            "i" => ReplicaIdentity::Index,
            _ => ReplicaIdentity::Default,
        },
        row_security: row.try_get("row_security")?,
        force_row_security: row.try_get("force_row_security")?,
        foreign: server.map(|server| ForeignTable { server, options: server_options }),
    };
    object(Class::Relation, row, None, Body::Table(Box::new(body)))
}

fn column(row: &Row) -> Result<Column, IntrospectError> {
    Ok(Column {
        name: row.try_get("attname")?,
        type_name: row.try_get("type_name")?,
        collation: row.try_get("collation")?,
        not_null: if row.try_get("not_null")? { Some(not_null(row)?) } else { None },
        generated: generated(row.try_get("generated")?),
        identity: match row.try_get::<_, &str>("identity")? {
            "a" => Some(Identity::Always),
            "d" => Some(Identity::ByDefault),
            _ => None,
        },
        storage: row.try_get::<_, Option<&str>>("storage")?.map(|code| storage(code).to_owned()),
        compression: row.try_get::<_, Option<&str>>("compression")?.map(|code| compression(code).to_owned()),
        statistics: row.try_get("statistics")?,
        options: column_options(row.try_get("options")?),
        fdw_options: options(row.try_get("fdw_options")?),
        inherited: row.try_get("inherited")?,
        local: row.try_get("local")?,
    })
}

fn not_null(row: &Row) -> Result<NotNull, IntrospectError> {
    let name: Option<String> = row.try_get("nn_name")?;
    let flag = |column: &str, absent: bool| row.try_get::<_, Option<bool>>(column).map(|flag| flag.unwrap_or(absent));
    Ok(NotNull {
        name,
        local: flag("nn_local", true)?,
        inherited: flag("nn_inherited", false)?,
        no_inherit: flag("nn_no_inherit", false)?,
        not_valid: !flag("nn_validated", true)?,
    })
}

/// Servers before 18 do not say where a column's NOT NULL comes from: from a parent, if any parent has it.
fn inherit_not_null(tables: &mut [Object]) {
    let mut demanded: HashMap<ObjectId, Vec<String>> = HashMap::new();
    for object in tables.iter() {
        if let Body::Table(table) = &object.body {
            let names = table.columns.iter().filter(|column| column.not_null.is_some()).map(|column| &column.name);
            demanded.insert(object.id, names.cloned().collect());
        }
    }
    for object in tables {
        let Body::Table(table) = &mut object.body else { continue };
        for column in &mut table.columns {
            let Some(not_null) = column.not_null.as_mut().filter(|not_null| not_null.name.is_none()) else { continue };
            let from_parent = |parent| demanded.get(parent).is_some_and(|names| names.contains(&column.name));
            not_null.inherited = table.parents.iter().any(from_parent);
            not_null.local = !not_null.inherited;
        }
    }
}

fn generated(code: &str) -> Option<Generated> {
    match code {
        "s" => Some(Generated::Stored),
        "v" => Some(Generated::Virtual),
        _ => None,
    }
}

/// `pg_attribute.attstorage` as `SET STORAGE` spells it.
fn storage(code: &str) -> &'static str {
    match code {
        "p" => "PLAIN",
        "e" => "EXTERNAL",
        "x" => "EXTENDED",
        _ => "MAIN",
    }
}

/// `pg_attribute.attcompression` as `SET COMPRESSION` spells it.
fn compression(code: &str) -> &'static str {
    match code {
        "l" => "lz4",
        _ => "pglz",
    }
}
