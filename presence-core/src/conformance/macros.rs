//! The list of store cases, and the macro that defines a test for each.

/// Defines one test per case of the [suite](crate::conformance) for a
/// [`Harness`](crate::conformance::Harness).
///
/// Call it once, in a separate module or at the top of a test file. The calling crate needs `tokio`
/// with `macros` and `rt`.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:ty) => {
        $crate::conformance_tests! { @cases $harness:
            put::p1_put_merges_each_part
            put::p1_every_field_is_loaded_as_it_was_put
            put::p1_an_old_put_after_a_newer_touch_keeps_the_touch
            put::p1_two_puts_with_the_same_time_converge_in_any_order
            put::p1_a_leave_wins_against_the_placement_that_it_has_seen
            put::p1_a_leave_of_an_older_placement_ends_nothing
            put::p2_a_put_may_be_repeated
            put::p2_puts_may_arrive_in_any_order
            put::p2_put_and_touch_commute
            put::p3_a_batch_may_repeat_a_session
            put::p3_a_batch_may_exceed_a_mebibyte
            put::p4_a_user_is_always_in_the_same_shard
            touch::n1_a_node_is_created_and_moves_forward_only
            touch::n1_the_last_heartbeat_of_a_node_carries_its_drain_time
            touch::n2_facts_carry_the_nodes_of_held_sessions
            touch::t1_touch_moves_times_forward_only
            touch::t1_a_session_that_only_declared_is_touched
            touch::t2_touch_returns_missing_sessions_and_creates_none
            touch::t2_touch_returns_departed_sessions
            forget::f1_forget_removes_sessions_that_were_not_seen_since
            forget::f1_forget_keeps_sessions_that_were_seen_since
            forget::f1_heartbeats_of_a_node_count_for_its_held_sessions
            forget::f1_heartbeats_of_a_node_do_not_count_for_sessions_that_left
            forget::f1_a_forgotten_node_is_created_again_by_its_next_heartbeat
            forget::f1_forgetting_unknown_records_changes_nothing
            forget::f1_a_forgotten_session_misses_its_touch_and_returns_with_a_put
            load::l1_load_returns_users_in_request_order
            load::l1_a_user_with_many_sessions_is_loaded_completely
            users::u1_the_parts_of_a_record_are_merged_separately
            users::u1_records_may_arrive_in_any_order
            users::u1_an_erasure_clears_earlier_last_seen_times
            users::u2_watch_and_load_deliver_records
            users::u2_many_records_are_all_delivered
            users::u3_forget_drops_a_record_that_contains_no_more
            watch::w1_watch_starts_with_everything
            watch::w1_watch_of_an_empty_store_is_synced
            watch::w2_a_watch_delivers_every_kind_of_write_of_another_handle
            watch::w2_two_handles_receive_each_others_writes
            watch::w2_changes_of_a_session_arrive_in_order
            watch::w2_nothing_is_lost_while_a_watch_begins
            watch::w2_a_slow_reader_misses_nothing
            watch::w3_time_is_proven_after_earlier_writes_are_delivered
            clock::w3_a_refused_write_proves_no_time
            clock::w5_time_advances_steadily_when_the_servers_clock_steps
            clock::w5_a_failover_that_loses_writes_does_not_set_time_back
            clock::w5_a_loss_of_all_data_does_not_set_time_back
            clock::w6_a_period_without_proofs_is_blind_for_all_handles
            clock::w6_a_period_in_which_another_handle_proved_time_is_not_blind
            watch::w4_a_store_that_lost_data_shows_another_epoch
            watch::w4_an_epoch_does_not_change_without_a_loss
            isolation::i1_ids_of_any_bytes_are_kept_separate
            isolation::i1_user_and_session_ids_are_unambiguous
            isolation::i1_nodes_of_any_name_are_kept_separate
            isolation::i1_namespaces_are_kept_separate
            isolation::s1_only_the_stores_own_clock_is_read
            isolation::s2_handles_share_the_state
            errors::e1_an_unreachable_store_returns_a_retryable_error
            errors::e1_a_watch_of_an_unreachable_store_reports_nothing
            errors::p3_an_empty_batch_does_no_io
            errors::r1_a_cancelled_call_may_be_repeated
            histories::random_histories_converge
        }
    };
    (@cases $harness:ty: $($area:ident::$case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let harness = <$harness as $crate::conformance::Harness>::fresh().await;
                $crate::conformance::$area::$case(&harness).await;
            }
        )+
    };
}
