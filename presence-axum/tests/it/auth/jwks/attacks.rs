//! Tokens and keys that must not be accepted, and secrets that must not be logged.

use super::super::forge::{base64url, hmac};
use super::*;
use crate::log::Log;

#[tokio::test]
async fn a_token_is_verified_only_with_its_own_key() {
    let rig = Rig::new().await;
    let (other, ec) = (Signer::rsa(), Signer::ec());
    rig.provider.answers(Answer::Keys(vec![rig.key.public("a"), ec.public("e"), other.public("o")]));
    let public = rig.key.public("a");
    let spki = format!("{}.{}", public["n"], public["e"]);
    let head = |alg: &str| json!({ "alg": alg, "kid": "a" });
    let hmac_of = |secret: &str| {
        let message = format!("{}.{}", base64url(head("HS256").to_string()), base64url(long().to_string()));
        format!("{message}.{}", hmac(&message, secret))
    };
    let mut brings = head("RS256");
    brings["jwk"] = Signer::rsa().public("a");
    let mut critical = head("RS256");
    critical["crit"] = json!(["b64"]);
    for (what, token) in [
        ("HS256 by the modulus", hmac_of(public["n"].as_str().unwrap())),
        ("HS256 by the key", hmac_of(&public.to_string())),
        ("HS256 by both", hmac_of(&spki)),
        ("HS256 for an RSA key", rig.key.token_with(&head("HS256"), &long())),
        ("none", format!("{}.{}.", base64url(head("none").to_string()), base64url(long().to_string()))),
        ("none, signed", rig.key.token_with(&head("none"), &long())),
        ("RS512", rig.key.token_with(&head("RS512"), &long())),
        ("PS256", rig.key.token_with(&head("PS256"), &long())),
        ("ES256 of an RSA key", rig.key.token_with(&head("ES256"), &long())),
        ("RS256 of an EC key", ec.token_with(&json!({ "alg": "RS256", "kid": "e" }), &long())),
        ("another's id", other.token(Some("a"), &long())),
        ("no id, two keys", rig.key.token(None, &long())),
        ("unpublished", Signer::rsa().token(Some("a"), &long())),
        ("brings a key", rig.key.token_with(&brings, &long())),
        ("critical", rig.key.token_with(&critical, &long())),
        ("tampered", format!("{}x", rig.token())),
        ("an odd id", rig.key.token(Some("../../a"), &long())),
    ] {
        assert!(matches!(rig.ask(&token).await, Err(Refused::Invalid(_))), "{what}");
    }
    rig.assert_taken(&rig.token()).await;
}

#[tokio::test]
async fn a_key_for_encryption_does_not_verify_signatures() {
    let rig = Rig::new().await;
    let other = Signer::rsa();
    let mut published = other.public("enc");
    published["use"] = json!("enc");
    rig.provider.answers(Answer::Keys(vec![published, rig.key.public("a")]));
    assert!(rig.ask(&other.token(Some("enc"), &long())).await.is_err());
    rig.assert_taken(&rig.key.token(None, &long())).await;
}

#[tokio::test]
async fn no_token_or_password_in_the_url_is_logged() {
    let (log, _logs) = Log::everything();
    let mut rig = Rig::new().await;
    let url = rig.provider.url().replace("http://", "http://user:secret-password@");
    let jwks = Jwks::new(url).unwrap().clock(rig.clock.clone());
    let printed = format!("{jwks:?}");
    rig.auth = Auth::new(jwks);
    rig.provider.answers(Answer::Status(500));
    assert_eq!(rig.ask(&rig.token()).await.unwrap_err(), Refused::Unavailable);
    rig.provider.die().await;
    rig.advance(10).await;
    assert_eq!(rig.ask(&rig.token()).await.unwrap_err(), Refused::Unavailable);
    let shown = format!("{printed} {}", log.text());
    assert!(shown.contains("signing keys cannot be fetched"), "{shown}");
    let token = rig.token();
    for secret in ["secret-password", token.rsplit('.').next().unwrap()] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
