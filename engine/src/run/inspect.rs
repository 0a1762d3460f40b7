//! `list` and `show`: what a repository and a dump hold.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;

use super::opened::OpenedDump;
use super::reader::Access;
use super::report::Loss;
use crate::catalog::Census;
use crate::error::Result;
use crate::format::CopyFormat;
use crate::format::contents::{Contents, DataKind};
use crate::format::manifest::{Manifest, VerifiedManifest};
use crate::format::signed::Vouched;
use crate::ids::{Digest, DumpId, WriterId};

/// Manifests read at a time.
const AT_ONCE: usize = 8;

/// One dump in a list. What needs an identity is `None` without one.
#[derive(Clone, Debug, Serialize)]
pub struct DumpSummary {
    /// Its name.
    pub dump: DumpId,
    /// When the run began, UTC.
    pub started: DateTime<Utc>,
    /// When the dump was committed, UTC.
    pub finished: DateTime<Utc>,
    /// False in repositories made with `--no-encryption`.
    pub encrypted: bool,
    /// Chunks.
    pub chunks: u64,
    /// Bytes its chunks and contents take in the store; shared pieces are counted in every dump.
    pub stored_bytes: u64,
    /// Who signed.
    pub writer: WriterId,
    /// `known`, `unchecked` (no identity to check with), `foreign` or `unsigned`.
    pub signature: &'static str,
    /// Database.
    pub database: Option<String>,
    /// Server version.
    pub server: Option<String>,
    /// Tables with data.
    pub tables: Option<u64>,
    /// Rows.
    pub rows: Option<u64>,
    /// Plaintext bytes.
    pub raw_bytes: Option<u64>,
    /// Objects that were not carried.
    pub losses: Option<u64>,
    /// Why the dump cannot be used, if it cannot.
    pub problem: Option<String>,
}

/// A repository's dumps.
#[derive(Clone, Debug, Serialize)]
pub struct DumpList {
    /// The repository's id.
    pub repository: String,
    /// Whether it encrypts.
    pub encrypted: bool,
    /// Oldest first.
    pub dumps: Vec<DumpSummary>,
    /// Names of dumps whose manifest is refused, with the reason.
    pub refused: Vec<(DumpId, String)>,
}

/// Lists committed dumps, oldest first.
///
/// # Errors
/// `Kind::Store`; dumps that cannot be read are listed as refused.
pub async fn list(access: &Access) -> Result<DumpList> {
    let descriptor = access.repository().descriptor();
    let mut list = DumpList {
        repository: descriptor.repository.to_string(),
        encrypted: descriptor.encryption,
        dumps: Vec::new(),
        refused: Vec::new(),
    };
    let found = stream::iter(access.repository().list_dumps().await?)
        .map(|dump| async move { (summary(access, &dump).await, dump) })
        .buffered(AT_ONCE);
    let found: Vec<_> = found.map(Ok::<_, crate::Error>).try_collect().await?;
    for (outcome, dump) in found {
        match outcome {
            Ok(summary) => list.dumps.push(summary),
            Err(error) if error.kind() == crate::Kind::Store => return Err(error),
            Err(error) => list.refused.push((dump, with_causes(&error))),
        }
    }
    Ok(list)
}

async fn summary(access: &Access, dump: &DumpId) -> Result<DumpSummary> {
    let manifest = access.manifest(dump).await?;
    let mut summary = public_summary(&manifest);
    if access.can_open() {
        match access.dump(dump).await {
            Ok(opened) => add_private(&mut summary, &opened.contents),
            Err(error) if error.kind() == crate::Kind::Store => return Err(error),
            Err(error) => summary.problem = Some(with_causes(&error)),
        }
    }
    Ok(summary)
}

fn with_causes(error: &crate::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

fn public_summary(manifest: &VerifiedManifest) -> DumpSummary {
    DumpSummary {
        dump: manifest.dump.clone(),
        started: manifest.started,
        finished: manifest.finished,
        encrypted: manifest.encrypted,
        chunks: manifest.chunks.len() as u64,
        stored_bytes: stored_bytes(manifest),
        writer: manifest.writer,
        signature: match manifest.vouched() {
            Vouched::Signed(_) => "known",
            Vouched::Unchecked(_) => "unchecked",
            Vouched::Foreign(_) => "foreign",
            Vouched::Unsigned => "unsigned",
        },
        database: None,
        server: None,
        tables: None,
        rows: None,
        raw_bytes: None,
        losses: None,
        problem: None,
    }
}

/// Every span counted once, however many chunks of the dump share it.
fn stored_bytes(manifest: &Manifest) -> u64 {
    let pieces = manifest.chunks.iter().flat_map(|chunk| &chunk.pieces);
    let spans: BTreeMap<(Digest, u64), u64> =
        pieces.map(|piece| ((piece.object, piece.offset), piece.length)).collect();
    spans.values().sum::<u64>() + manifest.contents.length
}

fn add_private(summary: &mut DumpSummary, contents: &Contents) {
    summary.database = Some(contents.catalog.database.name.clone());
    summary.server = Some(contents.catalog.server.version.to_string());
    summary.tables = Some(contents.tables.iter().filter(|table| table.kind == DataKind::Table).count() as u64);
    summary.rows = Some(contents.tables.iter().map(|table| table.rows).sum());
    summary.raw_bytes = Some(contents.tables.iter().flat_map(|table| &table.chunks).map(|chunk| chunk.raw).sum());
    summary.losses = Some(contents.header.losses.len() as u64);
}

/// A table's data in a dump.
#[derive(Clone, Debug, Serialize)]
pub struct TableSummary {
    /// Schema; empty for large objects.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Text or binary.
    pub format: CopyFormat,
    /// Chunks.
    pub chunks: u64,
    /// Rows.
    pub rows: u64,
    /// Plaintext bytes.
    pub raw_bytes: u64,
    /// Stored bytes.
    pub stored_bytes: u64,
    /// Order-independent fingerprint of the rows, 32 hexadecimal digits.
    pub fingerprint: String,
}

/// A schema object in a dump.
#[derive(Clone, Debug, Serialize)]
pub struct EntrySummary {
    /// Number, as `restore -L` reads it.
    pub id: u32,
    /// OID in its catalog, 0 if it is no object of its own.
    pub oid: u32,
    /// pg_restore's word for it.
    pub desc: String,
    /// `pre-data`, `data` or `post-data`.
    pub section: crate::ddl::Section,
    /// Schema.
    pub schema: Option<String>,
    /// Tag.
    pub name: String,
    /// Owner.
    pub owner: Option<String>,
}

/// What a dump holds.
#[derive(Clone, Debug, Serialize)]
pub struct DumpView {
    /// The dump as a list shows it.
    pub summary: DumpSummary,
    /// Filters and switches it was made with.
    pub options: Vec<String>,
    /// Encoding of its rows.
    pub encoding: String,
    /// Tables with data, largest first.
    pub tables: Vec<TableSummary>,
    /// Schema objects in restore order.
    pub entries: Vec<EntrySummary>,
    /// What was not carried.
    pub losses: Vec<Loss>,
    /// How many rows users made in the system catalogs, and what became of them; `None` in dumps of the first days.
    pub census: Option<Census>,
}

/// Shows a dump.
///
/// # Errors
/// As [`Access::find`].
pub async fn show(access: &Access, wanted: &str) -> Result<DumpView> {
    let OpenedDump { manifest, contents, .. } = access.find(wanted).await?;
    let mut summary = public_summary(&manifest);
    add_private(&mut summary, &contents);
    Ok(DumpView {
        summary,
        options: contents.header.options.clone(),
        encoding: contents.header.encoding.clone(),
        tables: tables(&manifest, &contents),
        entries: contents.entries.iter().map(entry).collect(),
        losses: contents.header.losses.iter().map(loss).collect(),
        census: contents.catalog.census.clone(),
    })
}

fn tables(manifest: &Manifest, contents: &Contents) -> Vec<TableSummary> {
    let stored = |chunk: u32| manifest.chunks.get(chunk as usize).map_or(0, |chunk| chunk.stored_len());
    let mut tables: Vec<TableSummary> = contents
        .tables
        .iter()
        .map(|table| TableSummary {
            schema: table.schema.clone(),
            name: table.name.clone(),
            format: table.format,
            chunks: table.chunks.len() as u64,
            rows: table.rows,
            raw_bytes: table.chunks.iter().map(|chunk| chunk.raw).sum(),
            stored_bytes: table.chunks.iter().map(|chunk| stored(chunk.chunk)).sum(),
            fingerprint: table.fingerprint.to_string(),
        })
        .collect();
    tables.sort_by(|a, b| b.raw_bytes.cmp(&a.raw_bytes).then_with(|| (&a.schema, &a.name).cmp(&(&b.schema, &b.name))));
    tables
}

fn entry(entry: &crate::ddl::Entry) -> EntrySummary {
    EntrySummary {
        id: entry.id,
        oid: entry.object.map_or(0, |object| object.oid.0),
        desc: entry.desc.clone(),
        section: entry.section,
        schema: entry.schema.clone(),
        name: entry.name.clone(),
        owner: entry.owner.clone(),
    }
}

fn loss((class, name, reason): &(String, String, String)) -> Loss {
    Loss { class: class.clone(), name: name.clone(), reason: reason.clone() }
}
