//! The repository's recipient, prepared for being sealed to many thousand times.
//!
//! Every chunk is an age file of its own, and an age file begins with a key exchange (C2SP age: "The X25519 recipient type"; RFC 7748):
//! a fresh secret times the base point, and times the recipient's point. The first has a table of the base point's multiples in
//! every library; with such a table of the recipient's the second costs as little. What comes out is the same age file.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use age::{EncryptError, secrecy::ExposeSecret};
use age_core::format::{FileKey, Stanza};
use age_core::primitives::{aead_encrypt, bech32_decode, hkdf};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use curve25519_dalek::edwards::{EdwardsBasepointTable, EdwardsPoint};
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::traits::BasepointTable;
use zeroize::Zeroizing;

/// Human-readable part of a recipient.
const PREFIX: &str = "age";
/// The stanza's type.
const TAG: &str = "X25519";
/// What the key that wraps a file key is derived for.
const LABEL: &[u8] = b"age-encryption.org/v1/X25519";

/// An age X25519 recipient; cheap to clone.
#[derive(Clone)]
pub struct Recipient(Arc<Inner>);

struct Inner {
    plain: age::x25519::Recipient,
    /// None for keys that name no point of the curve: age's own way takes any.
    prepared: Option<Prepared>,
}

/// The recipient's public key and multiples of its point.
struct Prepared {
    public: [u8; 32],
    multiples: EdwardsBasepointTable,
}

impl From<age::x25519::Recipient> for Recipient {
    fn from(plain: age::x25519::Recipient) -> Self {
        let prepared = Prepared::of(&plain.to_string());
        Self(Arc::new(Inner { plain, prepared }))
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let Some(prepared) = &self.0.prepared else { return self.0.plain.wrap_file_key(file_key) };
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret).map_err(|error| EncryptError::Io(io::Error::other(error)))?;
        let Agreed { share, shared } = prepared.agree(&secret)?;
        let salt = [share, prepared.public].concat();
        let key = Zeroizing::new(hkdf(&salt, LABEL, &*shared));
        let stanza = Stanza {
            tag: TAG.to_owned(),
            args: vec![BASE64_STANDARD_NO_PAD.encode(share)],
            body: aead_encrypt(&key, file_key.expose_secret()),
        };
        Ok((vec![stanza], HashSet::new()))
    }
}

/// The two ends of a key exchange.
struct Agreed {
    /// The fresh secret's public half.
    share: [u8; 32],
    /// What only the two sides know.
    shared: Zeroizing<[u8; 32]>,
}

impl Prepared {
    fn of(recipient: &str) -> Option<Self> {
        let prefix = |hrp: bech32::Hrp| if hrp.as_str() == PREFIX { Ok(()) } else { Err(()) };
        let bytes = bech32_decode(recipient, |_| (), prefix, |_, bytes| Ok(bytes.collect::<Vec<u8>>())).ok()?;
        let public: [u8; 32] = bytes.try_into().ok()?;
        // Of the two points with this coordinate either will do: only the coordinate of the product is used.
        let point = MontgomeryPoint(public).to_edwards(0)?;
        Some(Self { public, multiples: EdwardsBasepointTable::create(&point) })
    }

    /// As X25519 does: the secret is clamped, so that its product with any point lies in the large subgroup.
    ///
    /// # Errors
    /// If nothing comes out: the recipient's point is of small order, and everybody would know the secret.
    fn agree(&self, secret: &[u8; 32]) -> Result<Agreed, EncryptError> {
        let share = EdwardsPoint::mul_base_clamped(*secret).to_montgomery().to_bytes();
        let shared = Zeroizing::new(self.multiples.mul_base_clamped(*secret).to_montgomery().to_bytes());
        match shared.iter().fold(0, |all, byte| all | byte) {
            0 => Err(EncryptError::Io(io::Error::other("the recipient's key is of small order"))),
            _ => Ok(Agreed { share, shared }),
        }
    }
}

#[cfg(test)]
mod tests {
    use age::Identity as _;
    use age::Recipient as _;

    use super::*;

    fn random() -> [u8; 32] {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).unwrap();
        bytes
    }

    fn named(public: [u8; 32]) -> age::x25519::Recipient {
        let prefix = bech32::Hrp::parse(PREFIX).unwrap();
        age_core::primitives::bech32_encode(prefix, &public).parse().unwrap()
    }

    #[test]
    fn the_table_agrees_with_the_ladder() {
        let mut on_the_curve = 0;
        for round in 0..400 {
            let mut public = random();
            // Not every encoding is reduced, and some of these are of small order.
            if round % 16 == 0 {
                public[0] |= 0xe0;
                public[1..31].fill(0xff);
                public[31] |= 0x7f;
            }
            let Some(prepared) = Prepared::of(&named(public).to_string()) else { continue };
            on_the_curve += 1;
            assert_eq!(prepared.public, public);
            for secret in [random(), [0; 32], [0xff; 32]] {
                let expected = MontgomeryPoint(public).mul_clamped(secret).to_bytes();
                let Ok(Agreed { share, shared }) = prepared.agree(&secret) else {
                    assert_eq!(expected, [0; 32]);
                    continue;
                };
                assert_eq!(*shared, expected);
                assert_eq!(share, MontgomeryPoint::mul_base_clamped(secret).to_bytes());
            }
        }
        assert!((100..300).contains(&on_the_curve), "{on_the_curve}");
    }

    #[test]
    fn identities_open_what_is_wrapped() {
        for _ in 0..100 {
            let identity = age::x25519::Identity::generate();
            let recipient = Recipient::from(identity.to_public());
            assert!(recipient.0.prepared.is_some(), "a real key is on the curve");
            let file_key = FileKey::new(Box::new([7; 16]));
            let (stanzas, labels) = recipient.wrap_file_key(&file_key).unwrap();
            assert!(labels.is_empty());
            let opened = identity.unwrap_stanzas(&stanzas).unwrap().unwrap();
            assert_eq!(opened.expose_secret(), file_key.expose_secret());
            assert!(age::x25519::Identity::generate().unwrap_stanzas(&stanzas).is_none());
            let (again, _) = recipient.wrap_file_key(&file_key).unwrap();
            assert_ne!(again[0].args, stanzas[0].args, "every file has a secret of its own");
        }
    }

    #[test]
    fn keys_beside_the_curve_take_the_plain_way() {
        let beside =
            (0..100).map(|_| random()).find(|public| MontgomeryPoint(*public).to_edwards(0).is_none()).unwrap();
        let recipient = Recipient::from(named(beside));
        assert!(recipient.0.prepared.is_none());
        let (stanzas, _) = recipient.wrap_file_key(&FileKey::new(Box::new([7; 16]))).unwrap();
        assert_eq!(stanzas[0].tag, TAG);
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        let one = std::array::from_fn(|at| u8::from(at == 0));
        for point in [[0; 32], one] {
            let prepared = Prepared::of(&named(point).to_string()).unwrap();
            assert!(prepared.agree(&random()).is_err());
        }
    }
}
