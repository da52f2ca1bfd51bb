//! The requests and answers of JetStream's API that this crate uses, under the API's own names.
//!
//! The types of `async-nats` are not enough: they lack the field `ts` of a stream's info, which is
//! needed to prove time, and cannot decode the answers of old servers.

use crate::options::Storage;
use presence_core::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// An error answer of JetStream.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    pub(crate) code: u64,
    #[serde(default)]
    pub(crate) err_code: u64,
    #[serde(default)]
    pub(crate) description: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.description, self.code, self.err_code)
    }
}

impl std::error::Error for Refusal {}

/// The error in an answer of JetStream; `None` if the answer is the requested value.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) error: Option<Refusal>,
}

/// The acknowledgement of a published message.
#[derive(Debug, Deserialize)]
pub(crate) struct Ack {
    pub(crate) seq: u64,
    /// Whether a message with the same `Nats-Msg-Id` was stored before.
    #[serde(default)]
    pub(crate) duplicate: bool,
}

/// The settings of a stream to create. A server ignores those that it does not know.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the API's own fields")]
pub(crate) struct NewStream<'a> {
    pub(crate) name: &'a str,
    pub(crate) subjects: [String; 1],
    pub(crate) description: &'static str,
    pub(crate) retention: &'static str,
    pub(crate) storage: &'static str,
    pub(crate) num_replicas: u8,
    pub(crate) max_consumers: i64,
    pub(crate) max_msgs: i64,
    pub(crate) max_msg_size: i64,
    pub(crate) max_msgs_per_subject: i64,
    pub(crate) max_bytes: i64,
    /// Nanoseconds, like all of the API's durations.
    pub(crate) max_age: u64,
    pub(crate) duplicate_window: u64,
    pub(crate) discard: &'static str,
    pub(crate) allow_direct: bool,
    pub(crate) allow_rollup_hdrs: bool,
    pub(crate) deny_delete: bool,
    pub(crate) allow_msg_ttl: bool,
}

impl<'a> NewStream<'a> {
    /// The settings that all streams of this crate have in common.
    pub(crate) fn new(name: &'a str, subject: String, description: &'static str) -> Self {
        Self {
            name,
            subjects: [subject],
            description,
            retention: "limits",
            storage: "file",
            num_replicas: 1,
            max_consumers: -1,
            max_msgs: -1,
            max_msg_size: -1,
            max_msgs_per_subject: -1,
            max_bytes: -1,
            max_age: 0,
            duplicate_window: 0,
            discard: "old",
            allow_direct: false,
            allow_rollup_hdrs: false,
            deny_delete: false,
            allow_msg_ttl: false,
        }
    }

    /// Sets where the stream is stored, and how large it may become.
    pub(crate) fn stored(self, storage: Storage, replicas: u8, max_bytes: Option<u64>) -> Self {
        let storage = match storage {
            Storage::File => "file",
            Storage::Memory => "memory",
        };
        let max_bytes = max_bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        Self { storage, num_replicas: replicas, max_bytes, ..self }
    }
}

/// The settings of an existing stream that this crate checks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the API's own fields")]
pub(crate) struct StreamConfig {
    pub(crate) subjects: Vec<String>,
    pub(crate) storage: String,
    pub(crate) num_replicas: u64,
    pub(crate) max_msgs_per_subject: i64,
    pub(crate) max_age: u64,
    pub(crate) allow_direct: bool,
    pub(crate) allow_msg_ttl: bool,
    pub(crate) sealed: bool,
    pub(crate) no_ack: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StreamState {
    pub(crate) messages: u64,
    pub(crate) last_seq: u64,
    /// Each subject with its number of messages; only if the request asked for it.
    #[serde(default)]
    pub(crate) subjects: Option<std::collections::BTreeMap<String, u64>>,
}

/// The state of a stream.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StreamInfo {
    pub(crate) config: StreamConfig,
    /// The creation time, which identifies the incarnation of the stream.
    pub(crate) created: String,
    pub(crate) state: StreamState,
    /// The clock of the stream's leader; missing on servers before 2.10.
    #[serde(default)]
    pub(crate) ts: Option<Time>,
}

impl StreamInfo {
    /// The creation time in milliseconds, which differs for each incarnation of the stream.
    pub(crate) fn incarnation(&self) -> u64 {
        parse_time(&self.created).map_or(0, Timestamp::as_millis)
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct NewConsumer<'a> {
    pub(crate) stream_name: &'a str,
    pub(crate) config: ConsumerConfig<'a>,
}

/// The settings of an ordered consumer; without `deliver_subject`, of a short-lived consumer that
/// is made only to read the server's time.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ConsumerConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deliver_subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter_subject: Option<&'a str>,
    pub(crate) deliver_policy: &'static str,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) opt_start_seq: u64,
    pub(crate) ack_policy: &'static str,
    pub(crate) replay_policy: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) flow_control: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) idle_heartbeat: u64,
    pub(crate) inactive_threshold: u64,
    pub(crate) num_replicas: u8,
    pub(crate) mem_storage: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ConsumerInfo {
    /// The creation time of the consumer: the only way to read the clock of a server before 2.10.
    pub(crate) created: Time,
    pub(crate) delivered: Delivered,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Delivered {
    pub(crate) consumer_seq: u64,
}

/// The answer to a request for one message.
#[derive(Debug, Deserialize)]
pub(crate) struct MessageGot {
    pub(crate) message: GotMessage,
}

#[derive(Debug, Deserialize)]
pub(crate) struct GotMessage {
    pub(crate) seq: u64,
    pub(crate) time: Time,
    /// The payload in base64, as the headers are.
    #[serde(default)]
    pub(crate) data: String,
    #[serde(default)]
    pub(crate) hdrs: String,
}

/// A time in RFC 3339, as the server writes it: UTC, with up to nine digits of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Time(pub(crate) Timestamp);

impl TryFrom<String> for Time {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_time(&text).map(Self).ok_or("not a time")
    }
}

/// Parses a time of the server: RFC 3339, in UTC, with up to nine digits of a fraction.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let is_fraction = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if hour > 23 || minute > 59 || second > 60 || !is_fraction {
        return None;
    }
    // Days since the epoch, with years that begin in March, so that a leap day is the last day of
    // its year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let millis = digits.fold(0, |millis, digit| 10 * millis + u64::from(digit - b'0'));
    Some(Timestamp::from_millis((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis))
}

/// A duration in nanoseconds, as the API writes it.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_the_format_of_the_server_are_parsed() {
        let millis = |text| parse_time(text).map(Timestamp::as_millis);
        assert_eq!(millis("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(millis("2026-11-20T18:18:10.389478012Z"), Some(1_795_198_690_389));
        assert_eq!(millis("2026-11-20T18:18:10.3Z"), Some(1_795_198_690_300));
        assert_eq!(millis("2000-02-29T23:59:59.999Z"), Some(951_868_799_999));
        assert_eq!(millis("2100-03-01T00:00:00Z"), Some(4_107_542_400_000));
        for bad in [
            "",
            "0001-01-01T00:00:00Z",
            "2026-11-20T18:18:10+01:00",
            "2026-13-20T18:18:10Z",
            "2026-11-20T18:18:10.1sZ",
            "x",
        ] {
            assert_eq!(millis(bad), None, "{bad}");
        }
    }
}
