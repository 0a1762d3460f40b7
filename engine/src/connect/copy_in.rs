//! Writing a COPY stream.
//!
//! Small sends are gathered into frames, large ones go out as frames of their own. While it writes, the lane also
//! reads: an error is noticed at the next send, and a server that talks (notices of triggers) never waits for us
//! while we wait for it.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Poll;

use bytes::{BufMut, BytesMut};
use tokio::io::AsyncWrite;

use super::Lane;
use super::copy_out::copied;
use super::error::Fault;
use super::lane::State;
use super::wire::server_fault;
use crate::error::Result;

/// Longest payload of one CopyData message. The server holds a message whole, so it should not be huge.
const FRAME: usize = 256 << 10;

/// Sends shorter than this are gathered.
const GATHER: usize = 64 << 10;

/// A running `COPY … FROM STDIN`. Only [`CopyIn::finish`] succeeds; dropped without it, the copy fails.
#[must_use]
pub struct CopyIn<'a> {
    lane: &'a mut Lane,
    gathered: BytesMut,
    /// A frame is half sent: the conversation cannot go on without its rest.
    midway: bool,
    /// The server reported an error, or is ready for the next statement because of one.
    failed: Option<Fault>,
    ready: bool,
    over: bool,
}

impl<'a> CopyIn<'a> {
    pub(super) fn new(lane: &'a mut Lane) -> Self {
        Self { lane, gathered: BytesMut::new(), midway: false, failed: None, ready: false, over: false }
    }

    /// Sends payload. An error the server raises meanwhile is returned at the earliest send.
    pub async fn send(&mut self, data: &[u8]) -> Result<()> {
        if self.over {
            return Err(self.lane.error(Fault::Unusable));
        }
        let sent = self.pass(data).await;
        self.checked(sent).await
    }

    /// Ends the copy and returns the rows the server stored.
    pub async fn finish(mut self) -> Result<u64> {
        if self.over {
            return Err(self.lane.error(Fault::Unusable));
        }
        let sent = self.flush_gathered().await;
        self.checked(sent).await?;
        let sent = self.write_done().await;
        self.checked(sent).await?;
        self.over = true;
        match self.complete().await {
            Ok(rows) => {
                self.lane.state = State::Idle;
                Ok(rows)
            }
            Err(fault) => Err(self.lane.settle(fault)),
        }
    }

    /// Makes the copy fail on the server; the lane stays usable (an open transaction is then aborted).
    pub async fn abort(mut self, reason: &str) -> Result<()> {
        if self.over {
            return Ok(());
        }
        self.over = true;
        if self.midway {
            return Err(self.lane.error(Fault::Unusable));
        }
        let reason = reason.replace('\0', " ");
        let failed = async {
            self.lane.wire.fail_copy(&reason).await?;
            self.lane.wire.until_ready().await
        };
        match failed.await {
            Ok(()) | Err(Fault::Server(_)) => {
                self.lane.state = State::Idle;
                Ok(())
            }
            Err(fault) => Err(self.lane.settle(fault)),
        }
    }

    async fn pass(&mut self, data: &[u8]) -> Result<(), Fault> {
        if self.gathered.len() + data.len() < GATHER {
            self.gathered.extend_from_slice(data);
            return Ok(());
        }
        self.flush_gathered().await?;
        for frame in data.chunks(FRAME) {
            if self.failed.is_some() {
                break;
            }
            self.frame(frame).await?;
        }
        Ok(())
    }

    async fn flush_gathered(&mut self) -> Result<(), Fault> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let gathered = std::mem::take(&mut self.gathered);
        let sent = self.frame(&gathered).await;
        self.gathered = gathered;
        self.gathered.clear();
        sent
    }

    /// Sends one CopyData message.
    async fn frame(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let mut header = [b'd', 0, 0, 0, 0];
        let length = u32::try_from(payload.len() + 4).map_err(|_| Fault::Protocol("a frame that is too long"))?;
        (&mut header[1..]).put_u32(length);
        self.write(&header, payload).await?;
        self.listen()
    }

    /// Writes a message, reading whatever the server says meanwhile.
    async fn write(&mut self, header: &[u8], payload: &[u8]) -> Result<(), Fault> {
        let total = header.len() + payload.len();
        let mut sent = 0;
        self.midway = true;
        while sent < total {
            sent += poll_fn(|cx| {
                let head = &header[sent.min(header.len())..];
                let body = &payload[sent.saturating_sub(header.len())..];
                let slices = [IoSlice::new(head), IoSlice::new(body)];
                let slices = if head.is_empty() { &slices[1..] } else { &slices[..] };
                match Pin::new(&mut self.lane.wire.stream).poll_write_vectored(cx, slices) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(Fault::Closed)),
                    Poll::Ready(done) => return Poll::Ready(done.map_err(Fault::lost)),
                    Poll::Pending => {}
                }
                self.overhear(cx).map(|heard| heard.map(|()| 0))
            })
            .await?;
        }
        self.midway = false;
        Ok(())
    }

    /// Sends CopyDone and everything TLS still holds, reading whatever the server says meanwhile.
    async fn write_done(&mut self) -> Result<(), Fault> {
        self.write(b"c\0\0\0\x04", &[]).await?;
        loop {
            let flushed = poll_fn(|cx| match Pin::new(&mut self.lane.wire.stream).poll_flush(cx) {
                Poll::Ready(done) => Poll::Ready(done.map(|()| true).map_err(Fault::lost)),
                Poll::Pending => self.overhear(cx).map(|heard| heard.map(|()| false)),
            });
            if flushed.await? {
                return Ok(());
            }
        }
    }

    /// Looks at what has arrived, without waiting.
    fn listen(&mut self) -> Result<(), Fault> {
        let waker = std::task::Waker::noop();
        let mut cx = std::task::Context::from_waker(waker);
        match self.overhear(&mut cx) {
            Poll::Ready(heard) => heard,
            Poll::Pending => Ok(()),
        }
    }

    /// Receives and sorts what the server says while it should be listening. `Ready` if something was heard.
    fn overhear(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Result<(), Fault>> {
        match self.lane.wire.poll_fill(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(fault)) => Poll::Ready(Err(self.failed.take().unwrap_or(fault))),
            Poll::Ready(Ok(())) => Poll::Ready(self.sort()),
        }
    }

    fn sort(&mut self) -> Result<(), Fault> {
        while let Some(message) = self.lane.wire.buffered_message()? {
            match message.tag {
                b'E' => {
                    let fault = server_fault(&message.body);
                    self.failed.get_or_insert(fault);
                }
                b'Z' => self.ready = true,
                _ => return Err(Fault::Protocol("not an answer to a copy")),
            }
        }
        Ok(())
    }

    /// Ends the copy if sending failed or the server reported an error, and words it.
    async fn checked(&mut self, sent: Result<(), Fault>) -> Result<()> {
        let fault = match sent {
            Ok(()) => match self.failed.take() {
                None => return Ok(()),
                Some(fault) => {
                    if !self.ready {
                        let _ = self.lane.wire.until_ready().await;
                    }
                    fault
                }
            },
            // What the server said explains a write it then refused.
            Err(fault) => match self.failed.take() {
                Some(said) => said,
                None => self.last_words(fault).await,
            },
        };
        self.over = true;
        let error = self.lane.settle(fault);
        if self.midway {
            self.lane.state = State::Busy;
        }
        Err(error)
    }

    /// A server that goes away says why before it does; the refused write only says that it went.
    async fn last_words(&mut self, fault: Fault) -> Fault {
        if !matches!(fault, Fault::Io(_) | Fault::Closed) {
            return fault;
        }
        match self.lane.wire.message().await {
            Ok(message) if message.tag == b'E' => server_fault(&message.body),
            _ => fault,
        }
    }

    /// After CopyDone: CommandComplete and ReadyForQuery must follow.
    async fn complete(&mut self) -> Result<u64, Fault> {
        let mut rows = None;
        loop {
            let message = self.lane.wire.message().await?;
            match message.tag {
                b'C' => rows = copied(&message.body),
                b'Z' => return rows.ok_or(Fault::Protocol("a copy that ended without a count")),
                b'E' => {
                    let fault = server_fault(&message.body);
                    let _ = self.lane.wire.until_ready().await;
                    return Err(fault);
                }
                _ => {}
            }
        }
    }
}

impl Drop for CopyIn<'_> {
    fn drop(&mut self) {
        if !self.over && !self.midway {
            self.lane.state = State::CopyLeft;
        }
    }
}
