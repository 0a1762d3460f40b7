//! Sealing things that fit in memory: the private half of a dump. One zstd frame inside one age file, like a chunk.

use std::io::{Read, Write};

use super::{Decryption, Encryption, SealError, WINDOW_LOG_MAX};

/// Compresses and encrypts.
pub fn seal_whole(plain: &[u8], encryption: &Encryption, level: i32) -> Result<Vec<u8>, SealError> {
    let packed = zstd::bulk::compress(plain, level).map_err(SealError::Seal)?;
    let Encryption::Recipient(recipient) = encryption else { return Ok(packed) };
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient as &dyn age::Recipient))
        .map_err(|cause| SealError::Seal(std::io::Error::other(cause)))?;
    let mut writer = encryptor.wrap_output(Vec::with_capacity(packed.len() + 1024)).map_err(SealError::Seal)?;
    writer.write_all(&packed).map_err(SealError::Seal)?;
    writer.finish().map_err(SealError::Seal)
}

/// Decrypts and decompresses; more than `limit` plaintext bytes are refused.
pub fn open_whole(sealed: &[u8], by: &Decryption, limit: u64) -> Result<Vec<u8>, SealError> {
    let packed = match by {
        Decryption::None => sealed.to_vec(),
        Decryption::Identity(identity) => {
            let decryptor = age::Decryptor::new(sealed).map_err(SealError::Header)?;
            let mut reader =
                decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).map_err(|cause| match cause {
                    age::DecryptError::NoMatchingKeys => SealError::WrongIdentity,
                    other => SealError::Header(other),
                })?;
            let mut packed = Vec::with_capacity(sealed.len());
            reader.read_to_end(&mut packed).map_err(SealError::Segment)?;
            packed
        }
    };
    let mut decoder = zstd::Decoder::new(packed.as_slice()).map_err(SealError::Frame)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(SealError::Frame)?;
    let mut plain = Vec::new();
    decoder.take(limit + 1).read_to_end(&mut plain).map_err(SealError::Frame)?;
    if plain.len() as u64 > limit {
        return Err(SealError::FrameEnd("lies beyond the size allowed"));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let identity = age::x25519::Identity::generate();
        let to = Encryption::Recipient(identity.to_public());
        let sealed = seal_whole(b"the private half", &to, 3).expect("seals");
        let by = Decryption::Identity(identity);
        assert_eq!(open_whole(&sealed, &by, 100).expect("opens"), b"the private half");
        assert!(open_whole(&sealed, &by, 3).is_err(), "limit");
        assert!(open_whole(&sealed[..sealed.len() - 1], &by, 100).is_err(), "truncated");
        let other = Decryption::Identity(age::x25519::Identity::generate());
        assert!(open_whole(&sealed, &other, 100).is_err(), "wrong identity");
    }
}
