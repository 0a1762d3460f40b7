//! Compression contexts, lent and given back: a zstd context is one to a few megabytes of tables that are costly to
//! allocate and zero for every small table.

use std::sync::{Arc, Mutex, PoisonError};

use zstd::stream::raw::{Encoder, Operation};

use super::SealError;

/// Contexts kept for later; more than this many lanes seal at a time only in very large runs.
const KEPT_MAX: usize = 64;

/// A shared shelf of idle contexts of one level.
#[derive(Clone)]
pub(super) struct Contexts {
    level: i32,
    idle: Arc<Mutex<Vec<Encoder<'static>>>>,
}

impl Contexts {
    /// An empty shelf.
    pub(super) fn new(level: i32) -> Self {
        Self { level, idle: Arc::default() }
    }

    /// A context ready for a new frame.
    pub(super) fn take(&self) -> Result<Encoder<'static>, SealError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(mut encoder) => {
                encoder.reinit().map_err(SealError::Seal)?;
                Ok(encoder)
            }
            None => Encoder::new(self.level).map_err(SealError::Seal),
        }
    }

    /// Gives a context back.
    pub(super) fn give_back(&self, encoder: Encoder<'static>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT_MAX {
            idle.push(encoder);
        }
    }
}
