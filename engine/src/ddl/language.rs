//! Procedural languages that no extension brought.

use super::Section;
use super::draft::{Context, Draft};
use super::identity::create;
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// The entry of a language.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Language(language), None) = (&object.body, &object.extension) else { return Vec::new() };
    let mut draft = create(object, "PROCEDURAL LANGUAGE", Section::PreData, cx);
    let trusted = if language.trusted { "TRUSTED " } else { "" };
    let mut sql = format!("CREATE {trusted}PROCEDURAL LANGUAGE {}", quote_ident(&object.name));
    let parts = [("HANDLER", &language.handler), ("INLINE", &language.inline), ("VALIDATOR", &language.validator)];
    for (word, function) in parts {
        sql.extend(function.iter().map(|function| format!(" {word} {function}")));
    }
    draft.create.push(sql);
    vec![draft]
}
