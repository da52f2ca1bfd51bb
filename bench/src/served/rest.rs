//! The service hub-and-spoke, and handlers that verify the same token and do the least.

use crate::Outcome;
use crate::rest::{SECRET, STATUSES};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRef, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Parser;
use http::header::CONTENT_TYPE;
use hub_and_spoke::node::{self, center};
use hub_and_spoke::{Service, Settings, app, record, rule};
use presence_axum::auth::{Auth, Identity};
use presence_core::SystemClock;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The settings of a center on the NATS server at this port, or else on memory.
fn settings(port: Option<usize>) -> Settings {
    let url = port.map(|port| format!("--nats-url=nats://127.0.0.1:{port}"));
    let fixed = ["hub-and-spoke", "--node-id", "center-1", "--jwt-secret", SECRET];
    Settings::parse_from(fixed.map(str::to_owned).into_iter().chain(url))
}

fn auth(settings: &Settings) -> Outcome<Auth> {
    Ok(Auth::new(settings.tokens()?).authorize(rule(settings.writes())))
}

/// A center made like that of its `main`, on the NATS server at this port, or else on memory.
pub fn service(port: Option<usize>) -> Outcome<Router> {
    let settings = settings(port);
    let store = node::store(&settings.store()?, &settings.node_id)?;
    record();
    let (statuses, presence) = center(&store, SystemClock, &settings);
    // Runs until the process ends.
    std::mem::forget(presence);
    let service = Service::new(statuses, auth(&settings)?);
    Ok(app(service, settings.cors.cors()?))
}

/// A status in the form from which it would be serialised.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(rename = "userID")]
    user: String,
    status: &'static str,
    message: String,
    last_seen: String,
    updated_at: String,
    #[serde(rename = "nodeID")]
    node: String,
}

#[derive(Serialize)]
struct Several<'a> {
    presences: &'a [Record],
    missing: [&'a str; 0],
}

/// The body of a request.
#[derive(Deserialize)]
struct Wanted<'a> {
    status: &'a str,
    message: &'a str,
}

#[derive(Clone)]
struct Least {
    auth: Auth,
    one: Bytes,
    records: Arc<[Record]>,
}

impl FromRef<Least> for Auth {
    fn from_ref(least: &Least) -> Self {
        least.auth.clone()
    }
}

/// The least work: a constant for one user, a hundred serialised records for a hundred, a parsed
/// body for setting a status.
pub fn least(port: usize) -> Outcome<Router> {
    let at = "2026-01-02T03:04:05.678Z";
    let record = |user: String| Record {
        user,
        status: "busy",
        message: "in a meeting until 11".into(),
        last_seen: at.into(),
        updated_at: at.into(),
        node: "center-1".into(),
    };
    let records: Arc<[Record]> = (0..STATUSES).map(|n| record(format!("u{n:010}"))).collect();
    let one = serde_json::to_vec(&records[0])?.into();
    let least = Least { auth: auth(&settings(Some(port)))?, one, records };
    Ok(Router::new()
        .route("/api/v2/presence", get(several))
        .route("/api/v2/presence/{userID}", get(constant).post(parsed))
        .with_state(least))
}

fn json(body: impl IntoResponse) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

async fn constant(State(least): State<Least>, _: Identity) -> Response {
    json(least.one)
}

async fn several(State(least): State<Least>, _: Identity) -> Response {
    json(serde_json::to_vec(&Several { presences: &least.records, missing: [] }).unwrap_or_default())
}

async fn parsed(State(least): State<Least>, _: Identity, Path(user): Path<String>, body: Bytes) -> Response {
    let wanted = serde_json::from_slice::<Wanted<'_>>(&body);
    let wanted = wanted.map(|wanted| wanted.status.len() + wanted.message.len()).unwrap_or_default();
    std::hint::black_box((user, wanted));
    json(least.one)
}
