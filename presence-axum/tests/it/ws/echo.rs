//! Framing, as the sections 1 to 7 and 10 of the Autobahn test suite check it: against a protocol
//! that echoes.

use super::raw::{
    BINARY, CLOSE, CONTINUATION, FINAL, Got, HEAD, PING, PONG, Raw, TEXT, close, frame, handshake,
};
use crate::rig::Rig;
use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use presence_axum::Mount;
use presence_axum::ws::{Frames, Gateway, Problem, Protocol, Settings, Update};
use std::time::Duration;

/// Sends each frame back. Only tests have it.
struct Echo;

impl Protocol for Echo {
    fn decode(&self, text: &str) -> Result<presence_axum::ws::Request, Problem> {
        Err(Problem::new(0, text.to_owned()))
    }

    fn encode(&self, update: &Update, frames: &mut Frames) {
        if let Update::Problem(received) = update {
            frames.push(&received.words);
        }
    }
}

async fn rig() -> Rig {
    Rig::serving(|presence| {
        // Not every test answers a close.
        let settings = Settings::default().burst(10_000).close_within(Duration::from_secs(1));
        let gateway = Gateway::with(&Mount::new(presence), Echo, settings);
        let echo = move |request: Request| async move { gateway.upgrade(request).await };
        Router::new().route("/echo", get(echo))
    })
    .await
}

async fn connect(rig: &Rig) -> Raw {
    let (raw, answer) = handshake(rig.address, "/echo", HEAD).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(answer.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    raw
}

fn text(payload: impl AsRef<[u8]>) -> Got {
    Got::Frame(TEXT, payload.as_ref().to_vec())
}

/// Messages of all sizes at which the header changes come back, whole and byte by byte.
#[tokio::test]
async fn section_1_text_of_any_size_is_echoed() {
    let rig = rig().await;
    let mut raw = connect(&rig).await;
    for size in [0, 1, 125, 126, 127, 128, 65_535, 65_536] {
        let payload = vec![b'*'; size];
        raw.write(&frame(FINAL | TEXT, &payload)).await;
        assert_eq!(raw.read().await, text(&payload), "{size}");
    }
    raw.write_slowly(&frame(FINAL | TEXT, &[b'*'; 300])).await;
    assert_eq!(raw.read().await, text([b'*'; 300]));
    raw.write(&frame(FINAL | BINARY, b"")).await;
    assert_eq!(raw.closes().await, Some(1003));
}

#[tokio::test]
async fn section_2_pings_are_answered_and_pongs_are_not() {
    let rig = rig().await;
    let mut raw = connect(&rig).await;
    for payload in [&b""[..], b"Hello", &[0x00, 0xff, 0xfe], &[0xfe; 125]] {
        raw.write(&frame(FINAL | PING, payload)).await;
        assert_eq!(raw.read().await, Got::Frame(PONG, payload.to_vec()));
    }
    raw.write_slowly(&frame(FINAL | PING, &[7; 125])).await;
    assert_eq!(raw.read().await, Got::Frame(PONG, vec![7; 125]));
    raw.write(&frame(FINAL | PONG, b"unsolicited")).await;
    let many: Vec<u8> = (0..10_u8).flat_map(|n| frame(FINAL | PING, &[n])).collect();
    raw.write(&many).await;
    for n in 0..10 {
        assert_eq!(raw.read().await, Got::Frame(PONG, vec![n]));
    }
    raw.write(&frame(FINAL | PING, &[0; 126])).await;
    assert_eq!(raw.closes().await, Some(1002));
}

#[tokio::test]
async fn section_3_reserved_bits_are_refused() {
    let rig = rig().await;
    for first in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
        for opcode in [TEXT, BINARY, PING, CLOSE] {
            let mut raw = connect(&rig).await;
            raw.write(&frame(FINAL | TEXT, b"before")).await;
            assert_eq!(raw.read().await, text("before"));
            raw.write(&frame(FINAL | first | opcode, b"")).await;
            assert_eq!(raw.closes().await, Some(1002), "{first:x} {opcode}");
        }
    }
}

#[tokio::test]
async fn section_4_reserved_opcodes_are_refused() {
    let rig = rig().await;
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in [&b""[..], b"payload"] {
            let mut raw = connect(&rig).await;
            raw.write(&frame(FINAL | opcode, payload)).await;
            assert_eq!(raw.closes().await, Some(1002), "{opcode}");
        }
    }
}

#[tokio::test]
async fn section_5_fragments_are_joined_and_control_frames_may_come_between() {
    let rig = rig().await;
    let mut raw = connect(&rig).await;
    raw.write(&frame(TEXT, b"frag")).await;
    raw.write(&frame(FINAL | PING, b"between")).await;
    assert_eq!(raw.read().await, Got::Frame(PONG, b"between".to_vec()));
    raw.write(&frame(CONTINUATION, b"")).await;
    raw.write_slowly(&frame(FINAL | CONTINUATION, b"ments")).await;
    assert_eq!(raw.read().await, text("fragments"));
    let all = [frame(TEXT, b"a"), frame(CONTINUATION, b"b"), frame(FINAL | CONTINUATION, b"c")].concat();
    raw.write(&all).await;
    assert_eq!(raw.read().await, text("abc"));
}

#[tokio::test]
async fn section_5_fragments_out_of_order_are_refused() {
    let rig = rig().await;
    for frames in [
        frame(PING, b"a fragment"),
        frame(PONG, b"a fragment"),
        frame(CLOSE, b""),
        frame(FINAL | CONTINUATION, b"of nothing"),
        frame(CONTINUATION, b"of nothing"),
        [frame(TEXT, b"a"), frame(FINAL | TEXT, b"b")].concat(),
        [frame(TEXT, b"a"), frame(TEXT, b"b")].concat(),
        [frame(TEXT, b"a"), frame(FINAL | BINARY, b"b")].concat(),
    ] {
        let mut raw = connect(&rig).await;
        raw.write(&frames).await;
        assert_eq!(raw.closes().await, Some(1002), "{frames:?}");
    }
}

#[tokio::test]
async fn section_6_utf_8_text_may_be_split_anywhere() {
    let rig = rig().await;
    let mut raw = connect(&rig).await;
    let word = "Hello-µ@ßöäüàá-UTF-8!! κόσμε \u{10ffff} \u{0}\u{7ff}\u{800}\u{ffff}";
    raw.write(&frame(FINAL | TEXT, word.as_bytes())).await;
    assert_eq!(raw.read().await, text(word));
    let (first, rest) = word.as_bytes().split_first().unwrap();
    raw.write(&frame(TEXT, &[*first])).await;
    for byte in rest {
        raw.write(&frame(CONTINUATION, &[*byte])).await;
    }
    raw.write(&frame(FINAL | CONTINUATION, b"")).await;
    assert_eq!(raw.read().await, text(word));
}

#[tokio::test]
async fn section_6_invalid_utf_8_is_refused_as_soon_as_it_arrives() {
    let rig = rig().await;
    for wrong in [
        &b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64"[..],
        b"\x80",
        b"\xfe",
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf4\x90\x80\x80",
        b"\xed\xbf\xbf",
        b"\xf8\x88\x80\x80\x80",
    ] {
        let mut raw = connect(&rig).await;
        raw.write(&frame(FINAL | TEXT, wrong)).await;
        assert_eq!(raw.closes().await, Some(1007), "{wrong:?}");
        // In a fragment that is not the last.
        let mut raw = connect(&rig).await;
        raw.write(&frame(TEXT, b"fine")).await;
        raw.write(&frame(CONTINUATION, wrong)).await;
        assert_eq!(raw.closes().await, Some(1007), "{wrong:?}");
    }
    let mut raw = connect(&rig).await;
    raw.write(&frame(FINAL | TEXT, b"\xce")).await; // cut off
    assert_eq!(raw.closes().await, Some(1007));
}

#[tokio::test]
async fn section_7_a_close_is_answered_with_its_code_and_ends_the_connection() {
    let rig = rig().await;
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        let mut raw = connect(&rig).await;
        raw.write(&frame(FINAL | CLOSE, &close(code, "Grüße".as_bytes()))).await;
        assert_eq!(raw.closes().await, Some(code));
    }
    let mut raw = connect(&rig).await;
    raw.write(&frame(FINAL | CLOSE, b"")).await;
    assert_eq!(raw.closes().await, None);
    // What comes after a close is not answered.
    let mut raw = connect(&rig).await;
    let frames = [
        frame(FINAL | CLOSE, &close(1000, &[b'*'; 123])),
        frame(FINAL | PING, b""),
        frame(FINAL | TEXT, b"x"),
    ];
    raw.write(&frames.concat()).await;
    assert_eq!(raw.closes().await, Some(1000));
    // A message that goes on is dropped.
    let mut raw = connect(&rig).await;
    raw.write(&[frame(TEXT, b"half"), frame(FINAL | CLOSE, b"")].concat()).await;
    assert_eq!(raw.closes().await, None);
}

#[tokio::test]
async fn section_7_a_broken_close_is_refused() {
    let rig = rig().await;
    for (payload, code) in [
        (vec![3], 1002),
        (close(1000, &[b'*'; 124]), 1002),
        (close(1000, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"), 1007),
        (close(0, b""), 1002),
        (close(999, b""), 1002),
        (close(1004, b""), 1002),
        (close(1005, b""), 1002),
        (close(1006, b""), 1002),
        (close(1016, b""), 1002),
        (close(1100, b""), 1002),
        (close(2000, b""), 1002),
        (close(2999, b""), 1002),
        (close(5000, b""), 1002),
        (close(65_535, b""), 1002),
    ] {
        let mut raw = connect(&rig).await;
        raw.write(&frame(FINAL | CLOSE, &payload)).await;
        assert_eq!(raw.closes().await, Some(code), "{payload:?}");
    }
}

#[tokio::test]
async fn section_10_a_large_message_in_fragments_comes_back_whole() {
    let rig = rig().await;
    let mut raw = connect(&rig).await;
    let payload = vec![b'*'; 65_536];
    let mut chunks = payload.chunks(1_300).peekable();
    let mut opcode = TEXT;
    while let Some(chunk) = chunks.next() {
        let ends = if chunks.peek().is_none() { FINAL } else { 0 };
        raw.write(&frame(ends | opcode, chunk)).await;
        opcode = CONTINUATION;
    }
    assert_eq!(raw.read().await, text(&payload));
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_before_it_arrives() {
    let rig = rig().await;
    let mut raw = connect(&rig).await;
    raw.write(&frame(FINAL | TEXT, &vec![b'*'; 65_537])[..14]).await; // its head alone
    assert_eq!(raw.closes().await, Some(1009));
    let mut raw = connect(&rig).await;
    raw.write(&frame(TEXT, &vec![b'*'; 65_000])).await;
    raw.write(&frame(FINAL | CONTINUATION, &vec![b'*'; 537])).await;
    assert_eq!(raw.closes().await, Some(1009));
    let mut raw = connect(&rig).await;
    raw.write(&[FINAL | TEXT, 0x80 | 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 1]).await; // no length at all
    assert_eq!(raw.closes().await, Some(1002));
}

#[tokio::test]
async fn a_frame_without_a_mask_is_refused() {
    let rig = rig().await;
    let mut raw = connect(&rig).await;
    raw.write(&[FINAL | TEXT, 2, b'h', b'i']).await;
    assert_eq!(raw.closes().await, Some(1002));
}

#[tokio::test]
async fn an_invalid_handshake_is_refused_with_a_reason() {
    let rig = rig().await;
    for (wrong, status) in [
        (HEAD.replace("upgrade: WebSocket", "upgrade: h2c"), 426),
        (HEAD.replace("keep-alive, Upgrade", "keep-alive"), 426),
        (HEAD.replace("sec-websocket-version: 13", "sec-websocket-version: 8"), 426),
        (HEAD.replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"), 400),
        (HEAD.replace("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400),
    ] {
        let (_, answer) = handshake(rig.address, "/echo", &wrong).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{wrong}\n{answer}");
    }
}
