//! What the metrics of this crate say, for exporters that show it.

use metrics::describe_counter;

/// Tells the recorder, if there is one by now. METRICS.md is the table for people.
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
