//! `POST /v1/hit`: a visitor loads a page, is still on it, or unloads it.

use crate::visit::Visit;
use crate::{Service, visit};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use presence_axum::{BodyError, Error, Json, LenientJson, health, hit};
use presence_core::{Topic, UserId};

/// Handles a hit.
pub(crate) async fn hit(State(service): State<Service>, request: Request) -> Result<Response, Error> {
    let body = LenientJson::read(request, LenientJson::MAX_BYTES).await;
    let visit = body.map_err(refusal).and_then(|body| read(&body)).inspect_err(hit::refused)?;
    match visit::take(&service.presence, &service.probe, visit).await {
        Ok(()) => Ok(health::alive().await.into_response()),
        Err(degraded) => {
            service.degradations.note(degraded, service.presence.clock().now());
            Ok(degraded.into_response())
        }
    }
}

/// Reads a hit. Fields are checked in the order of the contract.
fn read(body: &LenientJson) -> Result<Visit, Error> {
    let [sid, path, kind] = body.fields(["sid", "path", "kind"]).map_err(refusal)?;
    let (visitor, page) = (visitor(&sid)?, page(path)?);
    match kind {
        Json::Text(kind) if kind == "load" => Ok(Visit::Load { visitor, page }),
        Json::Text(kind) if kind == "beat" => Ok(Visit::Beat { visitor, page }),
        Json::Text(kind) if kind == "unload" => Ok(Visit::Unload { visitor, page }),
        _ => Err(Error::bad_request("invalid_kind")),
    }
}

/// Reads the visitor's name exactly as it is, without trimming. Names with control
/// characters are refused.
fn visitor(sid: &Json<'_>) -> Result<UserId, Error> {
    let visitor = match sid {
        Json::Text(sid) if !sid.trim().is_empty() => UserId::new(sid).ok(),
        _ => None,
    };
    visitor.ok_or_else(|| Error::bad_request("sid_required"))
}

/// Reads the page: any text of limited length without control characters.
fn page(path: Json<'_>) -> Result<Topic, Error> {
    let path = match path {
        Json::Text(path) if !path.is_empty() => Ok(path),
        // A string that is not valid Unicode: half of a surrogate pair.
        Json::NoText => Err(()),
        _ => Ok("/".into()),
    };
    path.and_then(|path| Topic::new(path).map_err(drop)).map_err(|()| Error::bad_request("invalid_path"))
}

fn refusal(bad: BodyError) -> Error {
    match bad {
        BodyError::NotAnObject => Error::bad_request("invalid_payload"),
        BodyError::TooLarge => Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        BodyError::TooSlow => Error::new(StatusCode::REQUEST_TIMEOUT, "timeout"),
        _ => Error::bad_request("invalid_json"),
    }
}
