//! The id of a job, and the names that are derived from it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use presence_core::broker::Channel;
use presence_core::{InvalidValue, Topic};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// The id of a job: 1 to 256 bytes without control characters.
///
/// Jobs may also be created by other services, with ids of any form. Different ids have different
/// channels, whatever bytes they contain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobId(Arc<str>);

/// The characters that need no escape in a path segment.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl JobId {
    /// The longest id, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// Validates an id.
    ///
    /// # Errors
    /// [`InvalidValue`] when it is empty, too long, or holds a control character.
    pub fn new(id: &str) -> Result<Self, InvalidValue> {
        if id.is_empty() {
            return Err(InvalidValue::Empty { what: "jobId" });
        }
        if id.len() > Self::MAX_BYTES {
            return Err(InvalidValue::TooLong { what: "jobId", max: Self::MAX_BYTES, unit: "bytes" });
        }
        if id.chars().any(char::is_control) {
            return Err(InvalidValue::Control { what: "jobId" });
        }
        Ok(Self(id.into()))
    }

    /// A new id that cannot be guessed.
    pub fn draw() -> Self {
        Self(Uuid::new_v4().to_string().into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The channel of the job's updates. Other services publish on the Redis channel of
    /// the same name.
    ///
    /// # Errors
    /// Never for a valid id, since the name is short enough for a channel.
    pub fn updates(&self) -> Result<Channel, InvalidValue> {
        Channel::new(format!("{}{self}{}", Self::UPDATES.0, Self::UPDATES.1))
    }

    /// The prefix and the suffix of the id in the name of that channel.
    pub const UPDATES: (&str, &str) = ("job:", ":updates");

    /// The channel with the job's owner.
    ///
    /// # Errors
    /// Never for a valid id.
    pub fn ownership(&self) -> Result<Channel, InvalidValue> {
        // No id can make this the name of a channel of updates, whose prefix differs.
        Channel::new(format!("owner:{self}"))
    }

    /// The topic in which the job's viewers are present.
    ///
    /// # Errors
    /// Never for a valid id.
    pub fn topic(&self) -> Result<Topic, InvalidValue> {
        Topic::new(format!("{}{self}", Self::TOPIC))
    }

    /// The prefix of the id in the name of that topic.
    pub const TOPIC: &str = "job:";

    /// The path of the job's event stream.
    pub fn sse_endpoint(&self) -> String {
        format!("/api/v1/jobs/{}/events", utf8_percent_encode(&self.0, PLAIN))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_bytes_have_channels_of_their_own() {
        let ids = ["a", "a:updates", "*", "a b", "🦀", "owner:a", "job:a:updates", "a/b", "%2F", ".."];
        let mut channels: Vec<_> = ids
            .iter()
            .map(|id| JobId::new(id).unwrap())
            .flat_map(|id| [id.updates().unwrap(), id.ownership().unwrap()])
            .collect();
        channels.sort();
        channels.dedup();
        assert_eq!(channels.len(), 2 * ids.len());
    }

    #[test]
    fn ids_keep_their_bounds() {
        assert!(JobId::new(&"x".repeat(256)).is_ok());
        for wrong in ["", "a\nb", "\u{7f}", &"x".repeat(257), &"é".repeat(129)] {
            assert!(JobId::new(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_endpoint_is_a_path_whatever_is_in_the_id() {
        let endpoint = |id: &str| JobId::new(id).unwrap().sse_endpoint();
        assert_eq!(endpoint("a-1_b"), "/api/v1/jobs/a-1_b/events");
        assert_eq!(endpoint("a/b?c#d e"), "/api/v1/jobs/a%2Fb%3Fc%23d%20e/events");
    }
}
