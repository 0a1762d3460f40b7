//! Chunks one behind the other as one COPY: binary ones without the headers and trailers between them (manual: "COPY",
//! "Binary Format").

use super::{BINARY_HEADER, BINARY_TRAILER, CopyFormat};

/// A binary chunk that does not end with its trailer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a binary chunk does not end with its trailer")]
pub struct NoTrailer;

/// Joins chunks of one format.
#[derive(Debug)]
pub struct Joined {
    format: CopyFormat,
    /// The next header stays: nothing was let through yet.
    keeps_header: bool,
    /// This chunk's header is behind us.
    begun: bool,
    /// The last bytes, which may be the trailer: only the end of the chunk tells.
    held: Vec<u8>,
}

impl Joined {
    /// One COPY file of all chunks.
    pub fn file(format: CopyFormat) -> Self {
        Self { format, keeps_header: true, begun: false, held: Vec::new() }
    }

    /// The rows alone: no header at all, and [`Joined::end`] is not to be asked for.
    pub fn rows(format: CopyFormat) -> Self {
        Self { keeps_header: false, ..Self::file(format) }
    }

    /// Takes the chunk's next block and gives what can be passed on.
    pub fn push(&mut self, block: Vec<u8>) -> Vec<u8> {
        if self.format == CopyFormat::Text {
            return block;
        }
        let mut bytes = match self.held.is_empty() {
            true => block,
            false => [std::mem::take(&mut self.held), block].concat(),
        };
        let behind_header = if self.begun { Some(0) } else { header(&bytes) };
        let Some(header) = behind_header else {
            self.held = bytes;
            return Vec::new();
        };
        self.begun = true;
        self.held = bytes.split_off(bytes.len().saturating_sub(BINARY_TRAILER.len()).max(header));
        if header > 0 && !std::mem::take(&mut self.keeps_header) {
            bytes.drain(..header);
        }
        bytes
    }

    /// The chunk is complete.
    ///
    /// # Errors
    /// Its trailer is missing.
    pub fn chunk_ends(&mut self) -> Result<(), NoTrailer> {
        self.begun = false;
        let sound = self.format == CopyFormat::Text || self.held == BINARY_TRAILER;
        self.held.clear();
        if sound { Ok(()) } else { Err(NoTrailer) }
    }

    /// What ends the file behind the last chunk.
    pub fn end(&self) -> &'static [u8] {
        match self.format {
            CopyFormat::Text => &[],
            CopyFormat::Binary => &BINARY_TRAILER,
        }
    }
}

/// Length of the whole header, once enough of it is there.
fn header(bytes: &[u8]) -> Option<usize> {
    let extension = bytes.get(BINARY_HEADER.len() - 4..BINARY_HEADER.len())?.try_into().ok()?;
    let end = BINARY_HEADER.len().saturating_add(usize::try_from(u32::from_be_bytes(extension)).ok()?);
    (bytes.len() >= end).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two chunks, in blocks of so many bytes.
    fn joined(mut joined: Joined, chunks: &[Vec<u8>], block: usize) -> Vec<u8> {
        let mut all = Vec::new();
        for chunk in chunks {
            chunk.chunks(block).for_each(|block| all.extend(joined.push(block.to_vec())));
            joined.chunk_ends().expect("complete");
        }
        all.extend_from_slice(joined.end());
        all
    }

    #[test]
    fn one_header_and_one_trailer_stay_however_the_blocks_fall() {
        let head =
            |extension: &[u8]| [b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0", &[extension.len() as u8][..], extension].concat();
        for extension in [&b""[..], b"more"] {
            let chunk = |rows: &str| [&head(extension), rows.as_bytes(), &BINARY_TRAILER].concat();
            let chunks = [chunk("one row"), chunk(""), chunk("another")];
            let expected = [&head(extension), &b"one rowanother"[..], &BINARY_TRAILER].concat();
            for block in 1..60 {
                assert_eq!(joined(Joined::file(CopyFormat::Binary), &chunks, block), expected, "{block}");
                let rows = joined(Joined::rows(CopyFormat::Binary), &chunks, block);
                assert_eq!(rows, [&b"one rowanother"[..], &BINARY_TRAILER].concat(), "{block}");
            }
        }
        let lines = [b"a\n".to_vec(), b"b\n".to_vec()];
        assert_eq!(joined(Joined::file(CopyFormat::Text), &lines, 1), b"a\nb\n");
    }

    #[test]
    fn a_chunk_without_its_trailer_is_told() {
        for bytes in [&b""[..], b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0row"] {
            let mut joined = Joined::file(CopyFormat::Binary);
            joined.push(bytes.to_vec());
            assert_eq!(joined.chunk_ends(), Err(NoTrailer));
        }
    }
}
