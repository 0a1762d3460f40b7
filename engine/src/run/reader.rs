//! The way to a dump for whoever reads: repository, bundle, then [`opened`](super::opened).
//!
//! Without an identity a reader sees what is public and checks signatures for soundness only; with one it accepts only
//! dumps of writers its bundle names (promises 5 and 8).

use super::opened::{self, Entries, OpenedDump, Reader};
use crate::error::{Error, Kind, Result};
use crate::format::manifest::VerifiedManifest;
use crate::ids::DumpId;
use crate::keys::Identities;
use crate::store::{Pin, Repository, Store, StoreConfig};

/// A repository opened for reading.
#[derive(Clone, Debug)]
pub struct Access {
    repository: Repository,
    reader: Option<Reader>,
    allow_unsigned: bool,
}

impl Access {
    /// Opens a repository with what the reader brought; no identities are fine for what is public.
    ///
    /// # Errors
    /// `Kind::Store`, `Kind::Format`; `Kind::Identity` if identities were given and none opens a bundle.
    pub async fn open(store: &StoreConfig, identities: &Identities, allow_unsigned: bool) -> Result<Self> {
        let repository = Repository::open(Store::open(store).await?, Pin::Any).await?;
        let reader = match (repository.descriptor().encryption, identities.is_empty()) {
            (false, true) => Some(Reader::Plain { writers: Vec::new() }),
            // Whoever owns the bucket could have switched encryption off in the descriptor, to slip in dumps that
            // nobody vouches for. A reader who brings an identity expects it to matter.
            (false, false) => {
                return Err(Error::new(
                    Kind::Identity,
                    "an identity was given, and the repository says it is not encrypted",
                )
                .hint("Leave the identity away if that is as it should be; if not, somebody changed pgfreight.json."));
            }
            (true, true) => None,
            (true, false) => Some(Reader::Bundle(Box::new(repository.open_bundle(identities).await?.1))),
        };
        Ok(Self { repository, reader, allow_unsigned })
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Whether contents can be opened.
    pub fn can_open(&self) -> bool {
        self.reader.is_some()
    }

    /// Whether signatures by unknown writers are let through.
    pub fn allow_unsigned(&self) -> bool {
        self.allow_unsigned
    }

    /// What opens contents and chunks.
    ///
    /// # Errors
    /// `Kind::Identity` if nothing does.
    pub fn reader(&self) -> Result<&Reader> {
        self.reader.as_ref().ok_or_else(|| {
            Error::new(Kind::Identity, "the repository is encrypted and no identity was given")
                .hint("Name an identity file with --identity, or a passphrase with --passphrase.")
        })
    }

    /// Reads a manifest and accepts it as far as this reader may.
    ///
    /// # Errors
    /// `Kind::Identity` for a dump by an unknown writer, `Kind::Format` and `Kind::Verification` for a damaged one.
    pub async fn manifest(&self, dump: &DumpId) -> Result<VerifiedManifest> {
        let anybody = Reader::Plain { writers: Vec::new() };
        opened::manifest(&self.repository, self.reader.as_ref().unwrap_or(&anybody), dump, self.allow_unsigned).await
    }

    /// Opens a dump by its name.
    ///
    /// # Errors
    /// As [`Access::reader`], [`opened::find`] and [`opened::open`].
    pub async fn dump(&self, dump: &DumpId) -> Result<OpenedDump> {
        self.open_dump(dump, Entries::Kept).await
    }

    /// Finds a dump and opens it.
    ///
    /// # Errors
    /// As [`Access::dump`].
    pub async fn find(&self, wanted: &str) -> Result<OpenedDump> {
        self.dump(&opened::find(&self.repository, wanted).await?).await
    }

    /// The same without what its entries say.
    ///
    /// # Errors
    /// As [`Access::dump`].
    pub async fn find_without_entries(&self, wanted: &str) -> Result<OpenedDump> {
        self.open_dump(&opened::find(&self.repository, wanted).await?, Entries::Forgotten).await
    }

    async fn open_dump(&self, dump: &DumpId, entries: Entries) -> Result<OpenedDump> {
        opened::open(&self.repository, self.reader()?, dump, (self.allow_unsigned, entries)).await
    }
}
