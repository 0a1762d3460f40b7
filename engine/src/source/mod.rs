//! Reading a PostgreSQL server: snapshot holder, table facts, locks, the COPY statements of chunks. Writes nothing.
//!
//! Promise 3 (one moment): [`holder::Holder`] owns the exporting transaction and the table locks; lanes import its
//! snapshot. When it dies, everything under it is worth nothing until a new one stands.

mod ahead;
pub mod copy_out;
pub mod error;
pub mod facts;
pub mod holder;
pub mod identity;
pub mod lane;
pub mod large_objects;
pub mod load;
pub mod locks;
pub mod reader;
pub mod settings;
