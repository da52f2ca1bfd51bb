//! Bodies that `POST /v1/hit` accepts and refuses.

use super::{Shared, body, hit, online, pages, rig};
use crate::client::send;
use crate::rig::Rig;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

async fn assert_refused(rig: &Rig, body: &str, error: &str) {
    let said = format!(r#"{{"ok":false,"error":"{error}"}}"#);
    assert_eq!(rig.hit(body).await.status_and_text(), (400, said.as_str()), "{body}");
}

#[tokio::test]
async fn a_hit_is_stored_whatever_its_content_type() {
    let rig = rig().await;
    for kind in ["application/json", "text/plain", "text/plain;charset=UTF-8", "application/octet-stream"] {
        let headers = [("content-type", kind)];
        let reply = send(rig.address, "POST", "/v1/hit", &headers, body(kind, "/", "load")).await;
        assert_eq!(reply.status_and_text(), (200, r#"{"ok":true}"#));
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
    hit(&rig, "none", "/", "beat").await;
    assert_eq!(online(&rig).await["online_total"], 5);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_invalid_json() {
    let rig = rig().await;
    for body in ["", " ", "nonsense", "{", r#"{"sid":"a",}"#, r#"{"sid":NaN}"#, "{}{}", &"[".repeat(5_000)] {
        assert_refused(&rig, body, "invalid_json").await;
    }
    let no_text =
        send(rig.address, "POST", "/v1/hit", &[], &b"{\"sid\":\"\xff\",\"kind\":\"load\"}"[..]).await;
    assert_eq!(no_text.status_and_text(), (400, r#"{"ok":false,"error":"invalid_json"}"#));
}

#[tokio::test]
async fn json_that_is_no_object_is_an_invalid_payload() {
    let rig = rig().await;
    for body in ["[]", r#"[{"sid":"a"}]"#, "null", "true", "1", r#""a""#] {
        assert_refused(&rig, body, "invalid_payload").await;
    }
}

#[tokio::test]
async fn without_a_sid_nothing_else_is_looked_at() {
    let rig = rig().await;
    let long = format!("{:?}", "x".repeat(257));
    for sid in ["null", "1", "true", "[]", "{}", r#""""#, r#""  ""#, r#""\t\n""#, "\"\u{3000}\"", &long] {
        assert_refused(&rig, &format!(r#"{{"sid":{sid}}}"#), "sid_required").await;
        assert_refused(&rig, &format!(r#"{{"sid":{sid},"path":[],"kind":1}}"#), "sid_required").await;
    }
    // No name: control characters, and half of a surrogate pair.
    for sid in [r#""a\u0000""#, r#""\u001b[2J""#, r#""\ud800""#] {
        assert_refused(&rig, &format!(r#"{{"sid":{sid},"kind":"load"}}"#), "sid_required").await;
    }
    assert_refused(&rig, "{}", "sid_required").await;
    hit(&rig, &"x".repeat(256), "/", "load").await;
    hit(&rig, " a ", "/", "load").await;
    assert_eq!(online(&rig).await["online_total"], 2);
}

#[tokio::test]
async fn a_path_that_is_missing_empty_or_no_string_is_the_root() {
    let rig = rig().await;
    for (n, path) in [r#""""#, "null", "1", "false", "[]", "{}"].into_iter().enumerate() {
        let reply = rig.hit(format!(r#"{{"sid":"{n}","path":{path},"kind":"load"}}"#)).await;
        assert_eq!(reply.status_and_text(), (200, r#"{"ok":true}"#), "{path}");
    }
    assert_eq!(rig.hit(r#"{"sid":"x","kind":"load"}"#).await.status, 200);
    assert_eq!(pages(&rig).await, json!([["/", 7]]));
}

#[tokio::test]
async fn a_path_that_is_too_long_or_no_name_is_invalid_before_the_kind_is_looked_at() {
    let rig = rig().await;
    let long = format!("/{}", "x".repeat(1_023));
    hit(&rig, "a", &long, "load").await;
    assert_eq!(pages(&rig).await, json!([[long, 1]]));
    for path in [format!("{long}x"), "é".repeat(513), "/a\n".to_owned(), "\u{7f}".to_owned()] {
        assert_refused(&rig, &body("a", &path, "nonsense"), "invalid_path").await;
    }
    assert_refused(&rig, r#"{"sid":"a","path":"\ud800"}"#, "invalid_path").await;
}

#[tokio::test]
async fn a_kind_is_one_of_three_words() {
    let rig = rig().await;
    for kind in [r#""""#, r#""Load""#, r#""load ""#, r#""leave""#, "null", "1", "true", r#"["load"]"#, "{}"] {
        assert_refused(&rig, &format!(r#"{{"sid":"a","path":"/","kind":{kind}}}"#), "invalid_kind").await;
    }
    assert_refused(&rig, r#"{"sid":"a"}"#, "invalid_kind").await;
    assert_eq!(online(&rig).await["online_total"], 0);
}

#[tokio::test]
async fn names_may_be_any_text() {
    let rig = rig().await;
    for path in ["/a b", "  ", "/é", "/\u{1F600}", "\"", "\\", "?q=1&x#y", "*"] {
        hit(&rig, &format!("visitor of {path}"), path, "load").await;
    }
    assert_eq!(
        pages(&rig).await,
        json!([
            ["  ", 1],
            ["\"", 1],
            ["*", 1],
            ["/a b", 1],
            ["/é", 1],
            ["/\u{1F600}", 1],
            ["?q=1&x#y", 1],
            ["\\", 1]
        ])
    );
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let rig = rig().await;
    let padded = |n: usize| json!({"sid": "a", "kind": "load", "more": "x".repeat(n)}).to_string();
    assert_eq!(rig.hit(padded(16_000)).await.status, 200);
    assert_eq!(
        rig.hit(padded(1_000_000)).await.status_and_text(),
        (413, r#"{"ok":false,"error":"too_large"}"#)
    );
}

#[tokio::test]
async fn a_flood_of_beats_costs_the_store_a_few_calls() {
    let shared = Shared::new();
    let rig = shared.process().await;
    hit(&rig, "a", "/", "load").await;
    let before = shared.store.calls();
    for _ in 0..200 {
        hit(&rig, "a", "/", "beat").await;
    }
    let calls = shared.store.calls();
    assert!(calls.puts + calls.touches - before.puts - before.touches < 5, "{before:?} {calls:?}");
}

#[test]
fn no_body_makes_the_service_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rig = runtime.block_on(rig());
    let value = prop_oneof![
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
        prop::sample::select(vec![
            r#""load""#,
            r#""beat""#,
            r#""unload""#,
            "null",
            "-1e999",
            "[]",
            r#""\ud800""#
        ])
        .prop_map(str::to_owned),
    ];
    let object = (value.clone(), value.clone(), value)
        .prop_map(|(sid, path, kind)| format!(r#"{{"sid":{sid},"path":{path},"kind":{kind}}}"#).into_bytes());
    let body = prop_oneof![4 => object, 1 => prop::collection::vec(any::<u8>(), 0..64)];
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(500) });
    runner
        .run(&body, |body| {
            let reply = runtime.block_on(send(rig.address, "POST", "/v1/hit", &[], body));
            prop_assert!(matches!(reply.status, 200 | 400), "{}: {}", reply.status, reply.text);
            Ok(())
        })
        .unwrap();
}
