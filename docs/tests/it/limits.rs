//! `docs/limits.md`.

use crate::client::send;
use crate::rig::serving;
use cookbook::limits::{app, limits, start};

#[tokio::test]
async fn requests_beyond_a_limit_are_refused_with_its_status() {
    let presence = start(2).unwrap();
    presence.ready().await;
    let address = serving(app(presence, limits().streams(0))).await;
    let hit = async |body: &str| send(address, "POST", "/v1/hit", &[], body.to_owned()).await.status;
    let enter = async |user: &str| hit(&format!(r#"{{"user":"{user}","kind":"enter"}}"#)).await;
    assert_eq!((enter("a").await, enter("b").await), (200, 200));
    assert_eq!(enter("c").await, 503, "there are as many sessions as may be");
    assert_eq!(hit(r#"{"user":"a"}"#).await, 200, "renewals are never refused for that");
    assert_eq!(hit(&format!(r#"{{"user":"a","x":"{}"}}"#, "y".repeat(17_000))).await, 413);
    assert_eq!(send(address, "GET", "/v1/sse/diff", &[], "").await.status, 503);
    let topics: Vec<_> = (0..65).map(|n| format!("\"{n}\"")).collect();
    assert_eq!(hit(&format!(r#"{{"user":"a","topics":[{}]}}"#, topics.join(","))).await, 400);
    let mut refused = 0;
    for _ in 0..40 {
        refused += u32::from(hit(r#"{"user":"b"}"#).await == 429);
    }
    assert!(refused > 0, "twenty at once are taken of one user");
}
