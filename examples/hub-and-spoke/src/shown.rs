//! A status with its JSON, which is made once per change and copied into every response.

use presence_core::store::{Declared, Session};
use presence_core::{Message, Status, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;
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
    last_seen: &'a str,
    updated_at: &'a str,
    #[serde(rename = "nodeID")]
    node: &'a str,
}

impl Shown {
    /// The status of a session.
    pub fn new(session: Session) -> Self {
        let declared = session.declared.as_ref();
        let at = declared.map_or(Timestamp::ZERO, |declared| declared.at);
        let message = declared.and_then(|Declared { message, .. }| message.as_ref());
        // There are no heartbeats: the user was last seen when the status was set.
        let updated_at = rfc3339(at);
        let last_seen = if session.seen_at > at {
            Cow::Owned(rfc3339(session.seen_at))
        } else {
            Cow::Borrowed(&*updated_at)
        };
        let wire = Wire {
            user: session.user.as_str(),
            status: declared.map_or(Status::Offline, |declared| declared.status),
            message: message.map_or("", Message::as_str),
            last_seen: &last_seen,
            updated_at: &updated_at,
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
///
/// The digits are written by hand: each write of a status needs them, and `format!` takes ten times
/// as long.
fn rfc3339(at: Timestamp) -> String {
    let seconds = i64::try_from(at.as_secs()).ok();
    let then = seconds.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let then = then.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let ((year, month, day), (hour, minute, second)) = (then.to_calendar_date(), then.to_hms());
    let (year, millis) = (year.unsigned_abs() % 10_000, (at.as_millis() % 1_000) as u32);
    let mut text = String::with_capacity("2026-01-02T03:04:05.678Z".len());
    let parts = [(year, 4, '-'), (u8::from(month).into(), 2, '-'), (day.into(), 2, 'T')];
    let times = [(hour.into(), 2, ':'), (minute.into(), 2, ':'), (second.into(), 2, '.'), (millis, 3, 'Z')];
    for (number, digits, then) in parts.into_iter().chain(times) {
        for place in (0..digits).rev() {
            let digit = number / 10_u32.pow(place) % 10;
            text.push(char::from(b'0' + digit as u8));
        }
        text.push(then);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_a_fixed_length() {
        let shown = |millis| rfc3339(Timestamp::from_millis(millis));
        assert_eq!(shown(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown(1_736_856_000_009), "2025-01-14T12:00:00.009Z");
        assert_eq!(shown(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(shown(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
        // What no calendar of four digits has.
        assert_eq!(shown(u64::MAX).len(), shown(0).len());
    }
}
