//! `GET /api/v1/jobs/{jobId}/events`: a job's status, live.

use super::Named;
use crate::{Error, JobId, Service};
use axum::extract::{Request, State};
use axum::response::Response;
use presence_axum::sse::Resume;
use presence_core::{Beat, Hold, SessionId, Topics, UserId, random};

/// Streams the status of a job: the latest, or what came after `Last-Event-ID`, and then what
/// comes.
///
/// # Errors
/// 400; 401, 403 and 404 where jobs have owners; 429; 503.
pub(crate) async fn stream(
    State(service): State<Service>,
    job: Result<Named, Error>,
    request: Request,
) -> Result<Response, Error> {
    service.admit(&request)?;
    let Named(job) = job?;
    let (parts, _) = request.into_parts();
    let permit = service.gate.admit_from(&parts.extensions, &parts.headers)?;
    let viewer = service.access.viewer(&parts, &service.jobs, &job).await?;
    let resume = Resume::of(&parts.headers, parts.uri.query());
    let until = viewer.and_then(|viewer| viewer.expires_at());
    let held = (permit, hold(&service, &job)?);
    Ok(service.replay.response(&job.updates()?, resume, until, held).await)
}

/// The viewer is present in the job's topic for as long as the stream is open, as somebody of its
/// own: two tabs are two.
fn hold(service: &Service, job: &JobId) -> Result<Hold, Error> {
    let user = UserId::new(format!("{:016x}", random::u64()))?;
    let beat = Beat::enter(user, SessionId::new("sse")?).topics(Topics::new([job.topic()?])?);
    Ok(service.presence.hold(beat)?)
}
