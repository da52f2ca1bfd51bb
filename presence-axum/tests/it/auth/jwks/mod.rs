//! Tokens signed with keys that a provider publishes.

mod attacks;
mod outages;
mod provider;
mod rotation;

use super::{NOW, bearer, claims, claims_but, identify};
use crate::client::soon;
use presence_axum::auth::{Auth, Authenticator, Credentials, Identity, InvalidJwks, Jwks, Refused};
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
async fn a_token_is_known_at_once_after_it_was_verified() {
    let rig = Rig::new().await;
    let tokens = jwks(&rig.provider, &rig.clock);
    let token = rig.token();
    let credentials = Credentials::new(token).unwrap();
    assert!(tokens.authenticate_now(&credentials).is_none());
    soon(tokens.authenticate(&credentials)).await.unwrap();
    let known = tokens.authenticate_now(&credentials).unwrap().unwrap();
    assert_eq!(known.subject(), Some("ada"));
    rig.advance(3_600).await;
    assert!(tokens.authenticate_now(&credentials).is_none());
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

#[test]
fn an_invalid_url_of_keys_is_refused() {
    for url in ["", "id.example/keys", "ftp://id.example/keys", "file:///etc/passwd", "http://"] {
        assert!(matches!(Jwks::new(url), Err(InvalidJwks::Url)), "{url}");
    }
}
