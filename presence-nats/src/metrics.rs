//! Descriptions of this crate's metrics, for exporters that show them.

use metrics::describe_counter;

/// Describes the metrics to the recorder, if one is installed by now. METRICS.md has the same table
/// for people.
pub(crate) fn describe() {
    describe_counter!(
        "presence_nats_conflicts_total",
        "Writes that another process came before, and that were made again"
    );
    describe_counter!(
        "presence_nats_unreadable_total",
        "Entries of our subjects that are none of ours, and were passed over"
    );
}
