//! Unit tests of frames; `tests/it/ws/echo.rs` tests them over a socket.

use super::*;
use crate::ws::frame::framed;
use proptest::prelude::*;

fn masked(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = framed(first & 0x0f, payload).to_vec();
    bytes[0] = first;
    bytes[1] |= MASKED;
    let head = bytes.len() - payload.len();
    bytes.splice(head..head, mask);
    let start = head + mask.len();
    unmask(&mut bytes[start..], mask);
    bytes
}

fn all(decoder: &mut Decoder) -> Vec<Received> {
    std::iter::from_fn(|| decoder.next().unwrap()).collect()
}

#[test]
fn an_idle_connection_keeps_no_buffer() {
    let mut decoder = Decoder::new(1_000);
    decoder.extend(&masked(FINAL | opcode::TEXT, &[b'x'; 900], [1, 2, 3, 4]));
    assert_eq!(all(&mut decoder).len(), 1);
    assert_eq!((decoder.input.capacity(), decoder.message.capacity()), (0, 0));
}

#[test]
fn endless_empty_fragments_are_refused() {
    let mut decoder = Decoder::new(1_000);
    decoder.extend(&masked(opcode::TEXT, b"", [0; 4]));
    for _ in 0..MAX_FRAGMENTS {
        decoder.extend(&masked(opcode::CONTINUATION, b"", [0; 4]));
    }
    assert_eq!(decoder.next(), Err(Close::Flood));
}

proptest! {
    /// A message is decoded completely however it is split into fragments and reads.
    #[test]
    fn a_message_is_decoded_however_it_is_split(
        text in ".{0,300}",
        cuts in prop::collection::vec(0_usize..300, 0..5),
        reads in 1_usize..50,
        mask: [u8; 4],
    ) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        cuts.push(text.len());
        let (mut bytes, mut from) = (Vec::new(), 0);
        for (n, cut) in cuts.iter().enumerate() {
            let opcode = if n == 0 { opcode::TEXT } else { opcode::CONTINUATION };
            let last = if n + 1 == cuts.len() { FINAL } else { 0 };
            bytes.extend(masked(last | opcode, &text.as_bytes()[from..*cut], mask));
            from = *cut;
        }
        let mut decoder = Decoder::new(64 * 1024);
        let mut received = Vec::new();
        for read in bytes.chunks(reads) {
            decoder.extend(read);
            received.extend(all(&mut decoder));
        }
        prop_assert_eq!(received, [Received::Text(text)]);
    }

    /// No input makes the decoder panic or exceed its memory limit.
    #[test]
    fn no_bytes_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut decoder = Decoder::new(100);
        for read in bytes.chunks(7) {
            decoder.extend(read);
            while let Ok(Some(_)) = decoder.next() {}
            prop_assert!(decoder.message.len() <= 100);
        }
    }
}
