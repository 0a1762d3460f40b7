//! An opened place and the few things that are done with it. Everything above speaks in keys relative to the
//! repository's root and in our errors.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResult, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

use super::config::StoreConfig;
use super::error::{Trouble, convert, trouble};
use super::{direct, location, open};
use crate::error::{Error, Kind, Result};

/// An opened place: a bucket and prefix, a folder, or memory. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    prefix: Path,
    shown: Arc<str>,
    folder: Option<PathBuf>,
    remote: bool,
    recipient: Option<Arc<str>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.shown)
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub key: String,
    pub length: u64,
    pub modified: chrono::DateTime<chrono::Utc>,
}

impl Store {
    /// Opens a place that exists; nothing is read yet.
    pub async fn open(config: &StoreConfig) -> Result<Self> {
        Ok(Self::new(open::open(config, false).await?, config))
    }

    /// Opens a place, making the folder if it is one and does not exist. Buckets are never made.
    pub async fn create(config: &StoreConfig) -> Result<Self> {
        Ok(Self::new(open::open(config, true).await?, config))
    }

    /// A store that lives as long as its clones.
    pub fn memory() -> Self {
        Self::new(open::memory(), &StoreConfig::new("memory:"))
    }

    fn new(opened: open::Opened, config: &StoreConfig) -> Self {
        let open::Opened { inner, prefix, folder, remote } = opened;
        let recipient = config.recipient.as_deref().map(Arc::from);
        Self { inner, prefix, shown: location::redacted(&config.url).into(), folder, remote, recipient }
    }

    /// The recipient that the repository here must have.
    pub(super) fn pinned_recipient(&self) -> Option<&str> {
        self.recipient.as_deref()
    }

    /// The folder, if it is one.
    pub(super) fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref()
    }

    /// Whether a network lies in between.
    pub(super) fn is_remote(&self) -> bool {
        self.remote
    }

    fn path(&self, key: &str) -> Result<Path> {
        let joined = if self.prefix.as_ref().is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) };
        Path::parse(joined).map_err(|error| Error::new(Kind::Bug, format!("not an object key: {key}")).because(error))
    }

    /// Length of an object; `None` if there is none.
    pub(super) async fn head(&self, key: &str) -> Result<Option<u64>> {
        match self.inner.head(&self.path(key)?).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(error) if trouble(&error) == Trouble::NotFound => Ok(None),
            Err(error) => Err(convert(&error, &format!("looking for {key}"))),
        }
    }

    /// A whole object of at most `limit` bytes; `None` if there is none.
    pub(super) async fn get(&self, key: &str, limit: u64) -> Result<Option<Bytes>> {
        let doing = || format!("reading {key}");
        let result = match self.inner.get(&self.path(key)?).await {
            Ok(result) => result,
            Err(error) if trouble(&error) == Trouble::NotFound => return Ok(None),
            Err(error) => return Err(convert(&error, &doing())),
        };
        if result.meta.size > limit {
            let what = format!("{key} has {} bytes, more than the {limit} it may have", result.meta.size);
            return Err(Error::new(Kind::Format, what));
        }
        let expected = result.meta.size;
        let bytes = result.bytes().await.map_err(|error| convert(&error, &doing()))?;
        if bytes.len() as u64 != expected {
            let what = format!("{key}: the store announced {expected} bytes and sent {}", bytes.len());
            return Err(Error::new(Kind::Store, what).passing());
        }
        Ok(Some(bytes))
    }

    /// Starts reading a range. The result's metadata tell the whole object's length.
    pub(super) async fn get_range(&self, key: &str, range: Range<u64>) -> object_store::Result<GetResult> {
        let path = self
            .path(key)
            .map_err(|error| object_store::Error::Generic { store: "pgfreight", source: Box::new(error) })?;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        self.inner.get_opts(&path, options).await
    }

    /// Reads a range in one piece: for folders and memory, where streams would come in crumbs.
    pub(super) async fn get_block(&self, key: &str, range: Range<u64>) -> object_store::Result<Bytes> {
        let path = self
            .path(key)
            .map_err(|error| object_store::Error::Generic { store: "pgfreight", source: Box::new(error) })?;
        self.inner.get_range(&path, range).await
    }

    /// Puts an object whatever is there: for names that mean their bytes, and for bundles.
    pub(super) async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        if self.put_directly(key, &bytes).await? {
            return Ok(());
        }
        let put = self.inner.put(&self.path(key)?, PutPayload::from_bytes(bytes)).await;
        put.map(drop).map_err(|error| convert(&error, &format!("storing {key}")))
    }

    /// Writes a large object of a folder past the page cache; false where it must go the ordinary way.
    async fn put_directly(&self, key: &str, bytes: &Bytes) -> Result<bool> {
        let Some(folder) = self.folder.as_deref().filter(|_| direct::is_fit(bytes)) else { return Ok(false) };
        let (path, bytes) = (folder.join(key), bytes.clone());
        // As object_store does it: a thread that may wait for the disk.
        let written = tokio::task::spawn_blocking(move || direct::write(&path, &bytes)).await;
        let failed = |error| object_store::Error::Generic { store: "folder", source: Box::new(error) };
        let written = written.map_err(std::io::Error::other).flatten().map_err(failed);
        written.map_err(|error| convert(&error, &format!("storing {key}")))
    }

    /// Puts an object if none is there; false when one is. Stores that ignore the condition replace it: callers look
    /// first, and choose names that cannot collide.
    pub(super) async fn create_object(&self, key: &str, bytes: Bytes) -> Result<bool> {
        let path = self.path(key)?;
        let options = PutOptions::from(PutMode::Create);
        match self.inner.put_opts(&path, PutPayload::from_bytes(bytes.clone()), options).await {
            Ok(_) => Ok(true),
            Err(error) => match trouble(&error) {
                Trouble::Exists => Ok(false),
                Trouble::Unsupported => self.put(key, bytes).await.map(|()| true),
                _ => Err(convert(&error, &format!("storing {key}"))),
            },
        }
    }

    /// Begins a multipart upload.
    pub(super) async fn multipart(&self, key: &str) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.inner.put_multipart(&self.path(key)?).await;
        begun.map_err(|error| convert(&error, &format!("storing {key}")))
    }

    /// Everything under a folder, page after page.
    pub(super) fn list(&self, under: &str) -> BoxStream<'static, Result<Listed>> {
        let path = match self.path(under) {
            Ok(path) => path,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let skip = if self.prefix.as_ref().is_empty() { 0 } else { self.prefix.as_ref().len() + 1 };
        let doing = format!("listing {under}");
        let listing = self.inner.list(Some(&path));
        let listing = listing.map_err(move |error| convert(&error, &doing)).map_ok(move |meta| Listed {
            key: meta.location.as_ref().get(skip..).unwrap_or_default().to_owned(),
            length: meta.size,
            modified: meta.last_modified,
        });
        listing.boxed()
    }

    /// Deletes an object; one that is not there is as good as deleted.
    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        match self.inner.delete(&self.path(key)?).await {
            Err(error) if trouble(&error) != Trouble::NotFound => Err(convert(&error, &format!("deleting {key}"))),
            _ => Ok(()),
        }
    }

    /// Deletes objects, many at a time; those that are not there are as good as deleted.
    pub(super) async fn delete_all(&self, keys: &[String]) -> Result<()> {
        let paths: Vec<Path> = keys.iter().map(|key| self.path(key)).collect::<Result<_>>()?;
        let mut deleted = self.inner.delete_stream(stream::iter(paths.into_iter().map(Ok)).boxed());
        while let Some(outcome) = deleted.next().await {
            if let Err(error) = outcome
                && trouble(&error) != Trouble::NotFound
            {
                return Err(convert(&error, "deleting objects"));
            }
        }
        Ok(())
    }
}
