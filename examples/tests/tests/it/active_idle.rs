//! active-idle: its contract, line by line.

use crate::client::{events, send};
use crate::rig::{Rig, START};
use active_idle::{Settings, app, policy};
use clap::Parser;
use presence_axum::Cors;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const ORIGIN: &str = "https://solar-system-82998.bubbleapps.io";

async fn rig() -> Rig {
    Rig::serving(policy(), |presence| app(presence, ORIGIN.parse().unwrap())).await
}

/// A hit that must be taken.
async fn hit(rig: &Rig, uid: &str, last_activity: u64) {
    let body = json!({"uid": uid, "last_activity": last_activity}).to_string();
    assert_eq!(rig.hit(body).await.said(), (200, r#"{"ok":true}"#));
}

/// What a new viewer sees first.
async fn online(rig: &Rig) -> Value {
    rig.events("/sse/online").await.data().await
}

async fn assert_refused(rig: &Rig, body: &str, error: &str) {
    let said = format!(r#"{{"ok":false,"error":"{error}"}}"#);
    assert_eq!(rig.hit(body).await.said(), (400, said.as_str()), "{body}");
}

#[tokio::test]
async fn a_hit_is_recorded_whatever_its_content_type() {
    let rig = rig().await;
    let body = format!(r#"{{"uid":"alice","last_activity":{START}}}"#);
    for headers in [&[][..], &[("content-type", "application/json")], &[("content-type", "text/plain")]] {
        let reply = send(rig.address, "POST", "/v1/hit", headers, body.clone()).await;
        assert_eq!(reply.said(), (200, r#"{"ok":true}"#));
    }
    assert_eq!(online(&rig).await["active_uids"], json!(["alice"]));
}

#[tokio::test]
async fn without_json_an_object_or_a_uid_it_is_no_uid() {
    let rig = rig().await;
    for body in [
        "",
        "nonsense",
        r#"{"uid":"a","#,
        r#"{"uid":"a","last_activity":NaN}"#,
        "[]",
        r#"["a"]"#,
        "null",
        "1",
        r#""a""#,
        "{}",
        r#"{"last_activity":1}"#,
        r#"{"uid":"","last_activity":1}"#,
        r#"{"uid":0,"last_activity":1}"#,
        r#"{"uid":-0.0,"last_activity":1}"#,
        r#"{"uid":0e9,"last_activity":1}"#,
        r#"{"uid":false,"last_activity":1}"#,
        r#"{"uid":null,"last_activity":1}"#,
        r#"{"uid":"","last_activity":"x"}"#,
    ] {
        assert_refused(&rig, body, "no uid").await;
    }
    let no_text =
        send(rig.address, "POST", "/v1/hit", &[], &b"{\"uid\":\"\xff\",\"last_activity\":1}"[..]).await;
    assert_eq!(no_text.said(), (400, r#"{"ok":false,"error":"no uid"}"#));
}

#[tokio::test]
async fn a_uid_that_is_no_name_is_an_invalid_uid() {
    let rig = rig().await;
    let long = "x".repeat(257);
    for uid in [
        "true",
        "[]",
        r#"["a"]"#,
        "{}",
        r#"{"$ne":1}"#,
        "1e400",
        r#""a\u0000""#,
        r#""\u001b[2J""#,
        r#""\ud800""#,
        &format!(r#""{long}""#),
        &format!("{}", "9".repeat(257)),
        &format!(r#""{}""#, "é".repeat(129)),
    ] {
        // Before anything is said of last_activity.
        assert_refused(&rig, &format!(r#"{{"uid":{uid}}}"#), "invalid uid").await;
        assert_refused(&rig, &format!(r#"{{"uid":{uid},"last_activity":[]}}"#), "invalid uid").await;
    }
    hit(&rig, &"x".repeat(256), START).await;
}

#[tokio::test]
async fn without_last_activity_it_is_no_last_activity() {
    let rig = rig().await;
    assert_refused(&rig, r#"{"uid":"a"}"#, "no last_activity").await;
    assert_refused(&rig, r#"{"uid":"a","last_activity":null}"#, "no last_activity").await;
    assert_eq!(online(&rig).await["online_total"], 0);
}

#[tokio::test]
async fn a_last_activity_that_is_no_finite_number_is_invalid() {
    let rig = rig().await;
    for last_activity in [
        r#""""#,
        r#""x""#,
        r#""0x10""#,
        r#""1 2""#,
        r#""nan""#,
        r#""inf""#,
        r#""-Infinity""#,
        r#""1e400""#,
        r#""\ud800""#,
        "1e400",
        "-1e400",
        "true",
        "false",
        "[]",
        "[1]",
        "{}",
    ] {
        let body = format!(r#"{{"uid":"a","last_activity":{last_activity}}}"#);
        assert_refused(&rig, &body, "invalid last_activity").await;
    }
    assert_eq!(online(&rig).await["online_total"], 0);
}

#[tokio::test]
async fn last_activity_may_be_a_float_or_a_numeric_string() {
    let rig = rig().await;
    let just_idle = START - 300;
    for (uid, last_activity) in [
        ("int", format!("{START}")),
        ("float", format!("{}.999", just_idle)),
        ("exponent", "1.71e9".to_owned()),
        ("string", format!(r#""{START}""#)),
        ("float string", format!(r#"" {just_idle}.999\n""#)),
        ("signed string", format!(r#""+{START}""#)),
        ("zero", "0".to_owned()),
        ("negative", "-5".to_owned()),
        ("ancient", "-1e300".to_owned()),
        ("future", "1e300".to_owned()),
        ("many digits", format!("{START}{}", "0".repeat(200))),
    ] {
        let reply = rig.hit(format!(r#"{{"uid":"{uid}","last_activity":{last_activity}}}"#)).await;
        assert_eq!(reply.said(), (200, r#"{"ok":true}"#), "{last_activity}");
    }
    let online = online(&rig).await;
    assert_eq!(
        online["active_uids"],
        json!(["exponent", "future", "int", "many digits", "signed string", "string"])
    );
    // Cut, not rounded: 299.001 s ago would be active.
    assert_eq!(online["idle_uids"], json!(["ancient", "float", "float string", "negative", "zero"]));
}

#[tokio::test]
async fn a_numeric_uid_becomes_its_decimal_string() {
    let rig = rig().await;
    for uid in ["1", "1.0", "1.5", "-7", "1e3", "12345678901234567890123"] {
        let reply = rig.hit(format!(r#"{{"uid":{uid},"last_activity":{START}}}"#)).await;
        assert_eq!(reply.status, 200, "{uid}");
    }
    assert_eq!(
        online(&rig).await["active_uids"],
        json!(["-7", "1", "1.5", "1000", "12345678901234567890123"])
    );
}

#[tokio::test]
async fn a_time_in_the_future_counts_as_now() {
    let rig = rig().await;
    hit(&rig, "a", START + 1_000_000).await;
    for _ in 0..9 {
        rig.advance(30).await;
        hit(&rig, "a", START).await;
        assert_eq!(online(&rig).await["active_uids"], json!(["a"]));
    }
    rig.advance(30).await;
    assert_eq!(online(&rig).await["idle_uids"], json!(["a"]));
}

#[tokio::test]
async fn an_older_last_activity_never_moves_the_user_back() {
    let rig = rig().await;
    hit(&rig, "a", START).await;
    rig.advance(30).await;
    hit(&rig, "a", START - 100_000).await;
    assert_eq!(online(&rig).await["active_uids"], json!(["a"]));
    hit(&rig, "a", 0).await;
    assert_eq!(online(&rig).await["active_uids"], json!(["a"]));
}

#[tokio::test]
async fn the_stream_tells_who_is_active_and_who_is_idle_in_its_order_of_keys() {
    let rig = rig().await;
    for (uid, ago) in [("eve", 400), ("bob", 0), ("alice", 10), ("dave", 300), ("carol", 299)] {
        hit(&rig, uid, START - ago).await;
    }
    let mut stream = rig.events("/sse/online").await;
    assert_eq!(
        stream.event().await,
        r#"data: {"ts":1710000000,"online_total":5,"active_total":3,"idle_total":2,"active_uids":["alice","bob","carol"],"idle_uids":["dave","eve"]}"#
    );
    rig.advance(2).await;
    assert_eq!(
        stream.event().await,
        r#"data: {"ts":1710000002,"online_total":5,"active_total":2,"idle_total":3,"active_uids":["alice","bob"],"idle_uids":["carol","dave","eve"]}"#
    );
    for name in ["cache-control", "x-accel-buffering", "content-type"] {
        assert!(stream.headers.contains_key(name), "{name}");
    }
    assert_eq!(stream.headers["content-type"], "text/event-stream");
}

#[tokio::test]
async fn the_first_event_comes_at_once_also_when_nobody_is_here() {
    let rig = rig().await;
    assert_eq!(
        rig.events("/sse/online").await.event().await,
        r#"data: {"ts":1710000000,"online_total":0,"active_total":0,"idle_total":0,"active_uids":[],"idle_uids":[]}"#
    );
}

#[tokio::test]
async fn uids_are_sorted_by_code_point_and_written_as_they_are() {
    let rig = rig().await;
    for uid in ["b", "é", "Z", "\u{1F600}", "a", "\u{FB01}", "1", "\"quoted\"", "back\\slash"] {
        hit(&rig, uid, START).await;
    }
    assert_eq!(
        online(&rig).await["active_uids"],
        json!(["\"quoted\"", "1", "Z", "a", "b", "back\\slash", "é", "\u{FB01}", "\u{1F600}"])
    );
}

#[tokio::test]
async fn every_viewer_gets_the_same_bytes() {
    let rig = rig().await;
    let mut viewers = [rig.events("/sse/online").await, rig.events("/sse/online").await];
    for viewer in &mut viewers {
        viewer.event().await;
    }
    for second in 1..4 {
        hit(&rig, &format!("user {second}"), START).await;
        rig.advance(2).await;
        let [one, other] = &mut viewers;
        assert_eq!(one.event().await, other.event().await);
    }
}

#[tokio::test]
async fn a_beat_counts_for_sixty_seconds() {
    let rig = rig().await;
    hit(&rig, "a", START).await;
    rig.advance(59).await;
    assert_eq!(online(&rig).await["online_total"], 1);
    rig.advance(1).await;
    assert_eq!(online(&rig).await["online_total"], 0);
}

#[tokio::test]
async fn lapsed_users_leave_memory_though_nobody_watches() {
    let rig = rig().await;
    for n in 0..500 {
        hit(&rig, &format!("user {n}"), START).await;
    }
    assert_eq!(rig.presence.health().sessions, 500);
    rig.advance(300).await;
    assert_eq!(rig.presence.health().sessions, 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_told_so() {
    let rig = rig().await;
    let padded = |n: usize| format!(r#"{{"uid":"a","last_activity":{START},"x":"{}"}}"#, "x".repeat(n));
    assert_eq!(rig.hit(padded(16_000)).await.status, 200);
    for n in [16_384, 1_000_000] {
        assert_eq!(rig.hit(padded(n)).await.said(), (413, r#"{"ok":false,"error":"too large"}"#));
    }
}

#[tokio::test]
async fn it_is_alive_and_ready() {
    let rig = rig().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(rig.get(path).await.said(), (200, r#"{"ok":true}"#), "{path}");
    }
}

#[tokio::test]
async fn the_one_configured_origin_may_call_and_read_every_answer() {
    let rig = rig().await;
    let from = [("origin", ORIGIN), ("access-control-request-method", "POST")];
    for (method, path, body, status) in [
        ("OPTIONS", "/v1/hit", "", 204),
        ("OPTIONS", "/sse/online", "", 204),
        ("POST", "/v1/hit", "{}", 400),
        ("GET", "/v1/hit", "", 405),
        ("GET", "/healthz", "", 200),
        ("GET", "/nothing", "", 404),
    ] {
        let reply = send(rig.address, method, path, &from, body).await;
        let allowed = reply.header("access-control-allow-origin");
        assert_eq!((reply.status, allowed), (status, Some(ORIGIN)), "{method} {path}");
    }
    let stream = events(rig.address, "/sse/online", &from).await;
    assert_eq!(stream.headers["access-control-allow-origin"], ORIGIN);
    let evil = send(rig.address, "OPTIONS", "/v1/hit", &[("origin", "https://evil.example")], "").await;
    assert_eq!(evil.header("access-control-allow-origin"), Some(ORIGIN));
}

#[tokio::test]
async fn the_page_and_its_script_are_served() {
    let rig = rig().await;
    let page = rig.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(rig.get("/presence.js").await.header("content-type"), Some("text/javascript; charset=utf-8"));
}

#[test]
fn settings_have_the_defaults_of_the_contract() {
    let settings = Settings::parse_from(["active-idle"]);
    assert_eq!((settings.port, settings.cors_allow_origin), (8080, ORIGIN.parse::<Cors>().unwrap()));
    assert!(Settings::try_parse_from(["active-idle", "--cors-allow-origin", "no origin"]).is_err());
}

#[test]
fn no_body_makes_the_service_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rig = runtime.block_on(rig());
    let value = prop_oneof![
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
        "-?[0-9]{1,25}([.][0-9]{1,3})?([eE][+-]?[0-9]{1,4})?",
        prop::sample::select(vec![
            "null",
            "true",
            "[]",
            "{}",
            r#""\ud800""#,
            "NaN",
            "-",
            "1e999999999999999999999"
        ])
        .prop_map(str::to_owned),
    ];
    let object = (value.clone(), value)
        .prop_map(|(uid, last)| format!(r#"{{"uid":{uid},"last_activity":{last}}}"#).into_bytes());
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
