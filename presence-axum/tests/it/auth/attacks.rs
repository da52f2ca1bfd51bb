//! Invalid and hostile tokens: each gets 401, and no part of it is in the response or the log.

use super::forge::{SECRET, base64url, hmac, signed, signed_with};
use super::{NOW, ask, bearer, claims, claims_but, hs256, identify};
use crate::log::Log;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use presence_axum::auth::{Auth, Credentials};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

/// Asserts that these headers are refused and nothing is logged.
async fn assert_refused(what: &str, headers: HeaderMap) {
    let (log, _logs) = Log::everything();
    let (status, answered, text) = ask(&Auth::new(hs256()), "/me", headers.clone()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}: {text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert!(answer["error"].is_string(), "{what}: {text}");
    assert!(answered.contains_key(header::WWW_AUTHENTICATE), "{what}");
    let shown = format!("{text} {answered:?} {}", log.text());
    for value in headers.get_all(header::AUTHORIZATION) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let token = value.split_once(' ').map_or(&*value, |(_, token)| token);
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!shown.contains(part), "{what}: {shown}");
        }
    }
}

async fn assert_token_refused(what: &str, token: impl AsRef<[u8]>) {
    assert_refused(what, bearer(token)).await;
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused() {
    for alg in ["none", "None", "NONE", "nOnE", "none ", " none", "", "null", "HS-none"] {
        for extra in [json!({}), json!({ "typ": "JWT" })] {
            let mut head = extra;
            head["alg"] = json!(alg);
            let unsigned = format!("{}.{}.", base64url(head.to_string()), base64url(claims().to_string()));
            assert_token_refused(alg, &unsigned).await;
            assert_token_refused(alg, unsigned.trim_end_matches('.')).await;
            assert_token_refused(alg, signed_with(&head, &claims(), SECRET)).await;
            assert_token_refused(alg, signed_with(&head, &claims(), "")).await;
        }
    }
    for alg in [json!(null), json!(0), json!(["HS256"]), json!({ "alg": "HS256" }), json!(true)] {
        assert_token_refused("odd alg", signed_with(&json!({ "alg": alg }), &claims(), SECRET)).await;
    }
    assert_token_refused("no alg", signed_with(&json!({ "typ": "JWT" }), &claims(), SECRET)).await;
}

#[tokio::test]
async fn the_algorithm_of_a_token_is_never_taken_from_the_token() {
    let others =
        ["RS256", "RS384", "RS512", "PS256", "PS512", "ES256", "ES384", "EdDSA", "HS384", "HS512", "hs256"];
    for alg in others {
        assert_token_refused(alg, signed_with(&json!({ "alg": alg }), &claims(), SECRET)).await;
    }
}

#[tokio::test]
async fn a_token_with_its_own_key_is_refused() {
    let key = json!({ "kty": "oct", "k": base64url("mine"), "alg": "HS256" });
    for (name, value) in [
        ("jwk", key),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!([base64url("certificate")])),
    ] {
        let mut head = json!({ "alg": "HS256", "typ": "JWT" });
        head[name] = value;
        for secret in ["mine", "", SECRET] {
            assert_token_refused(name, signed_with(&head, &claims(), secret)).await;
        }
    }
    for kid in ["../../../../dev/null", "/etc/passwd", "' UNION SELECT 'x", "| sleep 10", "\u{0}"] {
        let head = json!({ "alg": "HS256", "kid": kid });
        for secret in ["", "\u{0}", "x"] {
            assert_token_refused(kid, signed_with(&head, &claims(), secret)).await;
        }
    }
    let critical = json!({ "alg": "HS256", "crit": ["b64"], "b64": false });
    assert_token_refused("crit", signed_with(&critical, &claims(), SECRET)).await;
}

#[tokio::test]
async fn claims_that_do_not_hold_are_refused() {
    let year = 365 * 86_400;
    for (name, value) in [
        ("exp", json!(NOW - year)),
        ("exp", json!(NOW - 5)),
        ("exp", json!(0)),
        ("exp", json!((NOW + 60).to_string())),
        ("exp", json!(1_709_999_000.5)),
        ("exp", json!(-1)),
        ("exp", json!(i64::MIN)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(1e300)),
        ("exp", json!(null)),
        ("exp", json!([NOW + 60])),
        ("exp", json!(true)),
        ("nbf", json!(NOW + 6)),
        ("nbf", json!("now")),
        ("nbf", json!(1e300)),
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://id.example/")),
        ("iss", json!(["https://id.example"])),
        ("iss", json!(null)),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(null)),
        ("sub", json!(7)),
        ("sub", json!({ "admin": true })),
    ] {
        assert_token_refused(name, signed(&claims_but(name, value))).await;
    }
    for name in ["exp", "iss", "aud"] {
        let mut without = claims();
        without.as_object_mut().unwrap().remove(name);
        assert_token_refused(name, signed(&without)).await;
    }
    for odd in [json!([]), json!("claims"), json!(null), json!(1)] {
        assert_token_refused("no claims", signed(&odd)).await;
    }
    let huge = format!("{{\"sub\":\"ada\",\"exp\":{}}}", "9".repeat(400));
    let message = format!("{}.{}", base64url(r#"{"alg":"HS256"}"#), base64url(huge));
    assert_token_refused("digits", format!("{message}.{}", hmac(&message, SECRET))).await;
}

#[tokio::test]
async fn text_that_is_not_a_token_is_refused() {
    let good = signed(&claims());
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { unreachable!() };
    let tampered = format!("{head}.{}.{signature}", base64url(claims_but("sub", json!("root")).to_string()));
    let deep = base64url(format!("{}{}", "[".repeat(3_000), "]".repeat(3_000)));
    for token in [
        "x".to_owned(),
        "...".to_owned(),
        "..".to_owned(),
        ".".to_owned(),
        "a.b.c".to_owned(),
        "garbage that has spaces".to_owned(),
        format!("{head}.{body}"),
        head.to_owned(),
        format!("{head}{body}{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{head}.{body}."),
        format!("{head}.{body}.{}", &signature[1..]),
        format!("{head}.{body}.{signature}AAAA"),
        format!("{head}..{signature}"),
        format!("{good} {good}"),
        tampered,
        signed_with(&json!({ "alg": "HS256" }), &claims(), "another secret"),
        format!("{deep}.{body}.{signature}"),
        format!("{head}.{deep}.{signature}"),
    ] {
        assert_token_refused(&token, &token).await;
    }
    assert_token_refused("no UTF-8", b"\xff\xfe\xfd\xff\xfe\xfd\xff\xfe\xfd").await;
    // Signed correctly, but longer than the limit.
    let huge = signed(&claims_but("padding", json!("x".repeat(Credentials::MAX_BYTES))));
    assert_token_refused("huge", huge).await;
    assert_token_refused("megabyte", "x".repeat(1 << 20)).await;
}

#[tokio::test]
async fn a_header_that_is_not_one_bearer_token_is_refused() {
    let good = signed(&claims());
    for text in [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer    ",
        "bearer",
        &good,
        &format!("Basic {good}"),
        &format!("Token {good}"),
        &format!("Bearer\t{good}"),
        &format!("Bearer={good}"),
        &format!("Bearer,{good}"),
        &format!(" Bearer {good}"),
        &format!("Bearer Bearer {good}"),
        "Negotiate x",
        "Digest username=\"ada\"",
    ] {
        let value = HeaderValue::from_str(text).unwrap();
        assert_refused(text, HeaderMap::from_iter([(header::AUTHORIZATION, value)])).await;
    }
    let other = signed(&claims_but("sub", json!("root")));
    for second in [&good, &other] {
        let mut two = bearer(&good);
        two.append(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {second}")).unwrap());
        assert_refused("two headers", two).await;
    }
}

#[test]
fn no_input_makes_verification_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let auth = Auth::new(hs256());
    let part = prop_oneof![
        "[A-Za-z0-9_-]{0,40}",
        any::<Vec<u8>>().prop_map(base64url),
        prop::sample::select(vec![json!({ "alg": "HS256" }), json!({ "alg": "none" }), claims(), json!([])])
            .prop_map(|value| base64url(value.to_string())),
    ];
    let token = prop_oneof![
        any::<Vec<u8>>(),
        prop::collection::vec(part, 0..5).prop_map(|parts| parts.join(".").into_bytes()),
        any::<String>().prop_map(|body| {
            let message = format!("{}.{}", base64url(r#"{"alg":"HS256"}"#), base64url(body));
            format!("{message}.{}", hmac(&message, SECRET)).into_bytes()
        }),
    ];
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(2_000) });
    runner
        .run(&token, |token| {
            let Ok(value) = HeaderValue::from_bytes(&[b"Bearer ".as_slice(), &token].concat()) else {
                return Ok(());
            };
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
            prop_assert!(runtime.block_on(identify(&auth, &headers)).is_err());
            Ok(())
        })
        .unwrap();
}
