//! Plaintext to sealed bytes.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use age::stream::StreamWriter;
use bytes::Bytes;

use super::filling::Filling;
use super::frames::Frames;
use super::{Encryption, RowHasher, SealError, SealSpec, content_id};
use crate::format::CopyFormat;
use crate::format::contents::Fingerprint;
use crate::ids::{ContentId, Digest};
use crate::limits::PIECE_MAX;

/// What a sealed chunk is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SealReceipt {
    /// Rows.
    pub rows: u64,
    /// Plaintext bytes.
    pub raw: u64,
    /// BLAKE3 of the plaintext.
    pub plain: Digest,
    /// Keyed content id.
    pub id: ContentId,
    /// BLAKE3 of all sealed bytes.
    pub sealed: Digest,
    /// Sealed bytes.
    pub sealed_len: u64,
    /// Sum of the rows' hashes.
    pub fingerprint: Fingerprint,
}

/// Seals one chunk. Dropping it instead of calling [`Sealer::finish`] abandons the chunk; its bytes so far are useless.
#[must_use]
pub struct Sealer {
    spec: SealSpec,
    rows: RowHasher,
    plain: blake3::Hasher,
    frames: Frames,
    layer: Layer,
    sink: Sink,
}

enum Layer {
    Age(Box<StreamWriter<Sink>>),
    Plain(Sink),
}

impl Sealer {
    /// A sealer before the first byte of a chunk.
    pub fn new(spec: &SealSpec, format: CopyFormat) -> Result<Self, SealError> {
        let sink = Sink::default();
        let layer = match &spec.encryption {
            Encryption::None => Layer::Plain(sink.clone()),
            Encryption::Recipient(recipient) => {
                let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient as &dyn age::Recipient))
                    .map_err(|cause| SealError::Seal(io::Error::other(cause)))?;
                Layer::Age(Box::new(encryptor.wrap_output(sink.clone()).map_err(SealError::Seal)?))
            }
        };
        Ok(Self {
            rows: RowHasher::new(format),
            plain: blake3::Hasher::new(),
            frames: Frames::new(&spec.contexts)?,
            spec: spec.clone(),
            layer,
            sink,
        })
    }

    /// Takes the next plaintext.
    pub fn push(&mut self, plain: &[u8]) -> Result<(), SealError> {
        self.rows.push(plain)?;
        self.plain.update(plain);
        self.frames.push(plain, |packed| self.layer.write_all(packed).map_err(SealError::Seal))
    }

    /// Plaintext bytes so far.
    pub fn raw(&self) -> u64 {
        self.rows.bytes()
    }

    /// Cuts the sealed bytes into pieces of this size from here on; without it, of the largest size there is.
    pub fn cut_at(self, piece_size: usize) -> Self {
        let mut sink = self.sink.lock();
        // The age header may be in the tail already; it stays in front.
        let begun = std::mem::replace(&mut sink.tail, Filling::new(piece_size.max(1))).freeze();
        sink.append(&begun);
        drop(sink);
        self
    }

    /// Sealed bytes that wait to be taken.
    pub fn sealed_len_buffered(&self) -> usize {
        let sink = self.sink.lock();
        sink.pieces.iter().map(Bytes::len).sum::<usize>() + sink.tail.len()
    }

    /// The oldest sealed bytes: a whole piece, or less where no whole one waits. Each piece owns its memory alone.
    pub fn take(&mut self) -> Option<Bytes> {
        self.sink.lock().take()
    }

    /// Ends the chunk: the pieces not yet taken, in order, and the receipt. Fails if the plaintext ends inside a row.
    pub fn finish(mut self) -> Result<(Vec<Bytes>, SealReceipt), SealError> {
        let raw = self.rows.bytes();
        let (rows, fingerprint) = self.rows.finish()?;
        self.frames.finish(|packed| self.layer.write_all(packed).map_err(SealError::Seal))?;
        if let Layer::Age(writer) = self.layer {
            writer.finish().map_err(SealError::Seal)?;
        }
        let mut sink = self.sink.lock();
        let plain = Digest(*self.plain.finalize().as_bytes());
        let receipt = SealReceipt {
            rows,
            raw,
            plain,
            id: content_id(&self.spec.content_key, plain),
            sealed: Digest(*sink.digest.finalize().as_bytes()),
            sealed_len: sink.written,
            fingerprint,
        };
        Ok((std::iter::from_fn(|| sink.take()).collect(), receipt))
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Write for Layer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Age(writer) => writer.write(bytes),
            Self::Plain(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where sealed bytes land. Shared, because age's writer does not let go of what it writes to; never contended.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Sealed>>);

/// Sealed bytes, cut as they come: one growing buffer would be copied as it grows and again when a piece is taken.
struct Sealed {
    pieces: VecDeque<Bytes>,
    tail: Filling,
    digest: blake3::Hasher,
    written: u64,
}

impl Default for Sealed {
    fn default() -> Self {
        Self {
            pieces: VecDeque::new(),
            tail: Filling::new(usize::try_from(PIECE_MAX).unwrap_or(usize::MAX)),
            digest: blake3::Hasher::new(),
            written: 0,
        }
    }
}

impl Sealed {
    fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(self.tail.room()));
            self.tail.extend(now);
            if self.tail.room() == 0 {
                let piece = self.cut();
                self.pieces.push_back(piece);
            }
            bytes = later;
        }
    }

    /// Ends the piece that is being filled.
    fn cut(&mut self) -> Bytes {
        let next = self.tail.next();
        std::mem::replace(&mut self.tail, next).freeze()
    }

    fn take(&mut self) -> Option<Bytes> {
        self.pieces.pop_front().or_else(|| (self.tail.len() > 0).then(|| self.cut()))
    }
}

impl Sink {
    fn lock(&self) -> MutexGuard<'_, Sealed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sealed = self.lock();
        sealed.digest.update(bytes);
        sealed.append(bytes);
        sealed.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
