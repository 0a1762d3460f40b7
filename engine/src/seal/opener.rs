//! Sealed bytes to plaintext.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use age::stream::StreamReader;
use bytes::{Buf, Bytes, BytesMut};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::{Decryption, RowHasher, SealError, WINDOW_LOG_MAX};
use crate::format::CopyFormat;
use crate::format::contents::Fingerprint;
use crate::ids::Digest;

/// Decrypted, still compressed bytes handed to zstd at a time: one age segment.
const SEGMENT: usize = 64 << 10;

/// An age header for one X25519 recipient takes about 200 bytes; more than this is not one of ours.
const HEADER_MAX: usize = 16 << 10;

/// What the contents say of a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// Rows.
    pub rows: u64,
    /// Plaintext bytes.
    pub raw: u64,
    /// BLAKE3 of the plaintext.
    pub plain: Digest,
    /// BLAKE3 of all sealed bytes.
    pub sealed: Digest,
    /// Sum of the rows' hashes.
    pub fingerprint: Fingerprint,
}

/// What an opened chunk turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenReceipt {
    /// Rows.
    pub rows: u64,
    /// Plaintext bytes.
    pub raw: u64,
    /// BLAKE3 of the plaintext.
    pub plain: Digest,
    /// BLAKE3 of all sealed bytes.
    pub sealed: Digest,
    /// Sum of the rows' hashes.
    pub fingerprint: Fingerprint,
}

/// Why [`Opener::pull`] returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The output has reached its capacity: call again.
    Full,
    /// Everything fed is used up: feed more, or say that there is no more.
    Hungry,
    /// The chunk has ended properly: call [`Opener::finish`].
    Ended,
}

/// Opens one chunk: feed sealed bytes, pull plaintext. A small sealed chunk may hold much plaintext, so the caller says how
/// much it can take at a time.
///
/// Plaintext that was pulled is authenticated, but only [`Opener::finish`] says that the chunk is complete and the
/// expected one: whoever writes it into a database must be able to take it back until then.
#[must_use]
pub struct Opener {
    queue: Queue,
    layer: Layer,
    decoder: Decoder<'static>,
    segment: Vec<u8>,
    used: usize,
    frame_ended: bool,
    sealed_ended: bool,
    rows: RowHasher,
    plain: blake3::Hasher,
    sealed: blake3::Hasher,
    expected: Option<Expected>,
}

enum Layer {
    /// Collects until the whole age header is there.
    Header(age::x25519::Identity, BytesMut),
    Age(Box<StreamReader<Queue>>),
    Plain(Queue),
}

impl Opener {
    /// An opener before the first sealed byte. With `expected`, plaintext beyond its length is refused at once and
    /// [`Opener::finish`] compares everything.
    pub fn new(by: &Decryption, format: CopyFormat, expected: Option<Expected>) -> Result<Self, SealError> {
        let queue = Queue::default();
        let mut decoder = Decoder::new().map_err(SealError::Frame)?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(SealError::Frame)?;
        Ok(Self {
            layer: match by {
                Decryption::Identity(identity) => Layer::Header(identity.clone(), BytesMut::new()),
                Decryption::None => Layer::Plain(queue.clone()),
            },
            queue,
            decoder,
            segment: Vec::with_capacity(SEGMENT),
            used: 0,
            frame_ended: false,
            sealed_ended: false,
            rows: RowHasher::new(format),
            plain: blake3::Hasher::new(),
            sealed: blake3::Hasher::new(),
            expected,
        })
    }

    /// Takes the next sealed bytes.
    pub fn feed(&mut self, sealed: Bytes) -> Result<(), SealError> {
        self.sealed.update(&sealed);
        match &mut self.layer {
            Layer::Header(_, head) => head.extend_from_slice(&sealed),
            _ => self.queue.lock().bytes.push_back(sealed),
        }
        self.begin(false)
    }

    /// Says that there are no more sealed bytes.
    pub fn end_of_sealed(&mut self) -> Result<(), SealError> {
        self.begin(true)?;
        self.queue.lock().ended = true;
        Ok(())
    }

    /// Appends plaintext to `plain` until its capacity is reached (it never grows) or nothing more can be given now.
    pub fn pull(&mut self, plain: &mut Vec<u8>) -> Result<Progress, SealError> {
        let start = plain.len();
        let outcome = self.decode(plain);
        let fresh = &plain[start..];
        self.rows.push(fresh)?;
        self.plain.update(fresh);
        if self.expected.is_some_and(|expected| self.rows.bytes() > expected.raw) {
            return Err(SealError::Mismatch { what: "length" });
        }
        outcome
    }

    /// Ends the chunk: it must have ended properly (age's last segment, the last zstd frame, the COPY data) and be what was
    /// expected.
    pub fn finish(self) -> Result<OpenReceipt, SealError> {
        if !self.frame_ended {
            return Err(SealError::FrameEnd("is incomplete"));
        }
        if !self.sealed_ended {
            return Err(SealError::FrameEnd("ends before the sealed bytes"));
        }
        let raw = self.rows.bytes();
        let (rows, fingerprint) = self.rows.finish()?;
        let plain = Digest(*self.plain.finalize().as_bytes());
        let sealed = Digest(*self.sealed.finalize().as_bytes());
        let receipt = OpenReceipt { rows, raw, plain, sealed, fingerprint };
        match self.expected.and_then(|expected| receipt.differs(&expected)) {
            Some(what) => Err(SealError::Mismatch { what }),
            None => Ok(receipt),
        }
    }

    fn decode(&mut self, plain: &mut Vec<u8>) -> Result<Progress, SealError> {
        loop {
            if plain.len() == plain.capacity() {
                return Ok(Progress::Full);
            }
            if self.used == self.segment.len() {
                match self.next_segment()? {
                    None => return Ok(Progress::Hungry),
                    Some(0) if self.frame_ended => {
                        self.sealed_ended = true;
                        return Ok(Progress::Ended);
                    }
                    Some(0) => return Err(SealError::FrameEnd("is incomplete")),
                    Some(_) => {}
                }
            }
            self.decompress(plain)?;
        }
    }

    fn decompress(&mut self, plain: &mut Vec<u8>) -> Result<(), SealError> {
        let mut input = InBuffer::around(&self.segment[self.used..]);
        let at = plain.len();
        let mut output = OutBuffer::around_pos(plain, at);
        let hint = self.decoder.run(&mut input, &mut output).map_err(SealError::Frame)?;
        self.used += input.pos();
        // The decoder begins the next frame by itself, and refuses what is none.
        self.frame_ended = hint == 0;
        Ok(())
    }

    /// Reads the next decrypted bytes; `None` when the queue is empty, 0 at the end.
    fn next_segment(&mut self) -> Result<Option<usize>, SealError> {
        self.segment.resize(SEGMENT, 0);
        self.used = 0;
        let read = match &mut self.layer {
            Layer::Header(..) => Err(io::ErrorKind::WouldBlock.into()),
            Layer::Age(reader) => reader.read(&mut self.segment),
            Layer::Plain(queue) => queue.read(&mut self.segment),
        };
        self.segment.truncate(read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(count) => Ok(Some(count)),
            // age's reader keeps what it has gathered of a segment, so asking again later goes on where it stopped.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(SealError::Segment(error)),
        }
    }

    /// Turns a complete header into a decrypting reader.
    fn begin(&mut self, ended: bool) -> Result<(), SealError> {
        let Layer::Header(identity, head) = &mut self.layer else { return Ok(()) };
        if !ended && !header_complete(head) {
            if head.len() > HEADER_MAX {
                return Err(SealError::Header(age::DecryptError::InvalidHeader));
            }
            return Ok(());
        }
        self.queue.lock().bytes.push_back(std::mem::take(head).freeze());
        let decryptor = age::Decryptor::new(self.queue.clone()).map_err(SealError::Header)?;
        let reader =
            decryptor.decrypt(std::iter::once(&*identity as &dyn age::Identity)).map_err(|cause| match cause {
                age::DecryptError::NoMatchingKeys => SealError::WrongIdentity,
                other => SealError::Header(other),
            })?;
        self.layer = Layer::Age(Box::new(reader));
        Ok(())
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl OpenReceipt {
    /// Names the first fact that is not the expected one.
    fn differs(&self, expected: &Expected) -> Option<&'static str> {
        [
            (self.sealed == expected.sealed, "sealed digest"),
            (self.raw == expected.raw, "length"),
            (self.rows == expected.rows, "row count"),
            (self.plain == expected.plain, "plain digest"),
            (self.fingerprint == expected.fingerprint, "fingerprint"),
        ]
        .into_iter()
        .find_map(|(equal, what)| (!equal).then_some(what))
    }
}

/// Whether `head` holds the header's last line (`--- MAC`) and the 16 bytes of nonce behind it, or can never become one.
fn header_complete(head: &[u8]) -> bool {
    const MAGIC: &[u8] = b"age-encryption.org/";
    let shared = head.len().min(MAGIC.len());
    if head[..shared] != MAGIC[..shared] {
        return true;
    }
    let Some(mac) = memchr::memmem::find(head, b"\n--- ") else { return false };
    let Some(end) = memchr::memchr(b'\n', &head[mac + 1..]) else { return false };
    head.len() >= mac + 1 + end + 1 + 16
}

/// Sealed bytes that wait for age's reader; shared because the reader does not let go of its input; never contended.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    bytes: VecDeque<Bytes>,
    ended: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for Queue {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut waiting = self.lock();
        while let Some(front) = waiting.bytes.front_mut() {
            if front.is_empty() {
                waiting.bytes.pop_front();
                continue;
            }
            let count = front.len().min(out.len());
            front.copy_to_slice(&mut out[..count]);
            return Ok(count);
        }
        if waiting.ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }
}
