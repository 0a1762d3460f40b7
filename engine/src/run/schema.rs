//! `schema`: the DDL of a dump or of a live database, the same bytes for the same schema.

use futures_util::FutureExt;

use super::opened::OpenedDump;
use super::report::Loss;
use crate::catalog::Catalog;
use crate::catalog::extent::Extent;
use crate::connect::{ConnectOptions, Role};
use crate::ddl::{self, Dialect, Entry, EntryKind, Toc, script};
use crate::error::{Error, Result};
use crate::introspect::{self, Features, IntrospectError, Positions, Sessions};
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

/// The schema a dump carries, as its source's version writes it; with `globals` the cluster's own objects in front.
///
/// # Errors
/// `Kind::Usage` if there are to be globals and the dump has none.
pub fn of_dump(dump: &OpenedDump, globals: bool) -> Result<SchemaText> {
    if globals {
        dump.globals()?;
    }
    let entries = dump.contents.entries.iter().filter(|entry| globals || !entry.is_about_cluster());
    let losses = dump.contents.header.losses.iter().map(|(class, name, reason)| Loss {
        class: class.clone(),
        name: name.clone(),
        reason: reason.clone(),
    });
    Ok(SchemaText { losses: losses.collect(), toc: Toc { entries: entries.cloned().collect() } })
}

/// The schema a live database has at one moment; with `globals` its cluster's own objects in front, without passwords.
///
/// # Errors
/// `Kind::Source`.
pub async fn of_database(connect: &ConnectOptions, role: Option<String>, globals: bool) -> Result<SchemaText> {
    let options = LaneOptions { connect: connect.clone(), role, row_security: false };
    let (holder, reader) = Holder::open(&options).await?;
    let read = read((&holder, &reader), globals).await;
    drop(reader);
    holder.cancel().await;
    let catalog = read?;
    let toc = ddl::write(&catalog, Dialect { target: catalog.server.version });
    let mut losses: Vec<Loss> = catalog.unsupported.iter().map(Loss::unsupported).collect();
    // Where sequences stand is not asked for, and no text says it.
    let said = toc.entries.iter().filter(|entry| entry.kind != EntryKind::SequenceSet);
    losses.extend(said.flat_map(losses_of));
    Ok(SchemaText { toc, losses })
}

async fn read((holder, reader): (&Holder, &CatalogReader), globals: bool) -> Result<Catalog> {
    let mut catalog = catalog(holder, reader, Positions::Leave).await?;
    if globals {
        let features = Features::of(holder.version());
        let read = introspect::globals::read(&introspect::Client::of(reader.client()), &features, false).await;
        catalog.globals = Some(read.map_err(unreadable)?);
    }
    Ok(catalog)
}

/// How much the schema holds.
pub(super) async fn extent(reader: &CatalogReader) -> Result<Extent> {
    introspect::extent::read(&introspect::Client::of(reader.client())).await.map_err(unreadable)
}

/// The model of what a snapshot shows; where that saves time, with a second session for as long as it takes.
pub(super) async fn catalog(holder: &Holder, reader: &CatalogReader, positions: Positions) -> Result<Catalog> {
    let second = holder.second_reader().map(FutureExt::boxed);
    let sessions = Sessions { first: reader.client(), second, version: holder.version() };
    introspect::read_with(sessions, positions).await.map_err(unreadable)
}

fn unreadable(error: IntrospectError) -> Error {
    error.of(Role::Source).context("the schema cannot be read")
}

fn losses_of(entry: &Entry) -> Vec<Loss> {
    let name = entry.schema.as_ref().map_or_else(|| entry.name.clone(), |schema| format!("{schema}.{}", entry.name));
    let loss = |reason: &String| Loss { class: entry.desc.to_lowercase(), name: name.clone(), reason: reason.clone() };
    entry.losses.iter().map(loss).collect()
}
