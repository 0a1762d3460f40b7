//! Many small loads in one text and without a round trip between them.
//!
//! The server reads COPY data in the order of its COPY statements, so everything can be sent at once. When one statement fails,
//! the server answers with its error and skips what was sent for the rest (manual: "Message Flow", "Simple Query" and "COPY
//! Operations"): the lane is usable after that like after any refused statement.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::Lane;
use super::copy_out::copied;
use super::error::Fault;
use super::wire::{Wire, server_fault};
use crate::error::Result;

/// What the server has said so far.
#[derive(Default)]
struct Answers {
    rows: Vec<u64>,
    failed: Option<Fault>,
    ready: bool,
}

impl Lane {
    /// Runs a text in which every `COPY … FROM STDIN` finds its payload in `loads`, in order, and gives the rows each of them
    /// stored. Everything is held in memory once more while it is sent: for small loads.
    pub async fn copy_in_all(&mut self, sql: &str, loads: &[Vec<Bytes>]) -> Result<Vec<u64>> {
        self.begin().await.map_err(|fault| self.error(fault))?;
        let done = exchange(&mut self.wire, sql, loads).await;
        self.end(done)
    }
}

async fn exchange(wire: &mut Wire, sql: &str, loads: &[Vec<Bytes>]) -> Result<Vec<u64>, Fault> {
    let mut out = messages(sql, loads)?;
    let mut answers = Answers::default();
    poll_fn(|cx| send(wire, &mut out, &mut answers, cx)).await?;
    while !answers.ready {
        let message = match wire.message().await {
            Ok(message) => message,
            // What the server said before it went away matters more than that it did.
            Err(fault) => return Err(answers.failed.unwrap_or(fault)),
        };
        answers.take(message.tag, &message.body);
    }
    match answers.failed {
        Some(fault) => Err(fault),
        None if answers.rows.len() == loads.len() => Ok(answers.rows),
        None => Err(Fault::Protocol("not as many copies as were sent")),
    }
}

/// The query and all payload, framed.
fn messages(sql: &str, loads: &[Vec<Bytes>]) -> Result<BytesMut, Fault> {
    let mut out = BytesMut::new();
    postgres_protocol::message::frontend::query(sql, &mut out)
        .map_err(|_| Fault::Protocol("a statement with a zero byte"))?;
    for load in loads {
        for block in load.iter().filter(|block| !block.is_empty()) {
            let length = u32::try_from(block.len() + 4).map_err(|_| Fault::Protocol("a frame that is too long"))?;
            out.put_u8(b'd');
            out.put_u32(length);
            out.extend_from_slice(block);
        }
        out.extend_from_slice(b"c\0\0\0\x04");
    }
    Ok(out)
}

/// Writes to the end, hearing what the server says whenever it does not take more: neither waits for the other.
fn send(wire: &mut Wire, out: &mut BytesMut, answers: &mut Answers, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
    loop {
        let written = match out.is_empty() {
            false => Pin::new(&mut wire.stream).poll_write(cx, out),
            true => Pin::new(&mut wire.stream).poll_flush(cx).map_ok(|()| 0),
        };
        match written {
            Poll::Ready(Ok(0)) if out.is_empty() => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(answers.failed.take().unwrap_or(Fault::Closed))),
            Poll::Ready(Ok(count)) => out.advance(count),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(answers.failed.take().unwrap_or(Fault::lost(error)))),
            Poll::Pending => match wire.poll_fill(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(answers.failed.take().unwrap_or(fault))),
                Poll::Ready(Ok(())) => {
                    while let Some(message) = wire.buffered_message()? {
                        answers.take(message.tag, &message.body);
                    }
                }
            },
        }
    }
}

impl Answers {
    fn take(&mut self, tag: u8, body: &[u8]) {
        match tag {
            b'C' => self.rows.extend(copied(body)),
            b'E' if self.failed.is_none() => self.failed = Some(server_fault(body)),
            b'Z' => self.ready = true,
            _ => {}
        }
    }
}
