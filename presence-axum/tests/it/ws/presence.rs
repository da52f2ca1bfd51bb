//! Hits and subscriptions over a socket.

use super::client::Client;
use crate::rig::Rig;
use presence_axum::ws::Settings;
use presence_core::UserId;
use serde_json::json;
use std::time::Duration;

/// A client that has entered as `user` in `topic`.
async fn entered(rig: &Rig, user: &str, topic: &str) -> Client {
    let mut client = Client::connect(rig.address).await;
    client.send(&json!({ "type": "enter", "user": user, "topics": [topic], "ref": 1 }).to_string()).await;
    client.of("entered").await;
    client
}

#[tokio::test]
async fn a_socket_begins_with_what_a_client_needs_to_know() {
    let rig = Rig::new().await;
    let mut client = Client::connect(rig.address).await;
    let hello = client.next().await;
    assert_eq!(
        (&hello["type"], &hello["user"], &hello["idle_for"]),
        (&json!("hello"), &json!(null), &json!(60_000))
    );
    // Whether it is fresh already depends on how long the store has been watched.
    assert_eq!(client.next().await["type"], "presence_view");
}

#[tokio::test]
async fn a_session_lasts_as_long_as_its_socket_and_needs_no_beats() {
    let rig = Rig::new().await;
    let ada = entered(&rig, "ada", "room").await;
    let user = UserId::new("ada").unwrap();
    assert!(rig.presence.user(&user).unwrap().member.liveness.is_live());

    let mut watcher = Client::connect(rig.address).await;
    watcher.send(r#"{"type":"subscribe","topics":["room"],"ref":"s"}"#).await;
    let subscribed = watcher.of("subscribed").await;
    assert_eq!(
        subscribed,
        json!({ "type": "subscribed", "ref": "s", "topic": "room", "mode": "list", "large": false })
    );
    let state = watcher.next().await;
    assert_eq!((&state["type"], &state["topic"]), (&json!("presence_state"), &json!("room")));
    assert_eq!(state["users"]["ada"]["liveness"], "active");

    drop(ada);
    // The drop is noticed by the server when it comes; the grace then runs on the clock.
    let left = async {
        loop {
            rig.advance(1).await;
            watcher.send(r#"{"type":"ping"}"#).await;
            let frame = watcher.next().await;
            if frame["type"] == "presence_diff" {
                return frame;
            }
        }
    };
    let left = tokio::time::timeout(super::client::PATIENCE, left).await.unwrap();
    assert_eq!(left["from"], state["version"]);
    assert_eq!(left["left"], json!({ "ada": { "reason": "left" } }));
}

#[tokio::test]
async fn many_joins_are_batched_in_few_frames() {
    let rig = Rig::with(|mount| {
        let settings = Settings::default().batch(Duration::from_millis(300));
        mount.sockets_with(settings)
    })
    .await;
    let mut watcher = Client::connect(rig.address).await;
    watcher.send(r#"{"type":"subscribe","topics":["room"]}"#).await;
    watcher.of("presence_state").await;
    for n in 0..50 {
        rig.hits(&format!(r#"{{"kind":"enter","user":"u{n}","topics":["room"]}}"#)).await;
    }
    let (mut users, mut frames) = (std::collections::BTreeSet::new(), 0);
    while users.len() < 50 {
        let diff = watcher.of("presence_diff").await;
        frames += 1;
        for user in diff["joined"].as_object().unwrap().keys() {
            assert!(users.insert(user.clone()), "{user} joined twice");
        }
    }
    assert!(frames < 25, "{frames} frames for 50 joins");
}

#[tokio::test]
async fn a_client_that_resumes_with_its_version_gets_what_it_missed() {
    let rig = Rig::new().await;
    let mut keeper = Client::connect(rig.address).await;
    keeper.send(r#"{"type":"subscribe","topics":["room"]}"#).await;
    let state = keeper.of("presence_state").await;
    rig.hits(r#"{"kind":"enter","user":"ada","topics":["room"]}"#).await;
    let diff = keeper.of("presence_diff").await;

    let mut back = Client::connect(rig.address).await;
    let wish = json!({ "topic": "room", "version": state["version"] });
    back.send(&json!({ "type": "subscribe", "topics": [wish] }).to_string()).await;
    back.of("subscribed").await;
    assert_eq!(back.next().await, diff);

    let mut stranger = Client::connect(rig.address).await;
    let wish = json!({ "topic": "room", "version": "0000000000000001-1" });
    stranger.send(&json!({ "type": "subscribe", "topics": [wish] }).to_string()).await;
    stranger.of("subscribed").await;
    assert_eq!(stranger.next().await["type"], "presence_state");
}

#[tokio::test]
async fn a_large_topic_is_shown_as_counts() {
    let rig =
        Rig::with(|mount| mount.sockets_with(Settings::default().large(4).batch(Duration::from_millis(10))))
            .await;
    let mut watcher = Client::connect(rig.address).await;
    watcher.send(r#"{"type":"subscribe","topics":["room"]}"#).await;
    watcher.of("presence_state").await;
    for n in 0..6 {
        rig.hits(&format!(r#"{{"kind":"enter","user":"u{n}","topics":["room"]}}"#)).await;
    }
    let mut counts = watcher.of("presence_counts").await;
    while counts["online"] != 6 {
        counts = watcher.of("presence_counts").await;
    }
    assert_eq!(counts["large"], true);

    let mut late = Client::connect(rig.address).await;
    late.send(r#"{"type":"subscribe","topics":["room"]}"#).await;
    assert_eq!(late.of("subscribed").await["mode"], "counts");
    assert_eq!(late.next().await["online"], 6);
    late.send(r#"{"type":"list","topic":"room","limit":4,"ref":7}"#).await;
    let page = late.of("list").await;
    assert_eq!(
        (page["users"].as_array().unwrap().len(), &page["next"], &page["ref"]),
        (4, &json!("u3"), &json!(7))
    );

    for n in 0..5 {
        rig.hits(&format!(r#"{{"kind":"leave","user":"u{n}","now":true}}"#)).await;
    }
    let state = watcher.of("presence_state").await;
    assert!(state["users"].as_object().unwrap().len() <= 3, "{state}");
}

#[tokio::test]
async fn a_subscription_to_counts_gets_counts_only() {
    let rig = Rig::new().await;
    let mut watcher = Client::connect(rig.address).await;
    watcher.send(r#"{"type":"subscribe","topics":[{"topic":null,"counts":true}]}"#).await;
    assert_eq!(watcher.of("subscribed").await["mode"], "counts");
    let counts = |online: u32| json!({ "type": "presence_counts", "topic": null, "online": online, "active": online, "idle": 0, "large": false });
    assert_eq!(watcher.next().await, counts(0));
    rig.hits(r#"{"kind":"enter","user":"ada"}"#).await;
    assert_eq!(watcher.next().await, counts(1));
}

#[tokio::test]
async fn beats_set_the_fields_that_they_name_and_a_leave_ends_the_session() {
    let rig = Rig::new().await;
    let mut ada = entered(&rig, "ada", "room").await;
    ada.send(r#"{"type":"beat","status":"busy","message":"writing","meta":{"page":2},"ref":"b"}"#).await;
    assert_eq!(ada.of("ok").await, json!({ "type": "ok", "ref": "b" }));
    let member = |user: &str| rig.presence.user(&UserId::new(user).unwrap()).unwrap().member;
    assert_eq!(member("ada").status.as_str(), "busy");
    assert_eq!(member("ada").sessions[0].topics[0].as_str(), "room");

    ada.send(r#"{"type":"leave","now":true,"ref":"l"}"#).await;
    ada.of("ok").await;
    assert!(!member("ada").liveness.is_live());
    ada.send(r#"{"type":"beat","ref":"again"}"#).await;
    let error = ada.of("error").await;
    assert_eq!(
        (&error["code"], &error["error"], &error["ref"]),
        (&json!(403), &json!("not entered"), &json!("again"))
    );
}

#[tokio::test]
async fn errors_name_what_is_wrong_and_the_socket_stays_open() {
    let rig = Rig::new().await;
    let mut client = Client::connect(rig.address).await;
    for (frame, code, words) in [
        ("nonsense", 400, "not json"),
        ("[]", 400, "not an object"),
        (r#"{"type":"dance"}"#, 400, "invalid type"),
        (r#"{"no":"type"}"#, 400, "invalid type"),
        (r#"{"type":"ping","ref":{}}"#, 400, "invalid ref"),
        (r#"{"type":"enter"}"#, 400, "no user"),
        (r#"{"type":"enter","user":""}"#, 400, "invalid user"),
        (r#"{"type":"enter","user":"ada","topics":7}"#, 400, "invalid topics"),
        (r#"{"type":"subscribe"}"#, 400, "invalid topics"),
        (r#"{"type":"subscribe","topics":[7]}"#, 400, "invalid topic"),
        (r#"{"type":"publish","topic":"room"}"#, 400, "no data"),
        (r#"{"type":"publish","topic":"room","data":1}"#, 501, "no broker"),
        (r#"{"type":"typing","topic":"room"}"#, 501, "no broker"),
        (r#"{"type":"list","limit":0}"#, 400, "invalid limit"),
        (r#"{"type":"auth","token":7}"#, 400, "invalid token"),
    ] {
        client.send(frame).await;
        let error = client.of("error").await;
        assert_eq!((&error["code"], &error["error"]), (&json!(code), &json!(words)), "{frame}");
    }
    client.send(r#"{"type":"ping","ref":"a\"b"}"#).await;
    assert_eq!(client.of("pong").await["ref"], "a\"b");
}

#[tokio::test]
async fn a_process_that_shuts_down_sends_a_reconnection_time_and_nobody_leaves() {
    let rig = Rig::new().await;
    let mut ada = entered(&rig, "ada", "room").await;
    rig.presence.drain(Duration::from_secs(10)).await;
    let reconnect = ada.of("reconnect").await;
    assert!(reconnect["in"].as_u64().unwrap() <= 10_000, "{reconnect}");
    assert_eq!(ada.closed().await, 1012);
    rig.advance(5).await;
    let ada = rig.presence.user(&UserId::new("ada").unwrap()).unwrap();
    assert!(ada.member.liveness.is_live());
}

#[tokio::test]
async fn sockets_of_a_plain_server_end_when_presence_shuts_down() {
    use presence_axum::Mount;
    use presence_core::Presence;
    use presence_memory::MemoryStore;
    let presence = Presence::builder(MemoryStore::new()).start().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app: axum::Router = Mount::new(presence.clone()).routes();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut client = Client::connect(address).await;
    client.send(r#"{"type":"subscribe","topics":["room"]}"#).await;
    client.of("presence_state").await;
    presence.shutdown().await;
    assert_eq!(client.closed().await, 1012);
}

#[tokio::test]
async fn a_user_who_joins_a_small_topic_is_in_the_state_that_they_get() {
    let rig = Rig::new().await;
    let mut clients = Vec::new();
    for n in 0..20 {
        let user = format!("u{n}");
        let mut client = entered(&rig, &user, "room").await;
        client.send(r#"{"type":"subscribe","topics":["room"]}"#).await;
        let state = client.of("presence_state").await;
        assert_eq!(state["users"].as_object().unwrap().len(), n + 1, "{user} in {state}");
        clients.push(client);
    }
    // Earlier subscribers get the others in diffs, each of which starts where the one before ended.
    let mut version = serde_json::Value::Null;
    for n in 1..20 {
        let mut diff = clients[0].of("presence_diff").await;
        assert!(diff["joined"].get(format!("u{n}")).is_some(), "{diff}");
        assert!(version.is_null() || diff["from"] == version, "{diff}");
        version = diff["to"].take();
    }
}
