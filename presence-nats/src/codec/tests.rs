use super::*;
use crate::options::Options;
use presence_core::store::Namespace;
use presence_core::testing;
use proptest::prelude::*;

fn keys() -> Keys {
    Keys::new(&Options::new(Namespace::new("chat").unwrap()))
}

fn session(user: &str) -> Session {
    testing::session(user, "tab", Timestamp::from_millis(7))
}

fn raw(subject: &str, payload: impl Into<Bytes>) -> Raw {
    Raw {
        subject: subject.into(),
        seq: 1,
        at: Timestamp::from_millis(100),
        gone: None,
        forgotten: None,
        incarnation: 0,
        payload: payload.into(),
    }
}

#[test]
fn a_session_is_encoded_as_json() {
    let text = String::from_utf8(encode(&session("alice")).to_vec()).unwrap();
    assert!(text.starts_with(r#"{"user":"alice","id":"tab","placement":{"placed_at":7"#), "{text}");
}

#[test]
fn undecodable_records_are_skipped() {
    let alice = encode(&session("alice"));
    let read = |subject: &str, payload: Bytes| raw(subject, payload).read(&keys());
    assert!(matches!(read("$KV.chat.s.alice.tab", alice.clone()), Record::Session(_)));
    // The record of another user under this key is unreadable.
    assert!(matches!(read("$KV.chat.s.bob.tab", alice.clone()), Record::Unreadable));
    assert!(matches!(read("$KV.chat.n.alice", alice.clone()), Record::Unreadable));
    assert!(matches!(read("$KV.chat.s.alice.tab", alice.slice(1..)), Record::Unreadable));
    assert!(matches!(read("$KV.chat.config", alice), Record::Foreign));
}

#[test]
fn a_deletion_mark_is_read_with_the_times_of_its_headers() {
    let headers = |block: &'static str| Gone::of(|name| header(block, name));
    let ours = "NATS/1.0\r\nKV-Operation: DEL\r\nPresence-Seen-At: 5\r\nPresence-Placed-At: 6\r\n\r\n";
    let of = |seen, placed| Gone {
        seen_at: Timestamp::from_millis(seen),
        placed_at: Timestamp::from_millis(placed),
    };
    assert_eq!(headers(ours), Some(of(5, 6)));
    assert_eq!(headers("NATS/1.0\r\nKV-Operation: PURGE\r\nNats-Rollup: sub\r\n\r\n"), Some(of(0, 0)));
    assert_eq!(headers("NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\n\r\n"), Some(of(0, 0)));
    assert_eq!(headers("NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: 0\r\n\r\n"), None);
    let mark = Raw { gone: Some(of(5, 6)), ..raw("$KV.chat.s.alice.tab", "") };
    let session = session("alice");
    let key = SessionKey { user: session.user, id: session.id };
    let seen = ForgetIf::Session { key, seen_at: of(5, 0).seen_at, placed_at: of(0, 6).placed_at };
    assert!(matches!(mark.read(&keys()), Record::Gone(gone) if gone == seen));
}

#[test]
fn a_record_repeats_the_deletion_before_it_until_a_time() {
    let gone = Gone { seen_at: Timestamp::from_millis(5), placed_at: Timestamp::from_millis(6) };
    let mark = Raw { gone: Some(gone), ..raw("$KV.chat.s.alice.tab", "") };
    let forgotten = mark.forgets(Duration::from_millis(50)).unwrap();
    assert_eq!(forgotten.header(), "5 6 150");
    assert_eq!(Forgotten::parse("5 6 150"), Some(forgotten));
    let later = |at| {
        let at = Timestamp::from_millis(at);
        Raw { forgotten: Some(forgotten), at, ..raw("$KV.chat.s.alice.tab", "") }
    };
    assert_eq!(later(149).forgets(Duration::ZERO), Some(forgotten));
    assert_eq!(later(150).forgets(Duration::ZERO), None);
    assert_eq!(Forgotten::parse("5 6"), None);
    assert_eq!(Forgotten::parse("5 6 x"), None);
}

#[test]
fn a_user_record_is_stored_without_its_user_and_decodes_unchanged() {
    let at = Timestamp::from_millis;
    let seen = UserRecord { seen_at: at(5), ..UserRecord::new(UserId::new("ada").unwrap()) };
    let block = Block { at: at(1), until: at(9), session: None };
    let all = UserRecord { erased_at: Some(at(3)), block: Some(block), ..seen.clone() };
    for (record, text) in [(seen, "5"), (all, r#"{"seen_at":5,"erased_at":3,"block":{"at":1,"until":9}}"#)] {
        let stored = encode_user(&record);
        assert_eq!(stored, text.as_bytes());
        let read = raw("$KV.chat.u.ada", stored).read(&keys());
        assert!(matches!(&read, Record::User(read) if *read == record), "{read:?}");
    }
}

#[test]
fn base64_is_decoded() {
    for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob")] {
        assert_eq!(base64(text).unwrap(), bytes.as_bytes());
    }
    assert_eq!(base64("+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
    assert_eq!(base64("a b"), None);
}

proptest! {
    #[test]
    fn encoded_renewals_decode_unchanged(
        all in prop::collection::vec(("[a-z\"\\\\é]{1,9}", "[^\\p{C}]{1,9}", any::<[u64; 3]>()), 0..20),
    ) {
        let beat = |(user, id, [seen, active, revision]): &(String, String, [u64; 3])| {
            let (user, id) = (UserId::new(user).unwrap(), SessionId::new(id).unwrap());
            (user, id, Timestamp::from_millis(*seen), Timestamp::from_millis(*active), *revision)
        };
        let all: Vec<Beat> = all.iter().map(beat).collect();
        let touch = |(user, id, seen_at, active_at, _): Beat| Touch::Session { user, id, seen_at, active_at };
        let revisions = all.iter().map(|beat| beat.4).collect();
        let touches: Vec<Touch> = all.iter().cloned().map(touch).collect();
        prop_assert_eq!(beats(&encode(&all)), Some((touches, revisions)));
    }
}
