//! The receive low-water mark of a TCP socket (socket(7), `SO_RCVLOWAT`): how many bytes must have come before a waiting
//! reader is woken.
//!
//! PostgreSQL sends in buffers of 8 KiB. A reader that keeps up is woken for each of them, and on a busy machine that costs
//! about a twentieth of a dump's time: with a mark a third of the context switches is left. What is less than the mark would wait for ever, so every wait under a mark has a limit ([`LONGEST_WAIT`]),
//! after which the mark is taken away.

#![allow(
    unsafe_code,
    reason = "no safe interface to this socket option is to be had; one call, on a descriptor we own"
)]

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use super::stream::Stream;

/// The mark while a copy streams.
const PLENTY: libc::c_int = 384 << 10;

/// Longest wait for [`PLENTY`]: what a copy's last bytes are late by.
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(2);

/// Wakes the reader only for plenty. False where the stream has no such mark (Unix sockets ignore theirs).
pub(super) fn raise(stream: &Stream) -> bool {
    descriptor(stream).is_some_and(|descriptor| set(descriptor, PLENTY).is_ok())
}

/// Wakes the reader for whatever there is, also for what came before this call.
pub(super) fn lower(stream: &Stream) -> io::Result<()> {
    descriptor(stream).map_or(Ok(()), |descriptor| set(descriptor, 1))
}

fn descriptor(stream: &Stream) -> Option<RawFd> {
    match stream {
        Stream::Tcp(stream) => Some(stream.as_raw_fd()),
        Stream::Tls(stream) => Some(stream.get_ref().0.as_raw_fd()),
        Stream::Unix(_) => None,
    }
}

fn set(descriptor: RawFd, bytes: libc::c_int) -> io::Result<()> {
    let value = (&raw const bytes).cast::<libc::c_void>();
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `value` points to `len` readable bytes for the whole call, and the kernel only reads them.
    let done = unsafe { libc::setsockopt(descriptor, libc::SOL_SOCKET, libc::SO_RCVLOWAT, value, len) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
