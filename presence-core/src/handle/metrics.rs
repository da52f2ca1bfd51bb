//! What the metrics of this crate say, for exporters that show it.

use metrics::{describe_counter, describe_gauge};

/// Tells the recorder, if there is one by now. METRICS.md is the table for people.
pub(super) fn describe() {
    describe_gauge!("presence_sessions", "Live sessions of users who show");
    describe_gauge!("presence_users_online", "Users online");
    describe_gauge!("presence_outbox", "Own sessions of which the store must still be told");
    describe_gauge!("presence_view_stale", "1 while what is shown is not known to be true now");
    describe_counter!("presence_store_errors_total", "Calls of the store that failed");
    describe_counter!("presence_feed_ends_total", "Feeds that ended, to be begun anew");
    describe_counter!("presence_told_again_total", "Sessions told again because the feed showed less");
}
