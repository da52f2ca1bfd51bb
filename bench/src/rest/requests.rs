//! The requests of clients.

use super::{SECRET, STATUSES};
use crate::Outcome;
use crate::people::Key;
use jsonwebtoken::{EncodingKey, Header, encode};
use presence_core::{Clock, SystemClock};
use serde_json::json;

/// A token of this user, with the right to write for all.
pub fn token(user: &str) -> Outcome<String> {
    let now = SystemClock.now().as_secs();
    let claims = json!({ "sub": user, "admin": true, "iat": now, "exp": now + 24 * 60 * 60 });
    Ok(encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes()))?)
}

fn name(user: usize) -> String {
    Key::of(user).ids().0.to_owned()
}

fn head(method: &str, path: &str, token: &str) -> String {
    format!(
        "{method} /api/v2/presence{path} HTTP/1.1\r\nhost: here.example\r\nauthorization: Bearer {token}\r\n"
    )
}

/// Queries one user.
pub fn one(token: &str, user: usize) -> String {
    head("GET", &format!("/{}", name(user)), token) + "\r\n"
}

/// Queries consecutive users.
pub fn several(token: &str, from: usize, of: usize) -> String {
    let names: Vec<String> = (from..from + STATUSES).map(|user| name(user % of)).collect();
    head("GET", &format!("?users={}", names.join(",")), token) + "\r\n"
}

/// Sets a status.
pub fn post(token: &str, user: usize) -> String {
    let body = r#"{"status":"busy","message":"in a meeting until 11"}"#;
    let head = head("POST", &format!("/{}", name(user)), token);
    format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
