//! Encoding and decoding of WebSocket frames (RFC 6455) for the driver's clients.

/// The kinds of frames that a client handles differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Close,
    Ping,
    /// Anything else.
    Other,
}

/// The position of a frame in a buffer.
pub struct Frame {
    pub kind: Kind,
    /// The offset of its payload.
    pub start: usize,
    /// The offset of its end.
    pub end: usize,
}

impl Frame {
    /// The frame at the start of a buffer, if it is complete. Servers do not mask frames.
    pub fn first_of(bytes: &[u8]) -> Option<Self> {
        let (start, len) = match *bytes.get(1)? {
            126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
            127 => (10, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?),
            len => (2, usize::from(len)),
        };
        let kind = match bytes[0] & 0x0f {
            1 => Kind::Text,
            8 => Kind::Close,
            9 => Kind::Ping,
            _ => Kind::Other,
        };
        (start + len <= bytes.len()).then_some(Self { kind, start, end: start + len })
    }
}

/// Encodes a text frame.
pub fn text(text: &str) -> Vec<u8> {
    masked(0x81, text.as_bytes())
}

/// Encodes a pong.
pub fn pong(payload: &[u8]) -> Vec<u8> {
    masked(0x8a, payload)
}

/// Encodes the close frame of a page that is closed or reloaded.
pub fn going_away() -> Vec<u8> {
    masked(0x88, &1001_u16.to_be_bytes())
}

/// Encodes a frame with a mask of zeros, which leaves the payload unchanged.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u16::try_from(payload.len()) {
        Ok(len @ ..126) => frame.push(0x80 | len.to_be_bytes()[1]),
        Ok(len) => {
            frame.push(0x80 | 0x7e);
            frame.extend(len.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 0x7f);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns a client's frame into a server's.
    fn unmasked(mut frame: Vec<u8>, header: usize) -> Vec<u8> {
        frame[1] &= 0x7f;
        frame.drain(header..header + 4);
        frame
    }

    #[test]
    fn a_frame_is_decoded_once_it_is_complete() {
        for (len, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let content = "x".repeat(len);
            let bytes = unmasked(text(&content), header);
            assert!(Frame::first_of(&bytes[..bytes.len() - 1]).is_none());
            let frame = Frame::first_of(&bytes).unwrap();
            assert_eq!((frame.kind, frame.end), (Kind::Text, bytes.len()));
            assert_eq!(&bytes[frame.start..frame.end], content.as_bytes());
        }
    }
}
