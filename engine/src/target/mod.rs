//! Writing a PostgreSQL server: session settings, guards, statements, loads and the progress kept in the target itself.
//!
//! Everything that changes the target does so in a transaction that also writes down that it was done (promise 6): the
//! target is the only truth about how far a restore has come. Whoever starts the same restore again reads it and goes on.

pub mod apply;
pub mod column_types;
pub mod copy_in;
pub mod copy_progress;
pub mod facts;
pub mod guards;
pub mod invalid_index;
pub mod prepared;
pub mod present;
pub mod progress;
pub mod read_back;
pub mod refusal;
pub mod settings;
