//! TLS as libpq negotiates it: the settings' client configuration, the SSLRequest or the direct start, the handshake.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::Fault;
use super::hosts::{Host, Place};
use super::options::{Credential, Roots, SslMode, TlsSettings, Wish};
use super::stream::Stream;
use super::verify::{Trust, Verifier};

/// The protocol's registered ALPN name; libpq sends it since 17, servers before ignore it.
const ALPN: &[u8] = b"postgresql";

/// Client configuration built from settings, once.
#[derive(Clone)]
pub(super) struct Configs(Arc<ClientConfig>);

impl std::fmt::Debug for Configs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Configs")
    }
}

/// What an attempt at TLS gave.
pub(super) enum Negotiated {
    /// An encrypted stream, and the channel binding data of the server's certificate.
    Tls(Stream, Option<Vec<u8>>),
    /// The server said no; the bare stream goes on where that is allowed.
    Declined(Stream),
}

/// Asks for TLS and does the handshake.
pub(super) async fn negotiate(mut tcp: TcpStream, host: &Host, settings: &TlsSettings) -> Result<Negotiated, Fault> {
    let config = config(settings)?;
    if !settings.direct {
        let mut request = BytesMut::new();
        postgres_protocol::message::frontend::ssl_request(&mut request);
        tcp.write_all(&request).await.map_err(Fault::lost)?;
        // Exactly one byte: whatever else arrived before the handshake is not to be believed.
        match tcp.read_u8().await.map_err(Fault::lost)? {
            b'S' => {}
            b'N' => return Ok(Negotiated::Declined(Stream::Tcp(tcp))),
            b'E' => return Err(Fault::Protocol("the server could not answer the request for TLS")),
            _ => return Err(Fault::Protocol("not the answer to a request for TLS")),
        }
    }
    let asked = Arc::new(AtomicBool::new(false));
    let config = if settings.certificate_use == Wish::Require {
        let inner = config.client_auth_cert_resolver.clone();
        let mut watched = (*config).clone();
        watched.client_auth_cert_resolver = Arc::new(Watched { inner, asked: asked.clone() });
        Arc::new(watched)
    } else {
        config
    };
    let name = server_name(host, settings.mode)?;
    let stream = TlsConnector::from(config).connect(name, tcp).await.map_err(handshake_fault)?;
    let (_, connection) = stream.get_ref();
    if settings.direct && connection.alpn_protocol() != Some(ALPN) {
        return Err(Fault::Protocol("a direct TLS start without PostgreSQL's protocol name"));
    }
    if settings.certificate_use == Wish::Require && !asked.load(Ordering::Relaxed) {
        return Err(Fault::CertificateNotAsked);
    }
    let binding =
        connection.peer_certificates().and_then(<[_]>::first).and_then(|leaf| super::binding::end_point(leaf));
    Ok(Negotiated::Tls(Stream::Tls(Box::new(stream)), binding))
}

/// A connection that breaks during the handshake is a TLS matter only if rustls says so.
fn handshake_fault(error: std::io::Error) -> Fault {
    let by_rustls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    if by_rustls { Fault::Tls(error) } else { Fault::lost(error) }
}

/// The name to send and to verify.
fn server_name(host: &Host, mode: SslMode) -> Result<ServerName<'static>, Fault> {
    let name = host.name.clone().unwrap_or_default();
    if let Ok(name) = ServerName::try_from(name) {
        return Ok(name);
    }
    match host.place {
        Place::Address(address) if mode < SslMode::VerifyFull => Ok(ServerName::from(address)),
        _ if mode < SslMode::VerifyFull => {
            ServerName::try_from("invalid").map_err(|_| Fault::TlsSettings("the host name cannot be sent".to_owned()))
        }
        _ => Err(Fault::TlsSettings("the host's name cannot stand in a certificate".to_owned())),
    }
}

fn config(settings: &TlsSettings) -> Result<Arc<ClientConfig>, Fault> {
    if let Some(Configs(config)) = settings.built.get() {
        return Ok(config.clone());
    }
    let config = Arc::new(build(settings)?);
    let _ = settings.built.set(Configs(config.clone()));
    Ok(config)
}

fn build(settings: &TlsSettings) -> Result<ClientConfig, Fault> {
    let provider = Arc::new(ring::default_provider());
    let roots = roots(settings)?;
    let verifier = Verifier::new(provider.clone(), roots, settings.mode == SslMode::VerifyFull);
    let mut versions = Vec::new();
    if settings.tls13 {
        versions.push(&rustls::version::TLS13);
    }
    if settings.tls12 {
        versions.push(&rustls::version::TLS12);
    }
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(|error| Fault::TlsSettings(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match client_certificate(settings, &provider)? {
        Some(key) => builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_sni = settings.sni;
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Roots to verify with. As in libpq they are used whenever they are there, not only in the verify modes.
fn roots(settings: &TlsSettings) -> Result<Option<Trust>, Fault> {
    let needed = settings.mode >= SslMode::VerifyCa;
    let path = match &settings.roots {
        Roots::System => return system_roots().map(Some),
        Roots::File(path) => Some(path),
        Roots::Default(path) => path.as_ref(),
    };
    match path {
        Some(path) if path.exists() => root_file(path).map(Some),
        path if needed => Err(Fault::NoRoots(path.cloned())),
        _ => Ok(None),
    }
}

fn system_roots() -> Result<Trust, Fault> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let why = found.errors.first().map_or("this machine has no certificate store".to_owned(), ToString::to_string);
        return Err(Fault::TlsSettings(format!("no system root certificates: {why}")));
    }
    Ok(Trust { store, exact: Vec::new() })
}

fn root_file(path: &Path) -> Result<Trust, Fault> {
    let exact = certificates("root certificate file", path)?;
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(exact.iter().cloned());
    Ok(Trust { store, exact })
}

fn file_fault(what: &'static str, path: &Path, why: impl ToString) -> Fault {
    Fault::TlsFile { what, path: path.to_owned(), why: why.to_string() }
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let bytes = std::fs::read(path).map_err(|error| file_fault(what, path, error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(file_fault(what, path, "it holds no PEM certificate")),
        Err(_) => Err(file_fault(what, path, "it is not valid PEM")),
    }
}

/// The file to use, if it was named or exists at its default place.
fn existing(credential: &Credential) -> Option<PathBuf> {
    match credential {
        Credential::File(path) => Some(path.clone()),
        Credential::Default(path) => path.clone().filter(|path| path.exists()),
    }
}

fn client_certificate(settings: &TlsSettings, provider: &CryptoProvider) -> Result<Option<CertifiedKey>, Fault> {
    if settings.certificate_use == Wish::Disable {
        return Ok(None);
    }
    let Some(certificate) = existing(&settings.certificate) else { return Ok(None) };
    let chain = certificates("client certificate", &certificate)?;
    let Some(path) = existing(&settings.key) else {
        return Err(file_fault("client certificate", &certificate, "no private key was given for it (sslkey)"));
    };
    let key = private_key(&path)?;
    let certified = CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| file_fault("client key", &path, format!("it cannot be used with the certificate: {error}")))?;
    Ok(Some(certified))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    const WHAT: &str = "client key";
    let meta = std::fs::metadata(path).map_err(|error| file_fault(WHAT, path, error))?;
    if !meta.is_file() {
        return Err(file_fault(WHAT, path, "it is not a plain file"));
    }
    if too_open(&meta) {
        let why = "group or others may access it; its permissions must be 0600 or stricter (0640 if root owns it)";
        return Err(file_fault(WHAT, path, why));
    }
    let bytes = zeroize::Zeroizing::new(std::fs::read(path).map_err(|error| file_fault(WHAT, path, error))?);
    let text = String::from_utf8_lossy(&bytes);
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        let why = "it is encrypted with a passphrase, which is not supported; decrypt it (openssl pkey) and protect \
                   the file";
        return Err(file_fault(WHAT, path, why));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| file_fault(WHAT, path, "it holds no PEM private key"))
}

#[cfg(unix)]
fn too_open(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    meta.mode() & if meta.uid() == 0 { 0o037 } else { 0o077 } != 0
}

#[cfg(not(unix))]
fn too_open(_meta: &std::fs::Metadata) -> bool {
    false
}

/// Notes that the server asked for a certificate.
#[derive(Debug)]
struct Watched {
    inner: Arc<dyn ResolvesClientCert>,
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Watched {
    fn resolve(&self, roots: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.inner.resolve(roots, schemes)
    }

    fn has_certs(&self) -> bool {
        // Also without a certificate the request must be seen.
        true
    }
}

/// Whether a refusal is the kind another encryption choice may avoid.
pub(super) fn is_tls_fault(fault: &Fault) -> bool {
    match fault {
        Fault::TlsNotOffered | Fault::Tls(_) => true,
        Fault::Io(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted),
        Fault::Closed => true,
        _ => false,
    }
}
