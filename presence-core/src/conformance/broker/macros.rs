//! The list of broker cases, and the macro that makes tests of them.

/// Defines one test per case of the [suite](crate::conformance::broker) for a
/// [`BrokerHarness`](crate::conformance::broker::BrokerHarness).
///
/// Call it once, in a module of its own or at the top of a test file. The calling crate needs
/// `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! broker_conformance_tests {
    ($harness:ty) => {
        $crate::broker_conformance_cases! { $crate::broker_conformance_tests: @tests $harness }
    };
    (@tests $harness:ty: $($area:ident::$case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let harness = <$harness as $crate::conformance::broker::BrokerHarness>::fresh().await;
                $crate::conformance::broker::$area::$case(&harness).await;
            }
        )+
    };
}

/// Calls another macro with all cases.
#[doc(hidden)]
#[macro_export]
macro_rules! broker_conformance_cases {
    ($to:path: $($arguments:tt)*) => {
        $to! { $($arguments)*:
            publish::b1_what_is_acknowledged_reaches_every_handle_once_and_in_order
            publish::b1_publishers_at_the_same_time_agree_on_one_order
            publish::b2_ids_grow
            publish::b2_a_history_that_was_lost_has_another_incarnation
            publish::b3_a_repeated_key_stores_nothing
            publish::b3_a_key_belongs_to_its_channel
            publish::b3_a_key_outlives_its_trimmed_event
            publish::b4_the_last_event_closes_its_channel
            publish::b4_a_closed_channel_opens_when_its_history_has_expired
            publish::b5_history_is_bounded_by_count
            publish::b5_history_is_bounded_by_bytes
            publish::b5_history_is_bounded_by_age
            subscribe::b6_each_start_delivers_what_it_promises
            subscribe::b6_live_begins_with_what_is_published_from_then_on
            subscribe::b6_here_says_where_another_subscription_goes_on
            subscribe::b6_a_long_history_is_replayed_whole
            subscribe::b6_who_reconnects_while_others_publish_sees_each_event_once
            subscribe::b7_what_was_trimmed_is_announced
            subscribe::b7_an_id_of_another_history_is_announced
            subscribe::b7_lost_data_is_announced_and_what_is_stored_since_follows
            subscribe::b8_an_interruption_loses_and_repeats_nothing
            subscribe::b12_a_subscriber_that_does_not_read_delays_nobody_and_is_told
            signals::b9_a_signal_reaches_every_handle_and_is_never_stored
            signals::b11_a_prefix_hears_its_channels_and_no_others
            signals::b11_what_a_prefix_has_lost_is_announced
            isolation::b10_channels_of_any_name_keep_apart
            isolation::b10_namespaces_keep_apart
            history::b13_history_answers_the_newest_events_oldest_first
            history::b14_remove_drops_the_history_and_opens_the_channel
            history::b14_subscribers_hear_nothing_of_a_removal
            errors::e1_a_broker_out_of_reach_says_so
            errors::e1_a_subscription_out_of_reach_is_silent
            errors::e1_what_is_too_large_is_rejected
        }
    };
}
