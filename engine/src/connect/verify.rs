//! Verification of server certificates by `sslmode`'s rules.
//!
//! The chain is webpki's business. Two habits of PostgreSQL installations need more than webpki offers, and get it
//! here as OpenSSL gives it to libpq: a self-signed server certificate that is itself named as root, and a
//! certificate whose host stands only in the common name (used only if it carries no host among its alternative
//! names: manual, "Client Verification of Server Certificates").

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A certificate read for what webpki does not tell.
pub(super) type Loose = Certificate;

/// What a server's certificate is checked for.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Nothing: any certificate will do (`sslmode=require` without roots).
    roots: Option<Trust>,
    /// Also the host name (`verify-full`).
    name: bool,
}

/// Trusted roots, and the same certificates byte for byte.
#[derive(Debug)]
pub(super) struct Trust {
    pub store: RootCertStore,
    pub exact: Vec<CertificateDer<'static>>,
}

impl Verifier {
    pub(super) fn new(provider: Arc<CryptoProvider>, roots: Option<Trust>, name: bool) -> Self {
        Self { provider, roots, name }
    }

    fn chain(
        &self,
        trust: &Trust,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        if trust.exact.iter().any(|root| root.as_ref() == leaf.as_ref()) {
            return dates(leaf, now);
        }
        let parsed = ParsedCertificate::try_from(leaf)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &trust.store, intermediates, now, algorithms)
    }
}

/// The certificate's own dates, for one that is trusted by itself.
fn dates(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let parsed = Loose::from_der(leaf).map_err(|_| CertificateError::BadEncoding)?;
    let validity = parsed.tbs_certificate().validity();
    let now = Duration::from_secs(now.as_secs());
    if now < validity.not_before.to_unix_duration() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.to_unix_duration() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// Whether the certificate is for this host.
fn host(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let by_alternatives = ParsedCertificate::try_from(leaf).and_then(|parsed| verify_server_name(&parsed, name));
    let Err(error) = by_alternatives else { return Ok(()) };
    let Ok(parsed) = Loose::from_der(leaf) else { return Err(error) };
    if names_hosts(&parsed) {
        return Err(error);
    }
    let common = parsed.tbs_certificate().subject().common_name().ok().flatten();
    match common {
        Some(common) if matches(common.value().as_ref(), &name.to_str()) => Ok(()),
        Some(_) | None => Err(CertificateError::NotValidForName.into()),
    }
}

/// Whether host names or addresses stand among the alternative names.
fn names_hosts(certificate: &Loose) -> bool {
    let found = certificate.tbs_certificate().get_extension::<SubjectAltName>();
    match found {
        Ok(Some((_, names))) => {
            names.0.iter().any(|name| matches!(name, GeneralName::DnsName(_) | GeneralName::IpAddress(_)))
        }
        Ok(None) => false,
        // Unreadable alternative names are no reason to trust less exact ones.
        Err(_) => true,
    }
}

/// libpq's rule: equal without case, or a leading `*.` that stands for exactly one label.
fn matches(pattern: &str, name: &str) -> bool {
    if pattern.contains('\0') {
        return false;
    }
    match pattern.strip_prefix("*.") {
        Some(rest) => {
            name.split_once('.').is_some_and(|(label, tail)| !label.is_empty() && tail.eq_ignore_ascii_case(rest))
        }
        None => pattern.eq_ignore_ascii_case(name),
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(trust) = &self.roots {
            self.chain(trust, end_entity, intermediates, now)?;
        }
        if self.name {
            host(end_entity, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::ring;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn pem(text: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(text.as_bytes()).unwrap()
    }

    const CA: &str = include_str!("testdata/ca.pem");
    const COMMON_NAME: &str = include_str!("testdata/common_name.pem");
    const OTHER_NAMES: &str = include_str!("testdata/other_names.pem");
    const SELF_SIGNED: &str = include_str!("testdata/self_signed.pem");

    /// A moment within the dates of all certificates here (2030).
    const THEN: u64 = 1_900_000_000;

    fn verdict(root: &str, leaf: &str, host: Option<&str>, seconds: u64) -> Result<(), Error> {
        let exact = vec![pem(root)];
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(exact.iter().cloned());
        let trust = Some(Trust { store, exact });
        let verifier = Verifier::new(Arc::new(ring::default_provider()), trust, host.is_some());
        let name = ServerName::try_from(host.unwrap_or("x").to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        verifier.verify_server_cert(&pem(leaf), &[], &name, &[], now).map(drop)
    }

    #[test]
    fn common_names() {
        assert!(matches("DB.example.org", "db.example.ORG"));
        assert!(matches("*.example.org", "db.example.org"));
        assert!(!matches("*.example.org", "a.db.example.org"));
        assert!(!matches("*.example.org", "example.org"));
        assert!(!matches("*.example.org", ".example.org"));
        assert!(!matches("d*.example.org", "db.example.org"));
        assert!(!matches("db.example.org\0.evil.org", "db.example.org"));
    }

    #[test]
    fn the_common_name_counts_only_without_alternative_names() {
        let host = Some("db.example.org");
        assert_eq!(verdict(CA, COMMON_NAME, host, THEN), Ok(()));
        assert!(verdict(CA, COMMON_NAME, Some("other.example.org"), THEN).is_err());
        assert!(verdict(CA, OTHER_NAMES, host, THEN).is_err());
        assert_eq!(verdict(CA, OTHER_NAMES, Some("other.example.org"), THEN), Ok(()));
    }

    #[test]
    fn a_self_signed_server_is_trusted_when_it_is_the_root_itself() {
        assert_eq!(verdict(SELF_SIGNED, SELF_SIGNED, Some("db.example.org"), THEN), Ok(()));
        assert!(verdict(SELF_SIGNED, SELF_SIGNED, Some("x.example.org"), THEN).is_err());
        assert!(verdict(CA, SELF_SIGNED, None, THEN).is_err());
        assert!(verdict(SELF_SIGNED, COMMON_NAME, None, THEN).is_err());
        let expired = Err(Error::InvalidCertificate(CertificateError::Expired));
        assert_eq!(verdict(SELF_SIGNED, SELF_SIGNED, None, 9_000_000_000), expired);
        let early = Err(Error::InvalidCertificate(CertificateError::NotValidYet));
        assert_eq!(verdict(SELF_SIGNED, SELF_SIGNED, None, 1_000_000_000), early);
    }

    #[test]
    fn dates_of_a_chain_count() {
        assert!(verdict(CA, COMMON_NAME, None, 9_000_000_000).is_err());
        assert_eq!(verdict(CA, COMMON_NAME, None, THEN), Ok(()));
    }
}
