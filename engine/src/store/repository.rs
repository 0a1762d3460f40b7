//! The repository: descriptor, dumps and journals.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, TryStreamExt};

use super::handle::Store;
use super::{Pin, UnfinishedRun, pieces};
use crate::error::{Error, Kind, Result};
use crate::format::canonical::CanonicalError;
use crate::format::descriptor::{Descriptor, DescriptorError};
use crate::format::journal::{JournalRecord, RecordPlace};
use crate::format::manifest::{Manifest, Place, ReadManifest, SignedManifest, StoredContents, VerifiedManifest};
use crate::format::{check, layout};
use crate::ids::{Digest, DumpId, WriterId};
use crate::keys::WriterKey;
use crate::limits;

/// Records of journals that are read at a time.
const RECORDS_AT_ONCE: usize = 16;

/// A repository. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Repository {
    store: Store,
    descriptor: Arc<Descriptor>,
}

impl Repository {
    /// Makes a repository; refuses a place that already is one.
    pub async fn init(store: Store, descriptor: Descriptor) -> Result<Self> {
        let bytes = descriptor.encode().map_err(no_form)?;
        Descriptor::decode(&bytes)
            .map_err(|error| Error::new(Kind::Bug, "a descriptor that is none").because(error))?;
        if store.head(layout::DESCRIPTOR).await?.is_some() {
            return Err(Error::new(Kind::Usage, format!("{store} already is a repository"))
                .hint("Use it as it is, or choose another place or prefix."));
        }
        store.put_once(layout::DESCRIPTOR, Bytes::from(bytes)).await?;
        // A store that ignores conditions lets two inits at once both win; only one of them is read back.
        let written = Self::open(store, Pin::Any).await?;
        if *written.descriptor == descriptor {
            return Ok(written);
        }
        Err(Error::new(Kind::Store, "somebody else made a repository here at the same moment"))
    }

    /// Opens a repository and holds it against `pin`.
    pub async fn open(store: Store, pin: Pin<'_>) -> Result<Self> {
        let Some(bytes) = store.get(layout::DESCRIPTOR, limits::SMALL_FILE_MAX).await? else {
            return Err(Error::new(
                Kind::Store,
                format!("{store} is not a repository: it has no {}", layout::DESCRIPTOR),
            )
            .hint("Check bucket and prefix, or make a repository with init."));
        };
        let descriptor = Descriptor::decode(&bytes).map_err(|error| refused_descriptor(&store, error))?;
        if let Some(recipient) = store.pinned_recipient() {
            check_pin(&descriptor, Pin::Recipient(recipient))?;
        }
        check_pin(&descriptor, pin)?;
        Ok(Self { store, descriptor: Arc::new(descriptor) })
    }

    /// Its public facts.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Where it lies.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stores the private half (already sealed); durable when it returns.
    pub async fn put_contents(&self, dump: &DumpId, sealed: Bytes) -> Result<StoredContents> {
        let stored = StoredContents { length: sealed.len() as u64, digest: Digest(*blake3::hash(&sealed).as_bytes()) };
        if stored.length == 0 || stored.length > limits::SEALED_CONTENTS_MAX {
            return Err(Error::new(Kind::Bug, format!("contents of {} bytes", stored.length)));
        }
        pieces::put_named(&self.store, &self.contents_key(dump), sealed).await?;
        Ok(stored)
    }

    /// Reads the private half (still sealed), checked against the manifest's length and digest.
    pub async fn read_contents(&self, manifest: &VerifiedManifest) -> Result<Bytes> {
        let key = self.contents_key(&manifest.dump);
        let stored = &manifest.contents;
        if stored.length > limits::SEALED_CONTENTS_MAX {
            return Err(Error::new(Kind::Format, format!("{key}: {} bytes are too many", stored.length)));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(stored.length).unwrap_or(0));
        let mut blocks = pieces::read_range(self.store.clone(), key.clone(), 0..stored.length);
        while let Some(block) = blocks.try_next().await? {
            bytes.extend_from_slice(&block);
        }
        if Digest(*blake3::hash(&bytes).as_bytes()) != stored.digest {
            return Err(Error::new(Kind::Verification, format!("{key} is damaged: its digest is another"))
                .hint("Use another dump, or another copy of the bucket."));
        }
        Ok(Bytes::from(bytes))
    }

    fn contents_key(&self, dump: &DumpId) -> String {
        layout::contents(dump, self.descriptor.encryption)
    }

    /// The commit point: signs and puts the manifest, once. Everything it names must be durable and checked
    /// ([`Repository::check_objects`]).
    pub async fn commit(&self, manifest: &Manifest, writer: &WriterKey) -> Result<()> {
        let bug = |why: String| Error::new(Kind::Bug, format!("manifest of {} not committed: {why}", manifest.dump));
        check_pin(&self.descriptor, Pin::Writer(writer))?;
        check::manifest(manifest).map_err(|error| bug(error.to_string()))?;
        let belongs = manifest.repository == self.descriptor.repository
            && manifest.writer == writer.id()
            && manifest.encrypted == self.descriptor.encryption;
        if !belongs {
            return Err(bug("it belongs elsewhere".to_owned()));
        }
        let bytes = SignedManifest::encode(manifest, writer.signing()).map_err(no_form)?;
        if bytes.len() as u64 > limits::MANIFEST_MAX {
            return Err(bug(format!("{} bytes are too many", bytes.len())));
        }
        let put = self.store.put_once(&layout::manifest(&manifest.dump), Bytes::from(bytes)).await;
        put.map_err(|error| error.context("committing the dump"))
    }

    /// All committed dumps, oldest first.
    pub async fn list_dumps(&self) -> Result<Vec<DumpId>> {
        let listing = self.store.list(layout::DUMPS);
        let manifests = listing.try_filter_map(|found| async move { Ok(layout::parse_manifest(&found.key)) });
        let mut dumps: Vec<DumpId> = manifests.try_collect().await?;
        dumps.sort();
        Ok(dumps)
    }

    /// Reads a manifest; `writers` are those the reader knows (of its bundle, or its own key), `None` if none.
    pub async fn read_manifest(&self, dump: &DumpId, writers: Option<&[WriterId]>) -> Result<ReadManifest> {
        let Some(bytes) = self.store.get(&layout::manifest(dump), limits::MANIFEST_MAX).await? else {
            return Err(Error::new(Kind::Usage, format!("there is no dump {dump} in this repository"))
                .hint("`pgfreight list` shows what there is; a dump that did not finish is not a dump."));
        };
        let place = Place { repository: &self.descriptor.repository, dump, encrypted: self.descriptor.encryption };
        SignedManifest::decode(&bytes, &place, writers).map_err(|error| error.into_error(dump))
    }

    /// Puts one journal record; everything it names must be durable.
    pub async fn write_journal(&self, record: &JournalRecord, writer: &WriterKey) -> Result<()> {
        let belongs = record.repository == self.descriptor.repository
            && record.writer == writer.id()
            && record.number <= layout::RECORD_MAX;
        if !belongs {
            return Err(Error::new(Kind::Bug, format!("journal record {} belongs elsewhere", record.number)));
        }
        let bytes = record.encode(writer.signing()).map_err(no_form)?;
        self.store.put_once(&layout::run_record(&record.dump, record.number), Bytes::from(bytes)).await
    }

    /// Journals of unfinished runs, oldest first; only records that `writer` signed count.
    pub async fn read_journals(&self, writer: WriterId) -> Result<Vec<UnfinishedRun>> {
        let listing = self.store.list(layout::RUNS);
        let records = listing.try_filter_map(|found| async move { Ok(layout::parse_run_record(&found.key)) });
        let mut records: Vec<(DumpId, u32)> = records.try_collect().await?;
        records.sort();
        let reads = stream::iter(records.into_iter().map(Ok)).map_ok(|(dump, number)| async move {
            let read = self.read_record(&dump, number, writer).await?;
            Ok::<_, Error>((dump, number, read))
        });
        let in_order = reads.try_buffered(RECORDS_AT_ONCE);
        let gathered = in_order.try_fold(Vec::<UnfinishedRun>::new(), |mut runs, (dump, number, read)| async move {
            if runs.last().is_none_or(|run| run.dump != dump) {
                runs.push(UnfinishedRun { dump, records: Vec::new(), refused: Vec::new() });
            }
            match (runs.last_mut(), read) {
                (Some(run), Ok(record)) => run.records.push(record),
                (Some(run), Err(why)) => run.refused.push((number, why)),
                (None, _) => {}
            }
            Ok(runs)
        });
        gathered.await
    }

    /// One record, or why it is not used.
    async fn read_record(&self, dump: &DumpId, number: u32, writer: WriterId) -> Result<Result<JournalRecord, String>> {
        let bytes = match self.store.get(&layout::run_record(dump, number), limits::JOURNAL_MAX).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Err("it is gone".to_owned())),
            Err(error) if error.kind() == Kind::Format => return Ok(Err(error.to_string())),
            Err(error) => return Err(error),
        };
        let place = RecordPlace { repository: &self.descriptor.repository, dump, number };
        Ok(JournalRecord::decode(&bytes, &place, writer).map_err(|error| error.to_string()))
    }

    /// Deletes records of journals, after their dumps were committed or given up.
    pub async fn delete_records(&self, records: impl IntoIterator<Item = (&DumpId, u32)>) -> Result<()> {
        let keys: Vec<String> = records.into_iter().map(|(dump, number)| layout::run_record(dump, number)).collect();
        self.store.delete_all(&keys).await
    }
}

fn no_form(error: CanonicalError) -> Error {
    Error::new(Kind::Bug, "a value without stored form").because(error)
}

fn refused_descriptor(store: &Store, error: DescriptorError) -> Error {
    let hint = match &error {
        DescriptorError::Version { .. } => "It was made by a newer pgfreight: use that version or a later one.",
        _ => "It is damaged or was edited; put back a copy of pgfreight.json.",
    };
    Error::new(Kind::Format, format!("the descriptor of {store} is refused")).because(error).hint(hint)
}

/// Holds a descriptor against what the caller knows about its repository.
fn check_pin(descriptor: &Descriptor, pin: Pin<'_>) -> Result<()> {
    let what = match pin {
        Pin::Any => return Ok(()),
        Pin::Writer(key) if *key.repository() != descriptor.repository => "this is another repository",
        Pin::Writer(key) if key.recipient() != descriptor.recipient.as_deref() => {
            "the repository's recipient is another"
        }
        Pin::Writer(_) => return Ok(()),
        Pin::Recipient(known) if descriptor.recipient.as_deref() != Some(known) => {
            "the repository's recipient is another"
        }
        Pin::Recipient(_) => return Ok(()),
    };
    Err(Error::new(Kind::Identity, format!("{what} than the one that was pinned")).hint(
        "Check the URL. If it is right, somebody has replaced pgfreight.json: nothing was read or written; restore \
         the file from a copy before anything else.",
    ))
}
