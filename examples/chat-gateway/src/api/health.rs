//! `GET /health`.

use crate::Service;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use presence_axum::wire::json;
use serde::Serialize;

/// 200 as long as this instance serves, also while Redis or NATS is down: clients stay connected
/// during an outage, and a load balancer that removed the instance would disconnect them.
pub(crate) async fn health(State(service): State<Service>) -> Response {
    #[derive(Serialize)]
    struct Wire<'a> {
        status: &'static str,
        service: &'a str,
        active_connections: usize,
    }
    let wire = Wire {
        status: "healthy",
        service: service.name(),
        active_connections: service.mount().limiter().open(),
    };
    json(StatusCode::OK, &wire)
}
