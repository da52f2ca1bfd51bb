//! `GET /health`: whether this instance serves, for load balancers.

use crate::{Jobs, Service};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use presence_axum::wire::json;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// The time limit for the broker's answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
/// How long an answer is reused: the broker gets at most ten requests a second.
const GOOD_FOR: Duration = Duration::from_millis(100);

/// Checks whether the broker answers, once for all waiting callers.
#[derive(Clone, Default)]
pub(crate) struct Probe(Arc<Mutex<Option<(Instant, bool)>>>);

impl Probe {
    async fn answers(&self, jobs: &Jobs) -> bool {
        let came_at = Instant::now();
        let mut last = self.0.lock().await;
        if let Some((at, answered)) = *last
            && (at >= came_at || at.elapsed() < GOOD_FOR)
        {
            return answered;
        }
        let answered = timeout(ANSWERED_WITHIN, jobs.ping()).await.is_ok_and(|pong| pong.is_ok());
        *last = Some((Instant::now(), answered));
        answered
    }
}

/// 200, or 503 when the configured server does not answer.
pub(crate) async fn health(State(service): State<Service>) -> Response {
    #[derive(Serialize)]
    struct Wire {
        status: &'static str,
        service: &'static str,
        active_connections: usize,
        broker: &'static str,
    }
    let is_healthy = service.probe.answers(&service.jobs).await;
    let (code, status) =
        if is_healthy { (StatusCode::OK, "healthy") } else { (StatusCode::SERVICE_UNAVAILABLE, "unhealthy") };
    let wire = Wire {
        status,
        service: "sse-service",
        active_connections: service.gate.open(),
        broker: service.backend,
    };
    json(code, &wire)
}
