//! The piece that is being filled.
//!
//! A piece of tens of megabytes is memory the process never touched before, and a page fault for every four kilobytes of it
//! costs more than encrypting them. Large pieces lie in a mapping of their own for which huge pages are asked; where there
//! are none, nothing is lost.

use bytes::{Bytes, BytesMut};
use memmap2::MmapMut;

/// Up to this size a piece lies in ordinary memory: a huge page would be mostly empty.
const SMALL: usize = 1 << 20;

/// Bytes on their way to become a piece of at most `most` bytes.
pub(super) struct Filling {
    small: BytesMut,
    large: Option<MmapMut>,
    len: usize,
    most: usize,
}

impl Filling {
    /// An empty piece.
    pub(super) fn new(most: usize) -> Self {
        Self { small: BytesMut::new(), large: None, len: 0, most }
    }

    /// The next piece, of the same size.
    pub(super) fn next(&self) -> Self {
        Self::new(self.most)
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
            self.large = map(self.most);
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
            Some(map) => Bytes::from_owner(map).slice(..self.len),
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
        for (most, step) in [(10, 3), (SMALL, 70_000), (SMALL + 1, SMALL), (5 << 20, 65_536), (3 << 20, 3 << 20)] {
            let mut filling = Filling::new(most);
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
}
