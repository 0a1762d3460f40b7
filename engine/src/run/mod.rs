//! The verbs: the only room that spawns tasks.
//!
//! Each verb computes a plan from what the rooms below tell it, then executes the plan with lanes (tokio tasks that own
//! a connection) and, where cores are left for it, a sealing pool (threads that own CPU work), and returns a report. Queues are bounded, memory is
//! counted before the first byte moves, and cancellation is looked at between chunks.

pub mod cat;
pub mod cat_text;
pub mod chunk_reader;
pub mod chunk_source;
pub mod copy;
pub mod cpu_pool;
pub mod diff;
pub mod doctor;
pub mod dump;
pub mod fingerprint;
pub mod init;
pub mod inspect;
mod jobs;
pub mod keys;
pub mod memory;
pub mod opened;
pub mod options;
mod pace;
pub mod reader;
pub mod report;
pub mod restore;
pub mod schema;
mod timeline;
pub mod verify;
mod windows;

pub use init::init;
pub use inspect::{list, show};
pub use keys::{key_add, key_list, key_remove, key_test};
