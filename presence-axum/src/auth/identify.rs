//! The trait that identifies the caller of a request, and adapters for functions and extractors.

use super::{Authenticator, Credentials, Identity, Refused, Sources, Transport};
use async_trait::async_trait;
use axum::extract::FromRequestParts;
use axum::response::IntoResponse;
use http::StatusCode;
use http::request::Parts;
use std::marker::PhantomData;

/// Identifies the sender of a request.
///
/// Every [`Authenticator`] is an `Identify`: it uses the token in the header; on streams and
/// sockets also `?token=`; on sockets also a subprotocol ([`Tokens`] changes these places). A
/// session of the host's own, for example in a cookie, is adapted by [`from_extractor`] or
/// [`from_fn`].
#[async_trait]
pub trait Identify: Send + Sync + 'static {
    /// Identifies the sender of this request.
    ///
    /// # Errors
    /// [`Refused`] when the caller is not known; [`Refused::Unavailable`] when that cannot be
    /// decided at the moment.
    async fn identify(&self, parts: &mut Parts, transport: Transport) -> Result<Identity, Refused>;

    /// The same answer at once, where that takes no waiting: a request then pays for no boxed
    /// future. `None`, the default, leaves the answer to [`identify`](Self::identify). It must
    /// not block.
    ///
    /// # Errors
    /// As for [`identify`](Self::identify).
    fn identify_now(&self, _parts: &Parts, _transport: Transport) -> Option<Result<Identity, Refused>> {
        None
    }

    /// Identifies the sender of a token on an open connection. Default: no token is accepted.
    ///
    /// # Errors
    /// As for [`identify`](Self::identify).
    async fn identify_token(&self, _: &Credentials<'_>) -> Result<Identity, Refused> {
        Err(Refused::Invalid("no token is known here"))
    }

    /// Whether browsers authenticate by themselves, as they add cookies. If so, pages of other
    /// origins may neither change anything nor open sockets. Default: yes.
    fn is_ambient(&self) -> bool {
        true
    }
}

#[async_trait]
impl<A: Authenticator> Identify for A {
    async fn identify(&self, parts: &mut Parts, transport: Transport) -> Result<Identity, Refused> {
        self.authenticate(&credentials(parts, transport, Some(Tokens::<A>::PARAMETER))?).await
    }

    fn identify_now(&self, parts: &Parts, transport: Transport) -> Option<Result<Identity, Refused>> {
        by_token_now(self, credentials(parts, transport, Some(Tokens::<A>::PARAMETER)))
    }

    async fn identify_token(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
        self.authenticate(credentials).await
    }

    fn is_ambient(&self) -> bool {
        false
    }
}

/// The token of a request, from the places where this transport may carry it.
fn credentials<'p>(
    parts: &'p Parts,
    transport: Transport,
    parameter: Option<&str>,
) -> Result<Credentials<'p>, Refused> {
    let mut sources = Sources::HEADER;
    if let Some(parameter) = parameter.filter(|_| transport != Transport::Request) {
        sources = sources.query(parameter);
    }
    if transport == Transport::Socket {
        sources = sources.subprotocol();
    }
    Credentials::from_request(parts, sources)
}

fn by_token_now(
    authenticator: &impl Authenticator,
    credentials: Result<Credentials<'_>, Refused>,
) -> Option<Result<Identity, Refused>> {
    match credentials {
        Ok(credentials) => authenticator.authenticate_now(&credentials),
        Err(refused) => Some(Err(refused)),
    }
}

/// Changes where an [`Authenticator`] finds the token of a request.
///
/// ```
/// use presence_axum::auth::{Auth, Hs256, Tokens};
/// let auth = Auth::new(Tokens::new(Hs256::new("secret")).parameter(Some("access_token")));
/// # let _ = auth;
/// ```
#[derive(Debug)]
pub struct Tokens<A> {
    authenticator: A,
    parameter: Option<String>,
}

impl<A> Tokens<A> {
    /// The default query parameter for the token of a stream or a socket.
    pub const PARAMETER: &'static str = "token";

    /// Uses this authenticator, with the default parameter.
    ///
    /// ```
    /// # fn example(tokens: impl presence_axum::auth::Authenticator) {
    /// use presence_axum::auth::{Auth, Tokens};
    /// let auth = Auth::new(Tokens::new(tokens).parameter(None));
    /// # let _ = auth;
    /// # }
    /// ```
    pub fn new(authenticator: A) -> Self {
        Self { authenticator, parameter: Some(Self::PARAMETER.to_owned()) }
    }

    /// Sets the query parameter for the token of a stream or a socket; `None`: no such parameter.
    pub fn parameter(self, name: Option<&str>) -> Self {
        Self { parameter: name.map(str::to_owned), ..self }
    }
}

#[async_trait]
impl<A: Authenticator> Identify for Tokens<A> {
    async fn identify(&self, parts: &mut Parts, transport: Transport) -> Result<Identity, Refused> {
        let credentials = credentials(parts, transport, self.parameter.as_deref())?;
        self.authenticator.authenticate(&credentials).await
    }

    fn identify_now(&self, parts: &Parts, transport: Transport) -> Option<Result<Identity, Refused>> {
        by_token_now(&self.authenticator, credentials(parts, transport, self.parameter.as_deref()))
    }

    async fn identify_token(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
        self.authenticator.authenticate(credentials).await
    }

    fn is_ambient(&self) -> bool {
        false
    }
}

/// Identifies callers by a function that does not wait, for example by a header that a proxy sets.
///
/// Trust such a header only behind a proxy that removes it from what clients send.
///
/// ```
/// use http::request::Parts;
/// use presence_axum::auth::{self, Identity, Refused};
/// use presence_core::UserId;
///
/// let by_proxy = auth::from_fn(|parts: &Parts| {
///     let user = parts.headers.get("x-user").and_then(|name| name.to_str().ok());
///     Ok(Identity::from_host(UserId::new(user.ok_or(Refused::Missing)?)?))
/// });
/// # let _ = auth::Auth::new(by_proxy);
/// ```
pub fn from_fn<F>(identify: F) -> impl Identify
where
    F: Fn(&Parts) -> Result<Identity, Refused> + Send + Sync + 'static,
{
    struct FromFn<F>(F);

    #[async_trait]
    impl<F> Identify for FromFn<F>
    where
        F: Fn(&Parts) -> Result<Identity, Refused> + Send + Sync + 'static,
    {
        async fn identify(&self, parts: &mut Parts, _: Transport) -> Result<Identity, Refused> {
            (self.0)(parts)
        }

        fn identify_now(&self, parts: &Parts, _: Transport) -> Option<Result<Identity, Refused>> {
            Some((self.0)(parts))
        }
    }

    FromFn(identify)
}

/// Identifies callers by an extractor of the host, for example of a session cookie. The extractor
/// gets the host's own state.
///
/// A request that the extractor rejects is refused: with 403 if the rejection is 403, with 503 if
/// it is a 5xx, else with 401. Nothing else of the rejection is passed on.
///
/// ```
/// # use axum::extract::FromRequestParts;
/// # use http::{StatusCode, request::Parts};
/// use presence_axum::auth::{self, Identity};
/// use presence_core::UserId;
///
/// # #[derive(Clone)] struct Host;
/// /// What the host's own handlers extract.
/// struct LoggedIn { id: u64, name: String }
/// # impl FromRequestParts<Host> for LoggedIn {
/// #     type Rejection = StatusCode;
/// #     async fn from_request_parts(_: &mut Parts, _: &Host) -> Result<Self, StatusCode> {
/// #         Err(StatusCode::UNAUTHORIZED)
/// #     }
/// # }
///
/// let by_session = auth::from_extractor(Host, |user: LoggedIn| {
///     Ok(Identity::from_host(UserId::new(user.id.to_string())?).named(user.name))
/// });
/// # let _ = auth::Auth::new(by_session);
/// ```
pub fn from_extractor<E, S, F>(state: S, identity: F) -> impl Identify
where
    E: FromRequestParts<S> + Send + 'static,
    S: Send + Sync + 'static,
    F: Fn(E) -> Result<Identity, Refused> + Send + Sync + 'static,
{
    struct FromExtractor<E, S, F> {
        state: S,
        identity: F,
        extracts: PhantomData<fn() -> E>,
    }

    #[async_trait]
    impl<E, S, F> Identify for FromExtractor<E, S, F>
    where
        E: FromRequestParts<S> + Send + 'static,
        S: Send + Sync + 'static,
        F: Fn(E) -> Result<Identity, Refused> + Send + Sync + 'static,
    {
        async fn identify(&self, parts: &mut Parts, _: Transport) -> Result<Identity, Refused> {
            let extracted = E::from_request_parts(parts, &self.state).await;
            let extracted = extracted.map_err(|rejection| match rejection.into_response().status() {
                StatusCode::FORBIDDEN => Refused::Forbidden,
                status if status.is_server_error() => Refused::Unavailable,
                _ => Refused::Missing,
            })?;
            (self.identity)(extracted)
        }
    }

    FromExtractor { state, identity, extracts: PhantomData }
}
