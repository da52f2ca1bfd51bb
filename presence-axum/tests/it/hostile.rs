//! Hostile input: always 4xx.

use crate::client::{send, soon};
use crate::rig::Rig;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn hostile_bodies_are_refused_and_nothing_else_happens() {
    let rig = Rig::new().await;
    let long = "x".repeat(300);
    let bodies: Vec<Vec<u8>> = vec![
        b"".into(),
        b"null".into(),
        b"[]".into(),
        br#"[{"user":"a"}]"#.into(),
        br#""user""#.into(),
        b"{\"user\":\"\xff\xfe\"}".into(),
        b"\xef\xbb\xbf{\"user\":\"a\"}".into(),
        b"\xff\xff\xff".into(),
        br#"{"user":"\u0000"}"#.into(),
        b"{\"user\":\"a\0b\"}".into(),
        br#"{"user":"\ud800"}"#.into(),
        br#"{"user":"\u0007bell"}"#.into(),
        br#"{"user":{"$ne":null}}"#.into(),
        br#"{"user":1e400}"#.into(),
        br#"{"user":-1e-400}"#.into(),
        br#"{"user":NaN}"#.into(),
        br#"{"user":"a","idle_ms":-1e400}"#.into(),
        br#"{"user":"a","kind":"leave","placed_at":-99999999999999999999}"#.into(),
        br#"{"user":"a","user":null}"#.into(),
        br#"{"user":"a"}{"user":"b"}"#.into(),
        format!(r#"{{"user":"{long}"}}"#).into(),
        format!(r#"{{"user":"a","session":"{long}"}}"#).into(),
        format!(r#"{{"user":"a","topics":["{}"]}}"#, "t".repeat(1_025)).into(),
        format!(r#"{{"user":"a","status":"busy","message":"{long}"}}"#).into(),
        format!(r#"{{"user":"a","meta":{{"k":"{}"}}}}"#, "v".repeat(1_024)).into(),
        "[".repeat(16_000).into(),
        r#"{"user":"#.repeat(1_700).into(),
        format!(r#"{{"user":"a","meta":{{"k":{}{}}}}}"#, "[".repeat(7_000), "]".repeat(7_000)).into(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let reply = send(rig.address, "POST", "/v1/hit", &[], body).await;
        assert_eq!(reply.status, 400, "{shown}: {}", reply.text);
        assert_eq!(reply.json()["ok"], false);
    }
    assert_eq!(rig.get("/v1/health").await.json()["sessions"], 0);
}

#[tokio::test]
async fn odd_but_valid_bodies_are_accepted() {
    let rig = Rig::new().await;
    for body in [
        r#"{"user":"a","user":"b"}"#,
        r#"{"user":"a","idle_ms":1e400}"#,
        r#"{"user":"a","unknown":"\ud800","deep":[[[[[]]]]]}"#,
        r#"{"user":"a","kind":"leave","placed_at":99999999999999999999}"#,
        r#"{"user":"\ud83d\ude00"}"#,
        " \r\n\t{ \"user\" : -0 } \n",
    ] {
        rig.hits(body).await;
    }
}

#[tokio::test]
async fn hostile_paths_and_queries_are_refused() {
    let rig = Rig::new().await;
    for path in [
        "/v1/users/%ff".to_owned(),
        "/v1/users?ids=%00".to_owned(),
        "/v1/counts?topic=%ff".to_owned(),
        "/v1/counts?topic=%0a".to_owned(),
        "/v1/list?limit=99999999999999999999999".to_owned(),
        format!("/v1/list?cursor={}", "x".repeat(257)),
        format!("/v1/sse/snapshot?topic={}", "x".repeat(1_025)),
        "/v1/sse/diff?topic=%00".to_owned(),
    ] {
        let reply = rig.get(&path).await;
        assert_eq!((reply.status, &reply.json()["ok"]), (400, &false.into()), "{path}");
    }
}

#[tokio::test]
async fn a_body_whose_framing_breaks_is_refused() {
    let rig = Rig::new().await;
    let mut socket = TcpStream::connect(rig.address).await.unwrap();
    let request =
        b"POST /v1/hit HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"use\r\nZZ\r\n";
    socket.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    soon(socket.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.ends_with(r#"{"ok":false,"error":"broken body"}"#), "{answer}");
}

#[tokio::test]
async fn a_body_in_many_pieces_is_accepted() {
    let rig = Rig::new().await;
    let mut socket = TcpStream::connect(rig.address).await.unwrap();
    socket
        .write_all(b"POST /v1/hit HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 14\r\n\r\n")
        .await
        .unwrap();
    for piece in r#"{"user":"ann"}"#.as_bytes().chunks(3) {
        socket.write_all(piece).await.unwrap();
        tokio::task::yield_now().await; // lets the server see each piece alone, now and then
    }
    let mut answer = String::new();
    soon(socket.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(rig.get("/v1/users/ann").await.json()["liveness"], "active");
}

/// Almost valid bodies, and arbitrary ones.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let field = prop::sample::select(vec![
        "user",
        "session",
        "kind",
        "topics",
        "idle_ms",
        "status",
        "message",
        "now",
        "placed_at",
        "meta",
    ]);
    let value = prop_oneof![
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
        "-?[0-9]{1,25}([.][0-9]{1,3})?([eE][+-]?[0-9]{1,4})?",
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "[]",
            "{}",
            r#""enter""#,
            r#""leave""#,
            r#""busy""#,
            r#"["/x"]"#,
            r#""\ud800""#,
            "NaN",
        ])
        .prop_map(str::to_owned),
    ];
    let object = prop::collection::vec((field, value), 0..6).prop_map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    });
    prop_oneof![4 => object, 1 => prop::collection::vec(any::<u8>(), 0..64)]
}

#[test]
fn no_body_makes_the_server_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rig = runtime.block_on(Rig::new());
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(500) });
    runner
        .run(&body(), |body| {
            let reply = runtime.block_on(send(rig.address, "POST", "/v1/hit", &[], body));
            prop_assert!(matches!(reply.status, 200 | 400), "{}: {}", reply.status, reply.text);
            Ok(())
        })
        .unwrap();
    assert_eq!(runtime.block_on(rig.get("/v1/health")).status, 200);
}
