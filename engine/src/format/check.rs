//! What must hold inside one public file, beyond its grammar: pieces make sense, and nothing contradicts itself.

use std::collections::BTreeMap;

use super::manifest::{Manifest, StoredChunk};
use crate::ids::Digest;
use crate::limits;

/// A contradiction inside a file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A chunk without stored bytes.
    #[error("chunk {0} has no pieces")]
    NoPieces(usize),
    /// A span of no bytes, beyond its object, or of an object larger than any.
    #[error("chunk {chunk}: piece {piece} does not lie within its object")]
    Span {
        /// Position of the chunk.
        chunk: usize,
        /// Position of the piece in it.
        piece: usize,
    },
    /// A piece that is a whole object and yet has another digest than its name.
    #[error("chunk {chunk}: piece {piece} is a whole object but its digest is not the object's name")]
    WholeDigest {
        /// Position of the chunk.
        chunk: usize,
        /// Position of the piece in it.
        piece: usize,
    },
    /// Two pieces disagree about one object's length.
    #[error("object {object}: said to have {one} and {other} bytes")]
    Lengths {
        /// The object.
        object: Digest,
        /// One claim.
        one: u64,
        /// The other.
        other: u64,
    },
    /// Capabilities out of order or repeated.
    #[error("capabilities are not sorted")]
    Capabilities,
    /// Encryption said and not needed, or the other way round.
    #[error("says encrypted: {said}, but its capabilities say otherwise")]
    Encryption {
        /// What the manifest says.
        said: bool,
    },
    /// Finished before it began.
    #[error("finished before it started")]
    Times,
    /// A grid that is no power of two.
    #[error("a grid of {0} blocks is no power of two")]
    Grid(u32),
    /// No private half.
    #[error("its contents have no bytes")]
    NoContents,
}

/// Checks a list of stored chunks.
pub fn chunks(chunks: &[StoredChunk]) -> Result<(), Contradiction> {
    let mut lengths: BTreeMap<Digest, u64> = BTreeMap::new();
    for (chunk, stored) in chunks.iter().enumerate() {
        if stored.pieces.is_empty() {
            return Err(Contradiction::NoPieces(chunk));
        }
        for (piece, span) in stored.pieces.iter().enumerate() {
            let end = span.offset.checked_add(span.length);
            let within = end.is_some_and(|end| end <= span.object_length);
            if span.length == 0 || !within || span.object_length > limits::PIECE_MAX {
                return Err(Contradiction::Span { chunk, piece });
            }
            if span.length == span.object_length && span.digest != span.object {
                return Err(Contradiction::WholeDigest { chunk, piece });
            }
            let one = *lengths.entry(span.object).or_insert(span.object_length);
            if one != span.object_length {
                return Err(Contradiction::Lengths { object: span.object, one, other: span.object_length });
            }
        }
    }
    Ok(())
}

/// Checks a whole manifest.
pub fn manifest(manifest: &Manifest) -> Result<(), Contradiction> {
    chunks(&manifest.chunks)?;
    sorted(&manifest.capabilities)?;
    if manifest.encrypted != manifest.capabilities.iter().any(|name| name == "age") {
        return Err(Contradiction::Encryption { said: manifest.encrypted });
    }
    if manifest.finished < manifest.started {
        return Err(Contradiction::Times);
    }
    if manifest.contents.length == 0 {
        return Err(Contradiction::NoContents);
    }
    match manifest.grids.values().find(|grid| !grid.blocks.is_power_of_two()) {
        Some(grid) => Err(Contradiction::Grid(grid.blocks)),
        None => Ok(()),
    }
}

/// Checks that names are sorted and stand once.
pub fn sorted(names: &[String]) -> Result<(), Contradiction> {
    let ordered = names.windows(2).all(|pair| pair[0] < pair[1]);
    if ordered { Ok(()) } else { Err(Contradiction::Capabilities) }
}
