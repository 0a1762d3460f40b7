//! The piece that is being filled.
//!
//! A piece of tens of megabytes is memory the process never touched before, and a page fault for every four kilobytes of it
//! costs more than encrypting them. Large pieces lie in a mapping of their own for which huge pages are asked; where there
//! are none, nothing is lost. A mapping whose piece is stored serves the next one: the system would fill it with zeros first.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use memmap2::MmapMut;

/// Up to this size a piece lies in ordinary memory: a huge page would be mostly empty.
const SMALL: usize = 1 << 20;

/// Mappings kept for later pieces. What a lane fills and what it stores meanwhile are two; more would be memory that nobody
/// counts.
const KEPT_MAX: usize = 4;

/// Mappings that held pieces. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<Mutex<Vec<MmapMut>>>);

impl Shelf {
    /// A mapping of that size: one that was used before, or a new one; none when the system gives none.
    fn take(&self, len: usize) -> Option<MmapMut> {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        used.filter(|map| map.len() == len).or_else(|| map(len))
    }

    fn put(&self, map: MmapMut) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX {
            kept.push(map);
        }
    }
}

/// A piece in a mapping, which goes back where it came from.
struct Lent {
    map: Option<MmapMut>,
    shelf: Shelf,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(map) = self.map.take() {
            self.shelf.put(map);
        }
    }
}

/// Bytes on their way to become a piece of at most `most` bytes.
pub(super) struct Filling {
    small: BytesMut,
    large: Option<MmapMut>,
    len: usize,
    most: usize,
    shelf: Shelf,
}

impl Filling {
    /// An empty piece.
    pub(super) fn new(most: usize, shelf: Shelf) -> Self {
        Self { small: BytesMut::new(), large: None, len: 0, most, shelf }
    }

    /// The next piece, of at most that size.
    pub(super) fn next(&self, most: usize) -> Self {
        Self::new(most, self.shelf.clone())
    }

    /// Most bytes it can hold.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that still fit.
    pub(super) fn room(&self) -> usize {
        self.most.saturating_sub(self.len)
    }

    /// Appends bytes for which there is room.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if self.large.is_none() && self.small.len() <= SMALL && end > SMALL {
            self.large = self.shelf.take(self.most);
            if let Some(map) = &mut self.large {
                map[..self.len].copy_from_slice(&self.small);
                self.small = BytesMut::new();
            }
        }
        match &mut self.large {
            Some(map) => map[self.len..end].copy_from_slice(bytes),
            None => self.small.extend_from_slice(bytes),
        }
        self.len = end;
    }

    /// The piece, in memory of its own.
    pub(super) fn freeze(self) -> Bytes {
        match self.large {
            Some(map) => Bytes::from_owner(Lent { map: Some(map), shelf: self.shelf }).slice(..self.len),
            None => self.small.freeze(),
        }
    }
}

/// Fresh memory of its own; none when the system gives none, and then the ordinary allocator is asked.
fn map(len: usize) -> Option<MmapMut> {
    let map = MmapMut::map_anon(len).ok()?;
    // A wish: kernels without huge pages refuse it, and the mapping serves as it is.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_size_hold_what_was_put_in() {
        let shelf = Shelf::default();
        for (most, step) in [(10, 3), (SMALL, 70_000), (SMALL + 1, SMALL), (5 << 20, 65_536), (3 << 20, 3 << 20)] {
            let mut filling = Filling::new(most, shelf.clone());
            let mut expected = Vec::new();
            while filling.room() > 0 {
                let bytes: Vec<u8> = (0..step.min(filling.room())).map(|i| (i + expected.len()) as u8).collect();
                filling.extend(&bytes);
                expected.extend_from_slice(&bytes);
                assert_eq!(filling.len(), expected.len());
            }
            assert!(filling.freeze() == expected, "{most} by {step}");
        }
    }

    #[test]
    fn a_mapping_is_used_again_once_its_piece_is_gone() {
        let shelf = Shelf::default();
        let filled = |with: u8| {
            let mut filling = Filling::new(3 << 20, shelf.clone());
            filling.extend(&vec![with; (2 << 20) + usize::from(with)]);
            filling.freeze()
        };
        let (first, second) = (filled(1), filled(2));
        let place = first.as_ptr();
        let part = first.slice(..10);
        drop(first);
        assert_ne!(filled(3).as_ptr(), place, "a part of it is still in use");
        assert!(part.iter().all(|byte| *byte == 1) && second.iter().all(|byte| *byte == 2));
        drop(part);
        let again = filled(4);
        assert_eq!((again.as_ptr(), again.len()), (place, (2 << 20) + 4));
        assert!(again.iter().all(|byte| *byte == 4));
        drop((0..2 * KEPT_MAX).map(|_| filled(5)).collect::<Vec<_>>());
        assert_eq!(shelf.0.lock().unwrap().len(), KEPT_MAX);
    }
}
