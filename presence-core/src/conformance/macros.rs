//! The list of store cases, and the macro that makes tests of them.

/// Defines one test per case of the [suite](crate::conformance) for a
/// [`Harness`](crate::conformance::Harness).
///
/// Call it once, in a module of its own or at the top of a test file. The calling crate needs
/// `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:ty) => {
        $crate::conformance_tests! { @cases $harness:
            put::p1_put_merges_each_part
            put::p1_every_field_comes_back
            put::p1_an_old_put_after_a_newer_touch_keeps_the_touch
            put::p1_two_puts_with_one_stamp_agree_in_any_order
            put::p1_a_leave_wins_its_tie
            put::p1_a_leave_of_an_older_placement_ends_nothing
            put::p2_a_put_may_come_twice
            put::p2_puts_may_come_in_any_order
            put::p2_put_and_touch_commute
            put::p3_a_batch_may_repeat_a_session
            put::p3_a_batch_may_exceed_a_mebibyte
            put::p4_a_user_stays_in_one_shard
            touch::n1_a_node_is_created_and_moves_forward_only
            touch::n1_a_node_drains_with_its_last_beat
            touch::n2_facts_carry_the_nodes_of_held_sessions
            touch::t1_touch_moves_times_forward_only
            touch::t2_touch_names_what_is_lacking_and_creates_nothing
            touch::t2_touch_names_what_has_departed
            forget::f1_forget_removes_what_was_not_seen_since
            forget::f1_forget_keeps_what_was_seen_since
            forget::f1_a_node_speaks_for_the_sessions_it_holds
            forget::f1_a_node_does_not_speak_for_who_has_left
            forget::f1_a_forgotten_node_comes_back_with_its_next_beat
            forget::f1_forgetting_what_is_not_there_is_harmless
            forget::f1_a_forgotten_session_misses_its_touch_and_comes_back
            load::l1_load_answers_in_request_order
            load::l1_a_user_with_many_sessions_is_answered_whole
            users::u1_a_record_merges_each_register
            users::u1_records_may_come_in_any_order
            users::u1_erasing_takes_what_was_seen_before
            users::u2_watch_and_load_tell_records
            users::u2_many_records_are_all_told
            users::u3_forget_drops_a_record_that_says_no_more
            watch::w1_watch_starts_with_everything
            watch::w1_watch_of_an_empty_store_is_synced
            watch::w2_watch_hears_every_verb_of_another_handle
            watch::w2_both_sides_hear_each_other
            watch::w2_changes_of_a_session_arrive_in_order
            watch::w2_nothing_is_lost_while_a_watch_begins
            watch::w2_a_slow_reader_misses_nothing
            watch::w3_time_is_proven_after_what_was_written
            clock::w3_a_write_that_is_refused_proves_nothing
            clock::w5_time_goes_on_whatever_the_servers_clock_does
            clock::w5_a_lost_tail_sets_no_time_back
            clock::w5_a_loss_of_data_sets_no_time_back
            clock::w6_a_stretch_without_a_proof_is_blind_for_everybody
            clock::w6_time_that_somebody_else_has_proven_is_not_blind
            watch::w4_a_store_that_lost_data_shows_another_epoch
            watch::w4_an_epoch_lasts
            isolation::i1_ids_of_any_bytes_keep_apart
            isolation::i1_user_and_session_do_not_run_together
            isolation::i1_nodes_of_any_name_keep_apart
            isolation::i1_namespaces_keep_apart
            isolation::s1_only_the_stores_own_clock_is_read
            isolation::s2_handles_share_the_state
            errors::e1_a_store_out_of_reach_says_so
            errors::e1_a_watch_out_of_reach_claims_nothing
            errors::p3_an_empty_batch_does_no_io
            errors::r1_what_was_given_up_may_be_repeated
            histories::random_histories_come_to_one_end
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
