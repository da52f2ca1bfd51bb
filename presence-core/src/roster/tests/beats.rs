//! Beats: what they renew, and what they move.

use super::stage::*;
use crate::model::Status;
use crate::roster::Told;

#[test]
fn activity_in_the_future_counts_once_it_is_seen() {
    let mut stage = Stage::new();
    let mut ann = foreign("ann", "tab", "other", stage.now);
    ann.placement.lease = secs(3600);
    ann.active_at = stage.now + secs(1000);
    stage.merge(&[ann]);
    stage.pass(400);
    assert_eq!(stage.counts(), (1, 0));
    stage.beat(&renew("ann", "tab"));
    assert_eq!(stage.counts(), (1, 1));
}

#[test]
fn a_declared_only_session_that_beats_is_judged_by_its_beat() {
    let mut stage = Stage::with(|s| s.policy.declared_counts = true);
    stage.roster.declare(&key("ann", "tab"), (Status::Busy, None, None), 0, stage.now).unwrap();
    assert_eq!(stage.counts(), (1, 1));
    stage.pass(1);
    stage.beat(&renew("ann", "tab"));
    assert_eq!(stage.counts(), (1, 1));
    // Its first beat counts as activity, like that of any session.
    stage.pass(59);
    assert_eq!(stage.counts(), (1, 1));
    stage.pass(1);
    assert_eq!(stage.counts(), (0, 0));
}

#[test]
fn a_session_that_a_connection_holds_stays_held_when_a_beat_enters_it() {
    let mut stage = Stage::new();
    stage.hold(&enter("ann", "tab"));
    stage.beat(&enter("ann", "tab"));
    stage.pass(120);
    assert!(stage.is_here("ann"));
}

#[test]
fn a_topic_that_was_left_vanishes_with_the_next_placement() {
    let mut stage = Stage::new();
    stage.beat(&enter("ann", "tab").topics(topics(&["hall", "attic"])));
    stage.leave(&leave("ann", "tab").topics(vec![topic("attic")]));
    stage.pass(10);
    stage.beat(&renew("ann", "tab").lease(secs(100)));
    stage.roster.tidy(stage.now);
    assert_eq!(stage.roster.topic_count(), 1);
}

#[test]
fn a_beat_that_brings_back_a_lapsed_session_is_put() {
    let mut stage = Stage::new();
    stage.merge(&[foreign("ann", "tab", "other", stage.now)]);
    stage.pass(90);
    assert_eq!(stage.counts(), (0, 0));
    // Others may have dropped it by now: a touch would tell them nothing.
    assert!(matches!(stage.beat(&renew("ann", "tab")), Told::Put { .. }));
    assert_eq!(stage.counts(), (1, 1));
    stage.pass(40);
    assert!(matches!(stage.beat(&renew("ann", "tab")), Told::Touch { .. }));
}
