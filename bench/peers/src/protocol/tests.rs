use super::{ALL, Notice, named};

/// The events in these frames, as text.
fn notices(protocol: &str, frames: &[&str]) -> Vec<String> {
    let protocol = named(protocol).unwrap();
    let mut notices = Vec::new();
    for frame in frames {
        let mut emit = |notice: Notice<'_>| notices.push(format!("{notice:?}"));
        protocol.decode(frame, &mut emit).unwrap();
    }
    notices
}

/// The same events in each protocol: ada is present, bob joins, ada leaves.
const STORY: [&str; 4] = ["State", r#"Joined("ada")"#, r#"Joined("bob")"#, r#"Left("ada")"#];

#[test]
fn each_protocol_tells_the_same_story() {
    let ours = [
        r#"{"type":"presence_state","topic":"r","version":"1-1","view":"fresh","users":{"ada":{"liveness":"active"}}}"#,
        r#"{"type":"presence_diff","topic":"r","from":"1-1","version":"1-2","joined":{"bob":{}},"changed":{},"left":{"ada":{"reason":"left"}}}"#,
    ];
    let socket_io =
        [r#"42["users",["ada"]]"#, r#"42["user connected","bob"]"#, r#"42["user disconnected","ada"]"#];
    let centrifugo = [
        r#"{"id":4,"presence":{"presence":{"ada":{"client":"ada","user":""}}}}"#,
        "{\"push\":{\"channel\":\"r\",\"join\":{\"info\":{\"user\":\"\",\"client\":\"bob\"}}}}\n\
         {\"push\":{\"channel\":\"r\",\"leave\":{\"info\":{\"user\":\"\",\"client\":\"ada\"}}}}",
    ];
    let phoenix = [
        r#"["1",null,"room:r","presence_state",{"ada":{"metas":[{"phx_ref":"1"}]}}]"#,
        r#"[null,null,"room:r","presence_diff",{"joins":{"bob":{"metas":[]}},"leaves":{"ada":{"metas":[]}}}]"#,
    ];
    let pusher = [
        r#"{"event":"pusher_internal:subscription_succeeded","channel":"presence-r","data":"{\"presence\":{\"count\":1,\"ids\":[\"ada\"],\"hash\":{\"ada\":{}}}}"}"#,
        r#"{"event":"pusher_internal:member_added","channel":"presence-r","data":"{\"user_id\":\"bob\",\"user_info\":{}}"}"#,
        r#"{"event":"pusher_internal:member_removed","channel":"presence-r","data":"{\"user_id\":\"ada\"}"}"#,
    ];
    let by_hand =
        [r#"{"type":"state","users":["ada"]}"#, r#"{"type":"diff","joined":["bob"],"left":["ada"]}"#];
    let stories: [(&str, &[&str]); 6] = [
        ("ours", &ours),
        ("socket.io", &socket_io),
        ("centrifugo", &centrifugo),
        ("phoenix", &phoenix),
        ("ws", &by_hand),
        ("pusher", &pusher),
    ];
    assert_eq!(stories.map(|(name, _)| name).len(), ALL.len());
    for (protocol, frames) in stories {
        let mut found = notices(protocol, frames);
        found.retain(|word| !word.starts_with("Listed"));
        // Its list adds to what is known.
        let story = if protocol == "socket.io" { &STORY[1..] } else { &STORY[..] };
        assert_eq!(found, story, "{protocol}");
    }
}

#[test]
fn counts_and_lists_are_numbers() {
    let counts = r#"{"type":"presence_counts","topic":"r","online":7,"active":7,"idle":0,"large":true}"#;
    assert_eq!(notices("ours", &[counts]), ["Online(7)"]);
    assert_eq!(notices("ws", &[r#"{"type":"counts","online":7}"#]), ["Online(7)"]);
    assert_eq!(notices("socket.io", &[r#"431[["ada","bob"]]"#]), ["Listed(2)"]);
}

#[test]
fn pages_are_followed_to_the_last() {
    let ours = named("ours").unwrap();
    let (users, next) = ours.page("r", r#"{"users":[{"user":"ada"}],"next":"x","online":2}"#).unwrap();
    assert_eq!((users, next.as_deref()), (1, Some("/v1/list?topic=r&limit=1000&cursor=x")));
    assert_eq!(ours.page("r", r#"{"users":[],"next":null}"#).unwrap(), (0, None));
}

#[test]
fn an_error_of_a_server_is_an_error() {
    let refused = r#"{"type":"error","ref":null,"code":429,"error":"too many frames"}"#;
    assert!(named("ours").unwrap().decode(refused, &mut |_| {}).is_err());
    let pusher = named("pusher").unwrap();
    let refused = r#"{"event":"pusher:error","data":{"message":"over quota","code":4004}}"#;
    assert!(pusher.decode(refused, &mut |_| {}).is_err());
    let closes = r#"{"event":"pusher:error","data":{"message":"Server shutting down","code":4200}}"#;
    assert!(pusher.decode(closes, &mut |_| {}).is_ok());
    assert!(named("nobody").is_err());
}

/// The expected signature was made with OpenSSL.
#[test]
fn a_pusher_client_signs_what_it_enters() {
    let pusher = named("pusher").unwrap();
    let greeting = r#"{"event":"pusher:connection_established","data":"{\"socket_id\":\"1234.1234\",\"activity_timeout\":120}"}"#;
    let [command] = &pusher.enter("ada", "foobar")[..] else { panic!("one command") };
    let signed = pusher.signed(greeting, command).unwrap().unwrap();
    let expected = "53c918f7dd418330429038411a4c57e3d8460b545b53c8f029dc997fc885a5e4";
    assert!(signed.contains(&format!(r#""auth":"peers-key:{expected}""#)), "{signed}");
    assert!(pusher.signed(greeting, r#"{"event":"pusher:ping","data":{}}"#).unwrap().is_none());
    assert!(pusher.signed(r#"{"event":"x","data":"{}"}"#, command).is_err());
}
