//! An app on plain `axum::serve`, without our graceful shutdown: its streams end all the same.

use axum::body::Body;
use http_body_util::BodyExt;
use presence_axum::Mount;
use presence_core::Presence;
use presence_memory::MemoryStore;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

#[tokio::test]
async fn every_stream_ends_when_presence_shuts_down() {
    let presence = Presence::builder(MemoryStore::new()).start().unwrap();
    presence.ready().await;
    let app = Mount::new(presence.clone()).routes();
    let mut bodies = Vec::new();
    for path in ["/v1/sse/snapshot", "/v1/sse/snapshot?topic=/a", "/v1/sse/diff", "/v1/sse/diff?topic=/a"] {
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let mut body = app.clone().oneshot(request).await.unwrap().into_body();
        assert!(body.frame().await.is_some(), "{path} begins");
        bodies.push((path, body));
    }
    presence.shutdown().await;
    for (path, body) in bodies {
        let end = tokio::time::timeout(Duration::from_secs(30), body.collect()).await;
        assert!(end.is_ok(), "{path} goes on");
    }
    // A later reader gets the present state, and nothing else.
    let request = http::Request::get("/v1/sse/snapshot").body(Body::empty()).unwrap();
    let late = app.oneshot(request).await.unwrap().into_body();
    assert!(tokio::time::timeout(Duration::from_secs(30), late.collect()).await.is_ok());
}

#[tokio::test]
async fn a_host_on_axum_serve_stops_while_a_snapshot_stream_is_read() {
    let presence = Presence::builder(MemoryStore::new()).start().unwrap();
    presence.ready().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let app = Mount::new(presence.clone()).routes();
    let host = {
        let (presence, stop) = (presence.clone(), stop.clone());
        tokio::spawn(async move {
            axum::serve(listener, app)
                .with_graceful_shutdown(async move {
                    stop.cancelled().await;
                    presence.shutdown().await;
                })
                .await
        })
    };
    let mut stream = crate::client::events(address, "/v1/sse/snapshot", &[]).await;
    stream.event().await;
    stop.cancel();
    let stopped = tokio::time::timeout(Duration::from_secs(30), host).await;
    assert!(stopped.is_ok(), "one reader keeps the host alive");
}
