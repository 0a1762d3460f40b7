//! Bundles: the only objects that are ever replaced.

use bytes::Bytes;
use futures_util::stream::TryStreamExt;

use super::{BundleName, Repository};
use crate::error::{Error, Kind, Result};
use crate::format::layout;
use crate::keys::{Identities, Label, ReaderBundle, Wrap, WriterKey};
use crate::limits;

impl BundleName {
    fn key(&self) -> String {
        match self {
            Self::Reader(label) => layout::reader_bundle(label.as_str()),
            Self::Writer(label) => layout::writer_bundle(label.as_str()),
        }
    }

    fn parse(key: &str) -> Option<Self> {
        let name = key.strip_prefix(layout::KEYS)?.strip_prefix('/')?.strip_suffix(".age")?;
        match name.strip_suffix(".writer") {
            Some(label) => Label::parse(label).ok().map(Self::Writer),
            None => Label::parse(name).ok().map(Self::Reader),
        }
    }
}

impl Repository {
    /// Names of all bundles, readers' first.
    pub async fn list_bundles(&self) -> Result<Vec<BundleName>> {
        let listing = self.store().list(layout::KEYS);
        let names = listing.try_filter_map(|found| async move { Ok(BundleName::parse(&found.key)) });
        let mut names: Vec<_> = names.try_collect().await?;
        names.sort();
        Ok(names)
    }

    /// Opens the reader's bundle with whichever identity fits one of them, and checks that it belongs to this
    /// repository. The label is `None` when the caller brought the opened bundle along as a file.
    pub async fn open_bundle(&self, identities: &Identities) -> Result<(Option<Label>, ReaderBundle)> {
        if let Some(bundle) = identities.opened_bundles().iter().find(|bundle| self.owns(bundle).is_ok()) {
            return Ok((None, bundle.clone()));
        }
        let mut labels = Vec::new();
        for name in self.list_bundles().await? {
            let BundleName::Reader(label) = name else { continue };
            if let Some(bundle) = self.try_bundle(&label, identities).await? {
                return Ok((Some(label), bundle));
            }
            labels.push(label.to_string());
        }
        let error = if identities.is_empty() {
            Error::new(Kind::Identity, "this needs an identity, and none was given")
                .hint("Give --identity FILE (an age identity, an SSH private key) or the passphrase.")
        } else if labels.is_empty() {
            Error::new(Kind::Identity, "the repository has no reader bundle")
                .hint("If keys/ was lost, put it back from a copy, or give the opened bundle itself as identity.")
        } else {
            Error::new(Kind::Identity, "the identity opens none of the repository's bundles")
                .hint(format!("There are bundles for: {}.", labels.join(", ")))
        };
        Err(error)
    }

    /// Opens one reader bundle (`key test`).
    pub async fn test_bundle(&self, label: &Label, identities: &Identities) -> Result<ReaderBundle> {
        let bundle = self.try_bundle(label, identities).await?;
        bundle.ok_or_else(|| Error::new(Kind::Identity, format!("the identity does not open the bundle {label}")))
    }

    async fn try_bundle(&self, label: &Label, identities: &Identities) -> Result<Option<ReaderBundle>> {
        let sealed = self.read_bundle(&BundleName::Reader(label.clone())).await?;
        let context = |error: Error| error.context(format!("bundle {label}"));
        let Some(plain) = identities.open(&sealed).map_err(context)? else { return Ok(None) };
        let bundle = ReaderBundle::decode(&plain).map_err(context)?;
        self.owns(&bundle).map_err(context)?;
        Ok(Some(bundle))
    }

    async fn read_bundle(&self, name: &BundleName) -> Result<Bytes> {
        let key = name.key();
        let sealed = self.store().get(&key, limits::SMALL_FILE_MAX).await?;
        sealed.ok_or_else(|| {
            Error::new(Kind::Usage, format!("there is no {key}")).hint("`pgfreight key list` shows what there is.")
        })
    }

    /// A bundle belongs to the repository whose id and recipient it has.
    fn owns(&self, bundle: &ReaderBundle) -> Result<()> {
        let descriptor = self.descriptor();
        let ours = bundle.repository == descriptor.repository
            && descriptor.recipient.as_ref() == Some(&bundle.identity.recipient());
        if ours {
            return Ok(());
        }
        Err(Error::new(Kind::Identity, "it belongs to another repository").hint(
            "Somebody copied or replaced bundles or pgfreight.json; put them back from a copy before anything else.",
        ))
    }

    /// Wraps and stores a reader bundle; replaces one of the same label only if told.
    pub async fn put_bundle(&self, label: &Label, bundle: &ReaderBundle, to: &Wrap, replace: bool) -> Result<()> {
        self.owns(bundle)?;
        self.put_wrapped(&BundleName::Reader(label.clone()), &bundle.encode(), to, replace).await
    }

    /// Wraps and stores the writer key for recovery.
    pub async fn put_writer_bundle(&self, label: &Label, key: &WriterKey, to: &Wrap, replace: bool) -> Result<()> {
        if *key.repository() != self.descriptor().repository {
            return Err(Error::new(Kind::Identity, "the writer key was made for another repository"));
        }
        self.put_wrapped(&BundleName::Writer(label.clone()), &key.encode()?, to, replace).await
    }

    async fn put_wrapped(&self, name: &BundleName, plain: &[u8], to: &Wrap, replace: bool) -> Result<()> {
        let (key, sealed) = (name.key(), Bytes::from(to.seal(plain)?));
        if replace {
            return self.store().put(&key, sealed).await;
        }
        let taken = || {
            Error::new(Kind::Usage, format!("{key} is already there"))
                .hint("Choose another label, or remove the old one first.")
        };
        if self.store().head(&key).await?.is_some() {
            return Err(taken());
        }
        if self.store().create_object(&key, sealed).await? { Ok(()) } else { Err(taken()) }
    }

    /// Opens a writer bundle (recovery of a dump host).
    pub async fn open_writer_bundle(&self, label: &Label, identities: &Identities) -> Result<WriterKey> {
        let sealed = self.read_bundle(&BundleName::Writer(label.clone())).await?;
        let Some(plain) = identities.open(&sealed)? else {
            return Err(Error::new(Kind::Identity, format!("the identity does not open the writer bundle {label}")));
        };
        let key = WriterKey::decode(&plain)?;
        let descriptor = self.descriptor();
        let ours = *key.repository() == descriptor.repository && key.recipient() == descriptor.recipient.as_deref();
        if ours { Ok(key) } else { Err(Error::new(Kind::Identity, "the writer key was made for another repository")) }
    }

    /// Deletes a bundle; refuses the last reader bundle of an encrypted repository.
    pub async fn remove_bundle(&self, name: &BundleName) -> Result<()> {
        let names = self.list_bundles().await?;
        if !names.contains(name) {
            return Err(Error::new(Kind::Usage, format!("there is no {}", name.key())));
        }
        let readers = names.iter().filter(|name| matches!(name, BundleName::Reader(_))).count();
        if matches!(name, BundleName::Reader(_)) && readers == 1 && self.descriptor().encryption {
            return Err(Error::new(
                Kind::Usage,
                "this is the last reader bundle: without it nobody can read the dumps",
            )
            .hint("Add another reader first."));
        }
        self.store().delete(&name.key()).await
    }
}
