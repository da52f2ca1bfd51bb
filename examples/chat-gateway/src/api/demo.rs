//! `GET /demo/token?user=alice`: issues a token to anybody, in a demo.

use crate::Service;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use jsonwebtoken::{EncodingKey, Header};
use presence_axum::Error;
use presence_axum::wire::json;
use presence_core::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The lifetime of such a token.
const LIVES_FOR: Duration = Duration::from_hours(1);

/// The user of the token.
#[derive(Deserialize)]
pub(crate) struct Asked {
    user: String,
}

/// Signs a token of any user who is not an administrator.
///
/// # Errors
/// 404 unless this is a demo; 400 for an invalid user id.
pub(crate) async fn token(
    State(service): State<Service>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Wire {
        token: String,
    }
    let secret = service.demo_secret().ok_or_else(|| Error::new(StatusCode::NOT_FOUND, "not found"))?;
    let Query(Asked { user }) = asked.map_err(|_| Error::bad_request("no user"))?;
    let user = UserId::new(user).map_err(|_| Error::bad_request("invalid user"))?;
    let token = signed(secret, &user, service.presence().clock().now())
        .ok_or_else(|| Error::unavailable("not signed"))?;
    Ok(json(StatusCode::OK, &Wire { token }))
}

/// A token of this user with a lifetime of an hour, signed with the development secret; `None` if
/// it cannot be signed.
pub fn signed(secret: &str, user: &UserId, now: Timestamp) -> Option<String> {
    #[derive(Serialize)]
    struct Claims<'a> {
        sub: &'a str,
        preferred_username: &'a str,
        iat: u64,
        exp: u64,
    }
    let (iat, exp) = (now.as_secs(), (now + LIVES_FOR).as_secs());
    let claims = Claims { sub: user.as_str(), preferred_username: user.as_str(), iat, exp };
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).ok()
}
