//! Answers that take no waiting, without a future.

use super::{bearer, claims, claims_but, hs256, identify};
use crate::auth::forge::signed;
use async_trait::async_trait;
use http::HeaderMap;
use presence_axum::auth::{Auth, Authenticator, Credentials, Identity, Refused, Tokens};
use presence_core::UserId;
use serde_json::json;
use std::sync::Arc;

/// Knows `now` and `never` at once, and everybody else after a while.
struct Friends;

fn friend(name: &str) -> Identity {
    Identity::from_host(UserId::new(name).unwrap())
}

#[async_trait]
impl Authenticator for Friends {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
        assert!(!matches!(credentials.token(), "now" | "never"), "the answer was known at once");
        Ok(friend(credentials.token()))
    }

    fn authenticate_now(&self, credentials: &Credentials<'_>) -> Option<Result<Identity, Refused>> {
        match credentials.token() {
            "now" => Some(Ok(friend("now"))),
            "never" => Some(Err(Refused::Expired)),
            _ => None,
        }
    }
}

#[tokio::test]
async fn an_answer_at_once_spares_the_future() {
    let friends: Arc<dyn Authenticator> = Arc::new(Friends);
    for auth in [Auth::new(Friends), Auth::new(friends), Auth::new(Tokens::new(Friends))] {
        assert_eq!(identify(&auth, &bearer("now")).await.unwrap().subject(), Some("now"));
        assert_eq!(identify(&auth, &bearer("never")).await.unwrap_err(), Refused::Expired);
        assert_eq!(identify(&auth, &bearer("later")).await.unwrap().subject(), Some("later"));
        assert_eq!(identify(&auth, &HeaderMap::new()).await.unwrap_err(), Refused::Missing);
    }
}

#[tokio::test]
async fn both_answers_of_a_shared_secret_are_the_same() {
    let tokens = hs256();
    for token in [signed(&claims()), signed(&claims_but("exp", json!(1))), "garbage".to_owned()] {
        let credentials = Credentials::new(token).unwrap();
        // The second time, a valid token is known.
        for _ in 0..2 {
            let at_once = tokens.authenticate_now(&credentials).expect("it never waits");
            let answer = tokens.authenticate(&credentials).await;
            assert_eq!(at_once.map(|who| who.user().cloned()), answer.map(|who| who.user().cloned()));
        }
    }
}
