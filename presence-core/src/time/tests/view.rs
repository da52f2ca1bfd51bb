//! `ViewClock`: ages by the proven time.

use super::observed::{OFFSET, Observed, millis};
use crate::time::{Ask, Blind, BlindList, SILENCE, TimeLine, Timestamp, ViewClock};
use proptest::prelude::*;
use std::time::Duration;

#[test]
fn a_view_without_proofs_has_no_time_and_is_starting() {
    let view = ViewClock::default();
    assert_eq!(
        (view.now(), view.has_proof(), view.reckon(Timestamp::from_secs(9))),
        (Timestamp::ZERO, false, None)
    );
    assert!(view.view(Timestamp::from_secs(9)).is_starting());
    assert_eq!(view.age(Timestamp::ZERO), Duration::ZERO);
}

#[test]
fn ages_are_exact_while_time_is_proven() {
    let mut observed = Observed::new();
    let then = observed.at;
    observed.steady(3_600_000);
    assert_eq!(observed.age(then), 3_600_000);
    assert_eq!(observed.age(observed.at + millis(1)), 0);
    // A pause of up to three seconds is not blind.
    observed.silent(3_000);
    assert!(observed.is_fresh());
    observed.prove();
    assert_eq!(observed.age(then), 3_603_000);
}

#[test]
fn ages_exclude_a_blind_stretch_to_the_millisecond() {
    for silent in [3_001, 6_500, 10_000, 3_600_000] {
        let mut observed = Observed::new();
        observed.steady(10_000);
        let beat = observed.at - millis(1_000);
        observed.silent(silent);
        assert_eq!(observed.age(beat), 1_000, "no age grows during a silence");
        // A heartbeat that was sent during the silence has age zero at its end.
        let meanwhile = observed.at - millis(1_500);
        observed.prove();
        assert_eq!(
            (observed.age(beat), observed.age(meanwhile)),
            (1_000, 0),
            "nor by the proof that ends it"
        );
        observed.steady(2_000);
        assert_eq!(
            (observed.age(beat), observed.age(meanwhile)),
            (3_000, 2_000),
            "all ages grow from then on"
        );
    }
}

#[test]
fn a_restarted_watch_excludes_no_time_from_ages() {
    let mut observed = Observed::new();
    observed.steady(2_000);
    let seen = observed.at;
    for _ in 0..10 {
        observed.view.interrupt();
        observed.silent(2_500);
        observed.prove();
    }
    assert_eq!(observed.age(seen), 25_000);
}

#[test]
fn ages_exclude_a_hundred_blind_stretches_in_bounded_memory() {
    let mut observed = Observed::new();
    let beat = observed.at;
    for _ in 0..100 {
        observed.silent(5_000);
        observed.prove();
        observed.steady(9_000);
    }
    assert_eq!(observed.age(beat), 900_000);
    assert!(observed.line.blind.as_slice().len() <= crate::time::BLIND_STRETCHES);
}

#[test]
fn idle_time_includes_the_time_before_the_shard_began() {
    let (mut line, mut view) =
        (TimeLine::begin(&Ask::default(), Timestamp::from_secs(1_000)), ViewClock::default());
    view.prove(line.at, Timestamp::ZERO, line.blind.as_slice());
    let then = Timestamp::from_secs(400);
    assert_eq!((view.age(then), view.idle_for(then)), (Duration::ZERO, millis(600_000)));
    // A later blind stretch does not count.
    line.advance(&Ask::default(), Timestamp::from_secs(1_001));
    line.advance(&Ask::default(), Timestamp::from_secs(1_100));
    view.prove(line.at, Timestamp::ZERO, line.blind.as_slice());
    assert_eq!((view.age(then), view.idle_for(then)), (millis(1_000), millis(601_000)));
    assert_eq!(view.when_idle_for(then, millis(602_000)), Timestamp::from_secs(1_101));
}

#[test]
fn a_running_view_uses_the_time_of_its_process() {
    let view = ViewClock::running(Timestamp::from_secs(100));
    assert_eq!(
        (view.now(), view.age(Timestamp::from_secs(40))),
        (Timestamp::from_secs(100), Duration::from_mins(1))
    );
}

/// Random proofs: by how much both clocks advance, and by how much the store's clock jumps.
fn proofs() -> impl Strategy<Value = Vec<(u64, i64)>> {
    let step = prop_oneof![6 => 1..3_000u64, 1 => 3_001..20_000u64];
    let jump = prop_oneof![12 => Just(0i64), 1 => -15_000..15_000i64];
    prop::collection::vec((step, jump), 1..120)
}

proptest! {
    #[test]
    fn neither_the_proven_time_nor_an_age_decreases(proofs in proofs(), then in 0..200_000u64) {
        let mut observed = Observed::new();
        let then = Timestamp::from_millis(OFFSET + then);
        let mut before = (observed.view.now(), observed.view.age(then));
        for (step, jump) in proofs {
            observed.silent(step);
            observed.at = Timestamp::from_millis(observed.at.as_millis().saturating_add_signed(jump));
            observed.prove();
            let after = (observed.view.now(), observed.view.age(then));
            // Merging two stretches may move the older one to a later time.
            let full = observed.line.blind.as_slice().len() == crate::time::BLIND_STRETCHES;
            prop_assert!(after.0 >= before.0 && (full || after.1 >= before.1), "{before:?} to {after:?}");
            prop_assert!(after.1 <= before.1 + millis(step) + SILENCE);
            before = after;
        }
    }

    #[test]
    fn an_age_is_reached_at_the_predicted_time(proofs in proofs(), back in 0..30_000u64, more in 1..30_000u64) {
        let mut observed = Observed::new();
        for (step, jump) in proofs {
            observed.silent(step);
            observed.at = Timestamp::from_millis(observed.at.as_millis().saturating_add_signed(jump));
            observed.prove();
        }
        let now = observed.view.now();
        let blind = observed.line.blind.as_slice();
        let then = now - millis(back);
        let limit = observed.view.age(then) + millis(more);
        let predicted = observed.view.when_aged(then, limit);
        prop_assert!(predicted > now);
        let (mut at, mut on) = (now, observed.on);
        while at < predicted - millis(1) {
            let step = millis(1_000).min((predicted - millis(1)).since(at));
            (at, on) = (at + step, on + step);
            observed.view.prove(at, on, blind);
            prop_assert!(observed.view.age(then) < limit, "too early");
        }
        observed.view.prove(predicted, on + millis(1), blind);
        prop_assert_eq!(observed.view.age(then), limit);
    }

    #[test]
    fn a_blind_list_is_sorted_disjoint_and_no_longer_than_its_parts(
        added in prop::collection::vec((0..10_000usize, 1..200usize), 0..80),
    ) {
        let at = |n: usize| Timestamp::from_millis(n as u64);
        let stretch = |(from, length)| Blind { from: at(from), to: at(from + length) };
        let mut added = added;
        added.sort_unstable();
        let list: BlindList = added.iter().copied().map(stretch).collect();
        let stretches = list.as_slice();
        prop_assert!(stretches.len() <= crate::time::BLIND_STRETCHES);
        prop_assert!(stretches.windows(2).all(|pair| pair[0].to < pair[1].from));
        // The blind time is at most the union of all stretches, and equals it if none were merged.
        let mut covered = vec![false; 10_200];
        added.iter().for_each(|(from, length)| covered[*from..from + length].fill(true));
        let covered = covered.into_iter().filter(|covered| *covered).count();
        let missed = list.missed(Timestamp::ZERO, at(10_200));
        prop_assert!(missed.as_millis() <= covered as u128);
        let mut again = list.clone();
        prop_assert!(!again.learn(stretches), "it contains nothing new");
    }
}
