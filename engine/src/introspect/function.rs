//! Functions, procedures and aggregates: `pg_proc`, `pg_aggregate`.

use serde::Deserialize;

use super::named::{Named, USER_SCHEMA, function, operator};
use super::rows::rows;
use super::{Client, Features, IntrospectError};
use crate::catalog::function::{Aggregate, AggregateState, Function, RoutineKind, Source};
use crate::catalog::{Body, Class, Object};

/// Reads all routines but those that come with a type (constructors of ranges).
pub async fn read(client: &Client<'_>, _features: &Features) -> Result<Vec<Object>, IntrospectError> {
    let rows = rows::<Named<Row>>(client, "functions", &query()).await?;
    Ok(rows.into_iter().map(|row| row.object(Class::Function, |row| Body::Function(Box::new(routine(row))))).collect())
}

#[derive(Deserialize)]
struct Row {
    kind: String,
    identity: String,
    arguments: String,
    signature: Option<String>,
    result: Option<String>,
    language: String,
    source: String,
    library: Option<String>,
    parsed: Option<String>,
    volatility: String,
    parallel: String,
    strict: bool,
    security_definer: bool,
    leakproof: bool,
    cost: String,
    rows: String,
    support: Option<String>,
    transforms: Option<Vec<String>>,
    settings: Option<Vec<String>>,
    aggregate: Option<AggregateRow>,
}

#[derive(Deserialize)]
struct AggregateRow {
    kind: String,
    transition: String,
    finish: Option<String>,
    combine: Option<String>,
    serialize: Option<String>,
    deserialize: Option<String>,
    moving_transition: Option<String>,
    moving_inverse: Option<String>,
    moving_finish: Option<String>,
    finish_extra: bool,
    moving_finish_extra: bool,
    finish_modify: String,
    moving_finish_modify: String,
    sort_operator: Option<String>,
    state_type: String,
    moving_state_type: Option<String>,
    space: i32,
    moving_space: i32,
    initial: Option<String>,
    moving_initial: Option<String>,
}

fn query() -> String {
    format!(
        "SELECT p.oid::int8 AS oid, n.nspname AS schema, p.proname AS name, p.prokind AS kind,
                pg_catalog.pg_get_function_identity_arguments(p.oid) AS identity,
                pg_catalog.pg_get_function_arguments(p.oid) AS arguments,
                (SELECT pg_catalog.string_agg(pg_catalog.format_type(a.t, NULL), ', ' ORDER BY a.n)
                   FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY a(t, n)) AS signature,
                pg_catalog.pg_get_function_result(p.oid) AS result, l.lanname AS language,
                p.prosrc AS source, p.probin AS library,
                CASE WHEN p.prosqlbody IS NOT NULL THEN pg_catalog.pg_get_function_sqlbody(p.oid) END AS parsed,
                p.provolatile AS volatility, p.proparallel AS parallel, p.proisstrict AS strict,
                p.prosecdef AS security_definer, p.proleakproof AS leakproof, p.procost::text AS cost,
                p.prorows::text AS rows, {support} AS support,
                (SELECT pg_catalog.json_agg(pg_catalog.format_type(a.t, NULL) ORDER BY a.n)
                   FROM pg_catalog.unnest(p.protrftypes) WITH ORDINALITY a(t, n)) AS transforms,
                p.proconfig AS settings,
                CASE WHEN p.prokind = 'a' THEN ({aggregate}) END AS aggregate
           FROM pg_catalog.pg_proc p
           JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
           JOIN pg_catalog.pg_language l ON l.oid = p.prolang
          WHERE {USER_SCHEMA}
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                             WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
                               AND d.deptype = 'i')
          ORDER BY n.nspname, p.proname, 4",
        support = function("p.prosupport"),
        aggregate = aggregate_query(),
    )
}

fn aggregate_query() -> String {
    format!(
        "SELECT pg_catalog.to_json(x) FROM (
            SELECT a.aggkind AS kind, {} AS transition, {} AS finish, {} AS combine, {} AS serialize,
                   {} AS deserialize, {} AS moving_transition, {} AS moving_inverse, {} AS moving_finish,
                   a.aggfinalextra AS finish_extra, a.aggmfinalextra AS moving_finish_extra,
                   a.aggfinalmodify AS finish_modify, a.aggmfinalmodify AS moving_finish_modify,
                   {} AS sort_operator, pg_catalog.format_type(a.aggtranstype, NULL) AS state_type,
                   CASE WHEN a.aggmtranstype <> 0 THEN pg_catalog.format_type(a.aggmtranstype, NULL) END
                       AS moving_state_type,
                   a.aggtransspace AS space, a.aggmtransspace AS moving_space,
                   a.agginitval AS initial, a.aggminitval AS moving_initial
              FROM pg_catalog.pg_aggregate a WHERE a.aggfnoid = p.oid) x",
        function("a.aggtransfn"),
        function("a.aggfinalfn"),
        function("a.aggcombinefn"),
        function("a.aggserialfn"),
        function("a.aggdeserialfn"),
        function("a.aggmtransfn"),
        function("a.aggminvtransfn"),
        function("a.aggmfinalfn"),
        operator("a.aggsortop"),
    )
}

fn routine(row: Row) -> Function {
    let kind = match row.kind.as_str() {
        "p" => RoutineKind::Procedure,
        "a" => RoutineKind::Aggregate,
        "w" => RoutineKind::Window,
        _ => RoutineKind::Function,
    };
    // An aggregate without arguments is called with a star; ordered-set ones may have no input type at all.
    let star = |text: String| if kind == RoutineKind::Aggregate && text.is_empty() { "*".to_owned() } else { text };
    let source = match (row.parsed, row.library) {
        _ if kind == RoutineKind::Aggregate => Source::None,
        (Some(text), _) => Source::Parsed { text },
        (None, Some(library)) => Source::Library { library, symbol: row.source },
        (None, None) => Source::Text { text: row.source },
    };
    Function {
        kind,
        identity_arguments: star(row.identity),
        signature: star(row.signature.unwrap_or_default()),
        arguments: star(row.arguments),
        result: row.result,
        language: row.language,
        source,
        volatility: row.volatility,
        parallel: row.parallel,
        strict: row.strict,
        security_definer: row.security_definer,
        leakproof: row.leakproof,
        cost: row.cost,
        rows: row.rows,
        support: row.support,
        transforms: row.transforms.unwrap_or_default(),
        settings: row.settings.unwrap_or_default(),
        aggregate: row.aggregate.map(|row| Box::new(aggregate(row))),
    }
}

fn aggregate(row: AggregateRow) -> Aggregate {
    let moving = row.moving_transition.map(|transition| AggregateState {
        transition,
        inverse: row.moving_inverse,
        state_type: row.moving_state_type.unwrap_or_default(),
        space: row.moving_space,
        finish: row.moving_finish,
        finish_extra: row.moving_finish_extra,
        finish_modify: row.moving_finish_modify,
        initial: row.moving_initial,
    });
    Aggregate {
        kind: row.kind,
        state: AggregateState {
            transition: row.transition,
            inverse: None,
            state_type: row.state_type,
            space: row.space,
            finish: row.finish,
            finish_extra: row.finish_extra,
            finish_modify: row.finish_modify,
            initial: row.initial,
        },
        combine: row.combine,
        serialize: row.serialize,
        deserialize: row.deserialize,
        moving,
        sort_operator: row.sort_operator,
    }
}
