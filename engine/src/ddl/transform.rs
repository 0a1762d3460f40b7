//! Transforms.

use super::Section;
use super::draft::{Context, Draft};
use super::identity::create;
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// The entry of a transform.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Transform(transform), None) = (&object.body, &object.extension) else { return Vec::new() };
    let mut draft = create(object, "TRANSFORM", Section::PreData, cx);
    let parts = [("FROM SQL", &transform.from_sql), ("TO SQL", &transform.to_sql)];
    let parts =
        parts.iter().filter_map(|(word, function)| Some(format!("{word} WITH FUNCTION {}", function.as_ref()?)));
    draft.create.push(format!(
        "CREATE TRANSFORM FOR {} LANGUAGE {} ({})",
        transform.sql_type,
        quote_ident(&transform.language),
        parts.collect::<Vec<_>>().join(", "),
    ));
    vec![draft]
}
