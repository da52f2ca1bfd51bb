//! Entry points for fuzzing the decoders of data that others wrote to NATS: for `fuzz/`, and for
//! the tests below, which run them on stable Rust.
//!
//! Each function takes any bytes, and returns whether they could be decoded. It panics only if the
//! decoder violates one of its guarantees.
#![allow(clippy::missing_panics_doc, reason = "a broken promise panics")]

use crate::codec::{self, Forgotten, Gone, Raw, Record};
use crate::keys::{self, Keys};
use crate::{Namespace, Options};
use bytes::Bytes;
use presence_core::Timestamp;

/// Messages of the bucket, as `subject LF payload`. A message that decodes is encoded and decoded
/// again, with the same result.
pub fn bucket(data: &[u8]) -> bool {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return false };
    let Ok(subject) = std::str::from_utf8(&data[..end]) else { return false };
    let Ok(namespace) = Namespace::new("chat") else { return false };
    let keys = Keys::new(&Options::new(namespace));
    let mut taken = false;
    for gone in [None, Some(Gone::default())] {
        let raw = |payload: Bytes| Raw {
            subject: subject.to_owned(),
            seq: 1,
            at: Timestamp::ZERO,
            gone,
            forgotten: None,
            incarnation: 0,
            payload,
        };
        let payload = Bytes::copy_from_slice(&data[end + 1..]);
        let record = raw(payload).read(&keys);
        taken |= gone.is_none() && !matches!(record, Record::Foreign | Record::Unreadable);
        if let Record::Session(session) = record {
            assert_eq!(keys.session(&session.user, &session.id), subject);
            let again = raw(codec::encode(&session)).read(&keys);
            assert!(matches!(again, Record::Session(again) if again == session));
        }
    }
    taken
}

/// Batches of renewals, and the formats of old servers' answers: base64 and header blocks.
pub fn renewals(data: &[u8]) -> bool {
    let beats = codec::beats(data);
    if let Some((touches, revisions)) = &beats {
        assert_eq!(touches.len(), revisions.len());
    }
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let mut taken = beats.is_some();
    taken |= codec::base64(text).is_some() || codec::header(text, "Presence-Forgotten").is_some();
    if let Some(forgotten) = Forgotten::parse(text) {
        taken = true;
        assert_eq!(Forgotten::parse(&forgotten.header()), Some(forgotten));
    }
    if let Some(name) = keys::decode(text) {
        taken = true;
        let mut token = String::new();
        keys::encode(&name, &mut token);
        assert_eq!(token, text);
    }
    taken
}

#[cfg(test)]
mod tests {
    use presence_core::testing::conformance::mutations;

    #[test]
    fn mutated_records_are_decoded_or_refused_without_a_panic() {
        let session = br#"$KV.chat.s.ada.tab
{"user":"ada","id":"tab","placement":{"placed_at":1700000000000,"node":"web-1~9f","held":true,"lease":60000,"topics":[{"topic":"a"}],"meta":{"x":1.5}},"seen_at":3,"active_at":2}"#;
        let node = b"$KV.chat.n.web-1=7E9f\n{\"id\":\"web-1~9f\",\"seen_at\":3}";
        let user = b"$KV.chat.u.ada\n{\"seen_at\":5,\"block\":{\"at\":1,\"until\":2}}";
        let seen = b"$KV.chat.u.ada\n1700000000000";
        mutations(&[session, node, user, seen], super::bucket);
    }

    #[test]
    fn mutated_renewals_are_decoded_or_refused_without_a_panic() {
        let examples = [
            &br#"[["ada","tab",1700000000123,1700000000100,7],["bob","tab",5,4,0]]"#[..],
            b"NATS/1.0\r\nPresence-Forgotten: 5 6 7\r\n\r\n",
            b"1700000000123 1700000000100 1700000000200",
            b"eyJ1c2VyIjoiYWRhIn0=",
            b"a=2Eb=20c",
        ];
        mutations(&examples, super::renewals);
    }
}
