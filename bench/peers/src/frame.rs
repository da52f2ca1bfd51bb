//! Frames of a WebSocket (RFC 6455), for a client of well-behaved servers.

/// The kinds of frames that a client distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Close,
    Ping,
    /// Anything else.
    Other,
}

/// The frame at the start of some bytes.
pub struct Frame {
    pub kind: Kind,
    /// The start of its payload.
    pub start: usize,
    /// The end of its payload.
    pub end: usize,
}

impl Frame {
    /// The frame at the start of these bytes, if it is complete. Servers do not mask frames.
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

/// A text frame.
pub fn text(text: &str) -> Vec<u8> {
    masked(0x81, text.as_bytes())
}

/// The response to a ping.
pub fn pong(payload: &[u8]) -> Vec<u8> {
    masked(0x8a, payload)
}

/// The close frame of a page that is closed or reloaded.
pub fn going_away() -> Vec<u8> {
    masked(0x88, &1001_u16.to_be_bytes())
}

/// A frame with a mask of zeros, which leaves the payload as it is.
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

    /// The frame as a server would have sent it.
    fn unmasked(mut frame: Vec<u8>, header: usize) -> Vec<u8> {
        frame[1] &= 0x7f;
        frame.drain(header..header + 4);
        frame
    }

    #[test]
    fn a_frame_is_read_once_all_of_it_is_there() {
        for (len, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let said = "x".repeat(len);
            let bytes = unmasked(text(&said), header);
            assert!(Frame::first_of(&bytes[..bytes.len() - 1]).is_none());
            let frame = Frame::first_of(&bytes).unwrap();
            assert_eq!((frame.kind, frame.end), (Kind::Text, bytes.len()));
            assert_eq!(&bytes[frame.start..frame.end], said.as_bytes());
        }
    }
}
