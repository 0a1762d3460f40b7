//! A logged-in connection in the clothes of a fresh one, for tokio-postgres.
//!
//! tokio-postgres logs in by itself, with fewer choices than libpq's. So the login is done here for everybody, and
//! tokio-postgres is given a stream that swallows its startup packet and answers it with what the server said after
//! our own: AuthenticationOk, the parameters, the cancel key, ReadyForQuery. From then on bytes pass through.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;
use super::wire::Wire;

/// The stream tokio-postgres gets.
pub(super) struct Replay {
    stream: Stream,
    /// What is read before the stream.
    answer: BytesMut,
    /// What is written before the stream: the startup packet, which goes nowhere.
    startup: Startup,
}

enum Startup {
    /// The packet's length, as far as it is known.
    Length(Vec<u8>),
    /// Bytes still to come.
    Rest(usize),
    Over,
}

impl Replay {
    pub(super) fn new(wire: Wire) -> Self {
        let mut answer = BytesMut::new();
        message(&mut answer, b'R', &0u32.to_be_bytes());
        for (name, value) in &wire.parameters {
            let body = [name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat();
            message(&mut answer, b'S', &body);
        }
        let key = [wire.process_id.to_be_bytes(), wire.secret_key.to_be_bytes()].concat();
        message(&mut answer, b'K', &key);
        message(&mut answer, b'Z', &[wire.status]);
        answer.extend_from_slice(wire.input.buffered());
        Self { stream: wire.stream, answer, startup: Startup::Length(Vec::new()) }
    }

    /// Takes what belongs to the startup packet off `data`; gives how much that was.
    fn swallow(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        while let Some(byte) = data.get(taken) {
            match &mut self.startup {
                Startup::Over => break,
                Startup::Length(head) => {
                    head.push(*byte);
                    taken += 1;
                    if let [a, b, c, d] = head[..] {
                        let rest = u32::from_be_bytes([a, b, c, d]).checked_sub(4);
                        let rest = rest.and_then(|rest| usize::try_from(rest).ok());
                        self.startup = Startup::Rest(rest.ok_or_else(|| io::Error::other("not a startup packet"))?);
                    }
                }
                Startup::Rest(0) => self.startup = Startup::Over,
                Startup::Rest(left) => {
                    let now = (data.len() - taken).min(*left);
                    *left -= now;
                    taken += now;
                    if *left == 0 {
                        self.startup = Startup::Over;
                    }
                }
            }
        }
        Ok(taken)
    }
}

fn message(out: &mut BytesMut, tag: u8, body: &[u8]) {
    out.put_u8(tag);
    out.put_u32(u32::try_from(body.len() + 4).unwrap_or(u32::MAX));
    out.extend_from_slice(body);
}

impl AsyncRead for Replay {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.answer.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let now = this.answer.len().min(buf.remaining());
        buf.put_slice(&this.answer[..now]);
        this.answer.advance(now);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replay {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.swallow(data)? {
            0 => Pin::new(&mut this.stream).poll_write(cx, data),
            taken => Poll::Ready(Ok(taken)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
