//! Putting under a name once and for all (promises 1 and 2).

use bytes::Bytes;

use super::handle::Store;
use crate::error::{Error, Kind, Result};

/// Times an ambiguous put (the answer got lost) is looked at and repeated.
const ATTEMPTS: u32 = 3;

impl Store {
    /// Puts an object that must never change. The same bytes twice are one put; other bytes are an error, and what is
    /// there stays. Rests on three things, so that a store that ignores conditions loses nothing: it looks first, it
    /// asks for a create, and whoever calls it picks a name nobody else picks.
    pub(super) async fn put_once(&self, key: &str, bytes: Bytes) -> Result<()> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            if let Some(there) = self.get(key, bytes.len() as u64).await.or_else(not_the_same)? {
                return if there == bytes { Ok(()) } else { Err(taken(key)) };
            }
            match self.create_object(key, bytes.clone()).await {
                Ok(true) => return Ok(()),
                // Somebody was faster, or our own first try arrived after all: the next look tells.
                Ok(false) if attempt < ATTEMPTS => {}
                Ok(false) => return Err(taken(key)),
                Err(error) if error.is_passing() && attempt < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// An object longer than ours is there, and is not ours.
fn not_the_same(error: Error) -> Result<Option<Bytes>> {
    if error.kind() == Kind::Format { Ok(Some(Bytes::new())) } else { Err(error) }
}

fn taken(key: &str) -> Error {
    Error::new(Kind::Store, format!("{key} is already there with other bytes"))
        .hint("Nothing was overwritten; somebody else uses this name, or the store answers with stale data.")
}
