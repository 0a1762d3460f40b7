//! An established connection at the level of protocol messages (manual: "Frontend/Backend Protocol").
//!
//! One fixed read buffer; control messages are copied out of it whole, COPY payload is handed through by
//! [`super::CopyOut`] without being collected. ParameterStatus, notices and notifications are dealt with here and
//! seen by nobody else: notices may quote rows.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::error::Fault;
use super::low_water;
use super::server_error::ServerError;
use super::stream::Stream;

/// Bytes asked of the socket at once.
pub(super) const READ_BUFFER: usize = 512 << 10;

/// Longest message that is held whole. COPY payload is not held at all.
const MESSAGE_MAX: usize = 64 << 20;

/// Longest message before the login is complete: whoever sends more is not PostgreSQL.
const LOGIN_MESSAGE_MAX: usize = 64 << 10;

/// Bytes received and not yet consumed.
pub(super) struct Input {
    data: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Input {
    fn new() -> Self {
        Self { data: vec![0; READ_BUFFER].into_boxed_slice(), start: 0, end: 0 }
    }

    /// What is there.
    pub(super) fn buffered(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    /// Forgets `n` bytes that were used.
    pub(super) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Takes in what was received elsewhere and is not used there. Nothing else waits here.
    pub(super) fn begin_with(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let room = self.data.get_mut(..bytes.len()).ok_or(Fault::Protocol("more than was asked for"))?;
        room.copy_from_slice(bytes);
        (self.start, self.end) = (0, bytes.len());
        Ok(())
    }

    /// Room behind what is there; moves it to the front when the room is short.
    fn room(&mut self) -> &mut [u8] {
        if self.data.len() - self.end < READ_BUFFER / 2 && self.start > 0 {
            self.data.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.data[self.end..]
    }
}

/// A message: its tag and body.
pub(super) struct Message {
    pub tag: u8,
    pub body: Vec<u8>,
}

/// Rows of a simple query, as text.
pub type Rows = Vec<Vec<Option<String>>>;

/// A connection that has been logged in to (or is about to be).
pub(super) struct Wire {
    pub stream: Stream,
    pub input: Input,
    /// Messages to be sent by [`Wire::flush`].
    pub output: BytesMut,
    pub parameters: BTreeMap<String, String>,
    pub process_id: i32,
    pub secret_key: i32,
    /// From ReadyForQuery: `I`dle, in a `T`ransaction, in a failed one (`E`).
    pub status: u8,
    limit: usize,
    /// Whether the socket wakes us only for plenty ([`low_water`]).
    waits_for_plenty: bool,
}

/// Parses a header: tag and body length.
pub(super) fn parse_header(bytes: &[u8]) -> Result<Option<(u8, usize)>, Fault> {
    let Some((head, _)) = bytes.split_at_checked(5) else { return Ok(None) };
    let len = i32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let body = usize::try_from(len).ok().and_then(|len| len.checked_sub(4));
    body.map(|body| Some((head[0], body))).ok_or(Fault::Protocol("a message with an impossible length"))
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            input: Input::new(),
            output: BytesMut::new(),
            parameters: BTreeMap::new(),
            process_id: 0,
            secret_key: 0,
            status: b'I',
            limit: LOGIN_MESSAGE_MAX,
            waits_for_plenty: false,
        }
    }

    /// The login is complete: longer messages are acceptable.
    pub(super) fn logged_in(&mut self) {
        self.limit = MESSAGE_MAX;
    }

    /// Sends what has been put into `output`.
    pub(super) async fn flush(&mut self) -> Result<(), Fault> {
        let sent = self.stream.write_all(&self.output).await;
        self.output.clear();
        sent.map_err(Fault::lost)?;
        self.stream.flush().await.map_err(Fault::lost)
    }

    /// Receives more.
    pub(super) async fn fill(&mut self) -> Result<(), Fault> {
        let waits = &mut self.waits_for_plenty;
        let got = receive(&mut self.stream, waits, &mut self.input.room()).await?;
        self.input.end += got;
        Ok(())
    }

    /// Receives payload past the input, which must be empty.
    pub(super) async fn receive_into(&mut self, mut out: impl BufMut) -> Result<usize, Fault> {
        receive(&mut self.stream, &mut self.waits_for_plenty, &mut out).await
    }

    /// From here on much comes: better late than in crumbs.
    pub(super) fn expect_plenty(&mut self) {
        self.waits_for_plenty = self.waits_for_plenty || low_water::raise(&self.stream);
    }

    /// The end of plenty: every byte counts.
    pub(super) fn expect_little(&mut self) -> Result<(), Fault> {
        if std::mem::take(&mut self.waits_for_plenty) {
            low_water::lower(&self.stream).map_err(Fault::lost)
        } else {
            Ok(())
        }
    }

    /// Receives more if there is something, without waiting. `Ready` means something came, or failed.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let room = self.input.room();
        if room.is_empty() {
            return Poll::Ready(Err(Fault::Protocol("a message that is too long in this place")));
        }
        let mut buffer = ReadBuf::new(room);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(Fault::lost(error))),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => Poll::Ready(Err(Fault::Closed)),
            Poll::Ready(Ok(())) => {
                let got = buffer.filled().len();
                self.input.end += got;
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Waits for a header and leaves it in the input.
    pub(super) async fn peek(&mut self) -> Result<(u8, usize), Fault> {
        loop {
            if let Some(header) = parse_header(self.input.buffered())? {
                return Ok(header);
            }
            self.fill().await?;
        }
    }

    /// The next message that is not about the session itself.
    pub(super) async fn message(&mut self) -> Result<Message, Fault> {
        loop {
            let (tag, len) = self.peek().await?;
            let message = self.whole(tag, len).await?;
            if let Some(message) = self.not_aside(message) {
                return Ok(message);
            }
        }
    }

    /// The next message if all of it has been received.
    pub(super) fn buffered_message(&mut self) -> Result<Option<Message>, Fault> {
        while let Some((tag, len)) = parse_header(self.input.buffered())? {
            let Some(body) = self.input.buffered().get(5..5 + len) else { return Ok(None) };
            let message = Message { tag, body: body.to_vec() };
            self.input.consume(5 + len);
            if let Some(message) = self.not_aside(message) {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// Takes one message that may come at any time (the caller has seen its tag).
    pub(super) async fn aside(&mut self) -> Result<(), Fault> {
        let (tag, len) = self.peek().await?;
        let message = self.whole(tag, len).await?;
        self.not_aside(message);
        Ok(())
    }

    async fn whole(&mut self, tag: u8, len: usize) -> Result<Message, Fault> {
        if len > self.limit {
            return Err(Fault::Protocol("a message that is too long"));
        }
        if 5 + len <= READ_BUFFER / 2 {
            while self.input.buffered().len() < 5 + len {
                self.fill().await?;
            }
        }
        self.input.consume(5);
        let have = self.input.buffered().len().min(len);
        let mut body = Vec::with_capacity(len.min(READ_BUFFER));
        body.extend_from_slice(&self.input.buffered()[..have]);
        self.input.consume(have);
        // A long body is believed only as far as it arrives.
        while body.len() < len {
            self.fill().await?;
            let have = self.input.buffered().len().min(len - body.len());
            body.extend_from_slice(&self.input.buffered()[..have]);
            self.input.consume(have);
        }
        Ok(Message { tag, body })
    }

    /// Deals with messages that may come at any time.
    fn not_aside(&mut self, message: Message) -> Option<Message> {
        match message.tag {
            b'N' | b'A' => None,
            b'S' => {
                let mut parts = message.body.split(|byte| *byte == 0);
                if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
                    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                    self.parameters.insert(text(name), text(value));
                }
                None
            }
            b'Z' => {
                self.status = message.body.first().copied().unwrap_or(b'I');
                Some(message)
            }
            _ => Some(message),
        }
    }

    /// Skips to ReadyForQuery; the first error on the way is the result.
    pub(super) async fn until_ready(&mut self) -> Result<(), Fault> {
        let mut first = None;
        loop {
            let message = match self.message().await {
                Ok(message) => message,
                // What the server said before it went away matters more than that it did.
                Err(fault) => return Err(first.unwrap_or(fault)),
            };
            match message.tag {
                b'Z' => return first.map_or(Ok(()), Err),
                b'E' if first.is_none() => first = Some(server_fault(&message.body)),
                b'G' => self.fail_copy("no copy was asked for").await?,
                _ => {}
            }
        }
    }

    /// Sends CopyFail.
    pub(super) async fn fail_copy(&mut self, reason: &str) -> Result<(), Fault> {
        postgres_protocol::message::frontend::copy_fail(reason, &mut self.output)
            .map_err(|_| Fault::Protocol("a reason with a zero byte"))?;
        self.flush().await
    }

    /// Sends a simple query.
    pub(super) async fn query(&mut self, sql: &str) -> Result<(), Fault> {
        postgres_protocol::message::frontend::query(sql, &mut self.output)
            .map_err(|_| Fault::Protocol("a statement with a zero byte"))?;
        self.flush().await
    }

    /// Runs statements; gives the rows of the last one that returns rows.
    pub(super) async fn simple(&mut self, sql: &str) -> Result<Rows, Fault> {
        Ok(self.simple_all(sql).await?.pop().unwrap_or_default())
    }

    /// Runs statements; gives the rows of each one that returns rows.
    pub(super) async fn simple_all(&mut self, sql: &str) -> Result<Vec<Rows>, Fault> {
        self.query(sql).await?;
        let mut answers: Vec<Rows> = Vec::new();
        loop {
            let message = self.message().await?;
            match message.tag {
                b'T' => answers.push(Rows::new()),
                b'D' => match answers.last_mut() {
                    Some(rows) => rows.push(data_row(&message.body)?),
                    None => return Err(Fault::Protocol("a row before its description")),
                },
                b'Z' => return Ok(answers),
                b'E' => {
                    let fault = server_fault(&message.body);
                    // Keeps the connection usable; what fails now is told by the next statement.
                    let _ = self.until_ready().await;
                    return Err(fault);
                }
                b'G' => self.fail_copy("no copy was asked for").await?,
                _ => {}
            }
        }
    }
}

/// Receives at least a byte. When plenty does not come in time, takes what there is, and from then on whatever comes.
async fn receive(stream: &mut Stream, waits_for_plenty: &mut bool, out: &mut impl BufMut) -> Result<usize, Fault> {
    let in_time =
        if *waits_for_plenty { timeout(low_water::LONGEST_WAIT, stream.read_buf(out)).await.ok() } else { None };
    let got = match in_time {
        Some(got) => got,
        None => {
            if std::mem::take(waits_for_plenty) {
                low_water::lower(stream).map_err(Fault::lost)?;
            }
            stream.read_buf(out).await
        }
    };
    match got.map_err(Fault::lost)? {
        0 => Err(Fault::Closed),
        got => Ok(got),
    }
}

/// The fault an ErrorResponse stands for.
pub(super) fn server_fault(body: &[u8]) -> Fault {
    Fault::Server(Box::new(ServerError::parse(body)))
}

/// Parses a DataRow of text columns.
fn data_row(body: &[u8]) -> Result<Vec<Option<String>>, Fault> {
    const BROKEN: Fault = Fault::Protocol("a row with impossible lengths");
    let (count, mut rest) = body.split_at_checked(2).ok_or(BROKEN)?;
    let count = u16::from_be_bytes([count[0], count[1]]);
    let mut row = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let (len, after) = rest.split_at_checked(4).ok_or(BROKEN)?;
        let len = i32::from_be_bytes([len[0], len[1], len[2], len[3]]);
        rest = after;
        let Ok(len) = usize::try_from(len) else {
            row.push(None);
            continue;
        };
        let (value, after) = rest.split_at_checked(len).ok_or(BROKEN)?;
        row.push(Some(String::from_utf8_lossy(value).into_owned()));
        rest = after;
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        assert!(parse_header(b"d\0\0\0").unwrap().is_none());
        assert_eq!(parse_header(b"d\0\0\0\x04").unwrap(), Some((b'd', 0)));
        assert_eq!(parse_header(b"d\0\0\x01\x04x").unwrap(), Some((b'd', 256)));
        for bad in [b"d\0\0\0\x03", b"d\xff\xff\xff\xff"] {
            assert!(parse_header(bad).is_err());
        }
    }

    #[test]
    fn rows() {
        let body = b"\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0";
        assert_eq!(data_row(body).unwrap(), [Some("ab".into()), None, Some(String::new())]);
        for cut in 0..body.len() {
            assert!(data_row(&body[..cut]).is_err(), "{cut}");
        }
    }
}
