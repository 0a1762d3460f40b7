//! One chunk: COPY bytes in, a sealed chunk out.
//!
//! While a batch is sealed on the pool, the next one is read from the server (or waits in the kernel, where the lane seals for itself). Sealed bytes stay in memory until the chunk
//! ends, because only its last byte completes the content id that may turn out to be stored already; when the budget is
//! exhausted the lane uploads what it has and goes on.

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::budget::{Budget, Share};
use crate::connect::CopyOut;
use crate::error::{Error, Result};
use crate::event::{Counters, News};
use crate::format::CopyFormat;
use crate::format::manifest::Piece;
use crate::limits::BATCH;
use crate::run::cpu_pool::CpuPool;
use crate::run::pace::Pace;
use crate::seal::{SealReceipt, SealSpec, Sealer};
use crate::store::{ObjectRef, Repository};

/// Plaintext handed to the pool at a time. Every handover wakes a thread that takes the processor from somebody, the server
/// perhaps; larger ones would leave the cache between hashing and compressing.
pub const HANDOVER: usize = 2 * BATCH;

/// Pieces uploaded early are not smaller than this, lest a starved lane litter the store with crumbs.
const SPILL_MIN: usize = 1 << 20;

/// Pieces of one chunk that are stored at a time.
const PIECES_AT_ONCE: usize = 2;

/// What a lane seals with.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// Threads for the CPU work.
    pub pool: &'a CpuPool,
    /// Memory.
    pub budget: &'a Budget,
    /// Where pieces go.
    pub repository: &'a Repository,
    /// Counters.
    pub news: &'a News,
    /// How fast rows may be read.
    pub pace: &'a Pace,
}

/// A chunk whose plaintext ended; `rest` is sealed and not stored yet.
#[derive(Debug)]
pub struct Copied {
    /// Digests and counts.
    pub receipt: SealReceipt,
    /// Pieces that had to be stored before the chunk's identity was known.
    pub spilled: Vec<Piece>,
    /// The other sealed bytes, cut into pieces.
    pub rest: Vec<Bytes>,
    /// The memory `rest` takes.
    pub share: Share,
}

/// Copies one chunk to its end.
pub async fn copy(
    bench: Bench<'_>,
    (spec, format): (&SealSpec, CopyFormat),
    source: &mut CopyOut<'_>,
) -> Result<Copied> {
    let piece_size = usize::try_from(bench.budget.piece_size).unwrap_or(usize::MAX);
    let mut sealer = Sealer::new(spec, format)?.cut_at(piece_size);
    let mut share = Share::default();
    let mut spilled = Vec::new();
    let mut spare = BytesMut::with_capacity(HANDOVER + (HANDOVER >> 3));
    let mut filled = BytesMut::with_capacity(HANDOVER + (HANDOVER >> 3));
    let mut more = bench.pace.read(source, &mut filled, HANDOVER).await?;
    while more {
        Counters::add(&bench.news.counters.raw_bytes, filled.len() as u64);
        let sealing = bench.pool.run(move || sealer.push(&filled).map(|()| (sealer, filled)));
        let (sealed, read) = tokio::join!(sealing, bench.pace.read(source, &mut spare, HANDOVER));
        let (returned, mut emptied) = sealed??;
        more = read?;
        sealer = returned;
        emptied.clear();
        filled = std::mem::replace(&mut spare, emptied);
        hold(bench, &mut sealer, &mut share, &mut spilled).await?;
    }
    // The last batch, of many chunks the only one: one job.
    Counters::add(&bench.news.counters.raw_bytes, filled.len() as u64);
    let (rest, receipt) = bench.pool.run(move || sealer.push(&filled).and_then(|()| sealer.finish())).await??;
    // What it adds takes no more than the two batches that are free now, whether the pool has it or not.
    let rest_len: usize = rest.iter().map(Bytes::len).sum();
    bench.budget.try_grow(&mut share, rest_len as u64);
    Ok(Copied { receipt, spilled, rest, share })
}

/// Accounts for what the sealer buffers; stores it when memory is short.
async fn hold(bench: Bench<'_>, sealer: &mut Sealer, share: &mut Share, spilled: &mut Vec<Piece>) -> Result<()> {
    if bench.budget.try_grow(share, sealer.sealed_len_buffered() as u64) {
        return Ok(());
    }
    while sealer.sealed_len_buffered() >= SPILL_MIN {
        let Some(piece) = sealer.take() else { break };
        spilled.push(store(bench, piece).await?);
    }
    *share = Share::default();
    bench.budget.grow(share, sealer.sealed_len_buffered() as u64).await;
    Ok(())
}

/// Stores one whole object and returns it as a piece.
pub async fn store(bench: Bench<'_>, bytes: Bytes) -> Result<Piece> {
    Ok(stored(bench, bench.repository.put_piece(bytes).await?))
}

fn stored(bench: Bench<'_>, object: ObjectRef) -> Piece {
    Counters::add(&bench.news.counters.stored_bytes, object.length);
    Piece {
        object: object.digest,
        object_length: object.length,
        offset: 0,
        length: object.length,
        digest: object.digest,
    }
}

/// Stores what is left of a chunk. A chunk that is one piece has been
/// digested already, while its bytes were in the cache.
pub async fn store_rest(bench: Bench<'_>, copied: Copied) -> Result<(SealReceipt, Vec<Piece>)> {
    let Copied { receipt, spilled: mut pieces, rest, share: _held } = copied;
    let alone = pieces.is_empty() && rest.len() == 1;
    let putting = rest.into_iter().map(|piece| async {
        let object = match alone {
            true => bench.repository.put_named_piece(receipt.sealed, piece).await?,
            false => bench.repository.put_piece(piece).await?,
        };
        Ok::<_, Error>(stored(bench, object))
    });
    let in_order = stream::iter(putting).buffered(PIECES_AT_ONCE);
    pieces.extend(in_order.try_collect::<Vec<_>>().await?);
    Ok((receipt, pieces))
}
