//! A socket that reads and writes WebSocket frames.

use super::frame::{Decoder, Frame, Received};
use super::wake::WakeFlag;
use super::{Close, Settings};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Sleep;

/// Reads and writes WebSocket frames. Its buffers are allocated only while they hold data.
pub(super) struct Socket<S> {
    stream: S,
    /// Set when there may be something to read.
    readable: WakeFlag,
    decoder: Decoder,
    /// Frames to write; the first one may be partly written.
    queue: VecDeque<Bytes>,
    /// The number of unwritten bytes in `queue`.
    queued: usize,
    /// The deadline of a blocked write, set from the first write that has to wait until everything
    /// is written.
    deadline: Option<Pin<Box<Sleep>>>,
    write_within: Duration,
}

/// An event of a socket.
#[derive(Debug)]
pub(super) enum SocketEvent {
    Received(Received),
    /// The client broke the protocol or reads too slowly: close the connection for this reason.
    Close(Close),
    /// The connection was lost.
    Lost,
}

/// The size of one read. The buffer is on the stack, so that an idle connection has none.
const READ: usize = 4096;
/// While this many bytes are unwritten, no more frames should be queued.
pub(super) const FULL: usize = 16 * 1024;
/// Small frames are joined into writes of up to this many bytes.
const TOGETHER: usize = 16 * 1024;
/// How many bytes are read and discarded after a close frame was sent. Closing a connection with
/// unread bytes resets it, and the client would never see the close frame.
const UNREAD: usize = 4 * 1024 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(stream: S, settings: &Settings) -> Self {
        Self {
            stream,
            readable: WakeFlag::new(),
            decoder: Decoder::new(settings.max_message),
            queue: VecDeque::new(),
            queued: 0,
            deadline: None,
            write_within: settings.write_within,
        }
    }

    /// Puts a frame into the queue; [`poll`](Self::poll) writes it.
    pub(super) fn queue(&mut self, frame: Frame) {
        self.queued += frame.len();
        self.queue.push_back(frame.into_bytes());
    }

    /// The number of unwritten bytes. While they exceed [`FULL`], no more frames should be queued.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Writes queued frames, and reads if `reads` is set.
    ///
    /// Ready with an event of the socket; also, with `None`, when enough was written for more
    /// frames to be queued.
    pub(super) fn poll(&mut self, reads: bool, cx: &mut Context<'_>) -> Poll<Option<SocketEvent>> {
        if reads {
            // The answers to frames that arrived together are written together.
            match self.decoder.next() {
                Ok(Some(received)) => return Poll::Ready(Some(SocketEvent::Received(received))),
                Ok(None) => {}
                Err(close) => return Poll::Ready(Some(SocketEvent::Close(close))),
            }
        }
        let before = self.queued;
        match self.poll_write(cx) {
            Poll::Ready(Err(_)) => return Poll::Ready(Some(SocketEvent::Lost)),
            Poll::Ready(Ok(())) => self.deadline = None,
            Poll::Pending => {
                let deadline =
                    self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.write_within)));
                if deadline.as_mut().poll(cx).is_ready() {
                    self.deadline = None;
                    return Poll::Ready(Some(SocketEvent::Close(Close::Slow)));
                }
            }
        }
        if reads
            && let Some(waker) = self.readable.take(cx)
            && let Poll::Ready(event) = self.poll_read(&mut Context::from_waker(&waker))
        {
            self.readable.set();
            return Poll::Ready(Some(event));
        }
        if before >= FULL && self.queued < before { Poll::Ready(None) } else { Poll::Pending }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<SocketEvent> {
        loop {
            match self.decoder.next() {
                Ok(Some(received)) => return Poll::Ready(SocketEvent::Received(received)),
                Ok(None) => {}
                Err(close) => return Poll::Ready(SocketEvent::Close(close)),
            }
            let mut buffer = [const { MaybeUninit::uninit() }; READ];
            let mut read = ReadBuf::uninit(&mut buffer);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read)) {
                Ok(()) if !read.filled().is_empty() => self.decoder.extend(read.filled()),
                _ => return Poll::Ready(SocketEvent::Lost),
            }
        }
    }

    /// Ready once everything is written and flushed.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.queue.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while self.gather() {
            let Some(front) = self.queue.front_mut() else { break };
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, front))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.queued -= written;
            if written == front.len() {
                self.queue.pop_front();
            } else {
                let _ = front.split_to(written);
            }
        }
        if self.queue.capacity() > 8 {
            self.queue = VecDeque::new();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Joins small frames at the front of the queue into one write. A single frame is written from
    /// the memory that all connections share. Returns whether there is anything to write.
    fn gather(&mut self) -> bool {
        let together = |len: &mut usize, frame: &Bytes| {
            *len += frame.len();
            (*len <= TOGETHER).then_some(())
        };
        let count = self.queue.iter().scan(0, |len, frame| together(len, frame)).count();
        if count > 1 {
            let mut joined = BytesMut::with_capacity(self.queued.min(TOGETHER));
            self.queue.drain(..count).for_each(|frame| joined.extend_from_slice(&frame));
            self.queue.push_front(joined.freeze());
        }
        !self.queue.is_empty()
    }

    /// Sends a close frame, waits for the client's close frame, and ends the connection. `within`
    /// is the time limit for all three.
    ///
    /// `answered`: the client's close frame was already received, or cannot arrive.
    pub(super) async fn close(mut self, frame: Frame, answered: bool, within: Duration) {
        self.queue(frame);
        let closing = async {
            if std::future::poll_fn(|cx| self.poll_write(cx)).await.is_err() {
                return;
            }
            if !answered && self.await_close().await {
                return;
            }
            let _ = self.stream.shutdown().await;
            self.drain().await;
        };
        let _ = tokio::time::timeout(within, closing).await;
    }

    /// Reads until the client's close frame. Returns whether the connection was lost first.
    async fn await_close(&mut self) -> bool {
        let mut messages = 0;
        loop {
            match std::future::poll_fn(|cx| self.poll_read(cx)).await {
                SocketEvent::Received(Received::Close(_)) => return false,
                SocketEvent::Received(_) if messages < 4_096 => messages += 1,
                // The framing is broken, so that a close frame could not be recognised.
                SocketEvent::Received(_) | SocketEvent::Close(_) => return false,
                SocketEvent::Lost => return true,
            }
        }
    }

    /// Reads and discards bytes until the client ends the connection.
    async fn drain(&mut self) {
        let mut buffer = [0; READ];
        let mut unread = 0;
        while let Ok(read) = self.stream.read(&mut buffer).await {
            unread += read;
            if read == 0 || unread > UNREAD {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::noop_waker;

    /// A masked text frame of one byte.
    fn frame(text: u8) -> [u8; 7] {
        [0x81, 0x81, 0, 0, 0, 0, text]
    }

    #[tokio::test]
    async fn frames_that_arrive_together_are_answered_together() {
        let (stream, mut client) = tokio::io::duplex(1024);
        let mut socket = Socket::new(stream, &Settings::default());
        client.write_all(&[frame(b'a'), frame(b'b')].concat()).await.unwrap();
        let waker = noop_waker();
        let cx = &mut Context::from_waker(&waker);
        for sent in ["a", "b"] {
            let Poll::Ready(Some(SocketEvent::Received(Received::Text(text)))) = socket.poll(true, cx) else {
                panic!("no frame");
            };
            assert_eq!(text, sent);
            socket.queue(Frame::text(text));
        }
        assert_eq!(socket.queued(), 6, "nothing is written yet");
        assert!(socket.poll(true, cx).is_pending());
        let mut written = [0; 6];
        client.read_exact(&mut written).await.unwrap();
        assert_eq!(written, *b"\x81\x01a\x81\x01b");
    }

    #[tokio::test]
    async fn while_nothing_may_be_read_answers_are_written() {
        let (stream, mut client) = tokio::io::duplex(1024);
        let mut socket = Socket::new(stream, &Settings::default());
        client.write_all(&[frame(b'a'), frame(b'b')].concat()).await.unwrap();
        let waker = noop_waker();
        let cx = &mut Context::from_waker(&waker);
        assert!(matches!(socket.poll(true, cx), Poll::Ready(Some(SocketEvent::Received(_)))));
        socket.queue(Frame::text("x"));
        assert!(socket.poll(false, cx).is_pending());
        assert_eq!(socket.queued(), 0);
        client.read_exact(&mut [0; 3]).await.unwrap();
    }
}
