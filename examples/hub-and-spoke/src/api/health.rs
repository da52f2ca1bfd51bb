//! The health endpoints.

use crate::{Error, Service};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use presence_axum::wire::json;
use serde::Serialize;

#[derive(Serialize)]
struct Wire<'a> {
    status: &'static str,
    #[serde(rename = "nodeID")]
    node: &'a str,
    view: &'static str,
}

fn report(service: &Service) -> Response {
    let view = if service.statuses().lookaside().is_stale() { "stale" } else { "fresh" };
    json(StatusCode::OK, &Wire { status: "ok", node: service.statuses().node().as_str(), view })
}

/// `GET /health` and `GET /health/liveness`: the process runs.
pub(crate) async fn alive(State(service): State<Service>) -> Response {
    report(&service)
}

/// `GET /health/readiness`: whether the store answers.
///
/// # Errors
/// 503 with the reason.
pub(crate) async fn ready(State(service): State<Service>) -> Result<Response, Error> {
    service.statuses().probe().await.map_err(|error| service.unanswered(&error))?;
    Ok(report(&service))
}
