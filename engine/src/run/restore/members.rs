//! Tables of extensions that the target's extensions do not make: made by another version of the extension, or made and added by
//! hand (`ALTER EXTENSION … ADD TABLE`) in one transaction. Nothing in the catalogs tells the one from the other, nor from what the
//! extension's script made, so they are looked for where it shows: on the target, once its extensions are there. What was added
//! in a later transaction than it was made is the user's own, and comes like any other table.

use std::collections::BTreeSet;

use super::Run;
use super::prepare::is_partial;
use crate::catalog::{Body, Class, Object};
use crate::connect::Lane;
use crate::ddl::{Entry, EntryKind, Section};
use crate::error::Result;
use crate::sql::{qualified, quote_literal};
use crate::target::prepared::Lost;

/// Names the tables that came with one of the dump's extensions and are not there, though the extension is.
pub(super) async fn name_missing(run: &Run, lane: &mut Lane) -> Result<()> {
    let made = extensions(run);
    let of_extension = |object: &&Object| {
        matches!(object.body, Body::Table(_)) && object.extension.as_deref().is_some_and(|name| made.contains(name))
    };
    let tables = run.cargo.contents.catalog.objects.iter().filter(of_extension);
    let rows: Vec<String> = tables
        .filter_map(|object| {
            let name = qualified(object.schema.as_deref(), &object.name);
            Some(format!("({}, {})", quote_literal(&name), quote_literal(object.extension.as_deref()?)))
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT v.name, v.extension FROM (VALUES {}) v (name, extension)
          WHERE pg_catalog.to_regclass(v.name) IS NULL
            AND EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = v.extension) ORDER BY v.name",
        rows.join(", ")
    );
    for row in lane.execute(&sql).await? {
        let mut fields = row.into_iter().flatten();
        let (Some(name), Some(extension)) = (fields.next(), fields.next()) else { continue };
        let reason = format!(
            "extension {extension} does not make it here, so it was added by hand or by another version of the extension; \
             its rows are in the dump only if the extension registers them"
        );
        run.lose(Lost { class: "TABLE".to_owned(), name, reason });
    }
    Ok(())
}

/// The extensions that the target has from this restore; if it is a whole one, also those that `initdb` made.
fn extensions(run: &Run) -> BTreeSet<&str> {
    let creates = |entry: &&Entry| entry.section == Section::PreData && entry.kind == EntryKind::Create;
    let entries = run.entries.iter().filter(creates);
    let mut made: BTreeSet<&str> =
        entries.clone().filter(|entry| entry.desc == "EXTENSION").map(|entry| &*entry.name).collect();
    if entries.count() > 0 && !is_partial(&run.options.filters) {
        let born = |object: &&Object| object.builtin && object.id.class == Class::Extension;
        made.extend(run.cargo.contents.catalog.objects.iter().filter(born).map(|object| &*object.name));
    }
    made
}
