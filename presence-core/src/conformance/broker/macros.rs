//! The list of broker cases, and the macro that defines a test for each.

/// Defines one test per case of the [suite](crate::conformance::broker) for a
/// [`BrokerHarness`](crate::conformance::broker::BrokerHarness).
///
/// Call it once, in a separate module or at the top of a test file. The calling crate needs `tokio`
/// with `macros` and `rt`.
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
            publish::b1_acknowledged_events_reach_every_handle_once_and_in_order
            publish::b1_concurrent_publishes_have_one_order
            publish::b2_ids_increase
            publish::b2_after_a_loss_the_history_has_another_incarnation
            publish::b3_a_repeated_key_stores_nothing
            publish::b3_keys_of_different_channels_are_independent
            publish::b3_a_key_is_kept_after_its_event_is_trimmed
            publish::b4_the_last_event_closes_its_channel
            publish::b4_a_closed_channel_opens_again_when_its_history_expires
            publish::b5_history_is_limited_by_count
            publish::b5_history_is_limited_by_bytes
            publish::b5_history_is_limited_by_age
            subscribe::b6_each_start_delivers_what_it_specifies
            subscribe::b6_live_delivers_only_later_events
            subscribe::b6_here_delivers_a_position_from_which_another_subscription_continues
            subscribe::b6_a_long_history_is_replayed_completely
            subscribe::b6_a_subscriber_that_reconnects_gets_each_event_once
            subscribe::b7_trimmed_events_are_announced
            subscribe::b7_an_id_of_another_history_is_announced
            subscribe::b7_a_loss_of_data_is_announced_and_later_events_follow
            subscribe::b8_an_interruption_loses_and_repeats_nothing
            subscribe::b12_a_slow_subscriber_delays_no_other_and_gets_missed
            signals::b9_a_signal_reaches_every_handle_and_is_never_stored
            signals::b11_a_prefix_delivers_its_channels_and_no_others
            signals::b11_lost_deliveries_of_a_prefix_are_announced
            isolation::b10_channels_of_any_name_are_kept_separate
            isolation::b10_namespaces_are_kept_separate
            history::b13_history_returns_the_newest_events_oldest_first
            history::b14_remove_drops_the_history_and_opens_the_channel
            history::b14_subscribers_are_not_notified_of_a_removal
            errors::e1_an_unreachable_broker_returns_a_retryable_error
            errors::e1_a_subscription_of_an_unreachable_broker_is_silent
            errors::e1_a_payload_that_is_too_large_is_rejected
        }
    };
}
