//! The index of stored content.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::format::journal::JournalRecord;
use crate::format::manifest::{Manifest, StoredChunk};
use crate::ids::{ContentId, Digest};

/// Where it is known from that a chunk is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A committed dump.
    Dump,
    /// An earlier run that did not finish.
    Run,
    /// This run itself.
    Now,
}

/// Chunks that may be referenced, by content.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    chunks: HashMap<ContentId, (StoredChunk, Origin)>,
}

impl Stored {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a committed dump that this writer signed. What is known already stays: referencing older objects leaves
    /// the newer ones as garbage, not the other way round.
    pub fn add_dump(&mut self, manifest: &Manifest) {
        self.add(&manifest.chunks, Origin::Dump);
    }

    /// Adds a record of an unfinished run that this writer signed.
    pub fn add_record(&mut self, record: &JournalRecord) {
        self.add(&record.chunks, Origin::Run);
    }

    fn add(&mut self, chunks: &[StoredChunk], origin: Origin) {
        for chunk in chunks {
            self.chunks.entry(chunk.id).or_insert_with(|| (chunk.clone(), origin));
        }
    }

    /// Adds a chunk that this run has made durable, so that its content is not stored twice.
    pub fn add_chunk(&mut self, chunk: &StoredChunk) {
        self.add(std::slice::from_ref(chunk), Origin::Now);
    }

    /// How many chunks are known.
    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The objects all of them lean on, with their lengths, sorted.
    pub fn objects(&self) -> Vec<(Digest, u64)> {
        let pieces = self.chunks.values().flat_map(|(chunk, _)| &chunk.pieces);
        let objects: BTreeMap<_, _> = pieces.map(|piece| (piece.object, piece.object_length)).collect();
        objects.into_iter().collect()
    }

    /// Drops every chunk that leans on one of these objects; says how many.
    pub fn forget(&mut self, gone: &BTreeSet<Digest>) -> usize {
        let before = self.chunks.len();
        if !gone.is_empty() {
            self.chunks.retain(|_, (chunk, _)| chunk.pieces.iter().all(|piece| !gone.contains(&piece.object)));
        }
        before - self.chunks.len()
    }

    /// Where this content is stored.
    pub fn find(&self, id: &ContentId) -> Option<(&StoredChunk, Origin)> {
        self.chunks.get(id).map(|(chunk, origin)| (chunk, *origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::samples;

    #[test]
    fn content_is_found_by_id_and_forgotten_by_object() {
        let mut stored = Stored::new();
        stored.add_dump(&samples::manifest());
        stored.add_record(&samples::record());
        assert_eq!(stored.len(), 2);
        let id = samples::chunk(1, 0, 100).id;
        assert_eq!(stored.find(&id).unwrap().1, Origin::Dump, "the committed dump comes first");
        assert_eq!(stored.objects(), [(Digest([1; 32]), 100), (Digest([2; 32]), 200)]);
        assert_eq!(stored.forget(&BTreeSet::from([Digest([1; 32])])), 1);
        assert!(stored.find(&id).is_none());
        assert_eq!(stored.len(), 1);
    }
}
