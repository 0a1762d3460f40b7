//! Rewrite rules and the state they are in.

use super::draft::{Context, Draft};
use super::relation::{alter, name, parent, part};
use super::trigger::words;
use super::{LockKind, Section};
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// Entries of a rule: one.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Rule(rule), Some(on)) = (&object.body, parent(object, cx)) else { return Vec::new() };
    if object.extension.is_some() || on.extension.is_some() {
        return Vec::new();
    }
    let mut draft = part(Draft::new(object, "RULE", Section::PostData), on);
    let bare = quote_ident(&object.name);
    draft.create.push(rule.definition.clone());
    if !rule.enabled.is_default() {
        draft.create.push(format!("{} {} {} RULE {bare}", alter(on), name(on), words(rule.enabled)));
    }
    draft.drop = Some(format!("DROP RULE IF EXISTS {bare} ON {}", name(on)));
    draft.locks = vec![(on.id, LockKind::Exclusive)];
    draft.after.push(on.id);
    vec![draft]
}
