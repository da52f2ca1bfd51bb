//! Descriptions of this crate's metrics, for exporters that display them.

use metrics::{describe_counter, describe_gauge};

/// Registers the descriptions with the metrics recorder, if one is installed. METRICS.md documents
/// the metrics.
pub(super) fn describe() {
    describe_gauge!("presence_sessions", "Live sessions of users who are not hidden");
    describe_gauge!("presence_users_online", "Users online");
    describe_gauge!("presence_outbox", "Own sessions and user records that wait to be written to the store");
    describe_gauge!("presence_view_stale", "1 while the roster's content is stale");
    describe_counter!("presence_store_errors_total", "Failed calls of the store");
    describe_counter!("presence_feed_ends_total", "Store watches that ended and were started again");
    describe_counter!(
        "presence_rewrites_total",
        "Sessions written again because the store had lost them or had an older state"
    );
}
