//! `key`: who can read a repository, and who writes to it.

use serde::Serialize;

use crate::error::{Error, Kind, Result};
use crate::ids::WriterId;
use crate::keys::{Identities, Label, Wrap};
use crate::store::{BundleName, Pin, Repository, Store, StoreConfig};

/// The bundles of a repository.
#[derive(Clone, Debug, Serialize)]
pub struct KeyList {
    /// The repository's id.
    pub repository: String,
    /// Whom dumps are sealed to; `None` without encryption.
    pub recipient: Option<String>,
    /// Labels of bundles that open dumps.
    pub readers: Vec<String>,
    /// Labels of wrapped writer keys.
    pub writers: Vec<String>,
}

/// What an identity opens.
#[derive(Clone, Debug, Serialize)]
pub struct KeyTest {
    /// Labels of the bundles it opens; empty if it was an opened bundle itself.
    pub opens: Vec<String>,
    /// Labels of the bundles it does not open.
    pub refused: Vec<String>,
    /// Writers whose dumps its holder believes.
    pub writers: Vec<WriterId>,
}

async fn open(store: &StoreConfig) -> Result<Repository> {
    Repository::open(Store::open(store).await?, Pin::Any).await
}

/// Lists bundles; needs no identity.
///
/// # Errors
/// `Kind::Store`, `Kind::Format`.
pub async fn key_list(store: &StoreConfig) -> Result<KeyList> {
    let repository = open(store).await?;
    let descriptor = repository.descriptor();
    let mut list = KeyList {
        repository: descriptor.repository.to_string(),
        recipient: descriptor.recipient.clone(),
        readers: Vec::new(),
        writers: Vec::new(),
    };
    for name in repository.list_bundles().await? {
        match name {
            BundleName::Reader(label) => list.readers.push(label.to_string()),
            BundleName::Writer(label) => list.writers.push(label.to_string()),
        }
    }
    Ok(list)
}

/// Finds out which bundles an identity opens.
///
/// # Errors
/// `Kind::Identity` if it opens none.
pub async fn key_test(store: &StoreConfig, identities: &Identities) -> Result<KeyTest> {
    let repository = open(store).await?;
    let (_, bundle) = repository.open_bundle(identities).await?;
    let mut test = KeyTest { opens: Vec::new(), refused: Vec::new(), writers: bundle.writers };
    for name in repository.list_bundles().await? {
        let BundleName::Reader(label) = name else { continue };
        match repository.test_bundle(&label, identities).await {
            Ok(_) => test.opens.push(label.to_string()),
            Err(error) if error.kind() == Kind::Identity => test.refused.push(label.to_string()),
            Err(error) => return Err(error),
        }
    }
    Ok(test)
}

/// Wraps the repository identity for somebody more.
///
/// # Errors
/// `Kind::Identity` if the given identities open no bundle; `Kind::Usage` if the label is taken.
pub async fn key_add(store: &StoreConfig, identities: &Identities, label: &Label, to: &Wrap) -> Result<()> {
    let repository = open(store).await?;
    if !repository.descriptor().encryption {
        return Err(Error::new(Kind::Usage, "the repository is not encrypted: there is nothing to wrap"));
    }
    let (_, bundle) = repository.open_bundle(identities).await?;
    repository.put_bundle(label, &bundle, to, false).await
}

/// Removes a reader's bundle. Whoever opened it before may have kept the identity: docs/THREAT_MODEL.md.
///
/// # Errors
/// `Kind::Usage` if there is no such bundle or it is the last one.
pub async fn key_remove(store: &StoreConfig, label: &Label) -> Result<()> {
    let repository = open(store).await?;
    let name = BundleName::Reader(label.clone());
    if !repository.list_bundles().await?.contains(&name) {
        return Err(Error::new(Kind::Usage, format!("there is no bundle {label}"))
            .hint("`pgfreight key list` shows the bundles."));
    }
    repository.remove_bundle(&name).await
}
