//! What can go wrong on the way to a server and on it; [`explain`](super::explain) words it.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};

use super::server_error::ServerError;
use crate::Error;

/// A failure before it has a side and a place.
#[derive(thiserror::Error, Debug)]
pub enum Fault {
    /// The resolver gave no address.
    #[error("the name \"{0}\" could not be resolved")]
    Lookup(String, #[source] io::Error),
    /// No default socket directory has a socket for this port.
    #[error("no server socket for port {port} in /var/run/postgresql or /tmp")]
    NoSocket {
        /// Port.
        port: u16,
    },
    /// The operating system refused a connection.
    #[error("{0}")]
    Connect(io::Error),
    /// The operating system failed a running connection.
    #[error("{0}")]
    Io(io::Error),
    /// `connect_timeout` ran out.
    #[error("no answer within {0} s")]
    Timeout(u64),
    /// End of stream where an answer was due.
    #[error("the server closed the connection without a word")]
    Closed,
    /// The server reported an error.
    #[error("{0}")]
    Server(Box<ServerError>),
    /// Something that is not PostgreSQL, or a protocol step nobody asked for.
    #[error("unexpected answer: {0}")]
    Protocol(&'static str),
    /// The server offers no TLS.
    #[error("the server does not offer TLS")]
    TlsNotOffered,
    /// The handshake failed.
    #[error("{0}")]
    Tls(io::Error),
    /// A certificate, key or root file cannot be used.
    #[error("{what} {path}: {why}")]
    TlsFile {
        /// Which file.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// Verification is wanted, and no roots are there to verify against.
    #[error("there are no root certificates to verify the server with{}", missing(.0.as_deref()))]
    NoRoots(Option<PathBuf>),
    /// TLS settings that rustls refuses.
    #[error("{0}")]
    TlsSettings(String),
    /// `sslcertmode=require`, and the server did not ask.
    #[error("the server did not ask for a client certificate")]
    CertificateNotAsked,
    /// The server wants a password and none is known.
    #[error("the server asks for a password and none is known")]
    PasswordNeeded,
    /// The password could not be read from the user.
    #[error("no password could be read")]
    Prompt(#[source] io::Error),
    /// A login method that is not spoken here.
    #[error("the server asks for {0}, which is not supported")]
    Method(&'static str),
    /// `require_auth` excludes what the server asks for.
    #[error("the server asks for {asked}, which require_auth={wanted} excludes")]
    RequireAuth {
        /// What it asks for.
        asked: &'static str,
        /// The setting.
        wanted: String,
    },
    /// `channel_binding=require` cannot be met.
    #[error("channel binding is required, but {0}")]
    Binding(&'static str),
    /// The SCRAM exchange failed on our side.
    #[error("SCRAM exchange failed")]
    Scram(#[source] io::Error),
    /// The server is not of the kind `target_session_attrs` asks for.
    #[error("the server is {0}")]
    Attributes(&'static str),
    /// The connection was left in the middle of something.
    #[error("the connection was left in the middle of a message or a copy")]
    Unusable,
    /// A statement that was to start a copy did not.
    #[error("the statement did not start a copy")]
    NoCopy,
    /// A query failed on this side.
    #[error("{0}{cause}", cause = .0.source().map(|cause| format!(": {cause}")).unwrap_or_default())]
    Query(tokio_postgres::Error),
    /// No host of several could be used.
    #[error("{}", .0.join("; "))]
    Hosts(Vec<String>, Box<Fault>),
}

fn missing(path: Option<&Path>) -> String {
    path.map(|path| format!(" ({} does not exist)", path.display())).unwrap_or_default()
}

impl Fault {
    /// The server's words, if it said any.
    pub(super) fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) => Some(error),
            Self::Hosts(_, last) => last.server(),
            _ => None,
        }
    }

    /// A lost connection, whatever it looked like.
    pub(super) fn lost(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Closed } else { Self::Io(error) }
    }
}

fn walk<'a, T>(error: &'a Error, pick: impl Fn(&'a (dyn StdError + 'static)) -> Option<&'a T>) -> Option<&'a T> {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = next {
        if let Some(found) = pick(cause) {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

/// The server's error behind `error`, if a server reported it.
pub fn server_error(error: &Error) -> Option<&ServerError> {
    walk(error, |cause| match cause.downcast_ref::<Fault>() {
        Some(fault) => fault.server(),
        None => cause.downcast_ref::<ServerError>(),
    })
}

/// The SQLSTATE behind `error`, if a server reported it.
pub fn sqlstate(error: &Error) -> Option<&str> {
    server_error(error).map(|found| found.code.as_str()).or_else(|| {
        // An unmapped tokio-postgres error still tells its code.
        let mut next = error.source();
        while let Some(cause) = next {
            if let Some(found) = cause.downcast_ref::<tokio_postgres::error::DbError>() {
                return Some(found.code().code());
            }
            next = cause.source();
        }
        None
    })
}

/// Whether a connection failed only because no password was known.
pub fn needs_password(error: &Error) -> bool {
    walk(error, |cause| cause.downcast_ref::<Fault>()).is_some_and(|fault| matches!(fault, Fault::PasswordNeeded))
}
