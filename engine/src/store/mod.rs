//! Object stores and the repository in one.
//!
//! Order rules (promises 1 and 2; docs/FORMAT.md, "Order"):
//! - A piece is put under the digest of its bytes, so a name never changes its meaning; what is durable is said only
//!   after the store has confirmed it (local folders: after fsync of file and folder).
//! - A manifest is put last, once, under a name that cannot collide. Conditional puts are used where the store honours
//!   them, and are never all that stands between two writers.
//! - Only bundles (`keys/`) are ever replaced.
//!
//! Retries: `object_store` repeats requests within [`Patience`]; nothing above it does, except that a read that breaks
//! off goes on where it stopped, within a limit.

mod aws_profile;
mod bundles;
mod check;
mod config;
mod direct;
mod error;
mod handle;
pub mod key_file;
mod location;
mod open;
mod pieces;
mod put_once;
mod repository;

pub use check::{Garbage, Probe, Swept};
pub use config::{AwsProfile, Patience, StoreConfig};
pub use handle::Store;
pub use repository::Repository;

use crate::format::journal::JournalRecord;
use crate::ids::{Digest, DumpId};
use crate::keys::{Label, WriterKey};

/// What a repository must be to be worked with.
#[derive(Clone, Copy, Debug)]
pub enum Pin<'a> {
    /// The one this writer key was made for: same id, same recipient. The rule for dumps.
    Writer(&'a WriterKey),
    /// The one with this recipient (`age1…`): for readers who noted it.
    Recipient(&'a str),
    /// Whatever lies there: a reader's first look. Whoever owns the bucket could have replaced all of it.
    Any,
}

/// A stored piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// Its name: digest of its bytes.
    pub digest: Digest,
    /// Its bytes.
    pub length: u64,
    /// Whether it was there before.
    pub existed: bool,
}

/// What is wrong with an object that should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectProblem {
    /// It is not there.
    Missing {
        /// The object.
        object: Digest,
    },
    /// It is there with another length.
    Length {
        /// The object.
        object: Digest,
        /// The length it should have.
        expected: u64,
        /// The length it has.
        found: u64,
    },
}

impl ObjectProblem {
    /// The object.
    pub fn object(&self) -> Digest {
        match self {
            Self::Missing { object } | Self::Length { object, .. } => *object,
        }
    }
}

/// An unfinished run's journal as far as it can be used.
#[derive(Clone, Debug)]
pub struct UnfinishedRun {
    /// The dump it would have become.
    pub dump: DumpId,
    /// Sound records signed by this writer, by number.
    pub records: Vec<JournalRecord>,
    /// Records left out, and why.
    pub refused: Vec<(u32, String)>,
}

/// What a bundle is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BundleName {
    /// `keys/<label>.age`
    Reader(Label),
    /// `keys/<label>.writer.age`
    Writer(Label),
}
