//! `POST /pubsub/push`: receives messages from Google Pub/Sub.

use crate::{Error, Problem, Service, Update};
use axum::extract::{Request, State};
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::StatusCode;
use presence_axum::{Json, LenientJson};

/// The maximum size of an envelope: an update in base64, and attributes.
const MAX_BYTES: usize = 4 * Update::MAX_BYTES;

/// Accepts base64 with and without padding, since both are sent.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Handles a message: 204 when it is done with.
///
/// # Errors
/// 400 for an invalid envelope, and for an unreadable message until it is given up; 401; 403; 503.
/// Pub/Sub then delivers the message again.
pub(crate) async fn push(State(service): State<Service>, request: Request) -> Result<StatusCode, Error> {
    let (parts, body) = request.into_parts();
    service.access.pusher(&parts).await?;
    let body = LenientJson::read(Request::from_parts(parts, body), MAX_BYTES).await?;
    let Message { id, attempt, data } = read(&body)?;
    service.intake.take("push", &id, attempt, data).await?;
    Ok(StatusCode::NO_CONTENT)
}

struct Message {
    id: String,
    attempt: Option<u32>,
    data: Bytes,
}

/// `{"message":{"data":"<base64>","messageId":"…"},"subscription":"…","deliveryAttempt":n?}`.
fn read(envelope: &LenientJson) -> Result<Message, Error> {
    let [message, attempt] = envelope.fields(["message", "deliveryAttempt"])?;
    let Json::Object(text) = message else { return Err(Error::field("message", "must be an object")) };
    let message = LenientJson::from(Bytes::copy_from_slice(text.as_bytes()));
    let [data, id, snake_id] = message.fields(["data", "messageId", "message_id"])?;
    let mut problems = Vec::new();
    let id = match (id, snake_id) {
        (Json::Text(id), _) | (Json::Null, Json::Text(id)) if !id.is_empty() => id.into_owned(),
        _ => {
            problems.push(Problem::new("message.messageId", "must be a string"));
            String::new()
        }
    };
    let data = match &data {
        Json::Text(data) => BASE64.decode(data.as_bytes()).ok(),
        _ => None,
    };
    if data.is_none() {
        problems.push(Problem::new("message.data", "must be a string in base64"));
    }
    let attempt = match attempt {
        Json::Number(number) => number.whole().and_then(|attempt| attempt.try_into().ok()),
        _ => None,
    };
    match data {
        Some(data) if problems.is_empty() => Ok(Message { id, attempt, data: data.into() }),
        _ => Err(Error::Validation(problems)),
    }
}
