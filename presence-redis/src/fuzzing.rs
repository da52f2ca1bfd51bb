//! Entry points for fuzzing the decoders of data that others wrote to Redis: for `fuzz/`, and for
//! the tests below, which run them on stable Rust.
//!
//! Each function takes any bytes, and returns whether they could be decoded. It panics only if a
//! guarantee of the decoder is violated.
#![allow(clippy::missing_panics_doc, reason = "a broken promise panics")]

use crate::broker::calls;
use crate::feed::message;
use crate::{codec, keys};
use presence_core::broker::Channel;

/// Messages of a shard's feed.
pub fn feed(data: &[u8]) -> bool {
    let whole = message::read(data);
    if let Some(whole) = &whole {
        let head = std::str::from_utf8(data).ok().and_then(|text| text.split('\n').next());
        let epoch = head.and_then(|head| head.rsplit(' ').next()).unwrap_or_default();
        assert_eq!(message::number(data, epoch), Some(whole.number));
    }
    whole.is_some_and(|whole| whole.unreadable == 0)
}

/// Fields and values of the hashes, as `field LF value`. A record that decodes is encoded and
/// decoded again, with the same result.
pub fn records(data: &[u8]) -> bool {
    let Some((field, value)) = std::str::from_utf8(data).ok().and_then(|text| text.split_once('\n')) else {
        return false;
    };
    let mut taken = codec::touch_of(field, value).is_some();
    if let Some(session) = codec::session(field, value) {
        taken = true;
        let field = keys::session_field(&session.user, &session.id);
        assert_eq!(codec::session(&field, &codec::record(&session)), Some(session));
    }
    if let Some(record) = codec::user_record_of(field, value) {
        taken = true;
        let again = codec::user_record_of(record.user.as_str(), &codec::user_record(&record));
        assert_eq!(again, Some(record));
    }
    if let Some(seen) = codec::seen_of(field, value) {
        let (field, value) = codec::seen(&seen);
        assert!(codec::seen_of(&field, &value).is_some());
    }
    taken
}

/// Messages of the broker's channels, where anybody can publish anything.
pub fn announced(data: &[u8]) -> bool {
    let channel = Channel::new("topic:lobby");
    channel.is_ok_and(|channel| calls::announced(&channel, data.to_vec()).is_some())
}

#[cfg(test)]
mod tests {
    use presence_core::testing::conformance::mutations;

    const SESSION: &str = "170000000012317000000001001700000000000l17000000002001700000005200\tweb-1~9f3c\t{\"held\":true,\"lease\":60000,\"topics\":[{\"topic\":\"a\"}],\"meta\":{\"x\":1.5}}\t1700000000000{\"at\":1700000000000,\"status\":\"away\",\"message\":\"tea\"}";

    #[test]
    fn mutated_feed_messages_are_decoded_or_ignored() {
        let put = format!("7 put 9f\n1\nada\ttab\n{SESSION}\n");
        let touch =
            "8 touch 1700000000000 9f\n2\nada\ttab\n\tweb-1~9f\n17000000001231700000000100\n1700000000123\n";
        let remember = "9 remember 9f\n1\nada\n17000000001231700000000123\n";
        let forget = "10 forget 9f\n1\nada\ttab\n17000000001231700000000123\n";
        mutations(&[put.as_bytes(), touch.as_bytes(), remember.as_bytes(), forget.as_bytes()], super::feed);
    }

    #[test]
    fn mutated_records_are_decoded_or_refused() {
        let here = "ada\ttab\n170000000012317000000001001700000000000h\tweb-1~9f\t{\"held\":false,\"lease\":60000}\t";
        let left = format!("ada\ttab\n{SESSION}");
        let user = "ada\n1700000000123170000000012317000000001231700000000999tab";
        let node = "\tweb-1~9f\n1700000000123";
        mutations(&[here.as_bytes(), left.as_bytes(), user.as_bytes(), node.as_bytes()], super::records);
    }

    #[test]
    fn mutated_announcements_are_decoded_or_ignored() {
        let examples = [&b"event 9f 42 41 0\n{\"a\":1}"[..], b"signal\n{}", b"turn\n"];
        mutations(&examples, super::announced);
    }
}
