//! A session for queries and DDL, spoken by tokio-postgres over a connection made here.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Connection, NoTls};

use super::attempt::{self, Opened};
use super::error::Fault;
use super::explain::{connecting, query_fault, running};
use super::replay::Replay;
use super::server_error::ServerError;
use super::{CancelToken, ConnectOptions, Role};
use crate::error::{Error, Result};
use crate::ids::ServerVersion;

/// How long an orderly end may take before the connection is dropped.
const FAREWELL: Duration = Duration::from_secs(5);

/// A tokio-postgres client with its driving task; dropping it closes the connection at once.
pub struct Session {
    client: Option<Client>,
    task: Task,
    version: ServerVersion,
    role: Role,
    parameters: BTreeMap<String, String>,
    process_id: i32,
    pinned: ConnectOptions,
    cancel: CancelToken,
}

/// The task that drives the connection, and what the server said when it ended it.
struct Task {
    handle: JoinHandle<()>,
    fate: Arc<Mutex<Option<ServerError>>>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// Opens a session. `client_encoding` is UTF8, which tokio-postgres takes for granted, unless the options carry another.
pub async fn session(options: &ConnectOptions, role: Role) -> Result<Session> {
    let chosen = options.startup.iter().any(|(name, _)| name == "client_encoding");
    let told = if chosen { options.clone() } else { options.with_startup("client_encoding", "UTF8") };
    let opened = attempt::open(&told, role).await?;
    let Opened { wire, host, address, version } = opened;
    let pinned = options.narrowed(&host, &address);
    let cancel = CancelToken::new(&wire, &host, address, options, role);
    let (parameters, process_id) = (wire.parameters.clone(), wire.process_id);
    let mut config = Config::new();
    config.user(&options.user).dbname(&options.database).ssl_mode(SslMode::Disable);
    let (client, connection) = config
        .connect_raw(Replay::new(wire), NoTls)
        .await
        .map_err(|error| connecting(role, &host.to_string(), options.warnings(), query_fault(error)))?;
    let fate = Arc::new(Mutex::new(None));
    let handle = tokio::spawn(drive(connection, fate.clone()));
    let task = Task { handle, fate };
    Ok(Session { client: Some(client), task, version, role, parameters, process_id, pinned, cancel })
}

/// Drives the connection until its end. Notices are dropped: they may quote rows.
async fn drive(
    mut connection: Connection<Replay, tokio_postgres::tls::NoTlsStream>,
    fate: Arc<Mutex<Option<ServerError>>>,
) {
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        let Err(error) = message else { continue };
        if let Fault::Server(said) = query_fault(error) {
            // Kept before the connection is dropped: whoever then sees it closed finds the reason.
            *fate.lock().unwrap_or_else(PoisonError::into_inner) = Some(*said);
        }
        return;
    }
}

impl Session {
    /// Version of the server.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// Which side it serves.
    pub fn role(&self) -> Role {
        self.role
    }

    /// A parameter the server reported at startup, e.g. `server_encoding`, `in_hot_standby`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Process id of the server's backend (`pg_stat_activity.pid`; a pooler may invent one).
    pub fn backend_pid(&self) -> i32 {
        self.process_id
    }

    /// The options, narrowed to the one server that answered: lanes that import this session's snapshot need it.
    pub fn pinned(&self) -> ConnectOptions {
        self.pinned.clone()
    }

    /// Cancels what this session is running.
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Turns a failure of this session's client into an [`Error`]; a closed connection tells why it closed.
    pub fn error(&self, error: tokio_postgres::Error) -> Error {
        let fault = match query_fault(error) {
            Fault::Closed => {
                let fate = self.task.fate.lock().unwrap_or_else(PoisonError::into_inner).clone();
                fate.map_or(Fault::Closed, |said| Fault::Server(Box::new(said)))
            }
            other => other,
        };
        running(self.role, fault)
    }

    /// Ends the session in order.
    pub async fn close(mut self) {
        drop(self.client.take());
        let _ = tokio::time::timeout(FAREWELL, &mut self.task.handle).await;
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Self::Target {
        // The client leaves its place only in `close`, which takes the session with it.
        self.client.as_ref().unwrap_or_else(|| unreachable!("a closed session has no owner"))
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.client.as_mut().unwrap_or_else(|| unreachable!("a closed session has no owner"))
    }
}
