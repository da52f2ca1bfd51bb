//! [`Jwks`]: verifies tokens that are signed with keys published by an identity provider.

mod fetch;
mod keys;

use super::verified::{Key, Verified};
use super::{Admins, Authenticator, Credentials, Identity, Refused, Rules, jwt};
use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use jsonwebtoken::{Algorithm, decode_header};
use keys::Keys;
use parking_lot::Mutex;
use presence_core::{Clock, SystemClock, Timestamp};
use reqwest::{Client, Url};
use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Knows tokens that are signed with RS256 or ES256 by a key of a published set (JWKS, RFC 7517).
///
/// The keys are fetched when the first token is shown, and again
/// - at a token with an unknown key id, at most once in 10 s: a new key is accepted within that
///   time, and whoever makes up ids costs the provider nothing;
/// - in the background once the keys are 5 min old: a key that is withdrawn is refused from then
///   on.
///
/// While the provider is down, answers nonsense or hangs, the known keys go on. A fetch takes 5 s
/// and 256 KiB at most, is shared by all who wait for it, and follows no redirect. Until the first
/// one has succeeded, tokens are [`Refused::Unavailable`] (503), and it is tried again every 2 s.
///
/// The algorithm is the key's, whatever a token says of itself; a token that brings a key is
/// refused. One without a key id (`kid`) is taken if the set has a single key of its algorithm.
/// Only keys for signing count (`use` is `sig` or absent, of 2,048 bits or P-256), the first 100 of
/// them. A token that was verified is remembered until it ends, 10,000 of them, as long as the keys
/// are the same.
///
/// ```no_run
/// # fn example() -> Result<(), presence_axum::auth::InvalidJwks> {
/// use presence_axum::auth::{Auth, Jwks};
/// let tokens = Jwks::keycloak("https://id.example", "chat")?.client("chat-web");
/// let auth = Auth::new(tokens);
/// # let _ = auth;
/// # Ok(()) }
/// ```
pub struct Jwks {
    source: Arc<Source>,
    clock: Arc<dyn Clock>,
    rules: Rules,
    verified: Verified,
}

/// The URL of the keys, and the keys that were fetched last.
struct Source {
    url: Url,
    client: Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Arc<Keys>,
    /// The number of the key set: zero until the first was fetched, then one more with each change.
    number: u64,
    fetched_at: Timestamp,
    tried_at: Option<Timestamp>,
    failed: bool,
    under_way: Option<Shared<BoxFuture<'static, ()>>>,
}

/// The minimum time between two fetches that tokens with unknown keys cause.
const UNKNOWN_EVERY: Duration = Duration::from_secs(10);
/// The pause before another fetch while there are no keys at all.
const FIRST_EVERY: Duration = Duration::from_secs(2);
/// The age of keys after which they are fetched again.
const REFRESH_AFTER: Duration = Duration::from_mins(5);

/// Why a set of keys cannot be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJwks {
    /// The URL is not one of `http` or `https`.
    #[error("the URL of the keys is not like https://id.example/keys")]
    Url,
    /// The HTTP client cannot be made: the root certificates cannot be read, for example.
    #[error("no HTTP client: {0}")]
    Client(String),
}

impl Jwks {
    /// Accepts tokens that are signed with a key published at `url`.
    ///
    /// # Errors
    ///
    /// [`InvalidJwks`].
    pub fn new(url: impl AsRef<str>) -> Result<Self, InvalidJwks> {
        let url = Url::parse(url.as_ref()).map_err(|_| InvalidJwks::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(InvalidJwks::Url);
        }
        let client = fetch::client().map_err(|error| {
            InvalidJwks::Client(error.source().map_or_else(|| error.to_string(), ToString::to_string))
        })?;
        Ok(Self {
            source: Arc::new(Source { url, client, state: Mutex::default() }),
            clock: Arc::new(SystemClock),
            rules: Rules::default(),
            verified: Verified::new(Verified::MOST),
        })
    }

    /// Knows tokens of this realm of Keycloak, whose issuer is `{base}/realms/{realm}`.
    ///
    /// Where tokens are issued under another address than the one that keys are fetched from, say
    /// so by [`issuer`](Self::issuer).
    ///
    /// # Errors
    /// [`InvalidJwks`].
    pub fn keycloak(base: &str, realm: &str) -> Result<Self, InvalidJwks> {
        let issuer = format!("{}/realms/{realm}", base.trim_end_matches('/'));
        Ok(Self::new(format!("{issuer}/protocol/openid-connect/certs"))?.issuer(issuer))
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

    /// The client that a token must have been issued to (`azp`, or `aud`). Default: any; see
    /// [`Rules::client`].
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.rules.client = Some(client.into());
        self
    }

    /// Which callers are administrators. Default [`Admins::default`].
    pub fn admins(mut self, admins: Admins) -> Self {
        self.rules.admins = admins;
        self
    }

    /// The clock by which tokens expire and keys grow old. Default: the system's.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    async fn check(&self, token: &str) -> Result<Identity, Refused> {
        let key = Key::of(token);
        let now = self.clock.now();
        let number = self.source.number(&self.clock);
        if let Some(identity) = self.verified.get(&key, number, now, self.rules.leeway) {
            return Ok(identity);
        }
        let head = decode_header(token).map_err(|_| Refused::Invalid("no token"))?;
        if !matches!(head.alg, Algorithm::RS256 | Algorithm::ES256) {
            return Err(Refused::Invalid("another algorithm"));
        }
        let (keys, number) = self.source.keys_with(head.kid.as_deref(), head.alg, &self.clock).await?;
        let with = keys.find(head.kid.as_deref(), head.alg).ok_or(Refused::Invalid("unknown key"))?;
        let claims = jwt::claims(token, with.decoding(), &with.signature)?;
        let identity = self.rules.identity(claims, self.clock.now())?;
        self.verified.keep(key, number, identity.clone());
        Ok(identity)
    }
}

impl Source {
    /// Which keys are known; old ones are fetched again meanwhile.
    fn number(self: &Arc<Self>, clock: &Arc<dyn Clock>) -> u64 {
        let mut state = self.state.lock();
        if state.number > 0 && clock.now().since(state.fetched_at) >= REFRESH_AFTER {
            self.fetch(&mut state, clock, UNKNOWN_EVERY);
        }
        state.number
    }

    /// The keys among which one has this id and algorithm, fetched if need be and if it is time.
    async fn keys_with(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Arc<Keys>, u64), Refused> {
        let under_way = {
            let mut state = self.state.lock();
            if state.keys.find(id, algorithm).is_some() {
                return Ok((Arc::clone(&state.keys), state.number));
            }
            let every = if state.number == 0 { FIRST_EVERY } else { UNKNOWN_EVERY };
            self.fetch(&mut state, clock, every)
        };
        if let Some(under_way) = under_way {
            under_way.await;
        }
        let state = self.state.lock();
        // It may be a new key that cannot be fetched.
        if state.failed && state.keys.find(id, algorithm).is_none() {
            return Err(Refused::Unavailable);
        }
        Ok((Arc::clone(&state.keys), state.number))
    }

    /// Begins a fetch, or joins the one that is under way; `None` when the last one was begun too
    /// short a while ago.
    ///
    /// It is a task of its own: nobody who waits for it can cancel it for the others.
    fn fetch(
        self: &Arc<Self>,
        state: &mut State,
        clock: &Arc<dyn Clock>,
        every: Duration,
    ) -> Option<Shared<BoxFuture<'static, ()>>> {
        let now = clock.now();
        if let Some(under_way) = state.under_way.as_ref().filter(|under_way| under_way.peek().is_none()) {
            return Some(under_way.clone());
        }
        if state.tried_at.is_some_and(|tried_at| now.since(tried_at) < every) {
            return None;
        }
        state.tried_at = Some(now);
        let task = tokio::spawn(Arc::clone(self).refresh(Arc::clone(clock)));
        let under_way = task.map(|_| ()).boxed().shared();
        state.under_way = Some(under_way.clone());
        Some(under_way)
    }

    async fn refresh(self: Arc<Self>, clock: Arc<dyn Clock>) {
        let fetched = fetch::fetch(&self.client, self.url.clone()).await;
        let mut state = self.state.lock();
        let failed_before = std::mem::replace(&mut state.failed, fetched.is_err());
        match fetched {
            Ok(keys) => {
                state.fetched_at = clock.now();
                if state.number == 0 || !state.keys.is_like(&keys) {
                    tracing::info!(?keys, "signing keys are new");
                    state.keys = Arc::new(keys);
                    state.number += 1;
                } else if failed_before {
                    tracing::info!("signing keys can be fetched again");
                }
            }
            Err(failed) if !failed_before => {
                let cause = failed.source().map(|source| innermost(source).to_string());
                let known = state.number > 0;
                tracing::warn!(error = %failed, cause, known, "signing keys cannot be fetched");
            }
            Err(_) => {}
        }
    }
}

fn innermost<'e>(mut error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

#[async_trait]
impl Authenticator for Jwks {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
        self.check(credentials.token()).await
    }
}

/// Says nothing of the URL, which may hold a password.
impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.source.state.lock();
        f.debug_struct("Jwks").field("rules", &self.rules).field("keys", &state.keys).finish_non_exhaustive()
    }
}
