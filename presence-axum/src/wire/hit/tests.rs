use super::*;
use bytes::Bytes;
use proptest::prelude::*;

fn read(body: &str) -> Result<Hit, Error> {
    Hit::read(&LenientJson::from(Bytes::copy_from_slice(body.as_bytes())), None)
}

#[test]
fn a_hit_without_a_user_is_the_callers() {
    let caller = UserId::new("ada").unwrap();
    let read = |body: &'static str| Hit::read(&LenientJson::from(body.as_bytes()), Some(&caller)).unwrap();
    for body in ["{}", r#"{"user":""}"#, r#"{"user":null,"kind":"leave"}"#] {
        assert_eq!(read(body).user(), &caller, "{body}");
    }
    assert_eq!(read(r#"{"user":"bob"}"#).user().as_str(), "bob");
}

fn beat(body: &str) -> Beat {
    match read(body).unwrap() {
        Hit::Beat(beat) => beat,
        Hit::Leave(leave) => panic!("{leave:?}"),
    }
}

fn leave(body: &str) -> Leave {
    match read(body).unwrap() {
        Hit::Leave(leave) => leave,
        Hit::Beat(beat) => panic!("{beat:?}"),
    }
}

fn refusal(body: &str) -> String {
    let error = read(body).unwrap_err();
    assert_eq!(error.status(), 400, "{body}");
    error.word().to_owned()
}

fn id(name: &str) -> (UserId, SessionId) {
    (UserId::new(name).unwrap(), SessionId::new(name).unwrap())
}

#[test]
fn a_hit_with_a_user_only_renews_the_session_of_that_name() {
    let (user, session) = id("alice");
    assert_eq!(beat(r#"{"user":"alice"}"#), Beat::renew(user, session));
    let (user, session) = id("12345678901234567890123");
    assert_eq!(beat(r#"{"user":12345678901234567890123,"kind":"beat"}"#), Beat::renew(user, session));
}

#[test]
fn an_enter_is_active_now_unless_it_has_idle_ms() {
    assert_eq!(beat(r#"{"user":"a","kind":"enter"}"#).activity, Activity::Now);
    assert_eq!(beat(r#"{"user":"a"}"#).activity, Activity::Unknown);
    let ago = Activity::Ago(Duration::from_millis(1500));
    assert_eq!(beat(r#"{"user":"a","kind":"enter","idle_ms":1500.7}"#).activity, ago);
    assert_eq!(beat(r#"{"user":"a","idle_ms":1.5e3}"#).activity, ago);
}

#[test]
fn absent_topics_differ_from_an_empty_list() {
    assert_eq!(beat(r#"{"user":"a"}"#).topics, None);
    assert_eq!(beat(r#"{"user":"a","topics":[]}"#).topics, Some(Topics::NONE));
    assert_eq!(beat(r#"{"user":"a","topics":["/x","/x","/y"]}"#).topics.unwrap().names().count(), 2);
}

#[test]
fn a_status_may_have_a_message() {
    let declares = beat(r#"{"user":"a","status":"busy","message":"in a call"}"#).declares.unwrap();
    assert_eq!((declares.status, declares.message.unwrap().as_str()), (Status::Busy, "in a call"));
    assert_eq!(beat(r#"{"user":"a","status":"away"}"#).declares.unwrap().message, None);
    assert_eq!(refusal(r#"{"user":"a","message":"in a call"}"#), "no status");
}

#[test]
fn a_leave_may_have_topics_placed_at_and_now() {
    let all = leave(r#"{"user":"a","session":"s","kind":"leave"}"#);
    assert_eq!(all, Leave::new(UserId::new("a").unwrap(), SessionId::new("s").unwrap()));
    let some = leave(r#"{"user":"a","kind":"leave","topics":["/x"],"now":true,"placed_at":17}"#);
    assert_eq!(some.topics.unwrap(), [Topic::new("/x").unwrap()]);
    assert_eq!((some.kind, some.placed_at), (LeaveKind::Immediate, Some(Timestamp::from_millis(17))));
    assert_eq!(refusal(r#"{"user":"a","kind":"leave","topics":[]}"#), "no topics");
}

#[test]
fn the_first_wrong_field_is_named() {
    let long = "x".repeat(257);
    for (body, word) in [
        ("{}", "no user"),
        (r#"{"user":null}"#, "no user"),
        (r#"{"user":"","kind":7}"#, "no user"),
        (r#"{"user":true}"#, "invalid user"),
        (r#"{"user":["a"]}"#, "invalid user"),
        (r#"{"user":1e400}"#, "invalid user"),
        (r#"{"user":"\u0000"}"#, "invalid user"),
        (r#"{"user":"\ud800"}"#, "invalid user"),
        (&format!(r#"{{"user":"{long}"}}"#), "invalid user"),
        (r#"{"user":"a","session":""}"#, "invalid session"),
        (r#"{"user":"a","session":{}}"#, "invalid session"),
        (r#"{"user":"a","kind":"hello"}"#, "invalid kind"),
        (r#"{"user":"a","kind":1}"#, "invalid kind"),
        (r#"{"user":"a","topics":"/x"}"#, "invalid topics"),
        (r#"{"user":"a","topics":[1]}"#, "invalid topics"),
        (r#"{"user":"a","topics":[""]}"#, "invalid topics"),
        (r#"{"user":"a","idle_ms":-1}"#, "invalid idle_ms"),
        (r#"{"user":"a","idle_ms":"5"}"#, "invalid idle_ms"),
        (r#"{"user":"a","status":"asleep"}"#, "invalid status"),
        (r#"{"user":"a","status":"busy","message":7}"#, "invalid message"),
        (r#"{"user":"a","kind":"leave","now":1}"#, "invalid now"),
        (r#"{"user":"a","kind":"leave","placed_at":-5}"#, "invalid placed_at"),
        (r#"{"user":"a","meta":[]}"#, "invalid meta"),
        (r#"{"user":"a","meta":{"n":1e400}}"#, "invalid meta"),
        (r#"["a"]"#, "not an object"),
        (r#"{"user":"a""#, "not json"),
    ] {
        assert_eq!(refusal(body), word, "{body}");
    }
    let topics: Vec<_> = (0..65).map(|i| format!(r#""{i}""#)).collect();
    assert_eq!(refusal(&format!(r#"{{"user":"a","topics":[{}]}}"#, topics.join(","))), "invalid topics");
    let deep = format!(r#"{{"user":"a","meta":{{"x":{}{}}}}}"#, "[".repeat(500), "]".repeat(500));
    assert_eq!(refusal(&deep), "invalid meta");
}

/// JSON-like text: valid values of all kinds, nested, beside what breaks the grammar.
fn anything() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<f64>().prop_map(|n| n.to_string()),
        "-?[0-9]{1,30}(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,20})?",
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
        Just(r#""\ud800""#.to_owned()),
        "\\PC{0,8}",
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(","))),
            prop::collection::vec(("\"[a-z]{0,3}\"", inner), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_fields_are_accepted_or_refused_by_name(
        fields in prop::collection::vec((prop::sample::select(vec![
            "user", "session", "kind", "topics", "idle_ms", "status", "message", "now", "placed_at", "meta", "x",
        ]), anything()), 0..8),
        loose in anything(),
    ) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        for body in [format!("{{{}}}", fields.join(",")), format!(r#"{{"user":"a",{}}}"#, fields.join(",")), loose] {
            if let Err(error) = read(&body) {
                prop_assert_eq!(error.status(), 400);
            }
        }
    }
}
