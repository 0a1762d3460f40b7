//! No contents are written that no reader would take: a dump that cannot be opened again must never be committed.

use std::io::{self, Write};

use crate::limits::{CONTENTS_LINE_MAX, CONTENTS_MAX};

/// Contents that would be longer than readers take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("contents take more than {most} bytes{}", if *.line { " in one line" } else { "" })]
pub struct TooLarge {
    /// What readers take.
    pub most: u64,
    /// Of one line, not of all of them.
    pub line: bool,
}

/// Counts what goes by, lines ended by a line feed that is the last byte of what is written at a time.
pub(super) struct Limited<W> {
    out: W,
    line: u64,
    all: u64,
    line_max: u64,
}

impl<W: Write> Limited<W> {
    /// Before the first line.
    pub(super) fn new(out: W) -> Self {
        Self { out, line: 0, all: 0, line_max: CONTENTS_LINE_MAX }
    }
}

impl<W: Write> Write for Limited<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        let written_bytes = &bytes[..written];
        self.line += written as u64;
        self.all += written as u64;
        if self.line > self.line_max {
            return Err(io::Error::other(TooLarge { most: self.line_max, line: true }));
        }
        if self.all > CONTENTS_MAX {
            return Err(io::Error::other(TooLarge { most: CONTENTS_MAX, line: false }));
        }
        if written_bytes.ends_with(b"\n") {
            self.line = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_be_as_long_as_readers_take_and_no_longer() {
        let mut limited = Limited { line_max: 4, ..Limited::new(Vec::new()) };
        for _ in 0..3 {
            limited.write_all(b"ab").expect("short");
            limited.write_all(b"c\n").expect("just as long");
        }
        limited.write_all(b"abcd").expect("no line feed yet");
        let refused = limited.write_all(b"\n").expect_err("too long");
        let cause = refused.get_ref().and_then(|cause| cause.downcast_ref::<TooLarge>());
        assert_eq!(cause, Some(&TooLarge { most: 4, line: true }));
        assert_eq!(cause.map(ToString::to_string).as_deref(), Some("contents take more than 4 bytes in one line"));
    }
}
