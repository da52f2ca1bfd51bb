//! The format of times.

use presence_core::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// RFC 3339 in UTC, in whole seconds: `2025-01-14T12:00:00Z`.
pub fn rfc3339(at: Timestamp) -> String {
    let seconds = i64::try_from(at.as_millis() / 1_000).unwrap_or_default();
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // A year of four digits without fractions of a second can always be formatted.
    time.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_seconds_and_a_z() {
        assert_eq!(rfc3339(Timestamp::from_millis(1_736_856_000_999)), "2025-01-14T12:00:00Z");
        assert_eq!(rfc3339(Timestamp::ZERO), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(Timestamp::MAX), "1970-01-01T00:00:00Z");
    }
}
