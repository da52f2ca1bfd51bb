//! The layer around all routes: CORS headers and a tracing span.

use crate::Cors;
use axum::extract::MatchedPath;
use axum::handler::Handler;
use axum::response::{IntoResponse, Response};
use http::header::ORIGIN;
use http::{HeaderValue, Method, Request, StatusCode};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower::{Layer, Service};
use tracing::Span;

/// A layer for routes that browsers call: answers preflight requests, adds CORS headers to every
/// response (errors too), and opens a span with the method and the matched path. The span never
/// holds the query, which may contain a token.
///
/// One layer without a boxed future: it costs a hit well under a microsecond.
#[derive(Debug, Clone, Default)]
pub struct PresenceLayer {
    cors: Option<Arc<Cors>>,
}

impl PresenceLayer {
    /// A layer that opens spans and adds no CORS headers: pages of other origins
    /// cannot read responses.
    ///
    /// ```
    /// use presence_axum::PresenceLayer;
    /// let app: axum::Router = axum::Router::new().layer(PresenceLayer::new());
    /// # drop(app);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds CORS headers for these origins.
    ///
    /// ```
    /// use presence_axum::{Cors, PresenceLayer};
    /// let app: axum::Router = axum::Router::new().layer(PresenceLayer::new().cors(Cors::any()));
    /// # drop(app);
    /// ```
    pub fn cors(self, cors: Cors) -> Self {
        Self { cors: Some(Arc::new(cors)) }
    }

    /// A handler with this layer as a part of it. Around a route the layer would cost each request
    /// a boxed future and several copies more.
    pub(crate) fn around<H>(&self, handler: H) -> Layered<H> {
        Layered { handler, layer: self.clone() }
    }

    /// Applies the layer to a request: `serve` answers it, unless it is a preflight.
    fn apply<B, F>(&self, request: Request<B>, serve: impl FnOnce(Request<B>) -> F) -> PresenceLayerFuture<F>
    where
        F: Future<Output: Answer>,
    {
        if let Some(cors) = &self.cors
            && request.method() == Method::OPTIONS
        {
            let preflight = (StatusCode::NO_CONTENT, cors.preflight(request.headers())).into_response();
            let inner = Inner::Preflight { answer: Some(F::Output::of(preflight)) };
            return PresenceLayerFuture { inner, cors: None, origin: None, span: Span::none() };
        }
        let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let span = tracing::debug_span!("request", method = %request.method(), path);
        let origin = self.cors.as_ref().and_then(|_| request.headers().get(ORIGIN)).cloned();
        let inner = Inner::Route { route: serve(request) };
        PresenceLayerFuture { inner, cors: self.cors.clone(), origin, span }
    }
}

impl<S> Layer<S> for PresenceLayer {
    type Service = PresenceLayerService<S>;

    fn layer(&self, inner: S) -> PresenceLayerService<S> {
        PresenceLayerService { inner, layer: self.clone() }
    }
}

/// A service wrapped in [`PresenceLayer`].
#[derive(Debug, Clone)]
pub struct PresenceLayerService<S> {
    inner: S,
    layer: PresenceLayer,
}

impl<S, B> Service<Request<B>> for PresenceLayerService<S>
where
    S: Service<Request<B>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = PresenceLayerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = &mut self.inner;
        self.layer.apply(request, |request| inner.call(request))
    }
}

/// What [`PresenceLayer`] makes of a handler.
#[derive(Debug, Clone)]
pub(crate) struct Layered<H> {
    handler: H,
    layer: PresenceLayer,
}

impl<H, T, S> Handler<T, S> for Layered<H>
where
    H: Handler<T, S>,
{
    type Future = PresenceLayerFuture<H::Future>;

    fn call(self, request: axum::extract::Request, state: S) -> Self::Future {
        let handler = self.handler;
        self.layer.apply(request, |request| handler.call(request, state))
    }
}

/// What a handler or a service gives: a response, or one that may have failed.
trait Answer {
    fn of(response: Response) -> Self;
    fn response(&mut self) -> Option<&mut Response>;
}

impl Answer for Response {
    fn of(response: Response) -> Self {
        response
    }

    fn response(&mut self) -> Option<&mut Response> {
        Some(self)
    }
}

impl<E> Answer for Result<Response, E> {
    fn of(response: Response) -> Self {
        Ok(response)
    }

    fn response(&mut self) -> Option<&mut Response> {
        self.as_mut().ok()
    }
}

pin_project! {
    /// The response future of a service or a handler within [`PresenceLayer`].
    #[must_use = "futures do nothing unless polled"]
    pub struct PresenceLayerFuture<F: Future> {
        #[pin]
        inner: Inner<F>,
        cors: Option<Arc<Cors>>,
        // The origin of the page that calls.
        origin: Option<HeaderValue>,
        span: Span,
    }
}

pin_project! {
    #[project = InnerProjected]
    enum Inner<F: Future> {
        Preflight { answer: Option<F::Output> },
        Route { #[pin] route: F },
    }
}

impl<F> Future for PresenceLayerFuture<F>
where
    F: Future<Output: Answer>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _within = this.span.enter();
        let mut answer = match this.inner.project() {
            InnerProjected::Preflight { answer } => {
                answer.take().unwrap_or_else(|| F::Output::of(Response::default()))
            }
            InnerProjected::Route { route } => ready!(route.poll(cx)),
        };
        if let Some(response) = answer.response() {
            tracing::debug!(status = response.status().as_u16(), "answered");
            if let Some(cors) = this.cors {
                cors.answer(this.origin.as_ref(), response.headers_mut());
            }
        }
        Poll::Ready(answer)
    }
}
