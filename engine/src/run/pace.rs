//! The limit on bytes per second as lanes meet it: they move a little, then wait until it is paid for.
//!
//! While a lane waits it reads nothing, so the kernel's buffers fill and the server's COPY stands still by itself: nothing
//! is buffered here. Pauses are parts of a second: no keepalive, no `tcp_user_timeout` takes them for a dead connection, and
//! our sessions have no statement timeout ([`crate::source::settings`], [`crate::target::settings`]).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::BytesMut;

use crate::connect::CopyOut;
use crate::error::Result;
use crate::plan::rate::Rate;

/// A limit, or none; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Pace(Option<Arc<Limit>>);

#[derive(Debug)]
struct Limit {
    rate: Mutex<Rate>,
    since: Instant,
    step: usize,
}

impl Pace {
    /// At most so many bytes per second, all lanes together; `None` is as fast as it goes.
    pub fn new(per_second: Option<u64>) -> Self {
        let limit = |per_second| {
            let rate = Rate::new(per_second);
            Arc::new(Limit { step: rate.step(), rate: Mutex::new(rate), since: Instant::now() })
        };
        Self(per_second.map(limit))
    }

    /// Waits until bytes that were moved are paid for.
    pub async fn pay(&self, bytes: usize) {
        let Some(limit) = &self.0 else { return };
        let wait = {
            let mut rate = limit.rate.lock().unwrap_or_else(PoisonError::into_inner);
            rate.moved(bytes as u64, limit.since.elapsed())
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Cuts bytes into pieces small enough to be paid for one by one.
    pub fn steps<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let step = self.0.as_ref().map_or(bytes.len(), |limit| limit.step);
        bytes.chunks(step.max(1))
    }

    /// As [`CopyOut::read`], no faster than allowed.
    pub async fn read(&self, source: &mut CopyOut<'_>, out: &mut BytesMut, wanted: usize) -> Result<bool> {
        let Some(limit) = &self.0 else { return source.read(out, wanted).await };
        out.reserve(wanted.saturating_sub(out.len()));
        loop {
            let before = out.len();
            let more = source.read(out, (before + limit.step).min(wanted)).await?;
            self.pay(out.len() - before).await;
            if !more || out.len() >= wanted {
                return Ok(more);
            }
        }
    }
}
