//! The layer around all routes: CORS headers and a tracing span.

use crate::Cors;
use axum::extract::MatchedPath;
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
    /// Spans only: pages of other origins cannot read responses.
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
}

impl<S> Layer<S> for PresenceLayer {
    type Service = PresenceLayerService<S>;

    fn layer(&self, inner: S) -> PresenceLayerService<S> {
        PresenceLayerService { inner, cors: self.cors.clone() }
    }
}

/// A service wrapped in [`PresenceLayer`].
#[derive(Debug, Clone)]
pub struct PresenceLayerService<S> {
    inner: S,
    cors: Option<Arc<Cors>>,
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
        if let Some(cors) = &self.cors
            && request.method() == Method::OPTIONS
        {
            let preflight = (StatusCode::NO_CONTENT, cors.preflight(request.headers())).into_response();
            return PresenceLayerFuture {
                inner: Inner::Preflight { answer: Some(preflight) },
                cors: None,
                asks: None,
                span: Span::none(),
            };
        }
        let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let span = tracing::debug_span!("request", method = %request.method(), path);
        let asks = request.headers().get(ORIGIN).filter(|_| self.cors.is_some()).cloned();
        let inner = Inner::Route { route: self.inner.call(request) };
        PresenceLayerFuture { inner, cors: self.cors.clone(), asks, span }
    }
}

pin_project! {
    /// The response future of [`PresenceLayerService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct PresenceLayerFuture<F> {
        #[pin]
        inner: Inner<F>,
        cors: Option<Arc<Cors>>,
        asks: Option<HeaderValue>,
        span: Span,
    }
}

pin_project! {
    #[project = InnerProjected]
    enum Inner<F> {
        Preflight { answer: Option<Response> },
        Route { #[pin] route: F },
    }
}

impl<F, E> Future for PresenceLayerFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _within = this.span.enter();
        let mut response = match this.inner.project() {
            InnerProjected::Preflight { answer } => answer.take().unwrap_or_default(),
            InnerProjected::Route { route } => ready!(route.poll(cx))?,
        };
        tracing::debug!(status = response.status().as_u16(), "answered");
        if let Some(cors) = this.cors {
            cors.answer(this.asks.as_ref(), response.headers_mut());
        }
        Poll::Ready(Ok(response))
    }
}
