//! Tests of the suite itself: each store that violates a clause fails the case of that clause.

use super::super::{clock, errors, forget, histories, isolation, load, put, touch, users, watch};
use super::flawed::{Flaw, Workshop};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// Asserts that each flaw is found by the case of its clause.
macro_rules! found {
    ($($name:ident: $flaw:ident by $($case:path),+;)+) => {$(
        #[tokio::test]
        async fn $name() {
            $({
                let workshop = Workshop::of(Flaw::$flaw);
                let passed = AssertUnwindSafe($case(&workshop)).catch_unwind().await.is_ok();
                assert!(!passed, "{} passes with {:?}", stringify!($case), Flaw::$flaw);
            })+
        }
    )+};
}

found! {
    a_put_that_overwrites: PutOverwrites by put::p1_put_merges_each_part,
        put::p1_an_old_put_after_a_newer_touch_keeps_the_touch, put::p1_a_leave_of_an_older_placement_ends_nothing,
        put::p2_puts_may_arrive_in_any_order, histories::random_histories_converge;
    a_tie_decided_by_arrival: LastPutWinsATie by put::p1_two_puts_with_the_same_time_converge_in_any_order,
        put::p1_a_leave_wins_against_the_placement_that_it_has_seen;
    repeats_in_a_batch_that_are_lost: RepeatsInABatchAreLost by put::p3_a_batch_may_repeat_a_session;
    large_batches_that_are_cut: LargeBatchesAreCut by put::p3_a_batch_may_exceed_a_mebibyte;
    a_touch_that_goes_backwards: TouchGoesBackwards by touch::t1_touch_moves_times_forward_only,
        touch::t1_a_session_that_only_declared_is_touched;
    a_touch_that_creates: TouchCreates by touch::t2_touch_returns_missing_sessions_and_creates_none,
        forget::f1_a_forgotten_session_misses_its_touch_and_returns_with_a_put;
    a_touch_that_hides_the_departed: TouchHidesTheDeparted by touch::t2_touch_returns_departed_sessions;
    nodes_that_do_not_drain: NodesDoNotDrain by touch::n1_the_last_heartbeat_of_a_node_carries_its_drain_time;
    facts_without_nodes: FactsLackNodes by touch::n2_facts_carry_the_nodes_of_held_sessions;
    a_forget_that_ignores_what_was_seen: ForgetIgnoresWhatWasSeen by forget::f1_forget_keeps_sessions_that_were_seen_since,
        histories::random_histories_converge;
    a_forget_that_ignores_nodes: ForgetIgnoresNodes by forget::f1_heartbeats_of_a_node_count_for_its_held_sessions;
    a_load_without_order: LoadIsUnsorted by load::l1_load_returns_users_in_request_order;
    a_remember_that_overwrites: RememberOverwrites by users::u1_the_parts_of_a_record_are_merged_separately,
        users::u1_records_may_arrive_in_any_order;
    an_erasing_that_keeps_what_was_seen: ErasingKeepsWhatWasSeen by users::u1_an_erasure_clears_earlier_last_seen_times;
    a_watch_that_loses_records: WatchLosesRecords by users::u2_watch_and_load_deliver_records,
        users::u2_many_records_are_all_delivered;
    a_load_without_records: LoadLacksRecords by users::u2_watch_and_load_deliver_records;
    a_forget_that_drops_any_record: ForgetDropsAnyRecord by users::u3_forget_drops_a_record_that_contains_no_more;
    a_watch_that_loses_a_put: WatchLosesAPut by watch::w2_a_watch_delivers_every_kind_of_write_of_another_handle, histories::random_histories_converge;
    a_watch_that_loses_touches: WatchLosesTouches by watch::w2_a_watch_delivers_every_kind_of_write_of_another_handle;
    a_watch_that_loses_forgets: WatchLosesForgets by watch::w2_a_watch_delivers_every_kind_of_write_of_another_handle,
        forget::f1_forget_removes_sessions_that_were_not_seen_since;
    a_watch_that_claims_too_early_to_be_synced: SyncedComesTooEarly by watch::w1_watch_starts_with_everything;
    a_time_that_is_proven_too_early: TimeIsProvenTooEarly by watch::w3_time_is_proven_after_earlier_writes_are_delivered;
    a_proof_that_only_reads: ProofsOnlyRead by clock::w3_a_refused_write_proves_no_time;
    a_time_that_is_the_servers: TimeIsTheClocks by clock::w5_time_advances_steadily_when_the_servers_clock_steps,
        clock::w5_a_failover_that_loses_writes_does_not_set_time_back;
    stretches_that_each_feed_keeps_for_itself: StretchesAreTheFeeds by clock::w6_a_period_without_proofs_is_blind_for_all_handles;
    losses_that_leave_no_stretch: LossesLeaveNoStretch by clock::w5_a_failover_that_loses_writes_does_not_set_time_back,
        clock::w5_a_loss_of_all_data_does_not_set_time_back;
    an_epoch_that_survives_a_loss: OneEpochForEver by watch::w4_a_store_that_lost_data_shows_another_epoch;
    ids_that_run_together: IdsRunTogether by isolation::i1_ids_of_any_bytes_are_kept_separate;
    ids_that_lose_their_case: CaseIsLost by isolation::i1_ids_of_any_bytes_are_kept_separate;
    namespaces_that_leak: NamespacesLeak by isolation::i1_namespaces_are_kept_separate;
    stamps_of_the_stores_own: StampsAreTheStoresOwn by isolation::s1_only_the_stores_own_clock_is_read;
    a_store_out_of_reach_that_seems_empty: OutOfReachIsEmpty by errors::e1_an_unreachable_store_returns_a_retryable_error,
        errors::e1_a_watch_of_an_unreachable_store_reports_nothing;
    empty_batches_that_are_sent: EmptyBatchesAreSent by errors::p3_an_empty_batch_does_no_io;
}
