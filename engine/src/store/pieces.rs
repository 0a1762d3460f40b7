//! Sealed pieces: putting them under their digest, reading spans of them.

use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::MultipartUpload;

use super::error::{Trouble, convert, trouble};
use super::handle::Store;
use super::{ObjectRef, Repository};
use crate::error::{Error, Kind, Result};
use crate::format::layout;
use crate::ids::Digest;
use crate::limits;

/// Parts of one piece that are under way at a time.
const PARTS_AT_ONCE: usize = 4;

/// Bytes asked for per request over a network.
const REMOTE_SPAN: u64 = 8 * limits::MIB;

/// Bytes read at a time from a folder.
const LOCAL_SPAN: u64 = limits::MIB;

/// Times in a row that a read which breaks off is taken up again without a byte in between.
const RESUMES: u32 = 3;

impl Repository {
    /// Stores a piece of at most [`limits::PIECE_MAX`] bytes; durable when it returns.
    pub async fn put_piece(&self, bytes: Bytes) -> Result<ObjectRef> {
        let digest = Digest(*blake3::hash(&bytes).as_bytes());
        self.put_named_piece(digest, bytes).await
    }

    /// Stores a piece whose BLAKE3 digest the caller has computed.
    pub async fn put_named_piece(&self, digest: Digest, bytes: Bytes) -> Result<ObjectRef> {
        let length = bytes.len() as u64;
        if length == 0 || length > limits::PIECE_MAX {
            return Err(Error::new(Kind::Bug, format!("a piece of {length} bytes")));
        }
        let existed = put_named(self.store(), &layout::object(&digest), bytes).await?;
        Ok(ObjectRef { digest, length, existed })
    }

    /// Streams a range of an object in blocks of bounded size. Goes on after a broken connection; an object that is
    /// missing or ends early is a [`Kind::Verification`] error. Digests are the caller's business.
    pub fn read_object(&self, object: Digest, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        let store = self.store().clone();
        read_range(store, layout::object(&object), range)
    }
}

/// Puts bytes under a name that stands for exactly these bytes; true if they were there before. Putting them once
/// more would do no harm, so the put needs no condition and may be repeated after a lost answer.
pub(super) async fn put_named(store: &Store, key: &str, bytes: Bytes) -> Result<bool> {
    let length = bytes.len() as u64;
    if !(store.is_remote() && length > limits::PART_SIZE) {
        if is_there(store, key, length).await? {
            return Ok(true);
        }
        return store.put(key, bytes).await.map(|()| false);
    }
    // Beside the look: a store may be far away.
    let (there, upload) = tokio::join!(is_there(store, key, length), store.multipart(key));
    match (there, upload) {
        (Ok(false), upload) => put_parts(store, key, &bytes, upload?).await.map(|()| false),
        (there, upload) => {
            if let Ok(mut unneeded) = upload {
                // What stays nevertheless has no parts.
                let _ = unneeded.abort().await;
            }
            there
        }
    }
}

async fn is_there(store: &Store, key: &str, length: u64) -> Result<bool> {
    match store.head(key).await? {
        Some(found) if found != length => {
            let what = format!("{key} is already there with {found} bytes instead of {length}");
            Err(Error::new(Kind::Store, what)
                .hint("It is damaged: verify the repository, then delete this object and start again."))
        }
        found => Ok(found.is_some()),
    }
}

/// A multipart upload in equal parts (the last may be shorter), several at a time. What fails is aborted, so that the
/// store keeps no parts; parts of a process that died are for the bucket's lifecycle rule.
async fn put_parts(store: &Store, key: &str, bytes: &Bytes, mut upload: Box<dyn MultipartUpload>) -> Result<()> {
    let part = limits::PART_SIZE as usize;
    let parts: Vec<_> = (0..bytes.len())
        .step_by(part)
        .map(|from| upload.put_part(bytes.slice(from..bytes.len().min(from + part)).into()))
        .collect();
    let sent = stream::iter(parts).map(Ok).try_for_each_concurrent(PARTS_AT_ONCE, |part| part).await;
    let done = match sent {
        Ok(()) => upload.complete().await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        // Best effort: the first failure is the one to report.
        let _ = upload.abort().await;
        // The answer to the last step may be what got lost; then the object is there, whole.
        if is_there(store, key, bytes.len() as u64).await.unwrap_or(false) {
            return Ok(());
        }
        return Err(convert(&error, &format!("storing {key} in parts")));
    }
    Ok(())
}

/// Where a read stands.
struct Reading {
    store: Store,
    key: String,
    at: u64,
    end: u64,
    /// The open answer and where it should end.
    body: Option<(BoxStream<'static, object_store::Result<Bytes>>, u64)>,
    /// Breaks since the last byte.
    breaks: u32,
}

/// Streams a range of any object.
pub(super) fn read_range(store: Store, key: String, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    let reading = Reading { store, key, at: range.start, end: range.end, body: None, breaks: 0 };
    stream::try_unfold(reading, |mut reading| async move {
        let block = reading.next().await?;
        Ok(block.map(|block| (block, reading)))
    })
    .boxed()
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.at < self.end {
            let Some((body, span_end)) = &mut self.body else {
                if let Some(block) = self.ask().await? {
                    return Ok(Some(block));
                }
                continue;
            };
            let span_end = *span_end;
            match body.next().await {
                Some(Ok(block)) if block.is_empty() => {}
                Some(Ok(block)) if self.at + block.len() as u64 <= span_end => {
                    self.at += block.len() as u64;
                    self.breaks = 0;
                    return Ok(Some(block));
                }
                Some(Ok(_)) => return Err(self.wrong("the store sent more than it was asked for")),
                Some(Err(error)) => {
                    self.body = None;
                    self.broke(Some(error)).await?;
                }
                None => {
                    self.body = None;
                    if self.at < span_end {
                        self.broke(None).await?;
                    }
                }
            }
        }
        Ok(None)
    }

    /// Asks for the next span: over a network as a stream, from a folder as one block.
    async fn ask(&mut self) -> Result<Option<Bytes>> {
        let span = if self.store.is_remote() { REMOTE_SPAN } else { LOCAL_SPAN };
        let span_end = self.end.min(self.at + span);
        if !self.store.is_remote() {
            return match self.store.get_block(&self.key, self.at..span_end).await {
                Ok(block) if block.len() as u64 == span_end - self.at => {
                    self.at = span_end;
                    Ok(Some(block))
                }
                Ok(_) => Err(self.short().await?),
                Err(error) => self.refuse(error).await.map(|()| None),
            };
        }
        match self.store.get_range(&self.key, self.at..span_end).await {
            Ok(answer) if answer.range == (self.at..span_end) => {
                self.body = Some((answer.into_stream(), span_end));
                Ok(None)
            }
            Ok(_) => Err(self.short().await?),
            Err(error) => self.refuse(error).await.map(|()| None),
        }
    }

    /// A request that failed: is the object missing, shorter, or the store in trouble?
    async fn refuse(&mut self, error: object_store::Error) -> Result<()> {
        match trouble(&error) {
            Trouble::NotFound => Err(missing(&self.key)),
            // A request that got no answer has been repeated below; once more here would multiply the two.
            Trouble::Refused | Trouble::NoBucket | Trouble::NotWritable | Trouble::Clock | Trouble::Passing => {
                Err(self.convert(&error))
            }
            _ => match self.store.head(&self.key).await? {
                Some(length) if length >= self.end => Err(self.convert(&error)),
                Some(length) => Err(self.ends_early(length)),
                None => Err(missing(&self.key)),
            },
        }
    }

    /// An answer that broke off: `object_store` has repeated what can be repeated, so this only goes on where the
    /// bytes stopped, a few times in a row.
    async fn broke(&mut self, error: Option<object_store::Error>) -> Result<()> {
        self.breaks += 1;
        if self.breaks <= RESUMES {
            return Ok(());
        }
        match error {
            Some(error) => Err(self.convert(&error)),
            None => Err(self.short().await?),
        }
    }

    /// Fewer bytes than asked for: because the object has no more, or because the store stops in the middle?
    async fn short(&mut self) -> Result<Error> {
        Ok(match self.store.head(&self.key).await? {
            None => missing(&self.key),
            Some(length) if length < self.end => self.ends_early(length),
            Some(_) => self.wrong("the store stopped sending in the middle").passing(),
        })
    }

    fn ends_early(&self, length: u64) -> Error {
        let what = format!("{} is damaged: it ends at byte {length}, byte {} should follow", self.key, self.end);
        Error::new(Kind::Verification, what).hint(LOST)
    }

    fn convert(&self, error: &object_store::Error) -> Error {
        convert(error, &format!("reading {}", self.key))
    }

    fn wrong(&self, what: &str) -> Error {
        Error::new(Kind::Store, format!("reading {}: {what}", self.key))
    }
}

const LOST: &str =
    "Copy the object back from a replica of the bucket, or use a dump that does not need it (pgfreight verify).";

pub(super) fn missing(key: &str) -> Error {
    Error::new(Kind::Verification, format!("{key} is missing from the store")).hint(LOST)
}
