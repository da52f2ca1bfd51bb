//! Streams end when the right to watch ends.

use super::{NOW, claims, hit, hs256, look, token, watch};
use crate::auth::forge::signed;
use crate::client::{Events, events};
use crate::rig::Rig;
use presence_axum::auth::{Action, Identity, Resource};
use presence_core::{DisconnectTarget, UserId};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

const STREAMS: [&str; 3] = ["/v1/sse/snapshot", "/v1/sse/diff", "/v1/sse"];

/// Everything until the end of the stream.
async fn last(mut stream: Events) -> String {
    let mut last = String::new();
    while let Some(event) = stream.next().await {
        last = event;
    }
    last
}

#[tokio::test]
async fn a_token_in_the_query_opens_a_stream() {
    let rig = super::rig().await;
    for path in STREAMS {
        let stream = events(rig.address, &format!("{path}?token={}", token("ada")), &[]).await;
        assert_eq!(stream.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let rig = super::rig().await;
    for (path, lives_for) in STREAMS.into_iter().zip([10, 40, 100]) {
        let mut claims = claims("ada");
        let now = rig.presence.clock().now().as_millis() / 1000;
        claims["exp"] = json!(now + lives_for);
        let mut stream = watch(&rig, &signed(&claims), path).await;
        stream.event().await;
        rig.advance(lives_for - 1).await;
        // The stream lasts as long as the token: a change now is still sent.
        hit(&rig, &token("bob"), &format!(r#"{{"kind":"enter","topics":["t{lives_for}"]}}"#)).await;
        let mut last = stream.event().await;
        rig.advance(1).await;
        while let Some(event) = stream.next().await {
            last = event;
        }
        assert_eq!(last, "retry: 2000", "{path}");
    }
    assert!(rig.presence.clock().now().as_millis() / 1000 < NOW + 600);
}

#[tokio::test]
async fn a_stream_ends_when_the_host_withdraws_the_right() {
    let allowed = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&allowed);
    let rig = Rig::with_clock(move |mount, clock| {
        mount.identify(hs256(clock)).authorize(move |_: &Identity, action: Action, on: Resource<'_>| {
            let private = match on {
                Resource::Topic(topic) => topic.as_str() == "private",
                Resource::User(user) => user.as_str() == "private",
                _ => false,
            };
            action != Action::Watch || !private || asked.load(SeqCst)
        })
    })
    .await;
    let private =
        ["/v1/sse/diff?topic=private", "/v1/sse?topic=public&topic=private", "/v1/sse?user=private"];
    let mut open = Vec::new();
    for path in private {
        let mut stream = watch(&rig, &token("ada"), path).await;
        stream.event().await;
        open.push(stream);
    }
    let mut public = watch(&rig, &token("ada"), "/v1/sse/snapshot?topic=public").await;
    rig.advance(31).await;
    allowed.store(false, SeqCst);
    rig.advance(30).await;
    for stream in open {
        assert_eq!(last(stream).await, "retry: 2000");
    }
    for path in private {
        assert_eq!(watch(&rig, &token("ada"), path).await.status, 403);
    }
    hit(&rig, &token("ada"), r#"{"kind":"enter","topics":["public"]}"#).await;
    rig.advance(2).await;
    while !public.event().await.contains("ada") {}
}

#[tokio::test]
async fn a_disconnected_user_loses_every_stream_and_is_refused_until_the_time_is_over() {
    let rig = super::rig().await;
    hit(&rig, &token("ada"), r#"{"kind":"enter"}"#).await;
    let mut streams = Vec::new();
    for path in STREAMS {
        let mut stream = watch(&rig, &token("ada"), path).await;
        stream.event().await;
        streams.push(stream);
    }
    let mut other = watch(&rig, &token("bob"), STREAMS[1]).await;
    other.event().await;
    let ada = UserId::new("ada").unwrap();
    rig.presence.disconnect(&DisconnectTarget::User(ada), std::time::Duration::from_mins(1)).await.unwrap();
    for stream in streams {
        assert_eq!(last(stream).await, "retry: 2000");
    }
    let blocked = r#"{"ok":false,"error":"blocked"}"#;
    assert_eq!(hit(&rig, &token("ada"), r#"{"kind":"enter"}"#).await.status_and_text(), (403, blocked));
    for path in STREAMS {
        assert_eq!(look(&rig, &token("ada"), path).await.status_and_text(), (403, blocked), "{path}");
    }
    assert_eq!(look(&rig, &token("bob"), "/v1/users/ada").await.json()["liveness"], "gone");
    rig.advance(62).await;
    assert_eq!(hit(&rig, &token("ada"), r#"{"kind":"enter"}"#).await.status, 200);
}
