//! The published keys of an identity provider.

use super::super::jwt;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// The maximum number of keys of one provider; more are ignored.
const MOST: usize = 100;
/// The length of an RSA modulus of 2,048 to 8,192 bits, in base64 characters.
const MODULUS: std::ops::RangeInclusive<usize> = 342..=1_366;
/// The length of a P-256 coordinate, in base64 characters.
const COORDINATE: usize = 43;

/// Keys that sign with RS256 or ES256.
#[derive(Default)]
pub(super) struct Keys(Vec<Key>);

pub(super) struct Key {
    id: Option<String>,
    public: DecodingKey,
    /// The validation for the key's own algorithm; the header of a token cannot choose another.
    pub(super) signature: Validation,
    algorithm: Algorithm,
}

impl Key {
    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.public
    }
}

/// The fields of a key in a set (RFC 7517) that are used.
#[derive(Deserialize)]
struct Entry {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Keys {
    /// The signing keys of a set. Keys for another use, of another kind, or too weak are skipped.
    ///
    /// `None` for text that is not a key set, and for a set without a usable key, which is a
    /// mistake of the provider.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(text).ok()?;
        let entries = set.keys.into_iter().filter_map(|entry| serde_json::from_value::<Entry>(entry).ok());
        let keys: Vec<_> = entries.filter_map(Entry::key).take(MOST).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The key with this id and algorithm. For a token without a key id: the only key of its
    /// algorithm, if there is exactly one.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut fitting = self.0.iter().filter(|key| key.algorithm == algorithm);
        match id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }

    /// Whether both sets have the same ids.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(one, other)| {
                (&one.id, one.algorithm) == (&other.id, other.algorithm)
                    && one.public.try_get_as_bytes().ok() == other.public.try_get_as_bytes().ok()
            })
    }
}

impl Entry {
    fn key(self) -> Option<Key> {
        let signs = match (self.usage.as_deref(), &self.key_ops) {
            (Some(usage), _) => usage == "sig",
            (None, Some(operations)) => operations.iter().any(|operation| operation == "verify"),
            (None, None) => true,
        };
        let (algorithm, name, key) = match self.kty.as_str() {
            "RSA" => {
                let modulus = self.n.filter(|n| MODULUS.contains(&n.len()))?;
                (Algorithm::RS256, "RS256", DecodingKey::from_rsa_components(&modulus, &self.e?))
            }
            "EC" if self.crv.as_deref() == Some("P-256") => {
                let (x, y) = (self.x?, self.y?);
                if x.len() != COORDINATE || y.len() != COORDINATE {
                    return None;
                }
                (Algorithm::ES256, "ES256", DecodingKey::from_ec_components(&x, &y))
            }
            // This includes `oct`, a shared secret: once published, it would let anybody sign.
            _ => return None,
        };
        if !signs || self.alg.is_some_and(|alg| alg != name) {
            return None;
        }
        Some(Key { id: self.kid, public: key.ok()?, signature: jwt::signature(algorithm), algorithm })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rsa(more: &Value) -> Value {
        let mut key = json!({ "kty": "RSA", "n": "x".repeat(341) + "w", "e": "AQAB" });
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    fn ec(more: &Value) -> Value {
        let mut key =
            json!({ "kty": "EC", "crv": "P-256", "x": "x".repeat(42) + "w", "y": "y".repeat(42) + "w" });
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    fn read(keys: &Value) -> Option<Keys> {
        Keys::read(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn keys_that_sign_are_found_by_id_and_algorithm() {
        let keys = read(&json!([
            rsa(&json!({ "kid": "a", "use": "sig", "alg": "RS256" })),
            ec(&json!({ "kid": "a", "key_ops": ["verify"] })),
            rsa(&json!({ "kid": "b" })),
        ]))
        .unwrap();
        assert!(keys.find(Some("a"), Algorithm::RS256).is_some());
        assert!(keys.find(Some("a"), Algorithm::ES256).is_some());
        assert!(keys.find(Some("b"), Algorithm::ES256).is_none());
        assert!(keys.find(Some("c"), Algorithm::RS256).is_none());
    }

    #[test]
    fn a_token_without_a_key_id_uses_the_only_key_of_its_algorithm() {
        let keys =
            read(&json!([rsa(&json!({ "kid": "a" })), rsa(&json!({ "kid": "b" })), ec(&json!({}))])).unwrap();
        assert!(keys.find(None, Algorithm::ES256).is_some());
        assert!(keys.find(None, Algorithm::RS256).is_none());
    }

    #[test]
    fn keys_that_do_not_sign_or_are_weak_are_skipped() {
        for key in [
            rsa(&json!({ "use": "enc" })),
            rsa(&json!({ "use": "enc", "key_ops": ["verify"] })),
            rsa(&json!({ "key_ops": ["encrypt"] })),
            rsa(&json!({ "alg": "RSA-OAEP" })),
            rsa(&json!({ "alg": "RS512" })),
            rsa(&json!({ "alg": "HS256" })),
            rsa(&json!({ "n": "x".repeat(171) })),
            rsa(&json!({ "n": "x".repeat(1_400) })),
            rsa(&json!({ "n": "!".repeat(342) })),
            rsa(&json!({ "e": null })),
            ec(&json!({ "crv": "P-384" })),
            ec(&json!({ "alg": "ES384" })),
            ec(&json!({ "x": "x" })),
            json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "use": "sig" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "x".repeat(43) }),
            json!({ "kty": 7 }),
            json!("key"),
            json!(null),
        ] {
            assert!(read(&json!([key])).is_none(), "{key}");
            assert!(read(&json!([key, rsa(&json!({}))])).is_some(), "{key} spoils the others");
        }
    }

    #[test]
    fn invalid_key_sets_are_refused() {
        for text in ["", "{", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, "<html>", "null"] {
            assert!(Keys::read(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn keys_beyond_the_limit_are_skipped() {
        let many: Vec<_> = (0..MOST + 10).map(|i| rsa(&json!({ "kid": i.to_string() }))).collect();
        let keys = read(&json!(many)).unwrap();
        assert_eq!(keys.0.len(), MOST);
    }
}
