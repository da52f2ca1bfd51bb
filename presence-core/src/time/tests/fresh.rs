//! When a view is fresh, and when a proof leaps.

use super::observed::{Observed, millis};
use crate::time::View;

#[test]
fn a_view_is_fresh_once_one_watch_has_proven_for_a_second() {
    let mut observed = Observed::new();
    observed.steady(750);
    assert!(observed.view.view(observed.on).is_starting());
    observed.steady(250);
    assert_eq!(observed.view.view(observed.on), View::Fresh);
    let last = observed.on;
    observed.silent(3_001);
    assert_eq!(observed.view.view(observed.on), View::Stale { since: last });
    // The silence was a stretch: the others get the time to tell again what was lost.
    observed.steady(3_000);
    assert_eq!(observed.view.view(observed.on), View::Stale { since: last });
    observed.steady(250);
    assert!(observed.is_fresh());
}

#[test]
fn good_moments_between_bad_ones_make_no_view_fresh() {
    let mut observed = Observed::new();
    for _ in 0..20 {
        observed.steady(500);
        // A proof that was refused, although the pause is a short one.
        observed.view.interrupt();
        observed.silent(400);
        assert!(!observed.is_fresh());
    }
    // Pauses of more than a second are breaks, though no proof failed.
    for _ in 0..20 {
        observed.steady(750);
        observed.silent(1_000);
        assert!(!observed.is_fresh());
    }
    observed.steady(1_250);
    assert!(observed.is_fresh());
}

#[test]
fn a_link_that_is_reset_every_six_seconds_leaves_a_view_fresh() {
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
fn a_stretch_that_comes_to_be_known_makes_a_view_stale_at_once() {
    let mut observed = Observed::new();
    observed.steady(10_000);
    assert!(observed.is_fresh());
    observed.at = observed.at + millis(10_000);
    observed.steady(250);
    assert!(!observed.is_fresh());
}

#[test]
fn a_proof_of_what_is_known_proves_nothing() {
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
fn a_proof_that_runs_ahead_of_the_process_is_a_leap() {
    let mut observed = Observed::new();
    observed.silent(250);
    assert!(!observed.prove());
    // As after a suspension, which the process's clock leaves out, while others went on proving.
    let ahead = observed.at + millis(10_000);
    assert!(observed.view.prove(ahead, observed.on + millis(250), &[]));
}

#[test]
fn virtual_time_that_was_skipped_is_no_silence() {
    let mut observed = Observed::new();
    observed.steady(1_000);
    let then = observed.at;
    observed.silent(3_600_000);
    observed.line.skip(observed.at);
    observed.view.skip();
    assert!(!observed.prove(), "it is no leap");
    assert_eq!((observed.age(then), observed.is_fresh()), (3_600_000, true));
    // The next silence is one.
    observed.silent(10_000);
    assert!(observed.prove() && !observed.is_fresh());
    assert_eq!(observed.age(then), 3_600_000);
}

#[test]
fn stamps_go_on_in_the_dark() {
    let mut observed = Observed::new();
    observed.steady(10_000);
    observed.silent(60_000);
    assert_eq!(observed.view.reckon(observed.on), Some(observed.at));
}
