//! Tests of the suite itself: the reference passes it, and each broken broker fails exactly the
//! cases of its clause.

mod flawed;

use crate::broker::{Broker, Retention};
use crate::conformance::Cannot;
use crate::conformance::broker::{
    BrokerHarness, ReferenceServer, errors, history, isolation, publish, signals, subscribe,
};
use crate::time::ManualClock;
use async_trait::async_trait;
use flawed::{Broken, Flaw};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// The reference, with or without a flaw.
struct Workshop {
    clock: ManualClock,
    server: ReferenceServer,
    flaw: Option<Flaw>,
}

impl Workshop {
    fn of(flaw: Option<Flaw>) -> Self {
        let clock = ManualClock::default();
        Self { server: ReferenceServer::new(clock.clone()), clock, flaw }
    }

    fn handle(&self, server: &ReferenceServer, namespace: &str, retention: Retention) -> Arc<dyn Broker> {
        let namespace = if self.flaw == Some(Flaw::NamespacesLeak) { "" } else { namespace };
        let retention = match self.flaw {
            Some(Flaw::NothingIsTrimmed) => Retention::default(),
            _ => retention,
        };
        let broker = server.open(namespace, retention);
        match self.flaw {
            Some(flaw) => Arc::new(Broken::new(broker, flaw)),
            None => Arc::new(broker),
        }
    }
}

#[async_trait]
impl BrokerHarness for Workshop {
    async fn fresh() -> Self {
        Self::of(None)
    }

    async fn open(&self, namespace: &str, retention: Retention) -> Arc<dyn Broker> {
        self.handle(&self.server, namespace, retention)
    }

    async fn open_broken(&self) -> Result<Arc<dyn Broker>, Cannot> {
        let server = ReferenceServer::new(self.clock.clone());
        server.go_down();
        Ok(self.handle(&server, "a", Retention::default()))
    }

    async fn lose_data(&self) -> Result<(), Cannot> {
        if self.flaw != Some(Flaw::LossGoesUnnoticed) {
            self.server.lose_data();
        }
        Ok(())
    }

    async fn interrupt(&self) -> Result<(), Cannot> {
        self.server.fall_silent();
        Ok(())
    }

    async fn restore(&self) {
        self.server.come_back();
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by).await;
    }

    /// Short, since a broken broker may never deliver.
    fn patience(&self) -> Duration {
        Duration::from_secs(if self.flaw.is_some() { 2 } else { 30 })
    }
}

crate::broker_conformance_tests!(Workshop);

type Case = (&'static str, for<'w> fn(&'w Workshop) -> BoxFuture<'w, ()>);

macro_rules! list {
    (: $($area:ident::$case:ident)+) => {
        const CASES: &[Case] = &[$((stringify!($case), |workshop| Box::pin($area::$case(workshop)))),+];
    };
}

crate::broker_conformance_cases! { list: }

/// The names of the cases that fail.
async fn failing(flaw: Flaw) -> Vec<&'static str> {
    let mut failing = Vec::new();
    for (name, case) in CASES {
        let workshop = Workshop::of(Some(flaw));
        if AssertUnwindSafe(case(&workshop)).catch_unwind().await.is_err() {
            failing.push(*name);
        }
    }
    failing
}

/// Asserts that each flaw is found by these cases and no others.
macro_rules! found {
    ($($name:ident: $flaw:ident by $($case:ident),+;)+) => {$(
        #[tokio::test]
        async fn $name() {
            let mut expected = vec![$(stringify!($case)),+];
            let mut failing = failing(Flaw::$flaw).await;
            expected.sort_unstable();
            failing.sort_unstable();
            assert_eq!(failing, expected);
        }
    )+};
}

found! {
    a_broker_whose_keys_mean_nothing: KeysMeanNothing by b3_a_repeated_key_stores_nothing, b3_keys_of_different_channels_are_independent,
        b3_a_key_is_kept_after_its_event_is_trimmed, b4_the_last_event_closes_its_channel, b8_an_interruption_loses_and_repeats_nothing;
    keys_that_know_no_channel: KeysKnowNoChannel by b3_keys_of_different_channels_are_independent, b14_remove_drops_the_history_and_opens_the_channel;
    a_channel_that_never_closes: ChannelsNeverClose by b4_the_last_event_closes_its_channel;
    a_history_without_bounds: NothingIsTrimmed by b4_a_closed_channel_opens_again_when_its_history_expires, b5_history_is_limited_by_count,
        b5_history_is_limited_by_bytes, b5_history_is_limited_by_age, b7_trimmed_events_are_announced;
    a_seam_that_repeats: TheSeamRepeats by b6_each_start_delivers_what_it_specifies, b6_a_long_history_is_replayed_completely,
        b6_here_delivers_a_position_from_which_another_subscription_continues, b6_a_subscriber_that_reconnects_gets_each_event_once,
        b7_trimmed_events_are_announced;
    a_seam_with_a_gap: TheSeamHasAGap by b6_each_start_delivers_what_it_specifies, b6_a_long_history_is_replayed_completely,
        b6_here_delivers_a_position_from_which_another_subscription_continues, b6_a_subscriber_that_reconnects_gets_each_event_once,
        b7_trimmed_events_are_announced;
    a_position_that_is_late: ThePositionIsLate by b6_here_delivers_a_position_from_which_another_subscription_continues;
    live_that_replays: LiveReplays by b6_live_delivers_only_later_events,
        b9_a_signal_reaches_every_handle_and_is_never_stored;
    what_is_missed_in_silence: NothingIsMissed by b7_trimmed_events_are_announced, b7_an_id_of_another_history_is_announced,
        b7_a_loss_of_data_is_announced_and_later_events_follow, b11_lost_deliveries_of_a_prefix_are_announced,
        b12_a_slow_subscriber_delays_no_other_and_gets_missed;
    signals_that_are_stored: SignalsAreStored by b9_a_signal_reaches_every_handle_and_is_never_stored,
        b11_a_prefix_delivers_its_channels_and_no_others, e1_a_payload_that_is_too_large_is_rejected;
    signals_that_are_lost: SignalsAreLost by b9_a_signal_reaches_every_handle_and_is_never_stored,
        b11_a_prefix_delivers_its_channels_and_no_others, e1_an_unreachable_broker_returns_a_retryable_error, e1_a_payload_that_is_too_large_is_rejected;
    names_that_lose_their_case: CaseIsLost by b10_channels_of_any_name_are_kept_separate;
    namespaces_that_leak: NamespacesLeak by b10_namespaces_are_kept_separate;
    a_prefix_that_is_a_pattern: PrefixesArePatterns by b11_a_prefix_delivers_its_channels_and_no_others;
    a_history_from_its_newest_on: HistoryIsReversed by b4_the_last_event_closes_its_channel, b5_history_is_limited_by_count,
        b5_history_is_limited_by_bytes, b13_history_returns_the_newest_events_oldest_first;
    a_removal_that_keeps_the_history: RemoveKeeps by b14_remove_drops_the_history_and_opens_the_channel;
    errors_that_seem_to_be_final: EverythingIsRejected by e1_an_unreachable_broker_returns_a_retryable_error;
    a_loss_that_goes_unnoticed: LossGoesUnnoticed by b2_after_a_loss_the_history_has_another_incarnation,
        b7_a_loss_of_data_is_announced_and_later_events_follow;
}
