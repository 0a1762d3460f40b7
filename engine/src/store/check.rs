//! Whether objects are there, what is there for nothing, and what the store is able to do.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, TryStreamExt};

use super::handle::Store;
use super::{ObjectProblem, Repository};
use crate::error::{Error, Kind, Result};
use crate::format::layout;
use crate::ids::Digest;

/// More objects than this are looked up in one listing instead of one by one: a listing shows 1,000 per request.
const LIST_ABOVE: usize = 2_000;

/// Look-ups under way at a time.
const HEADS_AT_ONCE: usize = 32;

/// An object that nothing refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbage {
    /// The object.
    pub object: Digest,
    /// Its bytes.
    pub length: u64,
    /// When it was stored, by the store's clock.
    pub stored: DateTime<Utc>,
}

/// Uploads that were abandoned and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a store was seen to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// A second create of the same name was refused.
    pub refuses_second_create: bool,
    /// What was put is read back, whole and in part.
    pub reads_back: bool,
    /// A listing shows what was just put.
    pub lists: bool,
    /// What was deleted is gone.
    pub deletes: bool,
}

impl Repository {
    /// Looks whether objects are there with the right length; gives those that are not, in the order asked.
    pub async fn check_objects(&self, objects: &[(Digest, u64)]) -> Result<Vec<ObjectProblem>> {
        let wanted: BTreeMap<Digest, u64> = objects.iter().copied().collect();
        let found =
            if wanted.len() > LIST_ABOVE { self.list_lengths(&wanted).await? } else { self.heads(&wanted).await? };
        let mut told = BTreeSet::new();
        let problems = objects.iter().filter(|(object, _)| told.insert(*object)).filter_map(|&(object, expected)| {
            match found.get(&object) {
                None => Some(ObjectProblem::Missing { object }),
                Some(&found) if found != expected => Some(ObjectProblem::Length { object, expected, found }),
                Some(_) => None,
            }
        });
        Ok(problems.collect())
    }

    async fn list_lengths(&self, wanted: &BTreeMap<Digest, u64>) -> Result<BTreeMap<Digest, u64>> {
        let listing = self.store().list(layout::OBJECTS);
        let found = listing.try_filter_map(|found| async move {
            Ok(layout::parse_object(&found.key).filter(|object| wanted.contains_key(object)).map(|o| (o, found.length)))
        });
        found.try_collect().await
    }

    async fn heads(&self, wanted: &BTreeMap<Digest, u64>) -> Result<BTreeMap<Digest, u64>> {
        let heads = stream::iter(wanted.keys().copied().map(Ok)).map_ok(|object: Digest| {
            let store = self.store().clone();
            async move { Ok::<_, Error>(store.head(&layout::object(&object)).await?.map(|length| (object, length))) }
        });
        let found: Vec<_> = heads.try_buffer_unordered(HEADS_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Objects that `kept` does not name and that were stored before `before`. `kept` must hold everything that any
    /// manifest or journal names; younger objects may belong to a run whose journal is not written yet.
    pub async fn garbage(&self, kept: &BTreeSet<Digest>, before: DateTime<Utc>) -> Result<Vec<Garbage>> {
        let listing = self.store().list(layout::OBJECTS);
        let garbage = listing.try_filter_map(|found| async move {
            let object = layout::parse_object(&found.key).filter(|object| !kept.contains(object));
            let old = object.filter(|_| found.modified < before);
            Ok(old.map(|object| Garbage { object, length: found.length, stored: found.modified }))
        });
        garbage.try_collect().await
    }

    /// Deletes an object that [`Repository::garbage`] named.
    pub async fn delete_garbage(&self, garbage: &Garbage) -> Result<()> {
        self.store().delete(&layout::object(&garbage.object)).await
    }

    /// Removes what interrupted uploads left behind before `before`. In a folder those are staged files (`name#1`);
    /// object stores hide theirs, and a lifecycle rule of the bucket removes them (docs/OPERATIONS.md).
    pub async fn sweep_uploads(&self, before: DateTime<Utc>) -> Result<Swept> {
        let Some(root) = self.store().folder() else { return Ok(Swept::default()) };
        let mut swept = Swept::default();
        let mut folders: Vec<_> =
            [layout::OBJECTS, layout::DUMPS, layout::RUNS, layout::KEYS].map(|name| root.join(name)).into();
        folders.push(root.to_path_buf());
        while let Some(folder) = folders.pop() {
            let at_root = folder == root;
            let mut entries = match tokio::fs::read_dir(&folder).await {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(sweep_failed(&folder, error)),
            };
            while let Some(entry) = entries.next_entry().await.map_err(|error| sweep_failed(&folder, error))? {
                let facts = entry.metadata().await.map_err(|error| sweep_failed(&folder, error))?;
                if facts.is_dir() {
                    // At the root only the repository's own folders are looked into, and those are queued already.
                    if !at_root {
                        folders.push(entry.path());
                    }
                    continue;
                }
                let old = facts.modified().is_ok_and(|modified| DateTime::<Utc>::from(modified) < before);
                if old && is_staged(&entry.file_name().to_string_lossy()) {
                    tokio::fs::remove_file(entry.path()).await.map_err(|error| sweep_failed(&folder, error))?;
                    swept.files += 1;
                    swept.bytes += facts.len();
                }
            }
        }
        Ok(swept)
    }
}

/// Whether a file's name is that of a staged upload.
fn is_staged(name: &str) -> bool {
    let Some((stem, number)) = name.rsplit_once('#') else { return false };
    !stem.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

fn sweep_failed(folder: &std::path::Path, error: std::io::Error) -> Error {
    Error::new(Kind::Store, format!("sweeping {}", folder.display())).because(error)
}

impl Store {
    /// Tries out what the repository needs of a store, with small objects under `probe/` that it removes again.
    /// `random` makes the names unique.
    pub async fn probe(&self, random: [u8; 8]) -> Result<Probe> {
        let key = format!("probe/{}", hex::encode(random));
        let (first, second) = (Bytes::from_static(b"first version"), Bytes::from_static(b"second one"));
        self.create_object(&key, first.clone()).await?;
        let refuses_second_create = !self.create_object(&key, second.clone()).await?;
        let there = if refuses_second_create { first } else { second };
        let whole = self.get(&key, 64).await?;
        let part = self.get_block(&key, 2..6).await;
        let reads_back = whole.as_ref() == Some(&there) && part.is_ok_and(|part| part == there.slice(2..6));
        let listed: Vec<_> = self.list("probe").try_collect().await?;
        let lists = listed.iter().any(|found| found.key == key && found.length == there.len() as u64);
        self.delete(&key).await?;
        let deletes = self.head(&key).await?.is_none();
        Ok(Probe { refuses_second_create, reads_back, lists, deletes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staged_names_are_told_from_others() {
        for name in ["abc#1", "manifest#27"] {
            assert!(is_staged(name), "{name}");
        }
        for name in ["abc", "#1", "abc#", "abc#1x", "#"] {
            assert!(!is_staged(name), "{name}");
        }
    }
}
