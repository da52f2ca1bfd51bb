//! Creating jobs and reading their status.

use super::Named;
use crate::update::{Shown, rfc3339};
use crate::{Error, Problem, Service, Status, count};
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use presence_axum::auth::Refused;
use presence_axum::{Json, LenientJson, wire};
use presence_core::store::{self, Kind};
use serde::Serialize;
use serde_json::value::RawValue;

/// The maximum number of topics, and of sources, of a job.
const MAX_ENTRIES: usize = 100;
/// The maximum length of each of them, in bytes.
const MAX_ENTRY: usize = 256;

/// `POST /api/v1/jobs`.
///
/// # Errors
/// 400 for each field that is wrong; 401; 429; 503.
pub(crate) async fn create(State(service): State<Service>, request: Request) -> Result<Response, Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire<'a> {
        job_id: &'a str,
        sse_endpoint: String,
        status: Status,
        created_at: String,
    }
    service.admit(&request)?;
    let (parts, body) = request.into_parts();
    let user = service.access.user(&parts).await?;
    // A job needs an owner, so a token without a user (that of a service) cannot create one.
    let owner = match &user {
        Some(user) => Some(user.subject().ok_or(Refused::Forbidden)?),
        None => None,
    };
    let body = LenientJson::read(Request::from_parts(parts, body), LenientJson::MAX_BYTES).await?;
    check(&body)?;
    let created = service.jobs.create(owner).await.inspect_err(|_| count("create", "unavailable"))?;
    count("create", "stored");
    if let Some(demo) = &service.demo {
        demo.drive(created.job.clone());
    }
    let wire = Wire {
        job_id: created.job.as_str(),
        sse_endpoint: created.job.sse_endpoint(),
        status: Status::Pending,
        created_at: rfc3339(created.at),
    };
    Ok(wire::json(StatusCode::CREATED, &wire))
}

/// Checks the fields that describe the job. They are meant for the workers and are not used here.
fn check(body: &LenientJson) -> Result<(), Error> {
    let [topics, sources] = body.fields(["topics", "sources"])?;
    let message = "must be a list of 1 to 100 strings, each of 1 to 256 bytes";
    let fields = [("topics", topics), ("sources", sources)];
    let wrong = fields.into_iter().filter(|(_, json)| !is_list(json));
    let problems: Vec<Problem> = wrong.map(|(field, _)| Problem::new(field, message)).collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::Validation(problems)) }
}

fn is_list(json: &Json<'_>) -> bool {
    let Json::Array(text) = json else { return false };
    let entries = serde_json::from_str::<Vec<String>>(text).unwrap_or_default();
    (1..=MAX_ENTRIES).contains(&entries.len())
        && entries.iter().all(|entry| !entry.trim().is_empty() && entry.len() <= MAX_ENTRY)
}

/// `GET /api/v1/jobs/{jobId}`.
///
/// # Errors
/// 400; 401; 403; 404; 429; 503.
pub(crate) async fn status(
    State(service): State<Service>,
    job: Result<Named, Error>,
    request: Request,
) -> Result<Response, Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire<'a> {
        job_id: &'a str,
        status: Status,
        progress: &'a RawValue,
        stage: &'a str,
        updated_at: &'a str,
        sse_endpoint: String,
    }
    service.admit(&request)?;
    let Named(job) = job?;
    service.access.viewer(&request.into_parts().0, &service.jobs, &job).await?;
    let latest = service.jobs.latest(&job).await?.ok_or(Error::UNKNOWN)?;
    let unreadable = |_| store::Error::new(Kind::Corrupt, "a stored update cannot be read");
    let shown = Shown::of(&latest).map_err(unreadable)?;
    let wire = Wire {
        job_id: job.as_str(),
        status: shown.status,
        progress: shown.progress,
        stage: &shown.stage,
        updated_at: shown.timestamp.as_deref().unwrap_or_default(),
        sse_endpoint: job.sse_endpoint(),
    };
    Ok(wire::json(StatusCode::OK, &wire))
}
