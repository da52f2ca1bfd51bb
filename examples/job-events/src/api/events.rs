//! `GET /api/v1/jobs/{jobId}/events`: streams a job's status.

use super::Named;
use crate::{Error, JobId, Service};
use axum::extract::{Request, State};
use axum::response::Response;
use presence_axum::sse::Resume;
use presence_core::{Beat, Hold, SessionId, Topics, UserId, random};

/// Streams the status of a job: the latest, or what followed `Last-Event-ID`, and then each update.
///
/// # Errors
/// 400; 401, 403 and 404 if jobs have owners; 429; 503.
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

/// Makes the viewer present in the job's topic while the stream is open. Each stream is a user of
/// its own, so that two tabs count as two viewers.
fn hold(service: &Service, job: &JobId) -> Result<Hold, Error> {
    let user = UserId::new(format!("{:016x}", random::u64()))?;
    let beat = Beat::enter(user, SessionId::new("sse")?).topics(Topics::new([job.topic()?])?);
    Ok(service.presence.hold(beat)?)
}
