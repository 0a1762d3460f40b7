//! Small chunks share an object: ten thousand small tables must not become ten thousand requests.
//!
//! The pack that is being filled is a constant of the budget. A share of the pool for every chunk in it would be the pool's
//! unit, however small the chunk, and a few thousand of them would leave nothing for anybody.

use bytes::{Bytes, BytesMut};

use crate::format::manifest::Piece;
use crate::ids::Digest;
use crate::limits::PART_SIZE;
use crate::seal::SealReceipt;

/// A pack is closed at this size: one request, below the multipart threshold.
const PACK_SIZE: usize = PART_SIZE as usize;

/// Collects small sealed chunks.
#[derive(Debug, Default)]
pub struct Packer {
    open: Pack,
}

/// Small chunks that will share one object.
#[derive(Debug, Default)]
pub struct Pack {
    bytes: BytesMut,
    members: Vec<Member>,
}

/// One small chunk in a pack.
#[derive(Debug)]
pub struct Member {
    /// Position of the chunk in the plan.
    pub chunk: usize,
    /// Its receipt.
    pub receipt: SealReceipt,
    offset: u64,
    length: u64,
}

impl Packer {
    /// Adds a chunk; gives back a pack when one is full.
    pub fn add(&mut self, chunk: usize, receipt: SealReceipt, sealed: &[Bytes]) -> Option<Pack> {
        let offset = self.open.bytes.len() as u64;
        sealed.iter().for_each(|piece| self.open.bytes.extend_from_slice(piece));
        let length = self.open.bytes.len() as u64 - offset;
        self.open.members.push(Member { chunk, receipt, offset, length });
        (self.open.bytes.len() >= PACK_SIZE).then(|| std::mem::take(&mut self.open))
    }

    /// Takes what is left.
    pub fn flush(&mut self) -> Option<Pack> {
        (!self.open.members.is_empty()).then(|| std::mem::take(&mut self.open))
    }
}

impl Pack {
    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The object's bytes and what becomes of its members once it is stored.
    pub fn seal(self) -> (Bytes, Members) {
        (self.bytes.freeze(), Members { members: self.members })
    }
}

/// Members of a pack whose bytes are on their way.
#[derive(Debug)]
pub struct Members {
    members: Vec<Member>,
}

impl Members {
    /// Where each member lies in the stored object.
    pub fn placed(self, object: Digest, object_length: u64) -> Vec<(usize, SealReceipt, Piece)> {
        self.members
            .into_iter()
            .map(|member| {
                let piece = Piece {
                    object,
                    object_length,
                    offset: member.offset,
                    length: member.length,
                    digest: member.receipt.sealed,
                };
                (member.chunk, member.receipt, piece)
            })
            .collect()
    }
}
