//! Columns inside `CREATE TABLE`, what is set on them afterwards, and defaults that stand apart.

use std::borrow::Cow;

use super::Section;
use super::draft::{Context, Draft};
use super::relation::{alter, fdw_options, keyword, name, parent, part, storage_options};
use crate::catalog::features::Feature;
use crate::catalog::table::{Column, ColumnDefault, Generated, NotNull, Table};
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// What a column gets by inheritance when its table is created with `INHERITS`.
#[derive(Debug, Default)]
pub(super) struct Above<'a> {
    /// The parents that have the column, in order, each with its default as far as it is there by then.
    parents: Vec<(&'a Column, Option<&'a ColumnDefault>)>,
    /// The column also comes from a table that only dictates the order.
    ordered: bool,
}

impl<'a> Above<'a> {
    /// Looks the column up in the table's parents.
    pub fn of(column: &str, parents: &[(&'a Object, &'a Table)], ordered: bool, cx: &Context<'a>) -> Self {
        let find = |(object, table): &(&'a Object, &'a Table)| {
            let found = table.columns.iter().find(|other| other.name == column)?;
            Some((found, carried_default(object, column, cx)))
        };
        Self { parents: parents.iter().filter_map(find).collect(), ordered }
    }

    /// The default it gets, if the parents that have one agree; `Err` if they do not.
    fn value(&self) -> Result<Option<&'a str>, ()> {
        let mut defaults = self.parents.iter().filter_map(|(_, default)| *default).map(|d| d.expression.as_str());
        let first = defaults.next();
        if defaults.all(|other| Some(other) == first) { Ok(first) } else { Err(()) }
    }

    /// Its first bearer.
    fn first(&self) -> Option<&'a Column> {
        self.parents.first().map(|(column, _)| *column)
    }

    fn not_null(&self) -> bool {
        let demands = |column: &Column| column.not_null.as_ref().is_some_and(|not_null| !not_null.no_inherit);
        self.parents.iter().any(|(column, _)| demands(column))
    }

    fn is_none(&self) -> bool {
        self.parents.is_empty() && !self.ordered
    }
}

/// The default of a column that its table's own entry sets.
fn carried_default<'a>(table: &Object, column: &str, cx: &Context<'a>) -> Option<&'a ColumnDefault> {
    default_of(table, column, cx).and_then(|(object, default)| (!cx.is_separate(object.id)).then_some(default))
}

fn has_default(table: &Object, column: &str, cx: &Context<'_>) -> bool {
    default_of(table, column, cx).is_some()
}

fn default_of<'a>(table: &Object, column: &str, cx: &Context<'a>) -> Option<(&'a Object, &'a ColumnDefault)> {
    cx.children(table.id).iter().find_map(|child| match &child.body {
        Body::Default(default) if default.column == column => Some((*child, default)),
        _ => None,
    })
}

/// Whether a column of an inheritance child must stand in `CREATE TABLE`: because it was declared there, or because the
/// parents contradict each other and the server wants to be told.
pub(super) fn is_listed(table: &Object, column: &Column, above: &Above<'_>, cx: &Context<'_>) -> bool {
    if column.local || above.parents.is_empty() {
        return true;
    }
    let own = carried_default(table, &column.name, cx).map(|default| default.expression.as_str());
    match above.value() {
        Err(()) => true,
        Ok(inherited) => column.generated.is_some() && inherited != own && cx.has(Feature::ChildGenerationExpressions),
    }
}

/// `name type COLLATE c DEFAULT e NOT NULL`.
pub(super) fn definition(
    table: &Object,
    column: &Column,
    above: &Above<'_>,
    cx: &Context<'_>,
    losses: &mut Vec<String>,
) -> String {
    let type_name = known_type(&column.type_name, cx);
    if type_name != column.type_name {
        losses.push(format!("column {} is {type_name} instead of {}", column.name, column.type_name));
    }
    let mut sql = format!("{} {type_name}", quote_ident(&column.name));
    if !column.fdw_options.is_empty() {
        sql.push_str(&format!(" OPTIONS ({})", fdw_options(&column.fdw_options)));
    }
    if let Some(collation) = &column.collation {
        sql.push_str(&format!(" COLLATE {collation}"));
    }
    sql.push_str(&default_clause(table, column, above, cx));
    if column.generated == Some(Generated::Virtual) && !cx.has(Feature::VirtualColumns) {
        losses.push(format!("column {} is generated on write instead of on read", column.name));
    }
    if let Some(not_null) = column.not_null.as_ref().filter(|n| above.is_none() || n.local) {
        sql.push_str(&not_null_clause(table, column, not_null, cx, losses));
    }
    sql
}

/// The type as the target can say it: before 15 the scale of a `numeric` lies between 0 and its precision.
fn known_type<'a>(type_name: &'a str, cx: &Context<'_>) -> Cow<'a, str> {
    let parts = || {
        let (modifier, rest) = type_name.strip_prefix("numeric(")?.split_once(')')?;
        let (precision, scale) = modifier.split_once(',')?;
        Some((precision.parse::<i32>().ok()?, scale.parse::<i32>().ok()?, rest))
    };
    match parts() {
        Some((precision, scale, rest)) if !(0..=precision).contains(&scale) && !cx.has(Feature::WideNumericScale) => {
            Cow::Owned(format!("numeric{rest}"))
        }
        _ => Cow::Borrowed(type_name),
    }
}

/// A column of a typed table: only what the type does not say, if there is anything.
pub(super) fn typed(table: &Object, column: &Column, cx: &Context<'_>, losses: &mut Vec<String>) -> Option<String> {
    let mut options = default_clause(table, column, &Above::default(), cx);
    if let Some(not_null) = &column.not_null {
        options.push_str(&not_null_clause(table, column, not_null, cx, losses));
    }
    (!options.is_empty()).then(|| format!("{} WITH OPTIONS{options}", quote_ident(&column.name)))
}

fn default_clause(table: &Object, column: &Column, above: &Above<'_>, cx: &Context<'_>) -> String {
    let Some(default) = carried_default(table, &column.name, cx) else {
        if column.generated.is_some() && above.is_none() && cx.has(Feature::SetExpression) {
            // Its expression follows when what it calls is there.
            return generation(&format!("NULL::{}", column.type_name), Generated::Stored, cx);
        }
        let inherits = !matches!(above.value(), Ok(None)) && column.generated.is_none();
        let told = inherits && !has_default(table, &column.name, cx);
        return if told { " DEFAULT NULL".to_owned() } else { String::new() };
    };
    let Some(generated) = default.generated else { return format!(" DEFAULT {}", default.expression) };
    // Servers before 16 refuse an expression for an inherited column, equal or not.
    let inherited = above.value().unwrap_or_default().or(above.ordered.then_some(default.expression.as_str()));
    let same = inherited == Some(&default.expression);
    if !above.is_none() && (same || !cx.has(Feature::ChildGenerationExpressions)) {
        return String::new();
    }
    generation(&default.expression, generated, cx)
}

fn generation(expression: &str, generated: Generated, cx: &Context<'_>) -> String {
    let kind = match generated {
        Generated::Virtual if cx.has(Feature::VirtualColumns) => "VIRTUAL",
        _ => "STORED",
    };
    format!(" GENERATED ALWAYS AS ({expression}) {kind}")
}

/// Name and type alone, for the table that dictates an order: what merging demands to be equal, and no more.
pub(super) fn bare(table: &Object, column: &Column, above: &Above<'_>, cx: &Context<'_>) -> String {
    let mut sql = format!("{} {}", quote_ident(&column.name), known_type(&column.type_name, cx));
    if let Some(collation) = &column.collation {
        sql.push_str(&format!(" COLLATE {collation}"));
    }
    if let Some(generated) = column.generated {
        let inherited = above.parents.iter().find_map(|(_, default)| *default);
        if let Some(default) = inherited.or_else(|| carried_default(table, &column.name, cx)) {
            sql.push_str(&generation(&default.expression, generated, cx));
        }
    }
    sql
}

/// The name the server gives if none is asked for (18); a longer one is always named.
fn is_default_name(table: &Object, column: &Column, given: &str) -> bool {
    given.len() < 63 && given == format!("{}_{}_not_null", table.name, column.name)
}

/// Whether `NOT NULL` can be part of the column on the target. What cannot is written by its constraint.
pub(super) fn is_plain_not_null(column: &Column, not_null: &NotNull, cx: &Context<'_>) -> bool {
    let inheritable = !not_null.no_inherit || cx.has(Feature::NotNullConstraints) || column.identity.is_some();
    inheritable && !not_null.not_valid
}

fn not_null_clause(
    table: &Object,
    column: &Column,
    not_null: &NotNull,
    cx: &Context<'_>,
    losses: &mut Vec<String>,
) -> String {
    if !is_plain_not_null(column, not_null, cx) {
        return String::new();
    }
    let given = not_null.name.as_deref().filter(|given| !is_default_name(table, column, given));
    if !cx.has(Feature::NotNullConstraints) {
        if let Some(given) = given.filter(|_| not_null.local) {
            losses.push(format!("name {given} of the not-null constraint on column {}", column.name));
        }
        return " NOT NULL".to_owned();
    }
    let name = given.map_or(String::new(), |given| format!(" CONSTRAINT {}", quote_ident(given)));
    format!("{name} NOT NULL{}", if not_null.no_inherit { " NO INHERIT" } else { "" })
}

/// A not-null constraint that an inheritance child declares on a column it does not list (18).
pub(super) fn unlisted_not_null(column: &Column, cx: &Context<'_>) -> Option<String> {
    let not_null = declared(column, cx)?;
    let given = not_null.name.as_deref().filter(|_| cx.has(Feature::NotNullConstraints))?;
    let rest = if not_null.no_inherit { " NO INHERIT" } else { "" };
    Some(format!("CONSTRAINT {} NOT NULL {}{rest}", quote_ident(given), quote_ident(&column.name)))
}

/// The name that such a constraint loses on older targets; it is gone even if it is the one the server would give, because
/// there the child has nothing of its own.
pub(super) fn unlisted_name<'a>(column: &'a Column, cx: &Context<'_>) -> Option<&'a str> {
    declared(column, cx)?.name.as_deref().filter(|_| !cx.has(Feature::NotNullConstraints))
}

fn declared<'a>(column: &'a Column, cx: &Context<'_>) -> Option<&'a NotNull> {
    column.not_null.as_ref().filter(|not_null| not_null.local && is_plain_not_null(column, not_null, cx))
}

/// Where a column that an inheritance child does not list differs from what it inherits.
pub(super) fn differences(table: &Object, column: &Column, above: &Above<'_>, cx: &Context<'_>) -> Vec<String> {
    let mut statements = Vec::new();
    let mut say = |what: String| statements.push(on_column(table, column, &what));
    let own = carried_default(table, &column.name, cx);
    let inherited = above.value().unwrap_or_default();
    match own {
        Some(default) if default.generated.is_none() && inherited != Some(&default.expression) => {
            say(format!("SET DEFAULT {}", default.expression));
        }
        None if inherited.is_some() && !has_default(table, &column.name, cx) => say("DROP DEFAULT".to_owned()),
        _ => {}
    }
    if !column.fdw_options.is_empty() {
        say(format!("OPTIONS ({})", fdw_options(&column.fdw_options)));
    }
    match &column.not_null {
        Some(_) if declared(column, cx).is_some() && unlisted_not_null(column, cx).is_none() => {
            say("SET NOT NULL".to_owned());
        }
        None if above.not_null() && !cx.has(Feature::NotNullConstraints) => say("DROP NOT NULL".to_owned()),
        _ => {}
    }
    statements
}

/// Storage, compression, statistics target and options.
pub(super) fn settings(table: &Object, column: &Column, above: &Above<'_>, cx: &Context<'_>) -> Vec<String> {
    let mut statements = Vec::new();
    let mut say = |what: String| statements.push(on_column(table, column, &what));
    if let Some(target) = column.statistics {
        say(format!("SET STATISTICS {target}"));
    }
    if column.storage != above.first().and_then(|inherited| inherited.storage.clone()) {
        say(format!("SET STORAGE {}", column.storage.as_deref().unwrap_or(default_storage(column, cx))));
    }
    if column.compression != above.first().and_then(|inherited| inherited.compression.clone()) {
        say(format!("SET COMPRESSION {}", column.compression.as_deref().unwrap_or("default")));
    }
    if !column.options.is_empty() {
        say(format!("SET ({})", storage_options(&column.options, &[])));
    }
    statements
}

/// What brings a column back to its type's storage. Before 16 it has to be known: of the types that can be stored in
/// more than one way, the built-in ones are all `EXTENDED` but for these.
fn default_storage(column: &Column, cx: &Context<'_>) -> &'static str {
    let main = ["numeric", "inet", "cidr"].iter().any(|name| column.type_name.starts_with(name));
    match (cx.has(Feature::StorageDefault), main && !column.type_name.ends_with("[]")) {
        (true, _) => "DEFAULT",
        (false, true) => "MAIN",
        (false, false) => "EXTENDED",
    }
}

fn on_column(table: &Object, column: &Column, what: &str) -> String {
    format!("{} ONLY {} ALTER COLUMN {} {what}", alter(table), name(table), quote_ident(&column.name))
}

/// Entries of a default: one if it belongs to a view or must be set apart from its table, none otherwise.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Default(default), Some(on)) = (&object.body, parent(object, cx)) else { return Vec::new() };
    let apart = cx.is_separate(object.id) || matches!(on.body, Body::View(_));
    if object.extension.is_some() || on.extension.is_some() || !apart {
        return Vec::new();
    }
    let alter = match &on.body {
        Body::View(_) => format!("ALTER {} {}", keyword(on), name(on)),
        _ => format!("{} ONLY {}", alter(on), name(on)),
    };
    let column = quote_ident(&default.column);
    let mut draft = part(Draft::new(object, "DEFAULT", Section::PreData), on);
    let set = match default.generated {
        Some(_) if cx.has(Feature::SetExpression) => format!("SET EXPRESSION AS ({})", default.expression),
        _ => format!("SET DEFAULT {}", default.expression),
    };
    draft.create.push(format!("{alter} ALTER COLUMN {column} {set}"));
    let exists = alter.replacen(&format!("{} ", keyword(on)), &format!("{} IF EXISTS ", keyword(on)), 1);
    draft.drop = Some(match default.generated {
        Some(_) if cx.has(Feature::SetExpression) => {
            let kind = on_column_type(on, &default.column);
            format!("{exists} ALTER COLUMN {column} SET EXPRESSION AS (NULL::{kind})")
        }
        _ => format!("{exists} ALTER COLUMN {column} DROP DEFAULT"),
    });
    if default.generated.is_some() && !cx.has(Feature::SetExpression) {
        let why = "is computed when a row is inserted and not again: its expression needs the table itself";
        draft.losses.push(format!("column {} {why}", default.column));
    }
    draft.after.push(on.id);
    vec![draft]
}

fn on_column_type<'a>(on: &'a Object, column: &str) -> &'a str {
    let Body::Table(table) = &on.body else { return "text" };
    table.columns.iter().find(|other| other.name == column).map_or("text", |found| &found.type_name)
}

/// Whether the column's identity is its own and not that of the partitioned table above.
pub(super) fn own_identity(table: &Object, column: &Column, cx: &Context<'_>) -> bool {
    cx.children(table.id).iter().any(|child| match &child.body {
        Body::Sequence(sequence) => {
            sequence.owned_by.as_ref().is_some_and(|owner| owner.identity && owner.column == column.name)
        }
        _ => false,
    })
}
