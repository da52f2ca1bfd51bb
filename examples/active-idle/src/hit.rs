//! `POST /v1/hit`: a visitor's page is open; reports the time of their last activity.

use axum::extract::State;
use axum::response::IntoResponse;
use presence_axum::{Error, Json, LenientJson, health, hit};
use presence_core::{Activity, Beat, Presence, SessionId, Timestamp, UserId};

/// Handles a hit.
pub(crate) async fn hit(
    State(presence): State<Presence>,
    body: Result<LenientJson, Error>,
) -> Result<impl IntoResponse, Error> {
    let (uid, session, last_activity) = body.and_then(|body| read(&body)).inspect_err(hit::refused)?;
    hit::record(&presence, Beat::renew(uid, session).activity(Activity::At(last_activity))).await?;
    Ok(health::alive().await)
}

/// Reads a hit. Fields are checked in the order of the original service, so that errors
/// are the same.
fn read(body: &LenientJson) -> Result<(UserId, SessionId, Timestamp), Error> {
    let [uid, last_activity] =
        body.fields(["uid", "last_activity"]).map_err(|_| Error::bad_request("no uid"))?;
    let uid = user_id(&uid)?;
    let last_activity = seconds(&last_activity)?;
    // All tabs of a visitor share one session, named like the visitor.
    let session = SessionId::new(&uid).map_err(|_| Error::bad_request("invalid uid"))?;
    Ok((uid, session, last_activity))
}

fn user_id(uid: &Json<'_>) -> Result<UserId, Error> {
    let missing = match uid {
        Json::Null | Json::Bool(false) => true,
        Json::Text(text) => text.is_empty(),
        Json::Number(number) => number.is_zero(),
        _ => false,
    };
    if missing {
        return Err(Error::bad_request("no uid"));
    }
    let name = uid.name(UserId::MAX_BYTES).and_then(|name| UserId::new(name).ok());
    name.ok_or_else(|| Error::bad_request("invalid uid"))
}

/// Reads unix seconds: a number, or a string with a number; fractions are truncated.
///
/// A time before 1970 counts as 1970, a time ahead of the clock as now.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, as wanted")]
fn seconds(last_activity: &Json<'_>) -> Result<Timestamp, Error> {
    let seconds = match last_activity {
        Json::Null => return Err(Error::bad_request("no last_activity")),
        Json::Number(number) => number.finite(),
        // `parse` also accepts "infinity" and "NaN".
        Json::Text(text) => text.trim().parse().ok().filter(|seconds: &f64| seconds.is_finite()),
        _ => None,
    };
    let seconds = seconds.ok_or_else(|| Error::bad_request("invalid last_activity"))?;
    Ok(Timestamp::from_secs(seconds as u64))
}
