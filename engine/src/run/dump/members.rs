//! Rows in tables of extensions that the extensions do not register as their users' (manual: "Extension Configuration
//! Tables"). They stay behind, as with `pg_dump`; that they do is said, because a table that was added to an extension by hand
//! is such a table too, and nothing in the catalogs tells it from one that the extension's script fills again.

use crate::catalog::table::TableKind;
use crate::catalog::{Body, Catalog, Object};
use crate::ddl::Section;
use crate::error::Result;
use crate::plan::select::Selection;
use crate::source::facts;
use crate::source::reader::CatalogReader;
use crate::sql::qualified;

/// A sentence for every such table that is not empty, in catalog order.
pub(super) async fn left_behind(
    reader: &CatalogReader,
    catalog: &Catalog,
    selection: &Selection,
) -> Result<Vec<String>> {
    if !selection.sections.contains(&Section::Data) {
        return Ok(Vec::new());
    }
    let tables: Vec<(&Object, &str)> = catalog
        .objects
        .iter()
        .filter(|object| matches!(&object.body, Body::Table(table) if table.kind == TableKind::Ordinary))
        .filter(|object| selection.objects.contains(&object.id) && !selection.data.contains(&object.id))
        .filter_map(|object| Some((object, object.extension.as_deref()?)))
        .collect();
    let names: Vec<(&str, &str)> =
        tables.iter().map(|(table, _)| (table.schema.as_deref().unwrap_or_default(), &*table.name)).collect();
    let sizes = match names.is_empty() {
        true => Vec::new(),
        false => facts::sizes(reader.client(), &names).await?,
    };
    let told = |((table, extension), size): (&(&Object, &str), &Option<u64>)| {
        let name = qualified(table.schema.as_deref(), &table.name);
        size.is_some_and(|blocks| blocks > 0).then(|| {
            format!(
                "rows of {name} are not in the dump: it belongs to extension {extension}, which does not register them"
            )
        })
    };
    Ok(tables.iter().zip(&sizes).filter_map(told).collect())
}
