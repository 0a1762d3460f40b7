//! The planner's statistics: handed over where the server takes them (18), found out again by `ANALYZE` where not.

use super::draft::{Context, Draft, Stage};
use super::relation::name;
use super::{EntryKind, Section};
use crate::catalog::features::Feature;
use crate::catalog::planner_statistics::{ColumnStatistics, KINDS, PlannerStatistics};
use crate::catalog::{Body, Object};
use crate::ids::ServerVersion;
use crate::sql::{quote_ident, quote_literal};

/// The entry of one relation's statistics: the same for every target, but for its statements.
pub fn entry(statistics: &PlannerStatistics, source: ServerVersion, cx: &Context<'_>) -> Option<Draft> {
    let object = cx.object(statistics.relation).filter(|object| !object.is_given())?;
    let index = matches!(object.body, Body::Index(_));
    let mut draft = Draft::new(object, "STATISTICS DATA", Section::PostData);
    draft.stage = Stage::Position;
    draft.kind = EntryKind::Statistics;
    draft.relation = if index { object.parent } else { Some(object.id) };
    draft.create = match cx.has(Feature::StatisticsImport) {
        true => {
            let mut statements = handed_over(object, statistics, source, index);
            statements.extend(looked_for(object, statistics, cx));
            statements
        }
        // Indexes and columns of one table are analyzed together.
        false if index => Vec::new(),
        false => vec![format!("ANALYZE {}", name(object))],
    };
    Some(draft)
}

fn handed_over(object: &Object, statistics: &PlannerStatistics, source: ServerVersion, index: bool) -> Vec<String> {
    let schema = object.schema.as_deref().unwrap_or_default();
    let head = format!(
        "'version', {}, 'schemaname', {}, 'relname', {}",
        source.0,
        quote_literal(schema),
        quote_literal(&object.name)
    );
    let mut relation = format!(
        "SELECT pg_catalog.pg_restore_relation_stats({head}, 'relpages', {}, 'reltuples', {}::real, 'relallvisible', {}",
        signed(statistics.pages),
        quote_literal(&statistics.tuples),
        statistics.all_visible
    );
    relation.extend(statistics.all_frozen.map(|pages| format!(", 'relallfrozen', {pages}")));
    relation.push(')');
    let column = |column: &ColumnStatistics| {
        let of = match index {
            true => format!("'attnum', {}::smallint", column.number),
            false => format!("'attname', {}", quote_literal(&column.column)),
        };
        let values = KINDS.iter().filter_map(|kind| {
            let value = column.values.get(kind.name)?;
            Some(format!(", '{}', {}::{}", kind.name, quote_literal(value), kind.type_name))
        });
        let values: String = values.collect();
        format!("SELECT pg_catalog.pg_restore_attribute_stats({head}, {of}, 'inherited', {}{values})", column.inherited)
    };
    let told = statistics.columns.iter().filter(|column| !column.values.is_empty());
    std::iter::once(relation).chain(told.map(column)).collect()
}

/// `ANALYZE` of the columns whose values could not be told; an index has its expressions' from the table's.
fn looked_for(object: &Object, statistics: &PlannerStatistics, cx: &Context<'_>) -> Option<String> {
    let mut untold: Vec<&str> =
        statistics.columns.iter().filter(|column| column.values.is_empty()).map(|column| &*column.column).collect();
    untold.dedup();
    let columns = untold.iter().map(|column| quote_ident(column)).collect::<Vec<_>>().join(", ");
    match object.body {
        _ if untold.is_empty() => None,
        Body::Index(_) => Some(format!("ANALYZE {}", name(object.parent.and_then(|id| cx.object(id))?))),
        _ => Some(format!("ANALYZE {} ({columns})", name(object))),
    }
}

/// `-1` alone would be an operator and a number of another type to a parser of named pairs.
fn signed(number: i32) -> String {
    if number < 0 { format!("'{number}'::integer") } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::catalog::Class;
    use crate::catalog::features::Features;
    use crate::catalog::planner_statistics::Values;
    use crate::ddl::sample::{id, table, table_object};

    fn written(target: u32) -> Vec<String> {
        let objects = [table_object(1, "t", table(Vec::new()))];
        let cx = Context::of(&objects, Features::of(ServerVersion::from_major(target)), HashSet::new());
        let values = [("n_distinct", "-1"), ("null_frac", "0"), ("histogram_bounds", "{it's,b}")];
        let values = values.map(|(kind, value)| (kind.to_owned(), value.to_owned()));
        let values = Values::of(values).unwrap_or_default();
        let statistics = PlannerStatistics {
            relation: id(Class::Relation, 1),
            pages: -1,
            tuples: "1e+06".into(),
            all_visible: 2,
            all_frozen: Some(1),
            columns: [("A", values), ("B b", Values::default())]
                .map(|(column, values)| ColumnStatistics { column: column.into(), number: 1, inherited: true, values })
                .into(),
        };
        entry(&statistics, ServerVersion(180_006), &cx).map(|draft| draft.create).unwrap_or_default()
    }

    #[test]
    fn statistics_are_handed_over_where_the_server_takes_them() {
        let head = "'version', 180006, 'schemaname', 's', 'relname', 't'";
        let relation = format!(
            "SELECT pg_catalog.pg_restore_relation_stats({head}, 'relpages', '-1'::integer, 'reltuples', '1e+06'::real, \
             'relallvisible', 2, 'relallfrozen', 1)"
        );
        let column = format!(
            "SELECT pg_catalog.pg_restore_attribute_stats({head}, 'attname', 'A', 'inherited', true, \
             'null_frac', '0'::real, 'n_distinct', '-1'::real, 'histogram_bounds', '{{it''s,b}}'::text)"
        );
        // What could not be told is looked for.
        assert_eq!(written(18), [relation, column, "ANALYZE s.t (\"B b\")".to_owned()]);
    }

    #[test]
    fn older_servers_analyze() {
        assert_eq!(written(17), ["ANALYZE s.t"]);
    }
}
