//! Descriptions of this crate's metrics, for exporters that show them.

use metrics::describe_counter;

/// Describes the metrics to the recorder, if one is installed by now. METRICS.md lists them too.
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
