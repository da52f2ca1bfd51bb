//! [`Hs256`]: verifies tokens that are signed with a shared secret.

use super::jwt;
use super::verified::{Key, Verified};
use super::{Authenticator, Credentials, Identity, Refused, Rules};
use async_trait::async_trait;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use presence_core::{Clock, SystemClock};
use std::fmt;
use std::sync::Arc;

/// Verifies tokens that are signed by HMAC-SHA-256 with one secret.
///
/// Algorithm and key are fixed: a token that names another algorithm, contains a key, or names an
/// address of keys is refused. Verified tokens are cached until they expire, at most 10,000. RFC
/// 7518 requires a secret of at least 32 bytes; a shorter one works, with a warning in the log.
pub struct Hs256 {
    key: DecodingKey,
    signature: Validation,
    rules: Rules,
    clock: Arc<dyn Clock>,
    verified: Verified,
}

/// The least length of a secret, in bytes.
const SECRET_BYTES: usize = 32;

impl Hs256 {
    /// Accepts tokens that are signed with `secret`.
    ///
    /// ```
    /// use presence_axum::auth::Hs256;
    /// let tokens = Hs256::new("a secret of at least 32 bytes, please")
    ///     .issuer("https://id.example")
    ///     .audience("presence");
    /// # let _ = tokens;
    /// ```
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        let secret = secret.as_ref();
        if secret.len() < SECRET_BYTES {
            tracing::warn!(
                "the secret of HS256 tokens is shorter than {SECRET_BYTES} bytes: it can be guessed"
            );
        }
        Self {
            key: DecodingKey::from_secret(secret),
            signature: jwt::signature(Algorithm::HS256),
            rules: Rules::default(),
            clock: Arc::new(SystemClock),
            verified: Verified::new(Verified::MOST),
        }
    }

    super::claims::rule_setters!();

    /// The clock by which tokens expire. Default: the system's.
    ///
    /// ```
    /// use presence_axum::auth::Hs256;
    /// use presence_core::{Timestamp, testing::ManualClock};
    /// let clock = ManualClock::at(Timestamp::from_secs(1_800_000_000));
    /// let tokens = Hs256::new("a secret of at least 32 bytes, please").clock(clock);
    /// # let _ = tokens;
    /// ```
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

    fn authenticate_now(&self, credentials: &Credentials<'_>) -> Option<Result<Identity, Refused>> {
        Some(self.check(credentials.token()))
    }
}

/// Leaves out the secret.
impl fmt::Debug for Hs256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hs256").field("rules", &self.rules).finish_non_exhaustive()
    }
}
