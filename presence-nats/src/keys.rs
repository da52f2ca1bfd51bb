//! Names of streams, subjects and keys: legible, reversible, and free of wildcards.
//!
//! A token keeps `A-Z`, `a-z`, `0-9`, `_`, `-` and `/`; any other byte becomes `=` and two
//! hexadecimal digits. So `alice` is `alice`, `a.b c` is `a=2Eb=20c`, and `*` is `=2A`. Ids have at
//! most 256 bytes, hence tokens at most 768.

use crate::options::Options;
use presence_core::store::Namespace;
use presence_core::{NodeId, SessionId, SessionKey, UserId};
use std::borrow::Cow;

/// The names of streams and subjects in one namespace.
#[derive(Debug)]
pub(crate) struct Keys {
    /// The stream under the bucket.
    pub(crate) state: String,
    /// The stream of renewals.
    pub(crate) beats: String,
    /// The prefix of the bucket's subjects: `$KV.<namespace>.`
    bucket: String,
    /// The prefix of the subjects of renewals. It begins with `$KV.`, since only such subjects pass
    /// between domains; the name of a bucket cannot hold an `=`, so no bucket has this prefix.
    renewals: String,
}

/// A decoded key of the bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Session(SessionKey),
    Node(NodeId),
    User(UserId),
}

impl Keys {
    pub(crate) fn new(options: &Options) -> Self {
        let namespace: &Namespace = &options.namespace;
        Self {
            state: format!("KV_{namespace}"),
            beats: format!("BEATS_{namespace}"),
            bucket: format!("$KV.{namespace}."),
            renewals: format!("$KV.{namespace}=beats."),
        }
    }

    /// The filter of all keys of the bucket.
    pub(crate) fn all(&self) -> String {
        format!("{}>", self.bucket)
    }

    /// A subject of the bucket, with room for some bytes more.
    fn subject(&self, kind: &str, name: &str, room: usize) -> String {
        let mut subject = String::with_capacity(self.bucket.len() + kind.len() + name.len() + room);
        subject.push_str(&self.bucket);
        subject.push_str(kind);
        encode(name, &mut subject);
        subject
    }

    pub(crate) fn session(&self, user: &UserId, id: &SessionId) -> String {
        let mut subject = self.subject("s.", user.as_str(), 1 + id.as_str().len());
        subject.push('.');
        encode(id.as_str(), &mut subject);
        subject
    }

    /// The filter of all sessions of a user.
    pub(crate) fn of_user(&self, user: &UserId) -> String {
        let mut subject = self.subject("s.", user.as_str(), 2);
        subject.push_str(".*");
        subject
    }

    pub(crate) fn node(&self, node: &NodeId) -> String {
        self.subject("n.", node.as_str(), 0)
    }

    /// The key of a user record: last seen, erased, blocked.
    pub(crate) fn user(&self, user: &UserId) -> String {
        self.subject("u.", user.as_str(), 0)
    }

    /// The key of the bucket's time.
    pub(crate) fn time(&self) -> String {
        format!("{}t", self.bucket)
    }

    /// The key of the policy of the first process in the namespace.
    pub(crate) fn policy(&self) -> String {
        format!("{}policy", self.bucket)
    }

    pub(crate) fn nodes(&self) -> String {
        format!("{}n.*", self.bucket)
    }

    /// The subject of this writer's renewals.
    pub(crate) fn renewals_of(&self, writer: u64) -> String {
        format!("{}{writer:016x}", self.renewals)
    }

    pub(crate) fn renewals(&self) -> String {
        format!("{}*", self.renewals)
    }

    /// Decodes a subject of the bucket; `None` if this crate does not write such a subject.
    pub(crate) fn parse(&self, subject: &str) -> Option<Key> {
        let mut tokens = subject.strip_prefix(&self.bucket)?.split('.');
        let key = match (tokens.next()?, tokens.next()?, tokens.next()) {
            ("s", user, Some(id)) => Key::Session(SessionKey {
                user: UserId::new(&*decode(user)?).ok()?,
                id: SessionId::new(&*decode(id)?).ok()?,
            }),
            ("n", node, None) => Key::Node(NodeId::new(&*decode(node)?).ok()?),
            ("u", user, None) => Key::User(UserId::new(&*decode(user)?).ok()?),
            _ => return None,
        };
        tokens.next().is_none().then_some(key)
    }
}

/// Whether a token holds this byte unencoded.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/')
}

/// Encodes a name as a token and appends it.
pub(crate) fn encode(text: &str, to: &mut String) {
    if text.bytes().all(is_plain) {
        return to.push_str(text);
    }
    for byte in text.bytes() {
        if is_plain(byte) {
            to.push(char::from(byte));
        } else {
            to.push('=');
            for digit in [byte >> 4, byte & 15] {
                to.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
}

/// Decodes a token; `None` if [`encode`] never returns this token, so that each name
/// has exactly one.
pub(crate) fn decode(token: &str) -> Option<Cow<'_, str>> {
    if token.bytes().all(is_plain) {
        return Some(Cow::Borrowed(token));
    }
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let (mut rest, mut text) = (token.as_bytes(), Vec::with_capacity(token.len()));
    loop {
        match rest {
            [] => return String::from_utf8(text).ok().map(Cow::Owned),
            [b'=', high, low, later @ ..] => {
                let byte = digit(high)? << 4 | digit(low)?;
                if is_plain(byte) {
                    return None;
                }
                text.push(byte);
                rest = later;
            }
            [byte, later @ ..] if is_plain(*byte) => {
                text.push(*byte);
                rest = later;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> Keys {
        Keys::new(&Options::new(Namespace::new("chat").unwrap()))
    }

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    #[test]
    fn a_key_holds_its_ids_with_special_bytes_encoded() {
        let tab = SessionId::new("tab-1").unwrap();
        let key = |name: &str| keys().session(&user(name), &tab);
        assert_eq!(key("alice"), "$KV.chat.s.alice.tab-1");
        assert_eq!(key("a.b c"), "$KV.chat.s.a=2Eb=20c.tab-1");
        assert_eq!(key("*"), "$KV.chat.s.=2A.tab-1");
        assert_eq!(key(">"), "$KV.chat.s.=3E.tab-1");
        assert_eq!(key("ü@ex.com"), "$KV.chat.s.=C3=BC=40ex=2Ecom.tab-1");
        assert_eq!(key("=41"), "$KV.chat.s.=3D41.tab-1");
        assert_eq!(keys().of_user(&user("room/1")), "$KV.chat.s.room/1.*");
        assert_eq!(keys().node(&NodeId::new("web-1~00ff").unwrap()), "$KV.chat.n.web-1=7E00ff");
    }

    #[test]
    fn foreign_subjects_are_not_decoded() {
        for foreign in [
            "$KV.chat.s.alice",
            "$KV.chat.s.alice.tab.more",
            "$KV.chat.n",
            "$KV.chat.n.a.b",
            "$KV.other.n.a",
            "$KV.chat.s..tab",
            "$KV.chat.s.a=2.t",
            "$KV.chat.s.a=2e.t",
            "$KV.chat.s.=41.t",
            "$KV.chat.s.=FF.t",
            "$KV.chat.s.a b.t",
            "$KV.chat.x.a.b",
            "$KV.chat",
            "",
            "$KV.chat.n.=0A",
        ] {
            assert_eq!(keys().parse(foreign), None, "{foreign}");
        }
    }

    fn names() -> impl Strategy<Value = String> {
        let any = prop::collection::vec(any::<char>().prop_filter("no control", |c| !c.is_control()), 1..40);
        prop_oneof![any.prop_map(|chars| chars.into_iter().collect()), "[a-c.*>= /]{1,4}"]
    }

    proptest! {
        #[test]
        fn a_decoded_key_equals_the_encoded_one(one in names(), two in names()) {
            let key = SessionKey { user: user(&one), id: SessionId::new(&two).unwrap() };
            let subject = keys().session(&key.user, &key.id);
            prop_assert_eq!(subject.split('.').count(), 5);
            prop_assert!(subject.bytes().all(|byte| is_plain(byte) || b"$.=".contains(&byte)));
            prop_assert_eq!(keys().parse(&subject), Some(Key::Session(key)));
            let node = NodeId::new(&one).unwrap();
            prop_assert_eq!(keys().parse(&keys().node(&node)), Some(Key::Node(node)));
            prop_assert_eq!(keys().parse(&keys().user(&user(&one))), Some(Key::User(user(&one))));
        }

        #[test]
        fn a_decodable_token_is_the_encoding_of_its_name(token in "[ab=0-9A-F._/-]{0,8}") {
            if let Some(text) = decode(&token) {
                let mut again = String::new();
                encode(&text, &mut again);
                prop_assert_eq!(again, token);
            }
        }
    }
}
