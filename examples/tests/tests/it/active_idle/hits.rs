//! `POST /v1/hit`.

use super::{hit, online, rig};
use crate::client::send;
use crate::rig::{Rig, START};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

async fn assert_refused(rig: &Rig, body: &str, error: &str) {
    let said = format!(r#"{{"ok":false,"error":"{error}"}}"#);
    assert_eq!(rig.hit(body).await.status_and_text(), (400, said.as_str()), "{body}");
}

#[tokio::test]
async fn a_hit_is_recorded_whatever_its_content_type() {
    let rig = rig().await;
    let body = format!(r#"{{"uid":"alice","last_activity":{START}}}"#);
    for headers in [&[][..], &[("content-type", "application/json")], &[("content-type", "text/plain")]] {
        let reply = send(rig.address, "POST", "/v1/hit", headers, body.clone()).await;
        assert_eq!(reply.status_and_text(), (200, r#"{"ok":true}"#));
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
    assert_eq!(no_text.status_and_text(), (400, r#"{"ok":false,"error":"no uid"}"#));
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
        &"9".repeat(257),
        &format!(r#""{}""#, "é".repeat(129)),
    ] {
        // Before a hit has set last_activity.
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
        ("float", format!("{just_idle}.999")),
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
        assert_eq!(reply.status_and_text(), (200, r#"{"ok":true}"#), "{last_activity}");
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
async fn a_body_that_is_too_large_is_refused() {
    let rig = rig().await;
    let padded = |n: usize| format!(r#"{{"uid":"a","last_activity":{START},"x":"{}"}}"#, "x".repeat(n));
    assert_eq!(rig.hit(padded(16_000)).await.status, 200);
    for n in [16_384, 1_000_000] {
        assert_eq!(rig.hit(padded(n)).await.status_and_text(), (413, r#"{"ok":false,"error":"too large"}"#));
    }
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
