//! What the metrics of this crate say, for exporters that show it.

use metrics::describe_counter;

/// Tells the recorder, if there is one by now. METRICS.md is the table for people.
pub(crate) fn describe() {
    describe_counter!(
        "presence_redis_unreadable_total",
        "Entries of our keys that are none of ours, and were passed over"
    );
    describe_counter!(
        "presence_redis_foreign_ignored_total",
        "Foreign messages that are none of ours, or came to a closed channel"
    );
    describe_counter!(
        "presence_redis_foreign_dropped_total",
        "Foreign messages that came faster than they could be stored"
    );
}
