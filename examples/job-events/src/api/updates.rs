//! `POST /api/v1/jobs/{jobId}/updates`: receives updates from internal publishers.

use super::Named;
use crate::{Error, Service, Update, count};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use presence_axum::{LenientJson, wire};
use presence_core::broker::Published;
use serde::Serialize;

/// The longest idempotency key, in bytes.
const MAX_KEY: usize = 200;

/// Stores an update: 202, also when its `Idempotency-Key` was used before.
///
/// # Errors
/// 400 with each invalid field; 401; 403; 409 when the job is finished; 503.
pub(crate) async fn publish(
    State(service): State<Service>,
    job: Result<Named, Error>,
    request: Request,
) -> Result<Response, Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire<'a> {
        job_id: &'a str,
        event_id: String,
    }
    let (parts, body) = request.into_parts();
    service.access.publisher(&parts).await?;
    let Named(job) = job?;
    let key = key(&parts.headers)?;
    let body = LenientJson::read(Request::from_parts(parts, body), Update::MAX_BYTES).await?;
    let update = Update::read(&body).map_err(Error::Validation).inspect_err(|_| count("http", "invalid"))?;
    if update.job().is_some_and(|named| *named != job) {
        count("http", "invalid");
        return Err(Error::field("jobId", "is another job than the path names"));
    }
    let published = service.jobs.publish(&job, &update, key).await;
    let id = match published.inspect_err(|_| count("http", "unavailable"))? {
        Published::Stored(id) => {
            count("http", "stored");
            id
        }
        Published::Repeated(id) => {
            count("http", "repeated");
            id
        }
        Published::Closed(_) => {
            count("http", "finished");
            return Err(Error::FINISHED);
        }
    };
    Ok(wire::json(StatusCode::ACCEPTED, &Wire { job_id: job.as_str(), event_id: id.to_string() }))
}

/// The key of `Idempotency-Key`, with a prefix that keeps it apart from the ids
/// of Pub/Sub messages.
fn key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=MAX_KEY).contains(&key.len()));
    let key = key.ok_or_else(|| Error::field("Idempotency-Key", "must be 1 to 200 visible characters"))?;
    Ok(Some(format!("http:{key}")))
}
