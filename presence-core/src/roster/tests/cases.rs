//! Regression tests of single rosters.

use super::stage::*;
use crate::liveness::Liveness;
use crate::model::{Departure, Node, Session};
use crate::roster::StoreWrite;
use crate::store::Touch;
use std::time::Duration;

fn put(write: StoreWrite) -> Session {
    let StoreWrite::Put { mut sessions, .. } = write else { panic!("{write:?}") };
    sessions.swap_remove(0)
}

#[test]
fn an_old_put_after_a_newer_touch_does_not_move_times_back() {
    let mut stage = Stage::new();
    let old = foreign("ann", "tab", "other", stage.now);
    stage.merge(std::slice::from_ref(&old));
    stage.pass(50);
    stage.touched("ann", "tab", stage.now);
    stage.pass(5);
    stage.merge(&[old]);
    stage.pass(54);
    assert!(stage.is_here("ann"));
    stage.pass(1);
    assert!(!stage.is_here("ann"));
}

#[test]
fn puts_with_the_same_time_converge_in_any_order() {
    let (one, two) = (Stage::new(), Stage::new());
    let a = in_topics(&foreign("ann", "tab", "n0", START), &["hall"]);
    let b = in_topics(&foreign("ann", "tab", "n1", START), &["attic"]);
    let c = in_topics(&foreign("ann", "tab", "n1", START), &["yard"]);
    one.merge(&[a.clone(), b.clone(), c.clone()]);
    two.merge(&[c, a, b]);
    assert_eq!(one.session("ann", "tab"), two.session("ann", "tab"));
    for name in ["hall", "attic", "yard"] {
        assert_eq!(one.counts_in(name), two.counts_in(name));
    }
}

#[test]
fn a_leave_of_an_older_placement_ends_nothing() {
    let mut stage = Stage::new();
    let first = put(stage.beat(&enter("ann", "tab"))).placement.placed_at;
    stage.pass(1);
    stage.beat(&enter("ann", "tab"));
    assert_eq!(stage.leave(&leave("ann", "tab").placed_at(first).immediately()), StoreWrite::Nothing);
    // Nor does such a leave that comes from another process.
    let mut left = foreign("ann", "tab", "other", first);
    left.placement.left = Some(Departure { at: stage.now, ends_at: stage.now });
    assert_eq!(stage.merge(&[left]), vec![key("ann", "tab")]);
    assert!(stage.is_here("ann"));
}

#[test]
fn the_late_close_of_a_connection_replaced_in_another_process_ends_nothing() {
    let mut stage = Stage::new();
    stage.hold(&enter("ann", "tab"));
    stage.pass(1);
    stage.node_beats("other");
    stage.merge(&[foreign_held("ann", "tab", "other", stage.now)]);
    assert_eq!(stage.roster.drop_held(&key("ann", "tab"), Duration::ZERO, stage.now), StoreWrite::Nothing);
    assert!(stage.is_here("ann"));
    assert_eq!(stage.session("ann", "tab").unwrap().placement.left, None);
}

#[test]
fn a_forgotten_session_returns_with_its_next_put_but_not_with_a_touch() {
    let mut stage = Stage::new();
    let ann = foreign("ann", "tab", "other", stage.now);
    stage.merge(std::slice::from_ref(&ann));
    stage.pass(60);
    stage.forgotten("ann", "tab", ann.seen_at);
    assert_eq!(stage.roster.len(), 0);
    stage.touched("ann", "tab", stage.now);
    assert!(!stage.is_here("ann"));
    stage.merge(&[Session { seen_at: stage.now, ..ann }]);
    assert!(stage.is_here("ann"));
}

#[test]
fn the_sessions_of_a_node_return_after_it_pauses_for_ten_seconds() {
    let mut stage = Stage::new();
    stage.node_beats("other");
    for n in 0..300 {
        stage.merge(&[in_topics(&foreign_held(&format!("u{n}"), "tab", "other", stage.now), &["hall"])]);
    }
    stage.pass(10);
    assert_eq!((stage.counts().0, stage.counts_in("hall").0), (0, 0));
    stage.node_beats("other");
    assert_eq!((stage.counts().0, stage.counts_in("hall").0), (300, 300));
}

#[test]
fn a_restarted_process_does_not_renew_the_sessions_of_its_predecessor() {
    let mut stage = Stage::new();
    stage.node_beats("host~1");
    stage.merge(&[foreign_held("ann", "tab", "host~1", stage.now)]);
    for _ in 0..8 {
        stage.pass(1);
        stage.node_beats("host~2");
    }
    assert!(!stage.is_here("ann"));
    stage.merge(&[foreign_held("ann", "tab", "host~2", stage.now)]);
    assert!(stage.is_here("ann"));
}

#[test]
fn own_sessions_that_a_failover_lost_are_written_again() {
    let mut stage = Stage::new();
    let old = put(stage.beat(&enter("ann", "tab")));
    stage.merge(std::slice::from_ref(&old));
    stage.pass(1);
    stage.beat(&renew("ann", "tab").topics(topics(&["hall"])));
    let lost = put(stage.beat(&enter("bob", "tab")));
    stage.merge(&[lost]);
    stage.merge(&[foreign("cy", "tab", "other", stage.now)]);
    stage.roster.begin();
    // The store shows an older placement of ann, and nothing of bob and cy.
    assert_eq!(stage.merge(&[old]), vec![key("ann", "tab")]);
    assert_eq!(stage.roster.synced(0, stage.now), vec![key("bob", "tab")]);
    assert_eq!((stage.counts(), stage.counts_in("hall")), ((3, 3), (1, 1)));
    // A session that its process does not write again lapses.
    stage.pass(59);
    assert!(stage.is_here("cy"));
    stage.pass(1);
    assert!(!stage.is_here("cy"));
}

#[test]
fn a_new_process_shows_sessions_that_were_held_for_an_hour_without_writes() {
    let mut stage = Stage::cut_off(|_| ());
    let held = foreign_held("ann", "tab", "other", stage.now - secs(3_600));
    let node = Node { id: node("other"), seen_at: stage.now - secs(1), drain_for: None };
    stage.roster.begin();
    stage.merge_with(&[held], &[node]);
    assert!(!stage.is_here("ann"));
    stage.roster.synced(0, stage.now);
    stage.prove(0, stage.now);
    stage.sweep();
    assert!(stage.is_here("ann"));
    // Idle, since there was no activity for an hour.
    assert_eq!(stage.shows("ann").unwrap().liveness, Liveness::Idle);
    stage.pass(7);
    assert!(!stage.is_here("ann"));
}

#[test]
fn a_held_session_missing_from_a_snapshot_lapses_after_its_own_lease() {
    let mut stage = Stage::new();
    stage.node_beats("other");
    stage.merge(&[foreign_held("ann", "tab", "other", stage.now)]);
    stage.merge(&[foreign_held("bob", "tab", "other", stage.now)]);
    stage.roster.begin();
    stage.roster.synced(0, stage.now);
    // The session has a lease in which it can be confirmed.
    for second in 0..9 {
        assert_eq!(stage.counts().0, if second < 8 { 2 } else { 1 }, "{second}");
        stage.pass(1);
        stage.node_beats("other");
        if second == 6 {
            stage.touched("bob", "tab", stage.now);
        }
    }
    assert_eq!((stage.is_here("ann"), stage.is_here("bob")), (false, true));
}

#[test]
fn a_feed_that_fails_to_start_256_times_confirms_no_session() {
    let stage = Stage::new();
    let stored = put(stage.beat(&enter("ann", "tab")));
    stage.merge(&[stored]);
    for _ in 0..256 {
        stage.roster.begin();
    }
    assert_eq!(stage.roster.synced(0, stage.now), vec![key("ann", "tab")]);
}

#[test]
fn a_session_that_was_never_stored_is_rewritten_after_every_watch() {
    let stage = Stage::new();
    stage.beat(&enter("ann", "tab"));
    for _ in 0..600 {
        stage.roster.begin();
        stage.merge(&[foreign("bob", "tab", "other", stage.now)]);
        assert_eq!(stage.roster.synced(0, stage.now), vec![key("ann", "tab")]);
    }
}

#[test]
fn sessions_of_a_draining_process_live_as_long_as_its_last_heartbeat_says() {
    let mut stage = Stage::new();
    stage.merge(&[foreign_held("ann", "tab", "other", stage.now)]);
    let (node, seen_at) = (node("other"), stage.now);
    stage.roster.touched(&[Touch::Node { node, seen_at, drain_for: Some(secs(30)) }], stage.now);
    stage.pass(29);
    assert!(stage.is_here("ann"));
    stage.pass(1);
    assert!(!stage.is_here("ann"));
}
