//! Small chunks share objects, and whoever reads one will mostly read its neighbours next: they come with the same request.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::error::{Error, Kind, Result};
use crate::format::manifest::Piece;
use crate::ids::Digest;
use crate::limits::MIB;
use crate::store::Repository;

/// Bytes read of an object from where a small piece begins. Over a network a request costs more than so many bytes.
const WINDOW: u64 = MIB;

/// Windows kept: lanes that read side by side are in the same one, or in neighbouring ones.
const KEPT: usize = 4;

/// A part of an object.
struct Window {
    object: Digest,
    from: u64,
    bytes: Bytes,
}

/// What was read of shared objects lately.
#[derive(Default)]
pub struct Windows(Mutex<VecDeque<Window>>);

impl Windows {
    /// Whether a piece is read in this way: it is a small part of an object.
    pub fn suit(piece: &Piece) -> bool {
        piece.length < WINDOW && piece.length < piece.object_length
    }

    /// The bytes of a piece, compared with its digest.
    pub async fn read(&self, repository: &Repository, piece: &Piece) -> Result<Bytes> {
        let bytes = match self.find(piece) {
            Some(bytes) => bytes,
            None => self.fetch(repository, piece).await?,
        };
        if *blake3::hash(&bytes).as_bytes() != piece.digest.0 {
            let what = format!("object {} does not hold what the manifest says", piece.object);
            return Err(Error::new(Kind::Verification, what));
        }
        Ok(bytes)
    }

    fn find(&self, piece: &Piece) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().filter(|window| window.object == piece.object).find_map(|window| window.part(piece))
    }

    async fn fetch(&self, repository: &Repository, piece: &Piece) -> Result<Bytes> {
        let end = piece.object_length.min(piece.offset + WINDOW);
        let blocks: Vec<Bytes> = repository.read_object(piece.object, piece.offset..end).try_collect().await?;
        let bytes = match <[Bytes; 1]>::try_from(blocks) {
            Ok([one]) => one,
            Err(many) => Bytes::from(many.concat()),
        };
        let window = Window { object: piece.object, from: piece.offset, bytes };
        let part = window.part(piece);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(window);
        kept.truncate(KEPT);
        part.ok_or_else(|| Error::new(Kind::Verification, format!("object {} ends early", piece.object)))
    }
}

impl Window {
    fn part(&self, piece: &Piece) -> Option<Bytes> {
        let from = usize::try_from(piece.offset.checked_sub(self.from)?).ok()?;
        let end = from.checked_add(usize::try_from(piece.length).ok()?)?;
        (end <= self.bytes.len()).then(|| self.bytes.slice(from..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(offset: u64, length: u64) -> Piece {
        let object = Digest([1; 32]);
        Piece { object, object_length: 4 * MIB, offset, length, digest: Digest([0; 32]) }
    }

    #[test]
    fn a_window_gives_what_lies_in_it_and_nothing_else() {
        let window = Window { object: Digest([1; 32]), from: 100, bytes: Bytes::from_static(b"0123456789") };
        assert_eq!(window.part(&piece(100, 3)).as_deref(), Some(&b"012"[..]));
        assert_eq!(window.part(&piece(108, 2)).as_deref(), Some(&b"89"[..]));
        for (offset, length) in [(99, 2), (108, 3), (111, 1), (0, 1), (u64::MAX, 1)] {
            assert_eq!(window.part(&piece(offset, length)), None, "{offset} {length}");
        }
        assert!(Windows::suit(&piece(0, 5)) && !Windows::suit(&piece(0, WINDOW)));
    }
}
