//! A status with its JSON, which is made once per change and copied into every response.

use presence_core::store::{Declared, Session};
use presence_core::{Message, Status, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use time::OffsetDateTime;

/// A status, and its JSON.
#[derive(Debug)]
pub struct Shown {
    session: Session,
    json: Box<RawValue>,
}

/// The fields, in their order on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(rename = "userID")]
    user: &'a str,
    status: Status,
    message: &'a str,
    #[serde(serialize_with = "rfc3339")]
    last_seen: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    updated_at: Timestamp,
    #[serde(rename = "nodeID")]
    node: &'a str,
}

impl Shown {
    /// The status of a session.
    pub fn new(session: Session) -> Self {
        let declared = session.declared.as_ref();
        let at = declared.map_or(Timestamp::ZERO, |declared| declared.at);
        let message = declared.and_then(|Declared { message, .. }| message.as_ref());
        let wire = Wire {
            user: session.user.as_str(),
            status: declared.map_or(Status::Offline, |declared| declared.status),
            message: message.map_or("", Message::as_str),
            // There are no heartbeats: the user was last seen when the status was set.
            last_seen: session.seen_at.max(at),
            updated_at: at,
            node: session.placement.node.as_str(),
        };
        // Strings and numbers can always be serialised.
        let json = to_raw_value(&wire).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self { session, json }
    }

    /// The session of the status.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The size of the JSON, in bytes.
    pub fn json_bytes(&self) -> usize {
        self.json.get().len()
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(to)
    }
}

/// UTC with milliseconds and `Z`. The length is fixed, since some clients can read no other.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn rfc3339<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    let seconds = i64::try_from(at.as_secs()).ok();
    let then = seconds.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let then = then.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let ((year, month, day), (hour, minute, second)) = (then.to_calendar_date(), then.to_hms());
    let (month, millis) = (u8::from(month), at.as_millis() % 1000);
    to.collect_str(&format_args!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
    ))
}
