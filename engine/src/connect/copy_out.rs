//! Reading a COPY stream: payload bytes without message framing.

use bytes::{BufMut, BytesMut};

use super::Lane;
use super::error::Fault;
use super::lane::State;
use super::wire::{READ_BUFFER, parse_header, server_fault};
use crate::error::Result;

/// While so much fits into the caller's buffer, it is read there without touching the lane's.
const DIRECT: usize = 64 << 10;

/// From so much on a copy is no small one, and its bytes are waited for in handfuls.
const STREAMING: usize = 1 << 20;

/// A running `COPY … TO STDOUT`. Dropped before its end it leaves the lane unusable.
#[must_use]
pub struct CopyOut<'a> {
    lane: &'a mut Lane,
    /// Payload of the current message that has not been handed over.
    left: usize,
    /// Bytes of payload messages so far.
    received: usize,
    over: bool,
    /// The text may hold more copies: the end of this one is not the end of the text.
    one_of_many: bool,
    rows: Option<u64>,
}

/// Why the buffered bytes do not suffice.
enum Need {
    /// `out` is full.
    Nothing,
    /// More bytes.
    Input,
    /// Another message than payload stands next.
    Control,
}

impl<'a> CopyOut<'a> {
    pub(super) fn new(lane: &'a mut Lane) -> Self {
        Self { lane, left: 0, received: 0, over: false, one_of_many: false, rows: None }
    }

    pub(super) fn one_of_many(lane: &'a mut Lane) -> Self {
        Self { one_of_many: true, ..Self::new(lane) }
    }

    /// Appends payload to `out` until it holds `wanted` bytes or the copy ends; `Ok(false)` says that it ended and
    /// that the server called it complete. A value larger than any buffer comes through piecewise.
    pub async fn read(&mut self, out: &mut BytesMut, wanted: usize) -> Result<bool> {
        if self.over {
            return Ok(false);
        }
        if self.lane.state != State::Busy {
            return Err(self.lane.error(Fault::NoCopy));
        }
        match self.step(out, wanted).await {
            Ok(more) => Ok(more),
            Err(fault) => {
                self.over = true;
                Err(self.lane.settle(fault))
            }
        }
    }

    /// Rows the server counted, known after the end.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    async fn step(&mut self, out: &mut BytesMut, wanted: usize) -> Result<bool, Fault> {
        out.reserve(wanted.saturating_sub(out.len()));
        loop {
            match self.take_buffered(out, wanted)? {
                Need::Nothing => return Ok(true),
                Need::Input => {
                    if self.received >= STREAMING {
                        self.lane.wire.expect_plenty();
                    }
                    self.receive(out, wanted).await?;
                }
                Need::Control => {
                    if self.control().await? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Moves payload from the lane's buffer to `out`. This loop runs once per row and allocates nothing.
    fn take_buffered(&mut self, out: &mut BytesMut, wanted: usize) -> Result<Need, Fault> {
        let buffered = self.lane.wire.input.buffered();
        let mut at = 0;
        let need = loop {
            let room = wanted.saturating_sub(out.len());
            if room == 0 {
                break Need::Nothing;
            }
            if self.left == 0 {
                match payload_header(&buffered[at..]) {
                    Some(len) => {
                        self.left = len;
                        at += 5;
                    }
                    None if parse_header(&buffered[at..])?.is_some() => break Need::Control,
                    None => break Need::Input,
                }
            }
            let now = self.left.min(room).min(buffered.len() - at);
            out.extend_from_slice(&buffered[at..at + now]);
            at += now;
            self.left -= now;
            if self.left > 0 && at == buffered.len() {
                break Need::Input;
            }
        };
        self.lane.wire.input.consume(at);
        self.received += at;
        Ok(need)
    }

    /// Receives more: into `out` while much fits there and nothing waits in the lane's buffer, else into that. In its place payload is
    /// moved by the few bytes that headers took, within a core's cache.
    async fn receive(&mut self, out: &mut BytesMut, wanted: usize) -> Result<(), Fault> {
        let room = wanted.saturating_sub(out.len()).min(READ_BUFFER);
        if room < DIRECT || !self.lane.wire.input.buffered().is_empty() {
            return self.lane.wire.fill().await;
        }
        let from = out.len();
        self.lane.wire.receive_into(out.limit(room)).await?;
        let (kept, used) = close_ranks(&mut self.left, &mut out[from..]);
        self.lane.wire.input.begin_with(&out[from + used..])?;
        self.received += used;
        out.truncate(from + kept);
        Ok(())
    }

    /// Deals with what is not payload; true at the end of the copy.
    async fn control(&mut self) -> Result<bool, Fault> {
        let (tag, _) = self.lane.wire.peek().await?;
        if matches!(tag, b'N' | b'S' | b'A') {
            self.lane.wire.aside().await?;
            return Ok(false);
        }
        let message = self.lane.wire.message().await?;
        match message.tag {
            b'c' => {
                self.complete().await?;
                Ok(true)
            }
            b'E' => {
                let fault = server_fault(&message.body);
                let _ = self.lane.wire.until_ready().await;
                Err(fault)
            }
            _ => Err(Fault::Protocol("not part of a copy")),
        }
    }

    /// After CopyDone: CommandComplete and ReadyForQuery must follow; only the first where the text goes on.
    async fn complete(&mut self) -> Result<(), Fault> {
        self.lane.wire.expect_little()?;
        let mut counted = None;
        loop {
            let message = self.lane.wire.message().await?;
            match message.tag {
                b'C' if self.one_of_many => {
                    self.rows = copied(&message.body);
                    self.over = true;
                    return Ok(());
                }
                b'C' => counted = Some(copied(&message.body)),
                b'Z' => break,
                b'E' => {
                    let fault = server_fault(&message.body);
                    let _ = self.lane.wire.until_ready().await;
                    return Err(fault);
                }
                _ => return Err(Fault::Protocol("not the end of a copy")),
            }
        }
        self.rows = counted.ok_or(Fault::Protocol("a copy that ended without a word"))?;
        self.over = true;
        self.lane.state = State::Idle;
        Ok(())
    }
}

/// Moves payload together at the front of what was received, over the headers between. `left` is what is still to come of the
/// current message's payload. Gives the payload's length, and how much was understood: what follows is a header's beginning or
/// another message. This loop runs once per row and allocates nothing.
fn close_ranks(left: &mut usize, bytes: &mut [u8]) -> (usize, usize) {
    let (mut kept, mut at) = (0, 0);
    loop {
        if *left == 0 {
            let Some(len) = payload_header(&bytes[at..]) else { return (kept, at) };
            *left = len;
            at += 5;
        }
        let now = (*left).min(bytes.len() - at);
        if kept < at {
            bytes.copy_within(at..at + now, kept);
        }
        kept += now;
        at += now;
        *left -= now;
        if *left > 0 {
            return (kept, at);
        }
    }
}

/// The body's length, if a payload message begins here. Once per row: [`parse_header`], which can fail, costs more.
#[inline]
fn payload_header(bytes: &[u8]) -> Option<usize> {
    let [b'd', a, b, c, d, ..] = *bytes else { return None };
    let len = i32::from_be_bytes([a, b, c, d]);
    usize::try_from(len).ok()?.checked_sub(4)
}

/// Rows in a command tag `COPY n`.
pub(super) fn copied(body: &[u8]) -> Option<u64> {
    let tag = std::str::from_utf8(body).ok()?.trim_end_matches('\0');
    tag.strip_prefix("COPY ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages of many lengths, empty ones too, and another one behind them.
    fn sent() -> (Vec<u8>, Vec<u8>) {
        let (mut stream, mut payload) = (Vec::new(), Vec::new());
        for row in 0..400_u32 {
            let body: Vec<u8> = (0..row * row % 97).map(|i| (i + row) as u8).collect();
            stream.push(b'd');
            stream.extend((body.len() as u32 + 4).to_be_bytes());
            stream.extend(&body);
            payload.extend(body);
        }
        stream.extend(b"c\0\0\0\x04");
        (stream, payload)
    }

    #[test]
    fn ranks_close_wherever_the_stream_is_cut() {
        let (stream, payload) = sent();
        for cut in (1..64).chain([500, 4096, stream.len()]) {
            let (mut left, mut out, mut waiting) = (0, Vec::new(), Vec::new());
            for part in stream.chunks(cut) {
                waiting.extend_from_slice(part);
                let (kept, used) = close_ranks(&mut left, &mut waiting);
                out.extend_from_slice(&waiting[..kept]);
                waiting.drain(..used);
                assert!(left == 0 || waiting.is_empty(), "payload never waits");
            }
            assert!(out == payload, "cut every {cut}");
            assert_eq!((left, &waiting[..]), (0, &b"c\0\0\0\x04"[..]));
        }
    }
}
