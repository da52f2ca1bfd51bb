//! The responses to frames on the socket.

use super::full::{SHORT, long, rig, room};
use super::measured;
use crate::ws::client::{Client, connect_with};
use serde_json::{Value, json};

/// The size of the response to a frame: the frames with its reference, up to the frame of type
/// `last` about the same topic.
async fn answered(client: &mut Client, frame: &Value, last: &str) -> usize {
    client.send(&frame.to_string()).await;
    let topic = frame["topics"].get(0).filter(|_| last.starts_with("presence_"));
    let mut bytes = 0;
    loop {
        let received = client.next().await;
        let is_last = received["type"] == last && topic.is_none_or(|topic| received["topic"] == *topic);
        if is_last || received["ref"] == frame["ref"] {
            bytes += received.to_string().len();
        }
        if is_last {
            return bytes;
        }
        assert_ne!(received["type"], "error", "{received}");
    }
}

#[tokio::test]
async fn no_frame_of_a_full_store_is_larger_than_its_row_says() {
    let rig = rig().await;
    let origin = format!("http://{}", rig.address);
    let mut client = connect_with(rig.address, "/v1/ws", &[("origin", &origin)]).await.unwrap();
    client.of("presence_view").await;
    let (topic, reference) = (room(350), "\"".repeat(31));
    let of = |kind: &str, rest: Value| {
        let mut frame = json!({ "type": kind, "ref": reference });
        frame.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        frame
    };
    let session = long(256, 7);
    // Messages have channels, whose names are slightly shorter.
    let long_topic = long(1_000, 9);
    client.send(&json!({ "type": "subscribe", "topics": [long_topic] }).to_string()).await;
    client.of("presence_state").await;
    for (kind, rest, last) in [
        ("enter", json!({ "user": long(256, 3), "session": session, "topics": [room(SHORT)] }), "entered"),
        ("beat", json!({ "status": "busy" }), "ok"),
        ("ping", json!({}), "pong"),
        ("subscribe", json!({ "topics": [topic] }), "presence_state"),
        ("publish", json!({ "topic": long_topic, "data": 1 }), "published"),
        ("unsubscribe", json!({ "topics": [topic] }), "unsubscribed"),
        ("list", json!({ "topic": null, "limit": 1_000 }), "list"),
        ("leave", json!({ "now": true }), "ok"),
    ] {
        measured(kind, answered(&mut client, &of(kind, rest), last).await);
    }
    // A state that is too large for a list becomes counts.
    let large = of("subscribe", json!({ "topics": [room(850)] }));
    assert!(answered(&mut client, &large, "presence_counts").await < 8 * 1024);
    // These two get a response only if they are refused.
    for (kind, rest) in
        [("typing", json!({ "topic": long(1_024, 9), "value": 1 })), ("auth", json!({ "token": "x" }))]
    {
        client.send(&of(kind, rest).to_string()).await;
        let refused = client.of("error").await.to_string();
        assert!(refused.len() <= 4 * 1024, "{kind}: {}", refused.len());
    }
}
