//! Compression contexts, lent and given back: a zstd context is one to a few megabytes of tables that are costly to
//! allocate and zero for every small table.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, ParamSwitch, compress_bound};

use super::SealError;

/// Contexts kept for later; more than this many lanes seal at a time only in very large runs.
const KEPT_MAX: usize = 64;

/// A compressor and room for what it gives.
pub(super) struct Context {
    compressor: Compressor<'static>,
    packed: Vec<u8>,
}

impl Context {
    /// Compresses one frame, not longer than the context was taken for.
    pub(super) fn compress(&mut self, plain: &[u8]) -> Result<&[u8], SealError> {
        self.packed.clear();
        self.compressor.compress_to_buffer(plain, &mut self.packed).map_err(SealError::Seal)?;
        Ok(&self.packed)
    }
}

/// A shared shelf of idle contexts of one level.
#[derive(Clone)]
pub(super) struct Contexts {
    level: i32,
    idle: Arc<Mutex<Vec<Context>>>,
}

impl Contexts {
    /// An empty shelf.
    pub(super) fn new(level: i32) -> Self {
        Self { level, idle: Arc::default() }
    }

    /// The level they compress at.
    pub(super) fn level(&self) -> i32 {
        self.level
    }

    /// A context for frames of at most `frame` bytes.
    pub(super) fn take(&self, frame: usize) -> Result<Context, SealError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut context = match idle {
            Some(context) => context,
            None => Context { compressor: compressor(self.level).map_err(SealError::Seal)?, packed: Vec::new() },
        };
        context.packed.clear();
        context.packed.reserve(compress_bound(frame));
        Ok(context)
    }

    /// Gives a context back.
    pub(super) fn give_back(&self, context: Context) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT_MAX {
            idle.push(context);
        }
    }
}

/// A compressor; at level 1 with a search that fits rows. They repeat themselves field by field, so that one position in three
/// finds what one in two does, while matches of six bytes (dates, amounts) still count. Literals are compressed, which zstd
/// leaves out by itself where it searches so coarsely. Measured (docs/BENCHMARKS.md): 0.92 of the time for 1.012 of the bytes.
fn compressor(level: i32) -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(level)?;
    if level == 1 {
        compressor.set_parameter(CParameter::HashLog(14))?;
        compressor.set_parameter(CParameter::MinMatch(6))?;
        compressor.set_parameter(CParameter::TargetLength(2))?;
        compressor.set_parameter(CParameter::LiteralCompressionMode(ParamSwitch::Enable))?;
    }
    Ok(compressor)
}
