//! Access methods.

use super::Section;
use super::draft::{Context, Draft};
use super::identity::create;
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// The entry of an access method.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::AccessMethod(method), None) = (&object.body, &object.extension) else { return Vec::new() };
    let mut draft = create(object, "ACCESS METHOD", Section::PreData, cx);
    let kind = if method.kind == "t" { "TABLE" } else { "INDEX" };
    let name = quote_ident(&object.name);
    draft.create.push(format!("CREATE ACCESS METHOD {name} TYPE {kind} HANDLER {}", method.handler));
    vec![draft]
}
