//! Decodes the frames of a client.

use super::{FINAL, MASKED, opcode};
use crate::ws::Close;
use bytes::{Buf, Bytes, BytesMut};

/// The largest payload of a control frame.
const MAX_CONTROL: usize = 125;
/// The maximum number of fragments in a message. Empty fragments cost a client nothing and are not
/// covered by the limit on the rate of messages.
const MAX_FRAGMENTS: usize = 4_096;

/// What a client has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ws) enum Received {
    /// A whole text message; its bytes are UTF-8.
    Text(String),
    /// A whole binary message; its content is dropped.
    Binary,
    /// A ping; its payload is to be sent back.
    Ping(Bytes),
    /// A pong, solicited or not.
    Pong,
    /// A close frame, with its code if it has one.
    Close(Option<u16>),
}

/// Decodes frames from the bytes of a client.
///
/// It holds at most one message and one frame, up to `max_message` bytes each, and
/// nothing between messages.
pub(in crate::ws) struct Decoder {
    /// Received bytes that do not yet form a whole frame.
    input: BytesMut,
    /// The unmasked fragments of an unfinished message.
    message: Vec<u8>,
    /// The number of bytes of `message` that are known to be UTF-8.
    checked: usize,
    /// The kind of the unfinished message; `None` between messages.
    fragmented: Option<Kind>,
    /// The number of fragments of the unfinished message so far.
    fragments: usize,
    max_message: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Binary,
}

/// The head of a frame.
struct Head {
    opcode: u8,
    ends: bool,
    mask: [u8; 4],
    /// The length of the head, in bytes.
    len: usize,
    payload: usize,
}

impl Decoder {
    pub(in crate::ws) fn new(max_message: usize) -> Self {
        Self {
            input: BytesMut::new(),
            message: Vec::new(),
            checked: 0,
            fragmented: None,
            fragments: 0,
            max_message,
        }
    }

    /// Adds received bytes.
    pub(in crate::ws) fn extend(&mut self, bytes: &[u8]) {
        if self.input.is_empty() {
            self.input = bytes.into();
        } else {
            self.input.extend_from_slice(bytes);
        }
    }

    /// The next message or control frame; `None` when more bytes are needed.
    ///
    /// The reason to close the connection. Nothing after an error can be decoded.
    pub(in crate::ws) fn next(&mut self) -> Result<Option<Received>, Close> {
        loop {
            let Some(head) = self.head()? else { return Ok(None) };
            if self.input.len() < head.len + head.payload {
                return Ok(None);
            }
            let mut input = std::mem::take(&mut self.input);
            let frame = head.len + head.payload;
            let payload = &mut input[head.len..frame];
            unmask(payload, head.mask);
            let received = self.take(&head, payload)?;
            input.advance(frame);
            if !input.is_empty() {
                self.input = input; // an idle connection keeps no buffer
            }
            if received.is_some() {
                return Ok(received);
            }
        }
    }

    /// Decodes and checks the head of the next frame as far as it was received. A frame that is too
    /// large is refused before its payload arrives.
    fn head(&self) -> Result<Option<Head>, Close> {
        let [first, second, rest @ ..] = &self.input[..] else { return Ok(None) };
        let (opcode, ends) = (first & 0x0f, first & FINAL != 0);
        if first & 0x70 != 0 || second & MASKED == 0 {
            return Err(Close::Protocol); // an extension that was not negotiated, or an unmasked frame
        }
        let short = usize::from(second & 0x7f);
        let control = match opcode {
            opcode::CLOSE | opcode::PING | opcode::PONG => true,
            opcode::CONTINUATION | opcode::TEXT | opcode::BINARY => false,
            _ => return Err(Close::Protocol),
        };
        if control && (!ends || short > MAX_CONTROL) {
            return Err(Close::Protocol);
        }
        if !control && (opcode == opcode::CONTINUATION) != self.fragmented.is_some() {
            return Err(Close::Protocol);
        }
        let (payload, extended) = match short {
            126 => match rest.first_chunk() {
                Some(len) => (u64::from(u16::from_be_bytes(*len)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(len) => (u64::from_be_bytes(*len), 8),
                None => return Ok(None),
            },
            _ => (short as u64, 0),
        };
        if payload >> 63 != 0 {
            return Err(Close::Protocol);
        }
        let room = self.max_message - if control { 0 } else { self.message.len() };
        let Some(payload) = usize::try_from(payload).ok().filter(|len| control || *len <= room) else {
            return Err(Close::TooLarge);
        };
        let Some(mask) = rest[extended..].first_chunk() else { return Ok(None) };
        Ok(Some(Head { opcode, ends, mask: *mask, len: 2 + extended + 4, payload }))
    }

    /// Decodes a whole frame; `None` for a fragment that does not end its message.
    fn take(&mut self, head: &Head, payload: &[u8]) -> Result<Option<Received>, Close> {
        let kind = match head.opcode {
            opcode::PING => return Ok(Some(Received::Ping(Bytes::copy_from_slice(payload)))),
            opcode::PONG => return Ok(Some(Received::Pong)),
            opcode::CLOSE => return closes(payload).map(|code| Some(Received::Close(code))),
            opcode::TEXT => Kind::Text,
            opcode::BINARY => Kind::Binary,
            _ => self.fragmented.take().ok_or(Close::Protocol)?,
        };
        if !head.ends {
            self.fragmented = Some(kind);
        }
        if kind == Kind::Text && self.message.is_empty() {
            self.message = payload.to_vec();
        } else if kind == Kind::Text {
            self.message.extend_from_slice(payload);
        }
        if !head.ends {
            self.fragments += 1;
            if self.fragments > MAX_FRAGMENTS {
                return Err(Close::Flood);
            }
            return self.check_text().map(|()| None);
        }
        (self.checked, self.fragments) = (0, 0);
        let message = std::mem::take(&mut self.message);
        Ok(Some(match kind {
            Kind::Text => Received::Text(String::from_utf8(message).map_err(|_| Close::NotText)?),
            Kind::Binary => Received::Binary,
        }))
    }
}

impl Decoder {
    /// Refuses invalid UTF-8 when it arrives, and not only at the end of its message. Each byte is
    /// checked about once.
    fn check_text(&mut self) -> Result<(), Close> {
        match std::str::from_utf8(&self.message[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            Err(error) if error.error_len().is_some() => return Err(Close::NotText),
            Err(error) => self.checked += error.valid_up_to(),
        }
        Ok(())
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mut words = payload.chunks_exact_mut(4);
    for word in words.by_ref() {
        for (byte, key) in word.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(mask) {
        *byte ^= key;
    }
}

/// Decodes the payload of a close frame.
fn closes(payload: &[u8]) -> Result<Option<u16>, Close> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Close::Protocol) };
    };
    std::str::from_utf8(reason).map_err(|_| Close::NotText)?;
    let code = u16::from_be_bytes(*code);
    // 1004 to 1006 and 1015 must not be sent in a frame; 1016 to 2999 are reserved.
    let valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    if valid { Ok(Some(code)) } else { Err(Close::Protocol) }
}

#[cfg(test)]
mod tests;
