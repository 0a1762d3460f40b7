//! `schema`: the DDL of a dump or of a live database, the same bytes for the same schema.

use super::opened::OpenedDump;
use super::report::Loss;
use crate::catalog::Catalog;
use crate::connect::ConnectOptions;
use crate::ddl::{self, Dialect, Entry, Toc, script};
use crate::error::{Error, Kind, Result};
use crate::introspect;
use crate::source::holder::Holder;
use crate::source::lane::LaneOptions;
use crate::source::reader::CatalogReader;

/// A schema as text.
#[derive(Clone, Debug)]
pub struct SchemaText {
    /// Entries in execution order.
    pub toc: Toc,
    /// What could not be written.
    pub losses: Vec<Loss>,
}

impl SchemaText {
    /// One file that `psql` loads by itself.
    pub fn script(&self) -> String {
        script::script(&self.toc)
    }

    /// One file per object: relative path and text.
    pub fn split(&self) -> Vec<(String, String)> {
        script::split(&self.toc)
    }
}

/// The schema a dump carries, as its source's version writes it.
pub fn of_dump(dump: &OpenedDump) -> SchemaText {
    let losses = dump.contents.header.losses.iter().map(|(class, name, reason)| Loss {
        class: class.clone(),
        name: name.clone(),
        reason: reason.clone(),
    });
    SchemaText { losses: losses.collect(), toc: Toc { entries: dump.contents.entries.clone() } }
}

/// The schema a live database has at one moment.
///
/// # Errors
/// `Kind::Source`.
pub async fn of_database(connect: &ConnectOptions, role: Option<String>) -> Result<SchemaText> {
    let options = LaneOptions { connect: connect.clone(), role, row_security: false };
    let (holder, reader) = Holder::open(&options).await?;
    let read = catalog(&reader).await;
    drop(reader);
    holder.cancel().await;
    let catalog = read?;
    let toc = ddl::write(&catalog, Dialect { target: catalog.server.version })?;
    let mut losses: Vec<Loss> = catalog.unsupported.iter().map(Loss::unsupported).collect();
    losses.extend(toc.entries.iter().flat_map(losses_of));
    Ok(SchemaText { toc, losses })
}

/// The model of what a session sees.
pub(super) async fn catalog(reader: &CatalogReader) -> Result<Catalog> {
    let read = introspect::read(reader.client()).await;
    read.map_err(|error| Error::new(Kind::Source, "the schema cannot be read").because(error))
}

fn losses_of(entry: &Entry) -> Vec<Loss> {
    let name = entry.schema.as_ref().map_or_else(|| entry.name.clone(), |schema| format!("{schema}.{}", entry.name));
    let loss = |reason: &String| Loss { class: entry.desc.to_lowercase(), name: name.clone(), reason: reason.clone() };
    entry.losses.iter().map(loss).collect()
}
