//! Constraints of tables and foreign tables: `pg_constraint`. Those of domains are read with their types.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::relation::{USER_RELATION, object, options, relation};
use super::rows::each;
use super::trigger::enabled;
use super::{Client, Feature, Features, IntrospectError};
use crate::catalog::constraint::{Constraint, ConstraintRule, EnforcingTrigger, ForeignKey, Key};
use crate::catalog::{Body, Class, Object};

/// Reads all constraints of tables, except partitions' copies of their parents' foreign keys, and except not-null
/// constraints: those come with the columns ([`super::table`]).
pub async fn read(client: &Client<'_>, features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let enforced = features.either(Feature::NotEnforcedConstraints, "con.conenforced", "true");
    let period = features.either(Feature::TemporalConstraints, "con.conperiod", "false");
    let delete_columns = features.either(Feature::ForeignKeyDeleteColumns, "con.confdelsetcols", "NULL::int2[]");
    let nulls_not_distinct = features.either(Feature::NullsNotDistinct, "i.indnullsnotdistinct", "false");
    let sql = format!(
        "SELECT con.oid, n.nspname, con.conname AS name, con.conrelid, con.contype::text AS kind,
                con.convalidated AS validated, {enforced} AS enforced, con.conislocal AS local,
                con.coninhcount > 0 AS inherited, con.connoinherit AND con.contype = 'c' AS no_inherit,
                con.condeferrable AS deferrable, con.condeferred AS deferred, con.conindid, con.confrelid,
                CASE con.contype WHEN 'c' THEN pg_get_expr(con.conbin, con.conrelid)
                                 WHEN 'x' THEN pg_get_constraintdef(con.oid) END AS expression,
                {columns} AS columns, {referenced} AS referenced, {deleted} AS delete_columns,
                {period} AS period, {nulls_not_distinct} AS nulls_not_distinct,
                con.confmatchtype = 'f' AS match_full, con.confupdtype::text AS on_update,
                con.confdeltype::text AS on_delete,
                CASE WHEN i.indnatts > i.indnkeyatts THEN
                     ARRAY(SELECT a.attname FROM generate_series(i.indnkeyatts, i.indnatts - 1) k
                             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]
                            ORDER BY k) END AS include,
                ic.reloptions AS index_options
           FROM pg_constraint con
           JOIN pg_class c ON c.oid = con.conrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_index i ON con.contype IN ('p', 'u', 'x') AND i.indexrelid = con.conindid
           LEFT JOIN pg_class ic ON ic.oid = i.indexrelid
          WHERE {USER_RELATION} AND con.contype IN ('c', 'p', 'u', 'x', 'f')
            AND NOT (con.contype = 'f' AND con.conparentid <> 0)",
        columns = names("con.conkey", "con.conrelid", "NOT IN ('c', 'x')"),
        referenced = names("con.confkey", "con.confrelid", "= 'f'"),
        deleted = names(delete_columns, "con.conrelid", "= 'f'"),
    );
    let mut triggers = triggers(client).await?;
    let mut constraints = Vec::new();
    each(client, &sql, |row| {
        constraints.push(constraint(row, triggers.remove(&row.try_get("oid")?).unwrap_or_default())?);
        Ok(())
    })
    .await?;
    Ok(constraints)
}

/// Triggers that constraints made for themselves and that are not in the state they were made in, by constraint.
async fn triggers(client: &Client<'_>) -> Result<HashMap<u32, Vec<EnforcingTrigger>>, IntrospectError> {
    let sql = "SELECT t.tgconstraint, t.tgrelid, p.proname, t.tgenabled::text AS enabled
                 FROM pg_trigger t
                 JOIN pg_class c ON c.oid = t.tgrelid
                 JOIN pg_proc p ON p.oid = t.tgfoid
                WHERE t.tgisinternal AND t.tgenabled <> 'O' AND t.tgconstraint <> 0
                ORDER BY t.tgconstraint, c.relname, p.proname";
    let mut triggers: HashMap<u32, Vec<EnforcingTrigger>> = HashMap::new();
    each(client, sql, |row| {
        triggers.entry(row.try_get("tgconstraint")?).or_default().push(EnforcingTrigger {
            table: relation(row.try_get("tgrelid")?),
            function: row.try_get("proname")?,
            enabled: enabled(row.try_get("enabled")?),
        });
        Ok(())
    })
    .await?;
    Ok(triggers)
}

/// Names of the columns whose numbers stand in an array, in its order, for constraints of some kinds.
fn names(numbers: &str, relation: &str, kinds: &str) -> String {
    format!(
        "CASE WHEN con.contype {kinds} AND pg_catalog.cardinality({numbers}) = 1 THEN
              ARRAY[(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = {relation} AND a.attnum = ({numbers})[1])]
              WHEN con.contype {kinds} THEN
              ARRAY(SELECT a.attname FROM unnest({numbers}) WITH ORDINALITY AS k (number, place)
                      JOIN pg_attribute a ON a.attrelid = {relation} AND a.attnum = k.number ORDER BY k.place) END"
    )
}

/// An array of names; none where the constraint's kind has none.
fn list(row: &Row, column: &str) -> Result<Vec<String>, IntrospectError> {
    Ok(row.try_get::<_, Option<Vec<String>>>(column)?.unwrap_or_default())
}

fn constraint(row: &Row, triggers: Vec<EnforcingTrigger>) -> Result<Object, IntrospectError> {
    let body = Constraint {
        rule: rule(row)?,
        validated: row.try_get("validated")?,
        enforced: row.try_get("enforced")?,
        local: row.try_get("local")?,
        inherited: row.try_get("inherited")?,
        no_inherit: row.try_get("no_inherit")?,
        deferrable: row.try_get("deferrable")?,
        deferred: row.try_get("deferred")?,
        triggers,
    };
    object(Class::Constraint, row, Some(relation(row.try_get("conrelid")?)), Body::Constraint(body))
}

fn rule(row: &Row) -> Result<ConstraintRule, IntrospectError> {
    let kind: &str = row.try_get("kind")?;
    let columns = list(row, "columns")?;
    let index = relation(row.try_get("conindid")?);
    Ok(match kind {
        "c" => ConstraintRule::Check { expression: row.try_get("expression")? },
        "x" => ConstraintRule::Exclusion { index, definition: row.try_get("expression")? },
        "f" => ConstraintRule::ForeignKey(Box::new(ForeignKey {
            columns,
            references: relation(row.try_get("confrelid")?),
            referenced: list(row, "referenced")?,
            match_full: row.try_get("match_full")?,
            on_update: action(row.try_get("on_update")?).map(str::to_owned),
            on_delete: action(row.try_get("on_delete")?).map(str::to_owned),
            delete_columns: list(row, "delete_columns")?,
            period: row.try_get("period")?,
        })),
        _ => ConstraintRule::Key(Key {
            index,
            primary: kind == "p",
            columns,
            include: list(row, "include")?,
            nulls_not_distinct: row.try_get("nulls_not_distinct")?,
            without_overlaps: row.try_get("period")?,
            options: options(row.try_get("index_options")?),
        }),
    })
}

/// `confupdtype` and `confdeltype` as SQL; `None` for `NO ACTION`.
fn action(code: &str) -> Option<&'static str> {
    match code {
        "r" => Some("RESTRICT"),
        "c" => Some("CASCADE"),
        "n" => Some("SET NULL"),
        "d" => Some("SET DEFAULT"),
        _ => None,
    }
}
