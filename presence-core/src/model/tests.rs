use super::arbitrary::{self, text};
use super::*;
use crate::time::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeSet, HashSet};

fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

fn membership(name: &str, until: Option<u64>) -> Membership {
    Membership { topic: topic(name), until: until.map(Timestamp::from_millis) }
}

#[test]
fn an_id_has_from_1_to_256_bytes() {
    assert_eq!(UserId::new(""), Err(InvalidValue::Empty { what: "user id" }));
    assert!(UserId::new("é".repeat(128)).is_ok());
    let long = UserId::new("é".repeat(128) + "x");
    assert_eq!(long, Err(InvalidValue::TooLong { what: "user id", max: 256, unit: "bytes" }));
    assert_eq!(long.unwrap_err().to_string(), "user id is longer than 256 bytes");
    assert!(Topic::new("x".repeat(1024)).is_ok() && Topic::new("x".repeat(1025)).is_err());
}

#[test]
fn an_id_may_contain_anything_but_control_characters() {
    for bad in ["\0", "a\nb", "\t", "\u{7f}", "\u{85}", "\u{9f}"] {
        assert_eq!(SessionId::new(bad), Err(InvalidValue::Control { what: "session id" }), "{bad:?}");
    }
    for good in [" ", ".", "..", "*", ">", "{}", ":", "\u{200b}", "\u{202e}", "🙂", "\u{10ffff}", "'\"\\"] {
        assert_eq!(SessionId::new(good).unwrap().as_str(), good);
    }
}

#[test]
fn a_control_character_is_found_at_any_position_of_a_name_of_any_length() {
    for length in 1..40 {
        for (at, bad) in (0..length).flat_map(|at| ['\u{1f}', '\u{7f}', '\u{85}'].map(|bad| (at, bad))) {
            let mut name = vec!['~'; length];
            assert!(UserId::new(name.iter().collect::<String>()).is_ok());
            name[at] = bad;
            let name: String = name.iter().collect();
            assert_eq!(UserId::new(&name), Err(InvalidValue::Control { what: "user id" }), "{name:?}");
        }
    }
}

#[test]
fn an_id_is_validated_when_it_is_deserialized() {
    assert!(serde_json::from_value::<UserId>(json!("")).is_err());
    assert!(serde_json::from_value::<UserId>(json!("a\u{0}b")).is_err());
    assert!(serde_json::from_value::<NodeId>(json!("x".repeat(257))).is_err());
    assert_eq!(serde_json::from_value::<Topic>(json!("/a")).unwrap(), topic("/a"));
    assert_eq!("tab".parse::<SessionId>().unwrap().to_string(), "tab");
}

#[test]
fn nodes_with_the_same_label_get_different_names() {
    let drawn: HashSet<_> = (0..100).map(|_| NodeId::draw("host").unwrap()).collect();
    assert_eq!(drawn.len(), 100);
    assert!(drawn.iter().all(|id| id.as_str().starts_with("host~")));
    assert!(NodeId::draw(&"x".repeat(250)).is_err());
}

#[test]
fn the_longer_of_two_memberships_in_one_topic_counts() {
    let topics = Topics::of(vec![
        membership("b", Some(5)),
        membership("a", Some(1)),
        membership("b", None),
        membership("a", Some(2)),
    ])
    .unwrap();
    assert_eq!(topics.memberships(), [membership("a", Some(2)), membership("b", None)]);
}

#[test]
fn topics_are_limited_in_number_and_bytes() {
    let many = |n: usize| (0..n).map(|n| topic(&format!("t{n}")));
    assert!(Topics::new(many(Topics::MAX)).is_ok());
    assert!(Topics::new(many(Topics::MAX + 1)).is_err());
    // Repeated topics count once.
    assert!(Topics::new(many(Topics::MAX).chain(many(Topics::MAX))).is_ok());
    let long = |n: usize| (0..n).map(|n| topic(&format!("{n:01024}")));
    assert!(Topics::new(long(16)).is_ok());
    assert!(Topics::new(long(16).chain(many(1))).is_err());
    assert!(serde_json::from_value::<Topics>(json!(vec![json!({ "topic": "" })])).is_err());
}

#[test]
fn leaving_a_topic_ends_its_membership_unless_that_ends_earlier() {
    let topics = Topics::of(vec![
        membership("a", None),
        membership("b", Some(5)),
        membership("c", None),
        membership("d", Some(50)),
    ])
    .unwrap();
    let left = topics.leaving(&[topic("a"), topic("b"), topic("d"), topic("x")], Timestamp::from_millis(9));
    assert_eq!(
        left.memberships(),
        [membership("a", Some(9)), membership("b", Some(5)), membership("c", None), membership("d", Some(9))]
    );
    assert_eq!(Topics::NONE.leaving(&[topic("a")], Timestamp::ZERO), Topics::NONE);
}

#[test]
fn a_message_has_up_to_256_characters_and_may_contain_line_breaks() {
    assert!(Message::new("é".repeat(256)).is_ok() && Message::new("é".repeat(257)).is_err());
    assert!(Message::new("").is_ok() && Message::new("a\n\tb").is_ok());
    assert!(Message::new("a\rb").is_err() && Message::new("\u{1b}[2J").is_err());
}

#[test]
fn a_meta_is_a_json_object_of_at_most_one_kilobyte() {
    assert!(Meta::new(json!([])).is_err() && Meta::new(json!("a")).is_err() && Meta::new(json!({})).is_ok());
    let around = Meta::MAX_BYTES - json!({ "a": "" }).to_string().len();
    assert!(Meta::new(json!({ "a": "x".repeat(around) })).is_ok());
    assert!(Meta::new(json!({ "a": "x".repeat(around + 1) })).is_err());
}

#[test]
fn a_status_is_parsed_from_its_display_form() {
    for status in [Status::Online, Status::Away, Status::Busy, Status::Offline] {
        assert_eq!(status.to_string().parse(), Ok(status));
        assert_eq!(serde_json::to_value(status).unwrap(), json!(status.as_str()));
    }
    assert!("Online".parse::<Status>().is_err());
}

#[test]
fn a_declaration_counts_before_its_end_but_not_at_its_end() {
    let (at, message) = (Timestamp::ZERO, None);
    let mut declared = Declared { at, status: Status::Busy, message, until: Some(Timestamp::from_millis(5)) };
    assert!(declared.counts_at(Timestamp::from_millis(4)) && !declared.counts_at(Timestamp::from_millis(5)));
    declared.until = None;
    assert!(declared.counts_at(Timestamp::MAX));
}

#[test]
fn a_session_is_stored_as_readable_json() {
    let session: Session = serde_json::from_value(json!({
        "user": "alice", "id": "tab-1", "seen_at": 3, "active_at": 2,
        "placement": {
            "placed_at": 1, "node": "n~1", "held": true, "lease": 60_000,
            "left": { "at": 4, "ends_at": 5 }, "topics": [{ "topic": "/a" }, { "topic": "/b", "until": 9 }],
        },
        "declared": { "at": 1, "status": "busy", "message": "in a call", "until": 7 },
    }))
    .unwrap();
    assert_eq!(session.placement.lease, std::time::Duration::from_mins(1));
    assert_eq!(session.placement.topics.memberships(), [membership("/a", None), membership("/b", Some(9))]);
    assert_eq!(session.declared.unwrap().status, Status::Busy);
}

proptest! {
    #[test]
    fn a_session_is_read_as_it_was_written(session in arbitrary::session()) {
        let written = serde_json::to_string(&session).unwrap();
        let read: Session = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(&read, &session);
        // Ties are decided by the encoded bytes, so those must not depend on the writer.
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }

    #[test]
    fn topics_are_sorted_without_duplicates_in_whatever_order_they_are_given(names in prop::collection::vec(text(10), 0..20), seed in any::<u64>()) {
        let topics = Topics::new(names.iter().map(|name| topic(name))).unwrap();
        let expected: BTreeSet<_> = names.iter().map(|name| topic(name)).collect();
        prop_assert_eq!(topics.names().cloned().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
        let mut turned = names.clone();
        turned.rotate_left(usize::try_from(seed % 20).unwrap().min(names.len()));
        prop_assert_eq!(Topics::new(turned.iter().map(|name| topic(name))).unwrap(), topics);
    }

    #[test]
    fn any_text_is_either_an_id_or_refused_for_the_right_reason(text in any::<String>()) {
        match UserId::new(&text) {
            Ok(id) => prop_assert_eq!(id.as_str(), text),
            Err(InvalidValue::Empty { .. }) => prop_assert!(text.is_empty()),
            Err(InvalidValue::Control { .. }) => prop_assert!(text.chars().any(char::is_control)),
            Err(_) => prop_assert!(text.len() > 256),
        }
    }
}

#[test]
fn a_declaration_repeats_an_earlier_one_if_all_but_the_time_is_equal() {
    let at = Timestamp::from_millis;
    let lunch = Declaration::new(Status::Away).message(Message::new("lunch").unwrap()).until(at(9));
    let known = lunch.clone().declared(at(1));
    assert_eq!((known.at, known.until), (at(1), Some(at(9))));
    assert!(lunch.repeats(&known));
    for other in [
        Declaration::new(Status::Busy).message(lunch.message.clone()).until(at(9)),
        lunch.clone().message(None),
        lunch.clone().until(at(10)),
        Status::Away.into(),
    ] {
        assert!(!other.repeats(&known), "{other:?}");
    }
}

#[test]
fn a_message_is_parsed_from_its_text_and_displayed_as_it() {
    let message: Message = "at lunch".parse().unwrap();
    assert_eq!(
        (message.to_string().as_str(), Message::try_from("at lunch")),
        ("at lunch", Ok(message.clone()))
    );
    assert!("a\0b".parse::<Message>().is_err());
}
