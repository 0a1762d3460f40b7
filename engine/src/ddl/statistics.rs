//! Extended statistics.

use super::Section;
use super::draft::{Context, Draft};
use super::relation::{name, parent};
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// Entries of a statistics object: one.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Statistics(statistics), Some(table)) = (&object.body, parent(object, cx)) else { return Vec::new() };
    if object.extension.is_some() || table.extension.is_some() {
        return Vec::new();
    }
    let mut draft = Draft::new(object, "STATISTICS", Section::PostData);
    draft.relation = Some(table.id);
    draft.create.push(statistics.definition.clone());
    if let Some(target) = statistics.target {
        draft.create.push(format!("ALTER STATISTICS {} SET STATISTICS {target}", name(object)));
    }
    let owner = object.owner.as_deref();
    draft.set_owner = owner.map(|owner| format!("ALTER STATISTICS {} OWNER TO {}", name(object), quote_ident(owner)));
    draft.drop = Some(format!("DROP STATISTICS IF EXISTS {}", name(object)));
    draft.after.push(table.id);
    vec![draft]
}
