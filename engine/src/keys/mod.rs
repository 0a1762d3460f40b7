//! Who may write and who may read (promise 8): the repository identity and its bundles, recipients and identities of
//! people, the writer key.
//!
//! Everything here is computation; files and stores are read elsewhere. Randomness comes in from the caller, with one
//! exception: the `age` crate draws its own file keys and identities from the operating system. Secrets are wiped when
//! dropped and never shown by `Debug`.

mod bundle;
mod identity;
mod label;
mod recipient;
mod writer;

pub use bundle::{ReaderBundle, RepositoryIdentity};
pub use identity::{Identities, Prompt, nobody_to_ask};
pub use label::Label;
pub use recipient::{Recipients, Wrap};
pub use writer::{Random, WriterKey};
