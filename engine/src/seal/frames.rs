//! Plaintext cut into zstd frames at fixed distances, each compressed in one call.
//!
//! One call sees its whole input: zstd then neither copies it into a window of its own nor searches a window that is torn
//! in two where its ring wraps. Measured on rows, that is a sixth (level 1) to a third (level 3) of the processor time of
//! one long frame, for archives of the same size within a hundredth. The distance depends on the level alone, so the same
//! plaintext gives the same frames.

use super::SealError;
use super::contexts::{Context, Contexts};
use crate::limits::BATCH;

/// Frames of the levels people use nightly. Lanes hand over whole ones, so that none has to be gathered first.
const FRAME: usize = BATCH;

/// Frames of level 1, which is chosen for speed: plaintext, tables and what comes out stay in a core's own cache together.
const FRAME_FOR_SPEED: usize = BATCH / 2;

/// Frames of the levels that are chosen for size: as far back as their window reaches.
const FRAME_FOR_SIZE: usize = 8 << 20;

/// The first level with [`FRAME_FOR_SIZE`].
const LEVEL_FOR_SIZE: i32 = 10;

/// Compresses the plaintext of one chunk.
pub(super) struct Frames {
    contexts: Contexts,
    context: Context,
    frame: usize,
    /// Plaintext of the frame that is not full yet; empty as long as plaintext comes in whole frames.
    held: Vec<u8>,
    begun: bool,
}

impl Frames {
    /// Before the first byte.
    pub(super) fn new(contexts: &Contexts) -> Result<Self, SealError> {
        let frame = match contexts.level() {
            ..=1 => FRAME_FOR_SPEED,
            level if level < LEVEL_FOR_SIZE => FRAME,
            _ => FRAME_FOR_SIZE,
        };
        Ok(Self { contexts: contexts.clone(), context: contexts.take(frame)?, frame, held: Vec::new(), begun: false })
    }

    /// Takes plaintext; gives every frame that became full to `out`.
    pub(super) fn push(
        &mut self,
        mut plain: &[u8],
        mut out: impl FnMut(&[u8]) -> Result<(), SealError>,
    ) -> Result<(), SealError> {
        while self.held.len() + plain.len() >= self.frame {
            let (now, later) = plain.split_at(self.frame - self.held.len());
            plain = later;
            if self.held.is_empty() {
                out(self.context.compress(now)?)?;
            } else {
                self.held.extend_from_slice(now);
                out(self.context.compress(&self.held)?)?;
                self.held.clear();
            }
            self.begun = true;
        }
        self.held.extend_from_slice(plain);
        Ok(())
    }

    /// Gives the last frame to `out`; there is at least one, be it empty.
    pub(super) fn finish(mut self, mut out: impl FnMut(&[u8]) -> Result<(), SealError>) -> Result<(), SealError> {
        if !self.held.is_empty() || !self.begun {
            out(self.context.compress(&self.held)?)?;
        }
        self.contexts.give_back(self.context);
        Ok(())
    }
}
