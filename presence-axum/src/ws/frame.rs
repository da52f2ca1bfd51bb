//! Frames of RFC 6455, without a socket.
//!
//! The crate has a codec of its own for three reasons. The usual library (tungstenite) logs every
//! message at trace level, and with it tokens that are sent in frames; it keeps its buffers while a
//! connection is idle; and it copies each outgoing frame into a buffer of each connection, whereas
//! here all connections share the bytes of a frame.

mod decoder;

pub(super) use decoder::{Decoder, Received};

use bytes::{BufMut, Bytes};
use presence_core::UserId;
use std::sync::Arc;

/// A text frame ready to be written, header included; shared by all connections that get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    pub(super) note: Option<Note>,
}

/// A note on a frame, for the connections that send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    /// The frame holds the state of one subject. A connection that sent the same state last leaves
    /// the frame out.
    State(SubjectState),
    /// The frame holds the states of several subjects. It is always sent.
    States(Arc<[SubjectState]>),
    /// The frame is a message of this user.
    MessageBy(UserId),
}

/// A subject and its state, by their hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SubjectState {
    pub(super) subject: u64,
    pub(super) state: u64,
}

impl Frame {
    /// Makes a text frame.
    ///
    /// ```
    /// use presence_axum::ws::Frame;
    /// assert_eq!(Frame::text("hello").len(), 7); // two bytes of header
    /// ```
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::of(framed(opcode::TEXT, text.as_ref().as_bytes()))
    }

    /// Adds a note for the connections that send the frame.
    pub(super) fn with_note(self, note: Note) -> Self {
        Self { note: Some(note), ..self }
    }

    fn of(bytes: Bytes) -> Self {
        Self { bytes, note: None }
    }

    /// Makes a close frame with a code and a reason.
    pub(super) fn close(code: u16, reason: &str) -> Self {
        let mut payload = Vec::with_capacity(2 + reason.len());
        payload.put_u16(code);
        payload.extend_from_slice(reason.as_bytes());
        Self::of(framed(opcode::CLOSE, &payload))
    }

    /// The answer to a close frame without a code.
    pub(super) fn bare_close() -> Self {
        Self::of(framed(opcode::CLOSE, &[]))
    }

    /// The answer to a ping.
    pub(super) fn pong(payload: &[u8]) -> Self {
        Self::of(framed(opcode::PONG, payload))
    }

    /// The bytes to write.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The number of bytes to write.
    #[expect(clippy::len_without_is_empty, reason = "a frame has a header, and is never empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

mod opcode {
    pub const CONTINUATION: u8 = 0;
    pub const TEXT: u8 = 1;
    pub const BINARY: u8 = 2;
    pub const CLOSE: u8 = 8;
    pub const PING: u8 = 9;
    pub const PONG: u8 = 10;
}

/// The bit of the first byte which marks the last frame of a message.
const FINAL: u8 = 0x80;
/// The bit of the second byte which marks a masked payload.
const MASKED: u8 = 0x80;

/// One unfragmented, unmasked frame.
fn framed(opcode: u8, payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    frame.push(FINAL | opcode);
    #[expect(clippy::cast_possible_truncation, reason = "each arm's range fits")]
    match payload.len() {
        len @ 0..=125 => frame.push(len as u8),
        len @ 126..=0xffff => {
            frame.push(126);
            frame.put_u16(len as u16);
        }
        len => {
            frame.push(127);
            frame.put_u64(len as u64);
        }
    }
    frame.extend_from_slice(payload);
    frame.into()
}
