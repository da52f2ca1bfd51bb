use super::*;
use presence_core::{Declaration, Status};

fn problem(text: &str) -> (u16, String) {
    let problem = command(text).unwrap_err();
    (problem.code, problem.words.into_owned())
}

fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

#[test]
fn valid_frames_of_clients_are_decoded() {
    let subscription = |name| vec![SubscriptionRequest::new(Some(topic(name)))];
    let fields = |status, message: Option<&str>| {
        let mut fields = SessionFields::default();
        fields.declares =
            Some(Declaration::new(status).message(message.map(|text| Message::new(text).unwrap())));
        Command::Beat(fields)
    };
    for (text, read) in [
        (
            r#"{"type":"subscribe","channel_id":"general"}"#,
            Command::Subscribe(subscription("channel:general")),
        ),
        (r#"{"type":"subscribe","channel_id":null,"dm_id":"7"}"#, Command::Subscribe(subscription("dm:7"))),
        (
            r#"{"channel_id":"a:b","type":"unsubscribe","more":[1]}"#,
            Command::Unsubscribe(vec![Some(topic("channel:a:b"))]),
        ),
        (
            r#" {"type":"typing","dm_id":"é"} "#,
            Command::Typing { topic: topic("dm:é"), value: Some("true".into()) },
        ),
        (r#"{"type":"ping"}"#, Command::Ping),
        (r#"{"type":"status","status":"busy","message":"lunch"}"#, fields(Status::Busy, Some("lunch"))),
        (r#"{"type":"status","status":"offline","message":""}"#, fields(Status::Offline, None)),
        (r#"{"type":"auth","token":"t"}"#, Command::Auth { token: Token::new("t") }),
    ] {
        assert_eq!(command(text).unwrap(), read, "{text}");
    }
}

#[test]
fn invalid_json_and_unknown_types_get_different_errors() {
    for text in ["", "hello", "{", "[1]", "7", r#"{"type":"ping""#, "{'type':'ping'}"] {
        assert_eq!(problem(text), (400, "Invalid JSON".to_owned()), "{text}");
    }
    for text in
        ["{}", r#"{"type":null}"#, r#"{"type":7}"#, r#"{"type":"Ping"}"#, r#"{"type":"message","data":{}}"#]
    {
        assert_eq!(problem(text), (400, "Invalid message type".to_owned()), "{text}");
    }
}

#[test]
fn a_room_is_named_by_exactly_one_text() {
    for kind in ["subscribe", "unsubscribe", "typing"] {
        for ids in [
            "",
            r#","channel_id":null"#,
            r#","channel_id":"a","dm_id":"b""#,
            r#","channel_id":7"#,
            r#","channel_id":"""#,
            r#","dm_id":["a"]"#,
            r#","dm_id":"a\nb""#,
            &format!(r#","channel_id":"{}""#, "x".repeat(257)),
        ] {
            assert_eq!(problem(&format!(r#"{{"type":"{kind}"{ids}}}"#)).0, 400, "{kind} {ids}");
        }
    }
}

#[test]
fn a_status_is_one_of_four_words() {
    for status in ["", r#","status":"gone""#, r#","status":1"#, r#","status":"online","message":7"#] {
        assert_eq!(problem(&format!(r#"{{"type":"status"{status}}}"#)).0, 400, "{status}");
    }
}

#[test]
fn a_message_that_is_too_long_leaves_the_status() {
    let text = format!(r#"{{"type":"status","status":"away","message":"{}"}}"#, "x".repeat(257));
    let Command::Beat(fields) = command(&text).unwrap() else { panic!("no status") };
    assert_eq!(fields.declares, Some(Status::Away.into()));
}
