//! Resume of dumps: what is already stored and may be referenced instead of uploaded. Decides, never performs.
//!
//! A dump that was killed leaves signed records of the chunks it had made durable (`format::journal`), and the last
//! committed dump names all of its own. Both are the same evidence: content id, then where the sealed bytes lie. A new
//! run copies every chunk again under its own snapshot (two moments are never mixed, promise 3), and a chunk whose
//! plaintext has a known content id is referenced. What the evidence names must still be there: the caller checks the
//! objects against the store, and [`Stored::forget`] drops every chunk that leans on one that is not.
//!
//! Restores keep their progress in the target, in the transaction of the rows themselves; they need nothing here.

mod batch;
mod stored;

pub use batch::Batch;
pub use stored::{Origin, Stored};
