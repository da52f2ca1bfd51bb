//! Tokens signed with published keys: rotation, outages, and attacks.

mod provider;

use super::forge::{base64url, hmac};
use super::{NOW, bearer, claims, claims_but, identify};
use crate::client::soon;
use crate::log::Log;
use futures_util::future::join_all;
use presence_axum::auth::{Auth, Identity, InvalidJwks, Jwks, Refused};
use presence_core::Timestamp;
use presence_core::testing::ManualClock;
use provider::{Answer, Provider, Signer};
use serde_json::json;
use std::time::Duration;

struct Rig {
    provider: Provider,
    clock: ManualClock,
    auth: Auth,
    key: Signer,
}

impl Rig {
    /// A provider with one RSA key called `a`.
    async fn new() -> Self {
        let key = Signer::rsa();
        let provider = Provider::publishing(vec![key.public("a")]).await;
        let clock = ManualClock::at(Timestamp::from_secs(NOW));
        let auth = Auth::new(jwks(&provider, &clock));
        Self { provider, clock, auth, key }
    }

    fn token(&self) -> String {
        self.key.token(Some("a"), &long())
    }

    async fn ask(&self, token: &str) -> Result<Identity, Refused> {
        soon(identify(&self.auth, &bearer(token))).await
    }

    async fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds)).await;
    }

    async fn assert_taken(&self, token: &str) {
        assert_eq!(self.ask(token).await.unwrap().subject(), Some("ada"));
    }
}

fn jwks(provider: &Provider, clock: &ManualClock) -> Jwks {
    let jwks = Jwks::new(provider.url()).unwrap();
    jwks.issuer("https://id.example").audience("presence").clock(clock.clone())
}

/// Claims that are valid for an hour.
fn long() -> serde_json::Value {
    claims_but("exp", json!(NOW + 3_600))
}

#[tokio::test]
async fn tokens_of_published_keys_are_accepted() {
    let rig = Rig::new().await;
    let ec = Signer::ec();
    rig.provider.answers(Answer::Keys(vec![rig.key.public("a"), ec.public("b")]));
    rig.assert_taken(&rig.token()).await;
    rig.assert_taken(&ec.token(Some("b"), &claims())).await;
    rig.assert_taken(&ec.token(None, &claims())).await;
    assert_eq!(rig.provider.asked(), 1);
}

#[tokio::test]
async fn claims_are_checked_as_with_a_shared_secret() {
    let rig = Rig::new().await;
    for (name, value) in [
        ("exp", json!(NOW)),
        ("nbf", json!(NOW + 1)),
        ("iss", json!("https://evil.example")),
        ("aud", json!("other")),
        ("sub", json!(7)),
    ] {
        let token = rig.key.token(Some("a"), &claims_but(name, value));
        assert!(matches!(rig.ask(&token).await, Err(Refused::Invalid(_) | Refused::Expired)), "{name}");
    }
}

#[tokio::test]
async fn a_realm_of_keycloak_has_its_keys_and_its_issuer() {
    let key = Signer::rsa();
    let provider = Provider::publishing(vec![key.public("a")]).await;
    let base = format!("http://{}", provider.address);
    let clock = ManualClock::at(Timestamp::from_secs(NOW));
    let tokens = Jwks::keycloak(&format!("{base}/"), "chat").unwrap().client("web").clock(clock);
    let auth = Auth::new(tokens);
    let mut claims = claims_but("iss", json!(format!("{base}/realms/chat")));
    claims["aud"] = json!("account");
    claims["azp"] = json!("web");
    claims["preferred_username"] = json!("Ada");
    claims["realm_access"] = json!({ "roles": ["admin"] });
    let identity = identify(&auth, &bearer(key.token(Some("a"), &claims))).await.unwrap();
    assert_eq!((identity.name(), identity.is_admin()), (Some("Ada"), true));
    claims["azp"] = json!("another");
    assert!(identify(&auth, &bearer(key.token(Some("a"), &claims))).await.is_err());
}

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
        ("HS256 said of RSA", rig.key.token_with(&head("HS256"), &long())),
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
async fn a_new_key_is_accepted_and_invented_ids_cost_one_fetch_in_ten_seconds() {
    let rig = Rig::new().await;
    rig.assert_taken(&rig.token()).await;
    let new = Signer::ec();
    rig.provider.answers(Answer::Keys(vec![rig.key.public("a"), new.public("b")]));
    let token = new.token(Some("b"), &long());
    rig.advance(9).await;
    for id in 0..50 {
        let made_up = new.token(Some(&format!("made up {id}")), &long());
        assert!(matches!(rig.ask(&made_up).await, Err(Refused::Invalid(_))));
        assert!(rig.ask(&token).await.is_err());
    }
    assert_eq!(rig.provider.asked(), 1);
    rig.advance(1).await;
    rig.assert_taken(&token).await;
    assert_eq!(rig.provider.asked(), 2);
    for seconds in 0..60 {
        rig.advance(1).await;
        assert!(rig.ask(&new.token(Some(&format!("{seconds}")), &long())).await.is_err());
    }
    assert_eq!(rig.provider.asked(), 8);
}

#[tokio::test]
async fn a_key_that_is_withdrawn_is_refused_though_its_tokens_were_verified() {
    let rig = Rig::new().await;
    let token = rig.token();
    rig.assert_taken(&token).await;
    let new = Signer::rsa();
    rig.provider.answers(Answer::Keys(vec![new.public("b")]));
    rig.advance(299).await;
    rig.assert_taken(&token).await;
    rig.advance(1).await;
    let mut asks = 0;
    while rig.ask(&token).await.is_ok() {
        asks += 1; // the keys are fetched meanwhile
        tokio::task::yield_now().await;
        assert!(asks < 100_000);
    }
    rig.assert_taken(&new.token(Some("b"), &long())).await;
}

#[tokio::test]
async fn known_keys_stay_in_use_while_the_provider_is_down_and_new_ones_are_unavailable() {
    let mut rig = Rig::new().await;
    rig.assert_taken(&rig.token()).await;
    rig.provider.die().await;
    let new = Signer::rsa();
    rig.advance(1_000).await;
    rig.assert_taken(&rig.key.token(Some("a"), &claims_but("exp", json!(NOW + 5_000)))).await;
    assert_eq!(rig.ask(&new.token(Some("b"), &long())).await.unwrap_err(), Refused::Unavailable);
    rig.provider.rise().await;
    rig.provider.answers(Answer::Keys(vec![rig.key.public("a"), new.public("b")]));
    rig.advance(10).await;
    rig.assert_taken(&new.token(Some("b"), &long())).await;
}

#[tokio::test]
async fn a_provider_that_is_down_at_first_is_tried_again_every_two_seconds() {
    let mut rig = Rig::new().await;
    rig.provider.die().await;
    assert_eq!(rig.ask(&rig.token()).await.unwrap_err(), Refused::Unavailable);
    rig.provider.rise().await;
    rig.advance(1).await;
    assert_eq!(rig.ask(&rig.token()).await.unwrap_err(), Refused::Unavailable);
    assert_eq!(rig.provider.asked(), 0);
    rig.advance(1).await;
    rig.assert_taken(&rig.token()).await;
}

#[tokio::test]
async fn an_invalid_key_set_does_not_replace_the_known_keys() {
    let rig = Rig::new().await;
    rig.assert_taken(&rig.token()).await;
    let elsewhere = Provider::publishing(vec![Signer::rsa().public("b")]).await;
    let asked = rig.provider.asked();
    for (i, answer) in [
        Answer::Text("<html>maintenance</html>".to_owned()),
        Answer::Text(r#"{"keys":[]}"#.to_owned()),
        Answer::Text(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.to_owned()),
        Answer::Text("[".repeat(100_000)),
        Answer::Status(500),
        Answer::Status(204),
        Answer::Redirect(elsewhere.url()),
        Answer::Endless,
    ]
    .into_iter()
    .enumerate()
    {
        rig.provider.answers(answer);
        rig.advance(10).await;
        let unknown = Signer::ec().token(Some("b"), &long());
        assert_eq!(rig.ask(&unknown).await.unwrap_err(), Refused::Unavailable, "{i}");
        assert_eq!(rig.provider.asked(), asked + i + 1);
        rig.assert_taken(&rig.token()).await;
    }
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn one_fetch_serves_all_waiting_requests_and_a_hanging_provider_does_not_delay_known_keys() {
    let rig = Rig::new().await;
    let tokens: Vec<_> = (0..20).map(|i| rig.key.token(Some("a"), &claims_but("jti", json!(i)))).collect();
    for identity in join_all(tokens.iter().map(|token| rig.ask(token))).await {
        assert_eq!(identity.unwrap().subject(), Some("ada"));
    }
    assert_eq!(rig.provider.asked(), 1);

    rig.provider.answers(Answer::Hang);
    rig.advance(10).await;
    let token = Signer::rsa().token(Some("b"), &long());
    let mut waits = Box::pin(rig.ask(&token));
    while rig.provider.asked() < 2 {
        assert!(futures_util::poll!(&mut waits).is_pending());
        tokio::task::yield_now().await;
    }
    rig.assert_taken(&rig.key.token(Some("a"), &claims_but("jti", json!("another")))).await;
    // A caller that gives up waiting does not end the fetch for the others.
    drop(waits);
    assert_eq!(rig.ask(&token).await.unwrap_err(), Refused::Unavailable);
    assert_eq!(rig.provider.asked(), 2);
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

#[test]
fn an_invalid_url_of_keys_is_refused() {
    for url in ["", "id.example/keys", "ftp://id.example/keys", "file:///etc/passwd", "http://"] {
        assert!(matches!(Jwks::new(url), Err(InvalidJwks::Url)), "{url}");
    }
}
