//! When a view is fresh, and when a proof is a leap.

use super::observed::{Observed, millis};
use crate::time::View;

#[test]
fn a_view_is_fresh_after_one_second_of_uninterrupted_proofs() {
    let mut observed = Observed::new();
    observed.steady(750);
    assert!(observed.view.view(observed.on).is_starting());
    observed.steady(250);
    assert_eq!(observed.view.view(observed.on), View::Fresh);
    let last = observed.on;
    observed.silent(3_001);
    assert_eq!(observed.view.view(observed.on), View::Stale { since: last });
    // The silence is a blind stretch: other processes get the time to rewrite what was lost.
    observed.steady(3_000);
    assert_eq!(observed.view.view(observed.on), View::Stale { since: last });
    observed.steady(250);
    assert!(observed.is_fresh());
}

#[test]
fn short_runs_of_proofs_between_interruptions_do_not_make_a_view_fresh() {
    let mut observed = Observed::new();
    for _ in 0..20 {
        observed.steady(500);
        // A failed proof is an interruption, even if the pause is short.
        observed.view.interrupt();
        observed.silent(400);
        assert!(!observed.is_fresh());
    }
    // Pauses of more than a second are interruptions, even if no proof failed.
    for _ in 0..20 {
        observed.steady(750);
        observed.silent(1_000);
        assert!(!observed.is_fresh());
    }
    observed.steady(1_250);
    assert!(observed.is_fresh());
}

#[test]
fn a_watch_that_is_interrupted_every_six_seconds_leaves_the_view_fresh() {
    let mut observed = Observed::new();
    observed.steady(2_000);
    for _ in 0..20 {
        observed.view.interrupt();
        observed.silent(500);
        assert!(observed.is_fresh());
        observed.steady(5_500);
        assert!(observed.is_fresh());
    }
}

#[test]
fn a_newly_reported_blind_stretch_makes_the_view_stale_at_once() {
    let mut observed = Observed::new();
    observed.steady(10_000);
    assert!(observed.is_fresh());
    observed.at = observed.at + millis(10_000);
    observed.steady(250);
    assert!(!observed.is_fresh());
}

#[test]
fn a_repeated_proof_does_not_keep_the_view_fresh() {
    let mut observed = Observed::new();
    observed.steady(2_000);
    let (at, since) = (observed.at, observed.on);
    for _ in 0..20 {
        observed.on = observed.on + millis(250);
        assert!(!observed.view.prove(at, observed.on, &[]));
    }
    assert_eq!(observed.view.view(observed.on), View::Stale { since });
}

#[test]
fn a_proof_that_runs_ahead_of_the_process_clock_is_a_leap() {
    let mut observed = Observed::new();
    observed.silent(250);
    assert!(!observed.prove());
    // As after a suspension of the process, which its clock does not count, while other processes
    // proved the time.
    let ahead = observed.at + millis(10_000);
    assert!(observed.view.prove(ahead, observed.on + millis(250), &[]));
}

#[test]
fn skipped_virtual_time_is_not_a_silence() {
    let mut observed = Observed::new();
    observed.steady(1_000);
    let then = observed.at;
    observed.silent(3_600_000);
    observed.line.skip(observed.at);
    observed.view.skip();
    assert!(!observed.prove(), "it is no leap");
    assert_eq!((observed.age(then), observed.is_fresh()), (3_600_000, true));
    // A later silence counts as one.
    observed.silent(10_000);
    assert!(observed.prove() && !observed.is_fresh());
    assert_eq!(observed.age(then), 3_600_000);
}

#[test]
fn the_reckoned_time_advances_without_proofs() {
    let mut observed = Observed::new();
    observed.steady(10_000);
    observed.silent(60_000);
    assert_eq!(observed.view.reckon(observed.on), Some(observed.at));
}
