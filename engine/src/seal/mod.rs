//! Plaintext to sealed bytes and back: zstd, age, digests and fingerprints, push by push.
//!
//! A chunk's plaintext is one complete COPY file. [`Sealer`] takes it in pieces of any size and gives sealed bytes;
//! [`Opener`] is the inverse and gives plaintext only from authenticated age segments (promise 5). Both are
//! synchronous, know no task and no socket, and hold a few hundred kilobytes besides the zstd window, whatever the
//! chunk or the row (promise 7):
//!
//! ```text
//!   COPY bytes ──► RowHasher (rows, fingerprint)
//!              ──► BLAKE3    (plain digest, content id)
//!              ──► zstd frames ──► age segments ──► BLAKE3 (sealed digest) ──► pieces
//! ```
//!
//! One chunk is zstd frames back to back inside exactly one age file; an opener refuses anything else before, between or
//! after.

mod contexts;
mod filling;
pub mod fingerprint;
mod frames;
pub mod opener;
mod recipient;
pub mod sealer;
mod whole;

use std::fmt;

use crate::error::{Error, Kind};
use crate::ids::{ContentId, Digest};

pub use fingerprint::{FramingError, RowHasher};
pub use opener::{Expected, OpenReceipt, Opener, Progress};
pub use recipient::Recipient;
pub use sealer::{SealReceipt, Sealer};
pub use whole::{open_whole, seal_whole};

/// Largest zstd window a reader must allocate for, as a power of two: 8 MiB, what `zstd -d` takes without options and
/// what level 19 uses.
pub const WINDOW_LOG_MAX: u32 = 23;

/// To whom chunks are sealed.
#[derive(Clone)]
pub enum Encryption {
    /// The repository's age X25519 recipient.
    Recipient(Recipient),
    /// Nobody: a repository made with `--no-encryption`.
    None,
}

impl Encryption {
    /// To a recipient as descriptors and writer keys spell it (`age1…`), or to nobody.
    pub fn of(recipient: Option<&str>) -> Result<Self, SealError> {
        match recipient {
            None => Ok(Self::None),
            Some(text) => match text.parse::<age::x25519::Recipient>() {
                Ok(recipient) => Ok(Self::Recipient(recipient.into())),
                Err(_) => Err(SealError::Recipient),
            },
        }
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recipient(_) => "Recipient",
            Self::None => "None",
        })
    }
}

/// What opens chunks.
#[derive(Clone)]
pub enum Decryption {
    /// The repository's identity.
    Identity(age::x25519::Identity),
    /// Nothing: a repository made with `--no-encryption`.
    None,
}

impl fmt::Debug for Decryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity(_) => "Identity(…)",
            Self::None => "None",
        })
    }
}

/// How a run seals its chunks. Clones share the compression contexts.
#[derive(Clone)]
pub struct SealSpec {
    content_key: [u8; 32],
    encryption: Encryption,
    contexts: contexts::Contexts,
}

impl SealSpec {
    /// `content_key` keys content ids; `level` is zstd's, 1 to 19 (larger ones would need windows readers refuse).
    pub fn new(content_key: [u8; 32], encryption: Encryption, level: i32) -> Result<Self, SealError> {
        if !(1..=19).contains(&level) {
            return Err(SealError::Level(level));
        }
        Ok(Self { content_key, encryption, contexts: contexts::Contexts::new(level) })
    }
}

impl fmt::Debug for SealSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealSpec").field("encryption", &self.encryption).finish_non_exhaustive()
    }
}

/// The id of a chunk whose plaintext has this digest: BLAKE3 of the digest's 32 bytes, keyed. Keying the digest instead
/// of hashing the plaintext a second time binds the same content at no cost.
pub fn content_id(content_key: &[u8; 32], plain: Digest) -> ContentId {
    ContentId(*blake3::keyed_hash(content_key, &plain.0).as_bytes())
}

/// Why sealing or opening failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The compression level is out of range.
    #[error("zstd level {0} is not between 1 and 19")]
    Level(i32),
    /// The recipient is none.
    #[error("the repository's recipient is not an age X25519 recipient")]
    Recipient,
    /// The plaintext is not a COPY file.
    #[error("the rows are not well-formed COPY data")]
    Framing(#[from] FramingError),
    /// zstd or age failed while writing to memory.
    #[error("cannot seal")]
    Seal(#[source] std::io::Error),
    /// The identity does not open this age file.
    #[error("the identity does not open this chunk")]
    WrongIdentity,
    /// The age header is damaged or of another kind.
    #[error("the chunk's age header is damaged")]
    Header(#[source] age::DecryptError),
    /// An age segment does not authenticate, or the last one is missing or followed by something.
    #[error("the chunk's sealed bytes are damaged or truncated")]
    Segment(#[source] std::io::Error),
    /// The zstd frame is damaged or needs a larger window than allowed.
    #[error("the chunk's zstd frame is damaged")]
    Frame(#[source] std::io::Error),
    /// The last zstd frame does not end where the age file ends.
    #[error("the chunk's last zstd frame {0}")]
    FrameEnd(&'static str),
    /// A fact about the chunk is not what the contents say.
    #[error("the chunk's {what} is not what the contents say")]
    Mismatch {
        /// Which fact.
        what: &'static str,
    },
}

impl From<SealError> for Error {
    fn from(cause: SealError) -> Self {
        let (kind, hint) = match &cause {
            SealError::Level(_) => (Kind::Usage, "Choose a level from 1 to 19."),
            SealError::Seal(_) => (Kind::Bug, "Please report this with the output of --version."),
            SealError::Recipient => (Kind::Identity, "Restore the writer key file from its copy in the repository."),
            SealError::WrongIdentity => {
                (Kind::Identity, "Use an identity of this repository; `pgfreight key list` shows who can open it.")
            }
            _ => (
                Kind::Verification,
                "The stored data is damaged: run `pgfreight verify` to see what is affected, and restore another dump.",
            ),
        };
        Error::new(kind, cause.to_string()).because(cause).hint(hint)
    }
}

#[cfg(test)]
mod tests;
