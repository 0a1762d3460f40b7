//! Asking a server to cancel what a connection is running.

use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Role;
use super::error::Fault;
use super::explain::connecting;
use super::hosts::{Address, Host};
use super::options::{ConnectOptions, TcpSettings, TlsSettings};
use super::stream::Stream;
use super::tls::{self, Negotiated};
use super::wire::Wire;
use crate::error::Result;

/// How long a request may take when the connection has no timeout of its own.
const LIMIT: Duration = Duration::from_secs(30);

/// Cancels the statement a connection is running (manual: "Canceling Requests in Progress").
#[derive(Clone)]
pub struct CancelToken {
    address: Address,
    host: Host,
    /// Present if the connection itself is encrypted.
    tls: Option<TlsSettings>,
    tcp: TcpSettings,
    limit: Duration,
    process_id: i32,
    secret_key: i32,
    role: Role,
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelToken({}, backend {})", self.host, self.process_id)
    }
}

impl CancelToken {
    pub(super) fn new(wire: &Wire, host: &Host, address: Address, options: &ConnectOptions, role: Role) -> Self {
        Self {
            address,
            host: host.clone(),
            tls: wire.stream.is_tls().then(|| options.tls.clone()),
            tcp: options.tcp,
            limit: options.connect_timeout.unwrap_or(LIMIT),
            process_id: wire.process_id,
            secret_key: wire.secret_key,
            role,
        }
    }

    /// Whether the connection goes to the same address as another one.
    pub(super) fn has_address_of(&self, other: &Self) -> bool {
        self.address == other.address
    }

    /// Sends the request, over TLS if the connection uses it. The server never says whether it found anything.
    pub async fn cancel(&self) -> Result<()> {
        let sent = tokio::time::timeout(self.limit, self.send()).await;
        let sent = sent.unwrap_or_else(|_| Err(Fault::Timeout(self.limit.as_secs())));
        sent.map_err(|fault| connecting(self.role, &self.host.to_string(), &[], fault))
    }

    async fn send(&self) -> Result<(), Fault> {
        let mut stream = Stream::open(&self.address, self.tcp).await?;
        if let Some(settings) = &self.tls {
            let Stream::Tcp(tcp) = stream else { return Err(Fault::TlsNotOffered) };
            stream = match tls::negotiate(tcp, &self.host, settings).await? {
                Negotiated::Tls(stream, _) => stream,
                Negotiated::Declined(_) => return Err(Fault::TlsNotOffered),
            };
        }
        let mut request = BytesMut::new();
        postgres_protocol::message::frontend::cancel_request(self.process_id, self.secret_key, &mut request);
        stream.write_all(&request).await.map_err(Fault::lost)?;
        stream.flush().await.map_err(Fault::lost)?;
        // The server closes the connection once it has acted; how it does so is of no interest.
        let _ = stream.read(&mut [0; 1]).await;
        Ok(())
    }
}
