//! `docs/proxies.md`.

use crate::client::send;
use crate::rig::Rig;
use cookbook::proxies::{app, limits};
use presence_axum::limits::Quota;

#[tokio::test]
async fn each_client_behind_the_proxy_has_a_quota_of_its_own() {
    assert_eq!(limits().trusted_proxies, 1);
    let few = limits().hits_per_client(Quota::per_second(1));
    let rig = Rig::serving(|presence| app(presence, few)).await;
    let hit = async |forwarded: &str| {
        let body = r#"{"user":"ada","kind":"enter"}"#;
        send(rig.address, "POST", "/presence/v1/hit", &[("x-forwarded-for", forwarded)], body).await.status
    };
    assert_eq!(hit("203.0.113.7").await, 200);
    assert_eq!(hit("203.0.113.7").await, 429);
    assert_eq!(hit("198.51.100.1, 203.0.113.7").await, 429, "what the client made up is not believed");
    assert_eq!(hit("203.0.113.8").await, 200, "another client");
}
