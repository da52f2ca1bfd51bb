//! Forgetting is garbage collection and never decides liveness.

use super::stage::*;
use crate::roster::{Detail, LeftReason, Scope, Update};
use std::task::{Context, Poll, Waker};

#[test]
fn a_live_foreign_session_that_was_forgotten_has_one_lease_to_be_confirmed() {
    let mut stage = Stage::new();
    let ann = foreign("ann", "tab", "other", stage.now);
    stage.merge(std::slice::from_ref(&ann));
    stage.pass(30);
    assert_eq!(stage.forgotten("ann", "tab", stage.now), vec![]);
    assert!(stage.roster.examine(&user("ann"), stage.now)[0].unconfirmed);
    stage.pass(59);
    assert!(stage.is_here("ann"));
    stage.pass(1);
    assert!(!stage.is_here("ann"));
}

#[test]
fn a_forgotten_session_that_is_confirmed_stays_alive() {
    let mut stage = Stage::new();
    let ann = foreign("ann", "tab", "other", stage.now);
    stage.merge(&[ann]);
    stage.pass(30);
    stage.forgotten("ann", "tab", stage.now);
    stage.pass(30);
    stage.touched("ann", "tab", stage.now);
    assert!(!stage.roster.examine(&user("ann"), stage.now)[0].unconfirmed);
    stage.pass(59);
    assert!(stage.is_here("ann"));
}

#[test]
fn heartbeats_of_a_node_do_not_renew_a_forgotten_held_session() {
    let mut stage = Stage::new();
    stage.node_beats("other");
    stage.merge(&[foreign_held("ann", "tab", "other", stage.now)]);
    let seen_at = stage.now;
    stage.pass(1);
    stage.node_beats("other");
    stage.forgotten("ann", "tab", seen_at);
    for _ in 0..7 {
        stage.pass(1);
        stage.node_beats("other");
        assert!(stage.is_here("ann"));
    }
    stage.pass(1);
    assert!(!stage.is_here("ann"));
}

#[test]
fn an_own_live_session_that_was_forgotten_is_written_again() {
    let mut stage = Stage::new();
    stage.beat(&enter("ann", "tab"));
    stage.pass(30);
    assert_eq!(stage.forgotten("ann", "tab", stage.now), vec![key("ann", "tab")]);
    assert!(!stage.roster.examine(&user("ann"), stage.now)[0].unconfirmed);
}

#[test]
fn a_session_that_was_seen_after_the_forget_is_kept() {
    let stage = Stage::new();
    stage.merge(&[foreign("ann", "tab", "other", stage.now)]);
    stage.forgotten("ann", "tab", stage.now - secs(1));
    assert!(!stage.roster.examine(&user("ann"), stage.now)[0].unconfirmed);
}

#[test]
fn an_unnoticed_lapse_is_published_before_the_session_is_forgotten() {
    let mut stage = Stage::new();
    let ann = foreign("ann", "tab", "other", stage.now);
    stage.merge(&[ann]);
    let watch = stage.roster.watch(&Scope::All, Detail::Members);
    let from = watch.snapshot().version;
    stage.pass(59);
    stage.now = stage.now + secs(1);
    stage.prove(0, stage.now);
    assert_eq!(stage.forgotten("ann", "tab", stage.now), vec![]);
    assert_eq!((stage.counts(), stage.roster.len()), ((0, 0), 0));
    stage.roster.publish();
    let polled = watch.poll(1, Some(from), &Context::from_waker(Waker::noop()));
    let Poll::Ready(Some((Update::Diff(diff), _))) = polled else { panic!() };
    assert_eq!(diff.left, vec![(user("ann"), LeftReason::Lapsed)]);
}
