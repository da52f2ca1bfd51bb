//! The server.

use crate::client::{events, send, soon};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use presence_axum::serve::{Options, serve};
use presence_axum::sse;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

async fn served(app: Router, options: Options) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    Served { address, stop, ended: tokio::spawn(serve(listener, app, options, shutdown)) }
}

/// One event at once, and then none.
async fn silent_stream() -> axum::response::Response {
    use futures_util::StreamExt;
    sse::response(stream::iter([Bytes::from_static(b"data: 1\n\n")]).chain(stream::pending()))
}

fn app() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
        .route("/stream", get(silent_stream))
        .route("/hang", get(async || std::future::pending::<()>().await))
}

#[tokio::test]
async fn draining_ends_event_streams_with_a_reconnection_time() {
    let served = served(app(), Options::default()).await;
    let mut stream = events(served.address, "/stream", &[]).await;
    assert_eq!(stream.event().await, "data: 1");
    served.stop.send(()).unwrap();
    let last = stream.event().await;
    let after: u64 = last.strip_prefix("retry: ").unwrap().parse().unwrap();
    assert!((1_000..6_000).contains(&after), "{after}");
    assert_eq!(stream.next().await, None);
    soon(served.ended).await.unwrap();
}

#[tokio::test]
async fn draining_finishes_running_requests_and_accepts_no_new_ones() {
    let (reached, release) = (std::sync::Arc::new(Notify::new()), std::sync::Arc::new(Notify::new()));
    let handler = {
        let (reached, release) = (reached.clone(), release.clone());
        async move || {
            reached.notify_one();
            release.notified().await;
            "done"
        }
    };
    let served = served(Router::new().route("/", get(handler)), Options::default()).await;
    let under_way = tokio::spawn(async move { send(served.address, "GET", "/", &[], "").await });
    soon(reached.notified()).await;
    served.stop.send(()).unwrap();
    while TcpStream::connect(served.address).await.is_ok() {} // until the listener is closed
    release.notify_one();
    assert_eq!(soon(under_way).await.unwrap().status_and_text(), (200, "done"));
    soon(served.ended).await.unwrap();
}

#[tokio::test]
async fn a_drain_has_a_deadline() {
    let served = served(app(), Options::default().drain_for(Duration::from_millis(10))).await;
    let mut hangs = TcpStream::connect(served.address).await.unwrap();
    hangs.write_all(b"GET /hang HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    // The response shows that the connection before it was accepted.
    assert_eq!(send(served.address, "GET", "/", &[], "").await.text, "hello");
    served.stop.send(()).unwrap();
    soon(served.ended).await.unwrap();
    let mut rest = Vec::new();
    let _ = soon(hangs.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_connection_beyond_the_limit_gets_503() {
    let served = served(app(), Options::default().max_connections(1)).await;
    let held = events(served.address, "/stream", &[]).await;
    let refused = send(served.address, "GET", "/", &[], "").await;
    assert_eq!(refused.status_and_text(), (503, r#"{"ok":false,"error":"full"}"#));
    drop(held);
    let mut tries = 0;
    while send(served.address, "GET", "/", &[], "").await.status != 200 {
        tries += 1; // the server has yet to see the closed connection
        assert!(tries < 10_000);
    }
}

#[tokio::test]
async fn a_client_with_too_many_connections_gets_429() {
    let options = Options::default().max_connections_per_client(1);
    let served = served(app(), options).await;
    let held = events(served.address, "/stream", &[]).await;
    let refused = send(served.address, "GET", "/", &[], "").await;
    assert_eq!(refused.status_and_text(), (429, r#"{"ok":false,"error":"too many connections"}"#));
    assert_eq!(refused.header("retry-after"), Some("5"));
    drop(held);
    let mut tries = 0;
    while send(served.address, "GET", "/", &[], "").await.status != 200 {
        tries += 1; // the server has yet to see the closed connection
        assert!(tries < 10_000);
    }
}

#[tokio::test]
async fn a_client_that_sends_half_a_head_is_disconnected() {
    let served = served(app(), Options::default().header_timeout(Duration::from_millis(20))).await;
    let mut half = TcpStream::connect(served.address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    let mut rest = String::new();
    soon(half.read_to_string(&mut rest)).await.unwrap();
    assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 408"), "{rest}");
}

#[tokio::test]
async fn a_stream_may_last_longer_than_the_time_limit_of_a_head() {
    use futures_util::StreamExt;
    let go_on = std::sync::Arc::new(Notify::new());
    let handler = {
        let go_on = go_on.clone();
        async move || {
            let later = stream::once(async move {
                go_on.notified().await;
                Bytes::from_static(b"data: 2\n\n")
            });
            sse::response(stream::iter([Bytes::from_static(b"data: 1\n\n")]).chain(later))
        }
    };
    let options = Options::default().header_timeout(Duration::from_millis(20));
    let served = served(Router::new().route("/", get(handler)), options).await;
    let mut stream = events(served.address, "/", &[]).await;
    assert_eq!(stream.event().await, "data: 1");
    // When this returns, a later connection that sends nothing has been closed in its favour.
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    let _ = soon(silent.read_to_end(&mut Vec::new())).await;
    go_on.notify_one();
    assert_eq!(stream.event().await, "data: 2");
}

#[tokio::test]
async fn a_head_beyond_the_limit_gets_431() {
    let served = served(app(), Options::default()).await;
    let long = "x".repeat(200_000);
    assert_eq!(send(served.address, "GET", "/", &[("x-long", &long)], "").await.status, 431);
}

#[tokio::test]
async fn handlers_find_their_peer() {
    let served = served(app(), Options::default()).await;
    assert!(send(served.address, "GET", "/peer", &[], "").await.text.starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn a_client_that_resets_its_connection_does_not_disturb_the_server() {
    let served = served(app(), Options::default()).await;
    for _ in 0..20 {
        let mut rude = TcpStream::connect(served.address).await.unwrap();
        rude.write_all(b"GET /hang HTTP/1.1\r\nhost: x\r\n\r\nGARBAGE").await.unwrap();
        socket2::SockRef::from(&rude).set_linger(Some(Duration::ZERO)).unwrap(); // a reset, not a close
    }
    assert_eq!(send(served.address, "GET", "/", &[], "").await.text, "hello");
}

/// Sends these bytes and reads until the server closes.
async fn raw(address: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may have responded and closed before it has read everything.
    let _ = stream.write_all(request.as_ref()).await;
    let mut answer = Vec::new();
    let _ = soon(stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_request_has_one_host_and_no_unknown_transfer_coding() {
    let served = served(app(), Options::default()).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 200),
        ("GET / HTTP/1.0\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nconnection: close\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\nconnection: close\r\n\r\n", 400),
        (
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            200,
        ),
        ("GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (
            "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            501,
        ),
    ] {
        let answer = raw(served.address, request).await;
        assert!(
            answer.contains(&format!("HTTP/1.1 {status}")) || answer.contains(&format!("HTTP/1.0 {status}")),
            "{request:?}: {answer}"
        );
        assert!(status == 200 || answer.contains(r#""ok":false"#), "{answer}");
    }
}

#[tokio::test]
async fn errors_of_the_server_itself_use_the_services_own_format() {
    let options = Options::default()
        .error_body(|words| format!(r#"{{"error":"{words}"}}"#))
        .cors(presence_axum::Cors::any());
    let served = served(app(), options).await;
    let (long, longer) = ("x".repeat(70_000), "x".repeat(400_000));
    for (request, status, words) in [
        (format!("GET /?{long} HTTP/1.1\r\nhost: a\r\n\r\n"), 414, "the URL is too long"),
        (
            format!("GET / HTTP/1.1\r\nhost: a\r\nx: {longer}\r\n\r\n"),
            431,
            "the head of the request is too large",
        ),
        ("GET / HTTP/1.1\r\nhost\u{1}\r\n\r\n".to_owned(), 400, "malformed request"),
    ] {
        let answer = raw(served.address, request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(head.contains("access-control-allow-origin: *"), "{answer}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
        assert_eq!(body, format!(r#"{{"error":"{words}"}}"#));
    }
}

#[tokio::test]
async fn a_reader_that_does_not_take_its_frame_is_disconnected() {
    let sent = std::sync::Arc::new(());
    let held = std::sync::Arc::clone(&sent);
    let handler = async move || {
        let held = std::sync::Arc::clone(&held);
        sse::response(stream::repeat_with(move || {
            let _ = &held;
            Bytes::from(vec![b'x'; 1 << 20])
        }))
    };
    let options = Options::default().frame_for(Duration::from_millis(50));
    let served = served(Router::new().route("/", get(handler)), options).await;
    let mut stops = TcpStream::connect(served.address).await.unwrap();
    stops.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    stops.read_exact(&mut [0; 100]).await.unwrap();
    // The router has one reference, this test another; the stream's own ends with its connection.
    soon(async {
        while std::sync::Arc::strong_count(&sent) > 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
