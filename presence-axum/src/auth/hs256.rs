//! Tokens signed with a secret that both sides know.

use super::{Admins, Authenticator, Credentials, Identity, Refused, Rules};
use async_trait::async_trait;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode};
use presence_core::{Clock, SystemClock};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Knows tokens by HMAC-SHA-256 with one secret.
///
/// The algorithm is this one, whatever a token says of itself, and so is the key: a token that brings its own, or says
/// where to fetch one, is refused. RFC 7518 wants a secret of at least 32 bytes.
pub struct Hs256 {
    key: DecodingKey,
    signature: Validation,
    rules: Rules,
    clock: Arc<dyn Clock>,
}

impl Hs256 {
    /// Knows tokens that are signed with `secret`.
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        let mut signature = Validation::new(Algorithm::HS256);
        // The claims are judged by `Rules`, which are told the time instead of reading a clock.
        signature.required_spec_claims.clear();
        (signature.validate_exp, signature.validate_nbf, signature.validate_aud) = (false, false, false);
        let key = DecodingKey::from_secret(secret.as_ref());
        Self { key, signature, rules: Rules::default(), clock: Arc::new(SystemClock) }
    }

    /// How far the clock of whoever signs may be off. Default zero; see [`Rules::leeway`].
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.rules.leeway = leeway;
        self
    }

    /// Who must have signed (`iss`). Default: anybody who has the secret.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.rules.issuer = Some(issuer.into());
        self
    }

    /// For whom a token must be (`aud`). Default: for anybody.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.rules.audience = Some(audience.into());
        self
    }

    /// To which client a token must have been issued. Default: any; see [`Rules::client`].
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.rules.client = Some(client.into());
        self
    }

    /// Who is an administrator. Default [`Admins::default`].
    pub fn admins(mut self, admins: Admins) -> Self {
        self.rules.admins = admins;
        self
    }

    /// The clock by which tokens expire. Default: the system's.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    fn check(&self, token: &str) -> Result<Identity, Refused> {
        // The library's error is not passed on: it may quote the token.
        let signed = decode::<Map<String, Value>>(token, &self.key, &self.signature);
        let signed = signed.map_err(|_| Refused::Invalid("not signed by us"))?;
        if brings_a_key(&signed.header) {
            return Err(Refused::Invalid("it brings its own key"));
        }
        if signed.header.crit.is_some() {
            // RFC 7515: whoever does not understand what is critical must refuse. We understand nothing of it.
            return Err(Refused::Invalid("a critical extension"));
        }
        self.rules.identity(signed.claims, self.clock.now())
    }
}

fn brings_a_key(header: &Header) -> bool {
    header.jwk.is_some() || header.jku.is_some() || header.x5u.is_some() || header.x5c.is_some()
}

#[async_trait]
impl Authenticator for Hs256 {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
        self.check(credentials.token())
    }
}

/// Says nothing of the secret.
impl fmt::Debug for Hs256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hs256").field("rules", &self.rules).finish_non_exhaustive()
    }
}
