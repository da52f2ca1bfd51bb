//! Heartbeats: how they renew and change sessions.

use super::stage::*;
use crate::liveness::DeclaredOnly;
use crate::model::{Activity, Status};
use crate::roster::StoreWrite;
use std::time::Duration;

#[test]
fn future_activity_counts_once_a_later_heartbeat_arrives() {
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
fn a_declared_session_is_gone_one_lease_after_its_first_heartbeat() {
    let mut stage = Stage::with(|s| s.policy.declared_only = DeclaredOnly::Alive);
    stage.roster.declare(&key("ann", "tab"), Status::Busy.into(), 0, stage.now).unwrap();
    assert_eq!(stage.counts(), (1, 1));
    stage.pass(1);
    stage.beat(&renew("ann", "tab"));
    assert_eq!(stage.counts(), (1, 1));
    // Its first heartbeat counts as activity, as for any session.
    stage.pass(59);
    assert_eq!(stage.counts(), (1, 1));
    stage.pass(1);
    assert_eq!(stage.counts(), (0, 0));
}

#[test]
fn a_held_session_is_still_held_after_a_heartbeat_enters_it() {
    let mut stage = Stage::new();
    stage.hold(&enter("ann", "tab"));
    stage.beat(&enter("ann", "tab"));
    stage.pass(120);
    assert!(stage.is_here("ann"));
}

#[test]
fn a_left_topic_is_removed_by_the_next_placement() {
    let mut stage = Stage::new();
    stage.beat(&enter("ann", "tab").topics(topics(&["hall", "attic"])));
    stage.leave(&leave("ann", "tab").topics(vec![topic("attic")]));
    stage.pass(10);
    stage.beat(&renew("ann", "tab").lease(secs(100)));
    stage.roster.tidy(stage.now);
    assert_eq!(stage.roster.topic_count(), 1);
}

#[test]
fn a_heartbeat_of_a_lapsed_session_is_written_by_a_put() {
    let mut stage = Stage::new();
    stage.merge(&[foreign("ann", "tab", "other", stage.now)]);
    stage.pass(90);
    assert_eq!(stage.counts(), (0, 0));
    // Other processes may have dropped the session by now, and a touch does not contain enough to
    // recreate it.
    assert!(matches!(stage.beat(&renew("ann", "tab")), StoreWrite::Put { .. }));
    assert_eq!(stage.counts(), (1, 1));
    stage.pass(40);
    assert!(matches!(stage.beat(&renew("ann", "tab")), StoreWrite::Touch { .. }));
}

#[test]
fn the_lease_of_a_held_session_is_at_least_held_for() {
    let mut stage = Stage::new();
    stage.hold(&enter("ann", "tab").lease(secs(1)));
    assert_eq!(stage.session("ann", "tab").unwrap().placement.lease, secs(8));
    stage.hold(&enter("bob", "tab").lease(secs(20)));
    assert_eq!(stage.session("bob", "tab").unwrap().placement.lease, secs(20));
    // Repeating the same lease moves nothing.
    let StoreWrite::Touch { .. } = stage.hold(&renew("ann", "tab").lease(secs(1))) else { panic!() };
    stage.pass(30);
    assert_eq!(stage.counts().0, 2);
}

#[test]
fn a_renewal_that_changes_topics_keeps_the_lease() {
    let stage = Stage::new();
    stage.beat(&enter("ann", "tab").lease(secs(600)));
    stage.beat(&renew("ann", "tab").topics(topics(&["hall"])));
    assert_eq!(stage.session("ann", "tab").unwrap().placement.lease, secs(600));
    stage.beat(&enter("ann", "tab"));
    assert_eq!(stage.session("ann", "tab").unwrap().placement.lease, secs(60));
}

#[test]
fn a_lease_is_cut_to_whole_milliseconds() {
    let stage = Stage::new();
    let odd = Duration::from_micros(2_000_500);
    stage.beat(&enter("ann", "tab").lease(odd));
    assert!(matches!(stage.beat(&renew("ann", "tab").lease(odd)), StoreWrite::Touch { .. }));
}

#[test]
fn renewing_a_held_session_writes_nothing_to_the_store() {
    let mut stage = Stage::new();
    stage.hold(&enter("ann", "tab"));
    for _ in 0..400 {
        assert!(matches!(stage.hold(&renew("ann", "tab")), StoreWrite::Postponed { .. }));
        assert_eq!(stage.pass(1).touch, vec![]);
    }
    assert_eq!(stage.counts(), (1, 0));
    // Its activity is not covered by the node's heartbeats.
    assert!(matches!(stage.hold(&renew("ann", "tab").activity(Activity::Now)), StoreWrite::Touch { .. }));
    assert_eq!(stage.counts(), (1, 1));
}

#[test]
fn a_heartbeat_renews_a_session_whose_node_is_silent() {
    let mut stage = Stage::new();
    stage.node_beats("other");
    stage.merge(&[foreign_held("ann", "tab", "other", stage.now)]);
    let mut touches = 0;
    for _ in 0..20 {
        stage.pass(2);
        touches += u32::from(matches!(stage.beat(&renew("ann", "tab")), StoreWrite::Touch { .. }));
        assert!(stage.is_here("ann"));
    }
    // At least one touch per lease, or other processes would see the session lapse.
    assert!(touches >= 4, "{touches}");
}
