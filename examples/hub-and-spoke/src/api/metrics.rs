//! Metrics, for people and for Prometheus.

use crate::Service;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use metrics::{describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use presence_axum::auth::Identity;
use presence_axum::wire::json;
use std::sync::OnceLock;
use std::time::Duration;

/// `GET /api/v2/cache/metrics`.
pub(crate) async fn cache(State(service): State<Service>, _: Identity) -> Response {
    json(StatusCode::OK, &service.statuses().lookaside().counted())
}

/// `GET /metrics`, in the text format of Prometheus.
pub(crate) async fn prometheus(State(service): State<Service>) -> Response {
    gauge!("presence_view_stale").set(if service.statuses().lookaside().is_stale() { 1.0 } else { 0.0 });
    let text = RECORDER.get().map(PrometheusHandle::render).unwrap_or_default();
    let headers =
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, text).into_response()
}

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the recorder for `/metrics`: once per process, and before anything is counted.
///
/// # Panics
/// Outside a tokio runtime.
pub fn record() {
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        describe_gauge!("presence_view_stale", "1 while what is shown is not known to be true now");
        let upkeep = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                upkeep.run_upkeep();
            }
        });
        handle
    });
}
