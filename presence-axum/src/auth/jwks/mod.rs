//! [`Jwks`]: verifies tokens that are signed with keys published by an identity provider.

mod fetch;
mod keys;

use super::verified::{Key, Verified};
use super::{Authenticator, Credentials, Identity, Refused, Rules, jwt};
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

/// Verifies tokens that are signed with RS256 or ES256 by a key of a published set
/// (JWKS, RFC 7517).
///
/// The keys are fetched at the first token, and again
/// - at a token with an unknown key id, at most once in 10 s, so that a new key is accepted soon
///   and invented ids cost the provider nothing;
/// - in the background once the keys are 5 min old, so that a withdrawn key is refused from then
///   on.
///
/// While the provider is down, hangs or answers garbage, the known keys stay in use. A fetch takes
/// at most 5 s and 256 KiB, is shared by all requests that wait for it, and follows no redirect.
/// Until the first fetch has succeeded, tokens are [`Refused::Unavailable`] (503), and the fetch is
/// retried every 2 s.
///
/// The algorithm is that of the key, whatever the token claims; a token that brings a key is
/// refused. A token without a key id (`kid`) is accepted if the set has exactly one key of its
/// algorithm. Only signing keys count (`use` is `sig` or absent; RSA from 2,048 bits, or P-256), at
/// most 100 of them. Verified tokens are cached until they expire or the key set changes,
/// at most 10,000.
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
    /// The number of the key set: zero before the first fetch, then one more with each change.
    number: u64,
    fetched_at: Timestamp,
    tried_at: Option<Timestamp>,
    failed: bool,
    under_way: Option<Shared<BoxFuture<'static, ()>>>,
}

/// The minimum time between two fetches caused by tokens with unknown keys.
const UNKNOWN_EVERY: Duration = Duration::from_secs(10);
/// The pause before the next fetch while there are no keys at all.
const FIRST_EVERY: Duration = Duration::from_secs(2);
/// The age at which keys are fetched again.
const REFRESH_AFTER: Duration = Duration::from_mins(5);

/// Why a [`Jwks`] cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJwks {
    /// The URL is not a valid `http` or `https` URL.
    #[error("the URL of the keys is not an http(s) URL such as https://id.example/keys")]
    Url,
    /// The HTTP client cannot be made, for example because the root certificates cannot be read.
    #[error("no HTTP client: {0}")]
    Client(String),
}

impl Jwks {
    /// Accepts tokens that are signed with a key published at `url`.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::auth::Jwks;
    /// let tokens = Jwks::new("https://id.example/.well-known/jwks.json")?
    ///     .issuer("https://id.example")
    ///     .audience("presence");
    /// # let _ = tokens;
    /// # Ok(()) }
    /// ```
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

    /// Accepts tokens of this realm of Keycloak, whose issuer is `{base}/realms/{realm}`.
    ///
    /// If tokens are issued under another address than the one to fetch keys from, set it by
    /// [`issuer`](Self::issuer).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::auth::Jwks;
    /// let tokens = Jwks::keycloak("https://id.example", "our-realm")?.client("our-app");
    /// # let _ = tokens;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidJwks`].
    pub fn keycloak(base: &str, realm: &str) -> Result<Self, InvalidJwks> {
        let issuer = format!("{}/realms/{realm}", base.trim_end_matches('/'));
        Ok(Self::new(format!("{issuer}/protocol/openid-connect/certs"))?.issuer(issuer))
    }

    super::claims::rule_setters!();

    /// The clock by which tokens expire and keys grow old. Default: the system's.
    ///
    /// ```
    /// # fn main() -> Result<(), presence_axum::auth::InvalidJwks> {
    /// use presence_axum::auth::Jwks;
    /// use presence_core::{Timestamp, testing::ManualClock};
    /// let clock = ManualClock::at(Timestamp::from_secs(1_800_000_000));
    /// let tokens = Jwks::keycloak("https://id.example", "chat")?.clock(clock);
    /// # let _ = tokens;
    /// # Ok(()) }
    /// ```
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// The identity of a token that was verified before.
    fn known(&self, key: &Key) -> Option<Identity> {
        let number = self.source.number(&self.clock);
        self.verified.get(key, number, self.clock.now(), self.rules.leeway)
    }

    async fn check(&self, token: &str) -> Result<Identity, Refused> {
        let key = Key::of(token);
        if let Some(identity) = self.known(&key) {
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
    /// The number of the current key set. Starts a fetch in the background if the keys are old.
    fn number(self: &Arc<Self>, clock: &Arc<dyn Clock>) -> u64 {
        let mut state = self.state.lock();
        if state.number > 0 && clock.now().since(state.fetched_at) >= REFRESH_AFTER {
            self.fetch(&mut state, clock, UNKNOWN_EVERY);
        }
        state.number
    }

    /// The key set, after fetching it if it lacks a key with this id and algorithm and a
    /// fetch is due.
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
        // The token may be signed with a new key that cannot be fetched at the moment.
        if state.failed && state.keys.find(id, algorithm).is_none() {
            return Err(Refused::Unavailable);
        }
        Ok((Arc::clone(&state.keys), state.number))
    }

    /// Starts a fetch, or joins the running one; `None` if the last one was started less than
    /// `every` ago.
    ///
    /// The fetch is a task of its own, so that no waiting request can cancel it for the others.
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
                    tracing::info!(?keys, "fetched new signing keys");
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

    fn authenticate_now(&self, credentials: &Credentials<'_>) -> Option<Result<Identity, Refused>> {
        self.known(&Key::of(credentials.token())).map(Ok)
    }
}

/// Leaves out the URL, which may contain a password.
impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.source.state.lock();
        f.debug_struct("Jwks").field("rules", &self.rules).field("keys", &state.keys).finish_non_exhaustive()
    }
}
