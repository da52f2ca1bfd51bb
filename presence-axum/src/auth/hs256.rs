//! [`Hs256`]: verifies tokens that are signed with a shared secret.

use super::jwt;
use super::verified::{Key, Verified};
use super::{Admins, Authenticator, Credentials, Identity, Refused, Rules};
use async_trait::async_trait;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use presence_core::{Clock, SystemClock};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Knows tokens by HMAC-SHA-256 with one secret.
///
/// The algorithm is this one, whatever a token says of itself, and so is the key: a token that
/// brings its own, or says where to fetch one, is refused. A token that was verified is remembered
/// until it ends, 10,000 of them. RFC 7518 wants a secret of at least 32 bytes.
pub struct Hs256 {
    key: DecodingKey,
    signature: Validation,
    rules: Rules,
    clock: Arc<dyn Clock>,
    verified: Verified,
}

impl Hs256 {
    /// Accepts tokens that are signed with `secret`.
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        Self {
            key: DecodingKey::from_secret(secret.as_ref()),
            signature: jwt::signature(Algorithm::HS256),
            rules: Rules::default(),
            clock: Arc::new(SystemClock),
            verified: Verified::new(Verified::MOST),
        }
    }

    /// How far the clock of the issuer may be off. Default zero; see [`Rules::leeway`].
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.rules.leeway = leeway;
        self
    }

    /// The required issuer (`iss`). Default: any.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.rules.issuer = Some(issuer.into());
        self
    }

    /// The required audience (`aud`). Default: any.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.rules.audience = Some(audience.into());
        self
    }

    /// The client that a token must have been issued to. Default: any; see [`Rules::client`].
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.rules.client = Some(client.into());
        self
    }

    /// Which callers are administrators. Default [`Admins::default`].
    pub fn admins(mut self, admins: Admins) -> Self {
        self.rules.admins = admins;
        self
    }

    /// The clock by which tokens expire. Default: the system's.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    fn check(&self, token: &str) -> Result<Identity, Refused> {
        let (key, now) = (Key::of(token), self.clock.now());
        if let Some(identity) = self.verified.get(&key, 0, now, self.rules.leeway) {
            return Ok(identity);
        }
        let claims = jwt::claims(token, &self.key, &self.signature)?;
        let identity = self.rules.identity(claims, now)?;
        self.verified.keep(key, 0, identity.clone());
        Ok(identity)
    }
}

#[async_trait]
impl Authenticator for Hs256 {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
        self.check(credentials.token())
    }
}

/// Leaves out the secret.
impl fmt::Debug for Hs256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hs256").field("rules", &self.rules).finish_non_exhaustive()
    }
}
