//! Tokens, good and bad.

use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

pub const SECRET: &str = "a secret of at least 32 bytes, please";

/// A token with these claims, in order.
pub fn signed(claims: &Value) -> String {
    signed_with(&json!({ "alg": "HS256", "typ": "JWT" }), claims, SECRET)
}

/// A token with this header, signed with HMAC-SHA-256 whatever the header says.
pub fn signed_with(header: &Value, claims: &Value, secret: &str) -> String {
    let message = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
    format!("{message}.{}", hmac(&message, secret))
}

/// The signature alone.
pub fn hmac(message: &str, secret: &str) -> String {
    crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret.as_bytes()), Algorithm::HS256).unwrap()
}

pub fn base64url(text: impl AsRef<[u8]>) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut coded = String::new();
    for three in text.as_ref().chunks(3) {
        let bits =
            three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for digit in 0..=three.len() {
            coded.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    coded
}
