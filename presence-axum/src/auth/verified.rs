//! A cache of verified tokens.

use super::Identity;
use crate::recent::Recent;
use parking_lot::Mutex;
use presence_core::Timestamp;
use std::time::Duration;

/// Caches the identities of verified tokens until they expire: verifying a signature costs more
/// than the rest of a request.
///
/// Bounded. The keys are BLAKE3 digests; the tokens themselves are not kept.
pub(super) struct Verified {
    most: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    /// The number of the key set that the tokens were verified with. A new key set makes all
    /// entries invalid.
    keys: u64,
    identities: Recent<Key, Identity>,
}

/// The digest of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn of(token: &str) -> Self {
        Self(blake3::hash(token.as_bytes()).into())
    }
}

impl Verified {
    /// The maximum number of cached tokens. A token with many claims takes a few KiB.
    pub(super) const MOST: usize = 10_000;

    pub(super) fn new(most: usize) -> Self {
        Self { most, inner: Mutex::new(Inner { keys: 0, identities: Recent::new(most) }) }
    }

    /// The identity of a token, if it was verified with these keys and has not expired.
    pub(super) fn get(&self, key: &Key, keys: u64, now: Timestamp, leeway: Duration) -> Option<Identity> {
        let mut inner = self.inner.lock();
        if inner.keys != keys {
            return None;
        }
        let found = inner.identities.get(key)?;
        found.expires_at().is_some_and(|ends| ends + leeway > now).then_some(found)
    }

    /// Caches the identity of a token.
    pub(super) fn keep(&self, key: Key, keys: u64, identity: Identity) {
        let mut inner = self.inner.lock();
        if inner.keys > keys {
            return; // verified with an older key set
        }
        if inner.keys < keys {
            *inner = Inner { keys, identities: Recent::new(self.most) };
        }
        inner.identities.insert(key, identity, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Admins;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn ada() -> Identity {
        let claims = json!({ "sub": "ada" });
        Identity::new(claims.as_object().unwrap().clone(), NOW, &Admins::none())
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn a_token_is_cached_until_it_expires() {
        let verified = Verified::new(10);
        let key = Key::of("t");
        let get = |now, leeway| verified.get(&key, 0, now, Duration::from_secs(leeway));
        assert!(get(at(0), 0).is_none());
        verified.keep(key, 0, ada());
        assert_eq!(get(at(999), 0).unwrap().subject(), Some("ada"));
        assert!(get(at(1_000), 0).is_none());
        assert!(get(at(1_000), 1).is_some());
        assert!(verified.get(&Key::of("u"), 0, at(0), Duration::ZERO).is_none());
    }

    #[test]
    fn a_new_key_set_invalidates_the_cache() {
        let verified = Verified::new(10);
        let key = Key::of("t");
        verified.keep(key, 1, ada());
        assert!(verified.get(&key, 2, at(0), Duration::ZERO).is_none());
        verified.keep(Key::of("u"), 2, ada());
        for keys in [1, 2] {
            assert!(verified.get(&key, keys, at(0), Duration::ZERO).is_none());
        }
        verified.keep(key, 1, ada());
        assert!(verified.get(&key, 2, at(0), Duration::ZERO).is_none(), "verified with keys of the past");
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_the_used_entries() {
        let verified = Verified::new(10);
        verified.keep(Key::of("used"), 0, ada());
        for i in 0..1_000 {
            verified.keep(Key::of(&i.to_string()), 0, ada());
            assert!(verified.get(&Key::of("used"), 0, at(0), Duration::ZERO).is_some(), "{i}");
            assert!(verified.inner.lock().identities.weight() <= 10);
        }
    }
}
