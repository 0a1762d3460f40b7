//! System objects that got another owner.

use super::Section;
use super::draft::{Context, Draft};
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// The entry of a system object whose owner is not the one `initdb` gave; privileges are written by `acl`.
pub fn entries(object: &Object, _cx: &Context<'_>) -> Vec<Draft> {
    let (Body::System(system), Some(owner)) = (&object.body, &object.owner) else { return Vec::new() };
    if !system.owner_changed {
        return Vec::new();
    }
    let word = if system.word == "PROCEDURE" || system.word == "FUNCTION" { "ROUTINE" } else { &system.word };
    let mut draft = Draft::new(object, "SYSTEM OWNER", Section::PreData);
    draft.name = format!("{} {}", system.word, object.name);
    draft.set_owner = Some(format!("ALTER {word} {} OWNER TO {}", system.identity, quote_ident(owner)));
    vec![draft]
}
