//! Sealing things whose sealed form fits in memory: the private half of a dump. One zstd frame inside one age file, like a
//! chunk. Their plain form passes through, in either direction.

use std::borrow::Cow;
use std::io::{self, BufReader, Cursor, Read, Write};

use super::{Decryption, Encryption, SealError, WINDOW_LOG_MAX};

/// Compresses and encrypts what `write` writes.
pub fn seal_whole<E: From<SealError>>(
    encryption: &Encryption,
    level: i32,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<Vec<u8>, E> {
    let failed = |error: io::Error| E::from(SealError::Seal(error));
    let Encryption::Recipient(recipient) = encryption else {
        let mut encoder = zstd::Encoder::new(Vec::new(), level).map_err(failed)?;
        write(&mut encoder)?;
        return encoder.finish().map_err(failed);
    };
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient as &dyn age::Recipient))
        .map_err(|cause| failed(io::Error::other(cause)))?;
    let writer = encryptor.wrap_output(Vec::new()).map_err(failed)?;
    let mut encoder = zstd::Encoder::new(writer, level).map_err(failed)?;
    write(&mut encoder)?;
    encoder.finish().and_then(age::stream::StreamWriter::finish).map_err(failed)
}

/// Decrypts, and decompresses as it is read; the reader fails beyond `limit` plaintext bytes.
pub fn open_whole<'a>(
    sealed: &'a [u8],
    by: &Decryption,
    limit: u64,
) -> Result<impl io::BufRead + Send + 'a, SealError> {
    let packed = match by {
        Decryption::None => Cow::Borrowed(sealed),
        Decryption::Identity(identity) => {
            let decryptor = age::Decryptor::new(sealed).map_err(SealError::Header)?;
            let mut reader =
                decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).map_err(|cause| match cause {
                    age::DecryptError::NoMatchingKeys => SealError::WrongIdentity,
                    other => SealError::Header(other),
                })?;
            let mut packed = Vec::with_capacity(sealed.len());
            reader.read_to_end(&mut packed).map_err(SealError::Segment)?;
            Cow::Owned(packed)
        }
    };
    let mut decoder = zstd::Decoder::with_buffer(Cursor::new(packed)).map_err(SealError::Frame)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(SealError::Frame)?;
    Ok(BufReader::with_capacity(READ_BUFFER, Limited { inner: decoder, left: limit }))
}

/// What is decompressed at a time, in bytes.
const READ_BUFFER: usize = 128 << 10;

/// Ends in an error where more comes than is allowed.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let beyond = || io::Error::other(SealError::FrameEnd("lies beyond the size allowed"));
        self.left = self.left.checked_sub(read as u64).ok_or_else(beyond)?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let identity = age::x25519::Identity::generate();
        let to = Encryption::Recipient(identity.to_public().into());
        let sealed =
            seal_whole(&to, 3, |out| out.write_all(b"the private half").map_err(SealError::Seal)).expect("seals");
        let by = Decryption::Identity(identity);
        let read = |sealed: &[u8], by: &Decryption, limit| {
            let mut plain = Vec::new();
            open_whole(sealed, by, limit).ok()?.read_to_end(&mut plain).ok()?;
            Some(plain)
        };
        assert_eq!(read(&sealed, &by, 100).as_deref(), Some(&b"the private half"[..]));
        assert_eq!(read(&sealed, &by, 16).as_deref(), Some(&b"the private half"[..]), "just the limit");
        assert_eq!(read(&sealed, &by, 15), None, "limit");
        assert_eq!(read(&sealed[..sealed.len() - 1], &by, 100), None, "truncated");
        let other = Decryption::Identity(age::x25519::Identity::generate());
        assert_eq!(read(&sealed, &other, 100), None, "wrong identity");
    }
}
