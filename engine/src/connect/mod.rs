//! Connections as libpq makes them: conninfo, hosts, TLS, passwords; tokio-postgres sessions and raw COPY lanes.
//!
//! What the user says ([`ConnectArgs`], [`Environment`]) is resolved once into [`ConnectOptions`]; those open any
//! number of [`Session`]s (queries through tokio-postgres) and [`Lane`]s (simple queries and COPY, framed here on
//! `postgres-protocol`, without an allocation per row). Both share one way to reach a server, to negotiate TLS and
//! to authenticate. Nothing is set on a connection beyond what its startup packet carries: user, database,
//! application name, `options` and what [`ConnectOptions::with_startup`] adds.
//!
//! Passwords live in secrecy's types and never enter a text.

mod args;
mod attempt;
mod binding;
mod cancel;
pub mod capacity;
mod conninfo;
mod copy_in;
mod copy_in_all;
mod copy_out;
mod error;
mod explain;
mod hosts;
mod keywords;
mod lane;
mod login;
mod low_water;
mod options;
mod pair;
mod passfile;
pub mod pooler;
mod replay;
mod resolve;
#[cfg(test)]
mod resolve_tests;
mod server_error;
mod service;
mod session;
mod stream;
mod tls;
mod uri;
mod verify;
mod wire;

pub use args::{ConnectArgs, Environment, PasswordPrompt};
pub use cancel::CancelToken;
pub use copy_in::CopyIn;
pub use copy_out::CopyOut;
pub use error::{Fault, needs_password, server_error, sqlstate};
pub use explain::query_error;
pub use lane::{Lane, lane};
pub use options::ConnectOptions;
pub use pair::pair;
pub use resolve::resolve;
pub use server_error::ServerError;
pub use session::{Session, session};
pub use wire::Rows;

use crate::error::Kind;

/// Which side of a run a connection serves; decides whose fault its errors are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The server that is read.
    Source,
    /// The server that is written.
    Target,
}

impl Role {
    /// The kind its errors carry.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Source => Kind::Source,
            Self::Target => Kind::Target,
        }
    }
}
