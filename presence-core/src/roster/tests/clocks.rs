//! Clocks of the process and of the store, and what happens when they differ.

use super::stage::*;
use crate::model::Activity;

#[test]
fn a_leave_before_the_first_proof_takes_effect_after_its_grace() {
    let mut stage = Stage::cut_off(|_| ());
    stage.beat(&enter("ann", "tab").lease(secs(3600)));
    stage.leave(&leave("ann", "tab"));
    stage.roster.begin();
    stage.roster.synced(0, stage.now);
    stage.prove(0, stage.now - secs(600));
    for _ in 0..10 {
        stage.now = stage.now + secs(1);
        stage.prove(0, stage.now - secs(600));
        stage.sweep();
    }
    assert!(!stage.is_here("ann"));
}

#[test]
fn heartbeats_of_this_process_carry_the_stores_time_after_the_first_proof() {
    let stage = Stage::cut_off(|_| ());
    stage.prove(0, stage.now - secs(600));
    let beat = stage.roster.beat_node(stage.now + secs(2));
    assert_eq!(beat.seen_at, stage.now + secs(2) - secs(600));
}

/// A heartbeat that comes after the store's time is known and before the session was
/// converted to it.
fn beat_between(change: impl FnOnce(&Stage)) -> Stage {
    let mut stage = Stage::cut_off(|_| ());
    stage.beat(&enter("ann", "tab"));
    stage.now = stage.now + secs(1);
    let at = stage.now - secs(600);
    let is_first = stage.roster.change_clocks(stage.now, |clocks| clocks.calibrate(at, stage.now)).0;
    assert!(is_first);
    change(&stage);
    stage
}

#[test]
fn a_heartbeat_during_calibration_converts_its_session_to_the_stores_time() {
    let stage = beat_between(|stage| drop(stage.beat(&renew("ann", "tab").activity(Activity::Now))));
    let session = stage.session("ann", "tab").unwrap();
    let at = stage.now - secs(600);
    assert_eq!((session.seen_at, session.active_at), (at, at));
    assert_eq!(session.placement.placed_at, at - secs(1));
}

#[test]
fn a_leave_during_calibration_converts_its_session_to_the_stores_time() {
    let stage = beat_between(|stage| drop(stage.leave(&leave("ann", "tab"))));
    let placement = stage.session("ann", "tab").unwrap().placement;
    let at = stage.now - secs(600);
    assert_eq!((placement.placed_at, placement.left.unwrap().at), (at - secs(1), at));
}

#[test]
fn a_session_is_converted_to_the_stores_time_once() {
    let mut stage = Stage::cut_off(|_| ());
    stage.beat(&enter("ann", "tab"));
    stage.prove(0, stage.now - secs(600));
    stage.beat(&renew("ann", "tab"));
    stage.now = stage.now + secs(1);
    stage.prove(0, stage.now - secs(600));
    stage.beat(&enter("ann", "tab"));
    assert_eq!(stage.session("ann", "tab").unwrap().seen_at, stage.now - secs(600));
}

#[test]
fn a_session_lives_no_longer_than_its_lease_after_a_hundred_blind_stretches() {
    let mut stage = Stage::new();
    let mut ann = foreign("ann", "tab", "other", stage.now);
    ann.placement.lease = secs(2_400);
    stage.merge(&[ann]);
    // Each round adds 20 s to all ages: the silence of 5 s, until the proof that ends it, does not
    // count.
    for _ in 0..119 {
        stage.pass_blind(4);
        stage.pass(21);
        assert!(stage.is_here("ann"));
    }
    stage.pass_blind(4);
    stage.pass(22);
    assert!(!stage.is_here("ann"));
}
