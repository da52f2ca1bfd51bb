//! The socket as hyper sees it: errors that hyper answers by itself get a body, and readers
//! get a deadline.
//!
//! **A deadline.** Written data that the peer does not read stays in memory. A reader that has not
//! taken all of it within [`Options::frame_for`](super::Options::frame_for) is disconnected, even
//! if it reads a few bytes now and then.
//!
//! **Errors.** A malformed or too long head never reaches the app: hyper answers with a bare status
//! and closes the connection. Everything that is written before the first request is dispatched
//! must be such an answer, and is replaced by one with a JSON body and CORS headers. For later
//! requests on the same connection the bare status remains, because hyper's bytes can no longer be
//! distinguished from those of the app.

use super::Options;
use super::refusal;
use http::StatusCode;
use pin_project_lite::pin_project;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The time limit for reading after a refusal. Closing a connection with unread bytes resets it,
/// and the client would never see the answer.
const LINGER: Duration = Duration::from_secs(1);
const UNREAD: usize = 1024 * 1024;

pin_project! {
    /// A socket that replaces hyper's own errors, and bounds how long a write waits for the reader.
    pub(super) struct Socket<S> {
        #[pin]
        stream: S,
        options: Arc<Options>,
        dispatched: Arc<AtomicBool>,
        refusal: Option<Refusal>,
        // The deadline of a blocked write, set from the first write that has to wait until
        // everything is flushed.
        deadline: Option<Pin<Box<Sleep>>>,
    }
}

struct Refusal {
    bytes: Vec<u8>,
    written: usize,
    closed: bool,
    unread: usize,
    until: Pin<Box<Sleep>>,
}

impl<S> Socket<S> {
    /// Wraps a socket; `dispatched` is set once its first request has reached the app.
    pub(super) fn new(stream: S, options: Arc<Options>, dispatched: Arc<AtomicBool>) -> Self {
        Self { stream, options, dispatched, refusal: None, deadline: None }
    }
}

/// The status of hyper's own answer, and the text of its error.
fn status_of(head: &[u8]) -> Option<(StatusCode, &'static str)> {
    let status = StatusCode::from_bytes(head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?;
    let words = match status {
        StatusCode::URI_TOO_LONG => "the URL is too long",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "the head of the request is too large",
        StatusCode::BAD_REQUEST => "malformed request",
        _ => return None,
    };
    Some((status, words))
}

/// Bounds how long a write may wait for its reader.
fn within<T>(
    written: Poll<io::Result<T>>,
    deadline: &mut Option<Pin<Box<Sleep>>>,
    options: &Options,
    cx: &mut Context<'_>,
) -> Poll<io::Result<T>> {
    if written.is_pending() {
        let deadline = deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(options.frame_for)));
        if deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the reader is too slow")));
        }
    }
    written
}

impl<S: AsyncRead> AsyncRead for Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.project().stream.poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncWrite for Socket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut this = self.project();
        if !this.dispatched.load(Ordering::Relaxed) {
            if this.refusal.is_some() {
                return Poll::Ready(Ok(bytes.len()));
            }
            if let Some((status, words)) = status_of(bytes) {
                *this.refusal = Some(Refusal {
                    bytes: refusal::bytes(status, words, this.options),
                    written: 0,
                    closed: false,
                    unread: UNREAD,
                    until: Box::pin(tokio::time::sleep(LINGER)),
                });
                return Poll::Ready(Ok(bytes.len()));
            }
        }
        let written = this.stream.as_mut().poll_write(cx, bytes);
        within(written, this.deadline, this.options, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.dispatched.load(Ordering::Relaxed) {
            let this = self.project();
            let written = this.stream.poll_write_vectored(cx, bytes);
            return within(written, this.deadline, this.options, cx);
        }
        let first = bytes.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| &slice[..]);
        self.poll_write(cx, first)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        if let Some(refusal) = this.refusal {
            while refusal.written < refusal.bytes.len() {
                let rest = &refusal.bytes[refusal.written..];
                refusal.written += ready!(this.stream.as_mut().poll_write(cx, rest))?;
            }
        }
        ready!(this.stream.poll_flush(cx))?;
        *this.deadline = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refusal.is_some() {
            ready!(self.as_mut().poll_flush(cx))?;
        }
        let mut this = self.project();
        let Some(refusal) = this.refusal else { return this.stream.poll_shutdown(cx) };
        if !refusal.closed {
            ready!(this.stream.as_mut().poll_shutdown(cx))?;
            refusal.closed = true;
        }
        let mut space = [0; 4096];
        while refusal.unread > 0 && refusal.until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut space);
            ready!(this.stream.as_mut().poll_read(cx, &mut buffer))?;
            match buffer.filled().len() {
                0 => break,
                read => refusal.unread = refusal.unread.saturating_sub(read),
            }
        }
        Poll::Ready(Ok(()))
    }
}
