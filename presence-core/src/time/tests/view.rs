use crate::time::{SILENCE, Timestamp, View, ViewClock};
use proptest::prelude::*;
use std::time::Duration;

/// What a live process needs to be heard again.
const RECOVERS: Duration = Duration::from_secs(8);
/// Where the store's clock stands when the process's stands at zero: they are never the same.
const OFFSET: u64 = 5_000_000;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A store, a process and what it has been proven. Both clocks run; proofs come when the test says so.
struct Observed {
    view: ViewClock,
    on: Timestamp,
    at: Timestamp,
}

impl Observed {
    fn new() -> Self {
        let mut observed =
            Self { view: ViewClock::new(RECOVERS), on: Timestamp::ZERO, at: Timestamp::from_millis(OFFSET) };
        observed.prove();
        observed
    }

    fn prove(&mut self) {
        self.view.prove(self.at, self.on);
    }

    /// Time passes, without a word from the store.
    fn silent(&mut self, passes: u64) {
        (self.on, self.at) = (self.on + millis(passes), self.at + millis(passes));
    }

    /// Time passes, and is proven every 250 ms.
    fn fresh(&mut self, passes: u64) {
        for _ in 0..passes / 250 {
            self.silent(250);
            self.prove();
        }
    }

    fn age(&self, then: Timestamp) -> u64 {
        u64::try_from(self.view.age(then).as_millis()).unwrap()
    }
}

#[test]
fn a_stretch_in_which_the_feed_began_anew_makes_nobody_older_however_short() {
    let mut observed = Observed::new();
    observed.fresh(1_000);
    let seen = observed.at;
    observed.view.interrupt();
    observed.silent(400);
    observed.prove();
    observed.fresh(8_000);
    assert_eq!(observed.age(seen), 0, "whoever lives has not had the time to be heard again");
    observed.fresh(1_000);
    assert_eq!(observed.age(seen), 1_000);
    // Once the proof has come, time goes on as before.
    let seen = observed.at;
    observed.silent(2_000);
    observed.prove();
    assert_eq!(observed.age(seen), 2_000);
}

#[test]
fn before_the_first_proof_nothing_is_known() {
    let view = ViewClock::new(RECOVERS);
    assert_eq!(
        (view.now(), view.has_proof(), view.reckon(Timestamp::from_secs(9))),
        (Timestamp::ZERO, false, None)
    );
    assert_eq!(view.view(Timestamp::from_secs(9)), View::Stale { since: Timestamp::ZERO });
    assert_eq!(view.age(Timestamp::ZERO), Duration::ZERO);
}

#[test]
fn as_long_as_time_is_proven_ages_are_what_they_are() {
    let mut observed = Observed::new();
    let then = observed.at;
    observed.fresh(3_600_000);
    assert_eq!(observed.age(then), 3_600_000);
    assert_eq!(observed.age(observed.at + millis(1)), 0);
    // A quiet moment of up to three seconds is no gap.
    observed.silent(3_000);
    assert_eq!(observed.view.view(observed.on), View::Fresh);
    observed.prove();
    assert_eq!(observed.age(then), 3_603_000);
}

#[test]
fn a_view_is_stale_after_three_seconds_and_says_since_when() {
    let mut observed = Observed::new();
    observed.fresh(10_000);
    let last = observed.on;
    observed.silent(3_001);
    assert_eq!(observed.view.view(observed.on), View::Stale { since: last });
    observed.prove();
    assert_eq!(observed.view.view(observed.on), View::Fresh);
}

#[test]
fn a_hiccup_of_six_and_a_half_seconds_makes_nobody_older() {
    let mut observed = Observed::new();
    observed.fresh(10_000);
    let beat = observed.at - millis(1_000);
    observed.silent(6_500);
    assert_eq!(observed.age(beat), 1_000, "nobody grows older in the dark");
    observed.prove();
    assert_eq!(observed.age(beat), 1_000, "nor by the first word after it");
    observed.fresh(8_000);
    assert_eq!(observed.age(beat), 1_000, "nor while those who live are heard again");
    observed.fresh(2_000);
    assert_eq!(observed.age(beat), 3_000, "from then on everybody does");
}

#[test]
fn a_backlog_of_ten_seconds_and_then_a_tick_makes_nobody_older() {
    let mut observed = Observed::new();
    observed.fresh(10_000);
    let beat = observed.at;
    // Proofs come, each ten seconds late at last: the store's time stands still for this process.
    observed.silent(10_000);
    observed.prove();
    assert_eq!(observed.age(beat), 0);
    // Beats of the dark are as old as they were at its end, not older.
    assert_eq!(observed.age(observed.at - millis(9_000)), 0);
}

#[test]
fn a_clock_that_jumps_ahead_makes_nobody_older() {
    let mut observed = Observed::new();
    observed.fresh(10_000);
    let beat = observed.at - millis(2_000);
    observed.at = observed.at + millis(10_000);
    observed.fresh(8_000);
    assert_eq!(observed.age(beat), 2_000);
    observed.fresh(1_000);
    assert_eq!(observed.age(beat), 2_750, "8 s after the first proof, ages go on");
}

#[test]
fn a_clock_that_jumps_back_stands_still_until_it_has_caught_up() {
    let mut observed = Observed::new();
    observed.fresh(10_000);
    let (beat, stood) = (observed.at - millis(2_000), observed.at);
    observed.at = observed.at - millis(10_000);
    observed.fresh(10_000);
    assert_eq!((observed.view.now(), observed.age(beat)), (stood, 2_000));
    assert!(matches!(observed.view.view(observed.on), View::Stale { .. }));
    observed.fresh(8_250);
    assert_eq!(observed.age(beat), 2_000);
    observed.fresh(1_000);
    assert_eq!(observed.age(beat), 3_000);
}

#[test]
fn a_shard_that_is_silent_for_an_hour_makes_nobody_older() {
    let mut observed = Observed::new();
    observed.fresh(10_000);
    let beat = observed.at - millis(500);
    observed.silent(3_600_000);
    assert_eq!(observed.age(beat), 500);
    observed.prove();
    observed.fresh(8_000);
    assert_eq!(observed.age(beat), 500);
    observed.fresh(60_000);
    assert_eq!(observed.age(beat), 60_500);
}

#[test]
fn stamps_go_on_in_the_dark() {
    let mut observed = Observed::new();
    observed.fresh(10_000);
    observed.silent(60_000);
    assert_eq!(observed.view.reckon(observed.on), Some(observed.at));
}

#[test]
fn a_hundred_hiccups_are_left_out_in_bounded_memory() {
    let mut observed = Observed::new();
    let beat = observed.at;
    for _ in 0..100 {
        observed.silent(5_000);
        observed.prove();
        observed.fresh(9_000);
    }
    // At most a second of each round counts; those that are told apart no longer make younger, never older.
    assert!(observed.age(beat) <= 100_000);
    assert!(observed.age(beat) >= 30_000);
}

#[test]
fn a_view_that_always_ran_trusts_its_own_time() {
    let view = ViewClock::running(Timestamp::from_secs(100));
    assert_eq!(
        (view.now(), view.age(Timestamp::from_secs(40))),
        (Timestamp::from_secs(100), Duration::from_mins(1))
    );
}

/// Proofs in any rhythm: how much both clocks go on, and by how much the store's jumps.
fn proofs() -> impl Strategy<Value = Vec<(u64, i64)>> {
    let step = prop_oneof![6 => 1..3_000u64, 1 => 3_001..20_000u64];
    let jump = prop_oneof![12 => Just(0i64), 1 => -15_000..15_000i64];
    prop::collection::vec((step, jump), 1..60)
}

proptest! {
    #[test]
    fn neither_time_nor_age_goes_back(proofs in proofs(), then in 0..200_000u64) {
        // More stretches than are told apart flow together, which may make younger: that is another test.
        prop_assume!(proofs.iter().filter(|(step, jump)| *step > 3_000 || *jump != 0).count() < 20);
        let mut observed = Observed::new();
        let then = Timestamp::from_millis(OFFSET + then);
        let mut before = (observed.view.now(), observed.view.age(then));
        for (step, jump) in proofs {
            observed.silent(step);
            observed.at = Timestamp::from_millis(observed.at.as_millis().saturating_add_signed(jump));
            observed.prove();
            let after = (observed.view.now(), observed.view.age(then));
            prop_assert!(after.0 >= before.0 && after.1 >= before.1, "{before:?} to {after:?}");
            // Nobody grows older than the time that has passed for this process, give or take what is no leap.
            let passed = millis(step) + SILENCE;
            prop_assert!(after.1 <= before.1 + passed);
            before = after;
        }
    }

    #[test]
    fn an_age_is_reached_when_it_was_foretold(proofs in proofs(), back in 0..30_000u64, more in 1..30_000u64) {
        let mut observed = Observed::new();
        for (step, jump) in proofs {
            observed.silent(step);
            observed.at = Timestamp::from_millis(observed.at.as_millis().saturating_add_signed(jump));
            observed.prove();
        }
        let now = observed.view.now();
        let then = now - millis(back);
        let limit = observed.view.age(then) + millis(more);
        let foretold = observed.view.when_aged(then, limit);
        prop_assert!(foretold > now);
        // Time goes on without a gap, in steps that are none.
        // A word from before what is proven was none: the last proof may be some time ago.
        let unproven = observed.view.reckon(observed.on).unwrap().since(now);
        let (mut at, mut on) = (now, observed.on - unproven);
        while at < foretold - millis(1) {
            let step = millis(1_000).min((foretold - millis(1)).since(at));
            (at, on) = (at + step, on + step);
            observed.view.prove(at, on);
            prop_assert!(observed.view.age(then) < limit, "too early");
        }
        observed.view.prove(foretold, on + millis(1));
        prop_assert_eq!(observed.view.age(then), limit);
    }
}
