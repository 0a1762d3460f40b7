//! What the writers of relations and of everything that hangs on them share: names, key words, option lists.

use super::draft::{Context, Draft};
use crate::catalog::table::{NamedOption, TableKind};
use crate::catalog::{Body, Object, ObjectId};
use crate::sql::{qualified, quote_ident, quote_literal};

/// Qualified and quoted name.
pub(super) fn name(object: &Object) -> String {
    qualified(object.schema.as_deref(), &object.name)
}

/// The object it belongs to. Catalogs are closed under parents; without one there is nothing to write.
pub(super) fn parent<'a>(object: &Object, cx: &Context<'a>) -> Option<&'a Object> {
    object.parent.and_then(|id| cx.object(id))
}

/// What follows `ALTER`, `DROP` and `COMMENT ON` for a relation.
pub(super) fn keyword(object: &Object) -> &'static str {
    match &object.body {
        Body::Table(table) if table.kind == TableKind::Foreign => "FOREIGN TABLE",
        Body::View(view) if view.materialized.is_some() => "MATERIALIZED VIEW",
        Body::View(_) => "VIEW",
        Body::Sequence(_) => "SEQUENCE",
        Body::Index(_) => "INDEX",
        _ => "TABLE",
    }
}

/// `ALTER TABLE` or `ALTER FOREIGN TABLE`: views and materialized views take the former for what tables have as well.
pub(super) fn alter(object: &Object) -> &'static str {
    match keyword(object) {
        "FOREIGN TABLE" => "ALTER FOREIGN TABLE",
        _ => "ALTER TABLE",
    }
}

/// `ALTER … OWNER TO …`, if the owner is known.
pub(super) fn set_owner(object: &Object) -> Option<String> {
    let owner = object.owner.as_deref()?;
    Some(format!("ALTER {} {} OWNER TO {}", keyword(object), name(object), quote_ident(owner)))
}

/// `DROP … IF EXISTS …` for a relation.
pub(super) fn drop(object: &Object) -> String {
    format!("DROP {} IF EXISTS {}", keyword(object), name(object))
}

/// A statement that runs only where a condition holds: for what has no `IF EXISTS` of its own.
pub(super) fn if_exists(condition: &str, statement: &str) -> String {
    let body = format!("BEGIN IF {condition} THEN EXECUTE {}; END IF; END", quote_literal(statement));
    format!("DO {}", quote_literal(&body))
}

/// An entry of something that hangs on a relation: its tag carries the relation's name in front, and the relation's
/// filter decides about it.
pub(super) fn part(draft: Draft, on: &Object) -> Draft {
    let name = format!("{} {}", on.name, draft.name);
    Draft { name, owner: on.owner.clone(), relation: Some(on.id), ..draft }
}

/// `a, b`, quoted.
pub(super) fn list(names: &[String]) -> String {
    names.iter().map(|name| quote_ident(name)).collect::<Vec<_>>().join(", ")
}

/// `fillfactor='70', toast.autovacuum_enabled='off'`.
pub(super) fn storage_options(options: &[NamedOption], toast: &[NamedOption]) -> String {
    let own = options.iter().map(|(name, value)| format!("{}={}", quote_ident(name), quote_literal(value)));
    let toast = toast.iter().map(|(name, value)| format!("toast.{}={}", quote_ident(name), quote_literal(value)));
    own.chain(toast).collect::<Vec<_>>().join(", ")
}

/// `host 'h', "port ""x" '5'`.
pub(super) fn fdw_options(options: &[NamedOption]) -> String {
    let one = |(name, value): &NamedOption| format!("{} {}", quote_ident(name), quote_literal(value));
    options.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Name of an object that only its id is known of; `None` if the catalog lacks it.
pub(super) fn name_of(id: ObjectId, cx: &Context<'_>) -> Option<String> {
    cx.object(id).map(name)
}
