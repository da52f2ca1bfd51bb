//! A server at its limits.

use super::world::{World, key, topics};
use presence_core::{Activity, Beat, Builder, Leave, Policy, SessionKey, Status};
use std::time::Duration;

/// How many sessions are accepted, and the response to each, when a user hides, or leaves, and
/// others come until the limit.
#[tokio::test]
async fn whether_there_is_room_says_nothing_about_hidden_users() {
    type Set = fn(Builder) -> Builder;
    let bounds: [(&str, Set); 2] =
        [("sessions", |builder| builder.max_sessions(8)), ("bytes", |builder| builder.max_bytes(40_000))];
    for (what, set) in bounds {
        let mut answers = Vec::new();
        let policy = Policy::default;
        let worlds = [World::with(policy(), set).await, World::with(policy(), set).await];
        for world in &worlds {
            let SessionKey { user, id } = key("h", 0);
            world.beat(Beat::enter(user, id).topics(topics(&["t0".to_owned(), "hidden".to_owned()]))).await;
        }
        worlds[0].presence.declare(key("h", 0), Status::Offline).await.unwrap();
        let SessionKey { user, id } = key("h", 0);
        worlds[1].presence.leave(Leave::new(user, id).immediately()).await.unwrap();
        for (n, world) in worlds.iter().enumerate() {
            let mut responses = Vec::new();
            for round in 0..4 {
                let long = "x".repeat(500);
                for m in 0..60 {
                    let topics = format!(r#"["t0","hidden","{m}-{long}"]"#);
                    let body = format!(r#"{{"user":"u{round}-{m}","kind":"enter","topics":{topics}}}"#);
                    let answer = world.post(body).await;
                    let is_full = answer.starts_with("503");
                    responses.push(answer);
                    if is_full {
                        break;
                    }
                }
                // Until the users who left are forgotten; the hidden one stays.
                for _ in 0..14 {
                    world.pass(Duration::from_secs(10)).await;
                    if n == 0 {
                        let SessionKey { user, id } = key("h", 0);
                        world.beat(Beat::renew(user, id).activity(Activity::Now)).await;
                    }
                }
            }
            answers.push(responses);
        }
        let [hidden, left] = &answers[..] else { panic!() };
        assert!(hidden.iter().any(|response| response.starts_with("503")) && hidden.len() > 10, "{what}");
        assert_eq!(hidden, left, "{what}");
    }
}
