//! Each response forbids browsers to guess its content type.

use crate::client::send;
use crate::rig::Rig;
use presence_axum::Limits;

#[tokio::test]
async fn every_response_forbids_content_sniffing() {
    let rig = Rig::with(|mount| mount.limits(Limits::default().streams(4))).await;
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    for (method, path, body, status) in [
        ("GET", "/v1/counts", "", 200),
        ("GET", "/v1/list", "", 200),
        ("GET", "/v1/topics", "", 200),
        ("GET", "/v1/users/a", "", 200),
        ("GET", "/v1/users?ids=a", "", 200),
        ("GET", "/v1/health", "", 200),
        ("GET", "/presence.js", "", 200),
        ("POST", "/v1/hit", r#"{"user":"a"}"#, 200),
        ("POST", "/v1/hit", "no JSON", 400),
        ("GET", "/v1/list?limit=x", "", 400),
    ] {
        let reply = send(rig.address, method, path, &[], body).await;
        assert_eq!(
            (reply.status, reply.header("x-content-type-options")),
            (status, Some("nosniff")),
            "{path}"
        );
    }
    let mut held = Vec::new();
    for (path, status) in [
        ("/v1/sse/snapshot", 200),
        ("/v1/sse/diff", 200),
        ("/v1/sse", 200),
        ("/v1/sse?topic=x", 200),
        ("/v1/sse", 503),
    ] {
        let stream = rig.events(path).await;
        assert_eq!(
            (stream.status, &stream.headers["x-content-type-options"]),
            (status, &"nosniff".parse().unwrap())
        );
        held.push(stream);
    }
}
