//! Entry points to the parsers of client input, for `fuzz/` and for the tests below, which run them
//! on stable Rust.
//!
//! Each function accepts any bytes and returns whether they were valid input. A panic means that a
//! parser broke one of its guarantees.
#![allow(clippy::missing_panics_doc, reason = "a broken promise panics")]

use crate::LenientJson;
use crate::limits::Client;
use crate::wire::Hit;
use crate::ws::{self, Protocol};
use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue};

/// Bodies of hits: an invalid one is refused with 400.
pub fn hits(data: &[u8]) -> bool {
    let read = Hit::read(&LenientJson::from(Bytes::copy_from_slice(data)), None);
    if let Err(error) = &read {
        assert_eq!(error.status(), 400, "{}", error.word());
    }
    read.is_ok()
}

/// Frames of a socket: the result does not depend on how the network splits the bytes.
pub fn frames(data: &[u8]) -> bool {
    let whole = ws::fuzzing::decoded([data]);
    for size in [1, 7] {
        assert_eq!(ws::fuzzing::decoded(data.chunks(size)), whole);
    }
    !whole.0.is_empty()
}

/// Messages of the socket's JSON format: an invalid one gets the same refusal as over HTTP.
pub fn messages(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    match ws::Json.decode(text) {
        Ok(request) => {
            let shows = matches!(request.command, ws::Command::Auth { .. })
                && format!("{request:?}").contains("hush");
            assert!(!shows, "no token is shown");
            true
        }
        Err(problem) => {
            assert!(matches!(problem.code, 400 | 413), "{}", problem.code);
            false
        }
    }
}

/// `X-Forwarded-For`, which any client can send.
pub fn forwarded(data: &[u8]) -> bool {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(8) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-forwarded-for", value);
        }
    }
    (0..3).filter_map(|proxies| Client::of(&Extensions::new(), &headers, proxies)).count() > 0
}

#[cfg(test)]
mod tests {
    use presence_core::testing::conformance::mutations;

    #[test]
    fn mutated_hits_are_accepted_or_refused() {
        let examples = [
            &br#"{"user":"ada","session":"tab","kind":"enter","topics":["a","b"],"idle_ms":1500,"status":"away","message":"tea"}"#[..],
            br#"{"user":1.5e3,"kind":"leave","now":true,"placed_at":1700000000000,"topics":["a"]}"#,
            br#"{"user":"ada","meta":{"name":"Ada","n":1e30}}"#,
        ];
        mutations(&examples, super::hits);
    }

    #[test]
    fn frames_are_decoded_the_same_however_they_are_split() {
        let text = b"\x81\x85\x01\x02\x03\x04\x69\x67\x6f\x68\x6e";
        let fragments = b"\x01\x82\0\0\0\0he\x80\x83\0\0\0\0llo\x89\x80\0\0\0\0\x88\x82\0\0\0\0\x03\xe8";
        mutations(&[text, fragments], super::frames);
    }

    #[test]
    fn mutated_messages_are_accepted_or_refused() {
        let examples = [
            &br#"{"type":"enter","ref":1,"topics":["a"],"idle_ms":0,"status":"busy","meta":{"x":1}}"#[..],
            br#"{"type":"subscribe","topics":["a",null,{"topic":"b","version":"0123456789abcdef-7","after":"1f-2a","counts":true}]}"#,
            br#"{"type":"publish","ref":"r","topic":"a","data":{"text":"hi"},"key":"k"}"#,
            br#"{"type":"list","topic":null,"limit":10,"cursor":"ada"}"#,
            br#"{"type":"auth","token":"hush"}"#,
        ];
        mutations(&examples, super::messages);
    }

    #[test]
    fn mutated_forwarded_headers_do_not_panic() {
        mutations(
            &[b"203.0.113.7, 10.0.0.1\n[2001:db8::1]:4711", b"unknown, ::ffff:1.2.3.4"],
            super::forwarded,
        );
    }
}
