//! Channel binding data of type `tls-server-end-point` (RFC 5929, section 4.1): the server certificate's hash, by the
//! hash of the certificate's own signature, with SHA-256 in place of MD5 and SHA-1.

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};

use super::verify::Loose;

const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Signature algorithms whose hash is plain from their name.
const SIGNATURES: [(ObjectIdentifier, Hash); 12] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"), Hash::Sha256), // md5WithRSAEncryption
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"), Hash::Sha256), // sha1WithRSAEncryption
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.14"), Hash::Sha224),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"), Hash::Sha256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"), Hash::Sha384),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"), Hash::Sha512),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"), Hash::Sha256), // ecdsa-with-SHA1
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.1"), Hash::Sha224),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"), Hash::Sha256),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"), Hash::Sha384),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"), Hash::Sha512),
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"), Hash::Sha256), // dsa-with-sha1
];

/// DER bodies of the hash identifiers that RSASSA-PSS parameters name.
const PSS_HASHES: [([u8; 9], Hash); 4] = [
    ([0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04], Hash::Sha224),
    ([0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01], Hash::Sha256),
    ([0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02], Hash::Sha384),
    ([0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03], Hash::Sha512),
];

/// The binding data for a certificate, or nothing if its signature defines no hash (Ed25519).
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let parsed = Loose::from_der(certificate).ok()?;
    let algorithm = parsed.signature_algorithm();
    let hash = if algorithm.oid == RSA_PSS {
        let parameters = algorithm.parameters.as_ref().and_then(|any| any.to_der().ok()).unwrap_or_default();
        pss_hash(&parameters)
    } else {
        SIGNATURES.iter().find(|(oid, _)| *oid == algorithm.oid)?.1
    };
    Some(match hash {
        Hash::Sha224 => Sha224::digest(certificate).to_vec(),
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

/// The first hash the parameters name is the signature's; no hash at all means SHA-1, hence SHA-256.
fn pss_hash(parameters: &[u8]) -> Hash {
    let mut windows = parameters.windows(9);
    windows
        .find_map(|window| PSS_HASHES.iter().find(|(body, _)| body == window))
        .map_or(Hash::Sha256, |(_, hash)| *hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pss_parameters() {
        assert_eq!(pss_hash(&[]), Hash::Sha256);
        let mut body = vec![0x30, 0x0d, 0x06, 0x09];
        body.extend_from_slice(&PSS_HASHES[2].0);
        assert_eq!(pss_hash(&body), Hash::Sha384);
    }

    /// Expected values by `openssl x509 -outform der | sha256sum` and `sha384sum`.
    #[test]
    fn the_signature_chooses_the_hash() {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let of = |text: &str| {
            let der = CertificateDer::from_pem_slice(text.as_bytes()).unwrap();
            end_point(&der).map(hex::encode)
        };
        assert_eq!(
            of(include_str!("testdata/common_name.pem")).as_deref(),
            Some("dcd65d64cc6b13c742bfb35d519bc0ee8b9bc10fffe23fb93e738a63bebbd02c")
        );
        assert_eq!(
            of(include_str!("testdata/sha384.pem")).as_deref(),
            Some(
                "1c3d0a9b1ed46f8cf52ba74629a83be528f8b4a99ddf5e5c80e04b5bfb811a01\
                 c30cf53df7ee2134f564bf3e6dabdf86"
            )
        );
        assert_eq!(of(include_str!("testdata/ed25519.pem")), None);
    }

    #[test]
    fn nonsense_has_no_binding() {
        assert_eq!(end_point(b""), None);
        assert_eq!(end_point(b"\x30\x03abc"), None);
    }
}
