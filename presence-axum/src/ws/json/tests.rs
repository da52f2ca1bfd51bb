//! Unit tests of the JSON format.

use super::*;
use crate::ws::{Command, Mode, Reference};
use presence_core::Topic;
use proptest::prelude::*;

#[test]
fn a_reference_is_echoed_unchanged() {
    for (sent, back) in [(r#""a""#, r#""a""#), ("7", "7"), ("-7", "-7"), (r#""\u0061\n""#, r#""a\n""#)] {
        let request = Json.decode(&format!(r#"{{"type":"ping","ref":{sent}}}"#)).unwrap();
        assert_eq!(request.reference.as_ref().map(Reference::as_json), Some(back));
    }
    for wrong in ["1.5", "true", "[1]", &format!("{:?}", "x".repeat(65))] {
        assert!(Json.decode(&format!(r#"{{"type":"ping","ref":{wrong}}}"#)).is_err(), "{wrong}");
    }
}

#[test]
fn a_response_without_fields_is_valid_json() {
    let mut frames = Frames::default();
    Json.encode(&Update::Done { reference: Reference::new("7") }, &mut frames);
    Json.encode(&Update::Done { reference: None }, &mut frames);
    let texts: Vec<_> = frames.into_vec();
    assert!(texts[0].clone().into_bytes().ends_with(br#"{"type":"ok","ref":7}"#));
    assert!(texts[1].clone().into_bytes().ends_with(br#"{"type":"ok"}"#));
}

#[test]
fn debug_of_a_command_does_not_show_a_token() {
    let request = Json.decode(r#"{"type":"auth","token":"hush"}"#).unwrap();
    assert!(matches!(request.command, Command::Auth { .. }));
    assert!(!format!("{request:?}").contains("hush"));
}

#[test]
fn each_topic_of_a_list_counts_once_and_there_are_few_of_them() {
    let subscribe = |entries: &str| {
        Json.decode(&format!(r#"{{"type":"subscribe","topics":[{entries}]}}"#)).map(|request| request.command)
    };
    let Ok(Command::Subscribe(subscriptions)) = subscribe(r#""a",null,"b",{"topic":"a","counts":true},null"#)
    else {
        panic!()
    };
    let names: Vec<_> = subscriptions
        .iter()
        .map(|subscription| {
            (subscription.topic.as_ref().map_or("", Topic::as_str), subscription.mode == Mode::Counts)
        })
        .collect();
    assert_eq!(names, [("b", false), ("a", true), ("", false)]);
    for kind in ["subscribe", "unsubscribe"] {
        let decode = |n: usize| {
            let entries = vec!["null"; n].join(",");
            Json.decode(&format!(r#"{{"type":"{kind}","topics":[{entries}]}}"#))
        };
        match decode(256).unwrap().command {
            Command::Subscribe(subscriptions) => assert_eq!(subscriptions.len(), 1),
            Command::Unsubscribe(topics) => assert_eq!(topics, [None]),
            other => panic!("{other:?}"),
        }
        assert_eq!(decode(257).unwrap_err().words, "too many topics");
    }
}

#[test]
fn every_type_of_frame_has_a_row_in_the_table_of_bounds() {
    let bounds = include_str!("../../../docs/bounds.md");
    for kind in decode::TYPES {
        let row = bounds.lines().find(|line| line.starts_with(&format!("| `{kind}` |")));
        assert!(row.is_some(), "no row for frames of the type {kind}");
        // A known type is refused for another reason than its name.
        let wrong = Json.decode(&format!(r#"{{"type":"{kind}"}}"#)).err();
        assert!(wrong.is_none_or(|problem| problem.words != "invalid type"), "{kind}");
    }
}

proptest! {
    #[test]
    fn no_frame_makes_decoding_panic(
        kind in "enter|beat|leave|subscribe|unsubscribe|typing|publish|list|auth|ping|x",
        field in "ref|user|session|topics|topic|idle_ms|status|message|meta|value|data|key|limit|cursor|token",
        value in r#"null|true|-1|1e400|"[a-z\\n]{0,9}"|\[\]|\[null,1,"a",\{\}\]|\{"topic":1\}|\{\}"#,
        rest in ".{0,30}",
    ) {
        let _ = Json.decode(&format!(r#"{{"type":"{kind}","{field}":{value}}}"#));
        let _ = Json.decode(&rest);
    }
}
