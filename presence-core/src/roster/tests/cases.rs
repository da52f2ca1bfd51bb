//! Regression tests of single rosters.

use super::stage::*;
use crate::liveness::Liveness;
use crate::model::{Departure, Node, Session};
use crate::roster::StoreWrite;
use crate::store::Touch;
use std::time::Duration;

fn put(told: StoreWrite) -> Session {
    let StoreWrite::Put { mut sessions, .. } = told else { panic!("{told:?}") };
    sessions.swap_remove(0)
}

#[test]
fn an_old_put_after_a_newer_touch_takes_nothing_back() {
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
fn two_puts_with_one_stamp_end_alike_in_whatever_order() {
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
    // Nor by the word of another process.
    let mut left = foreign("ann", "tab", "other", first);
    left.placement.left = Some(Departure { at: stage.now, ends_at: stage.now });
    assert_eq!(stage.merge(&[left]), vec![key("ann", "tab")]);
    assert!(stage.is_here("ann"));
}

#[test]
fn the_late_close_of_a_connection_that_was_replaced_elsewhere_ends_nothing() {
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
fn a_session_that_is_forgotten_comes_back_with_its_next_put_and_not_with_a_touch() {
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
fn a_node_that_pauses_for_ten_seconds_comes_back_with_its_sessions() {
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
fn a_process_that_starts_anew_does_not_speak_for_the_sessions_of_the_one_before() {
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
fn a_failover_that_lost_its_tail_is_told_again_what_is_own() {
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
fn a_new_process_shows_sessions_that_were_held_through_a_quiet_hour() {
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
fn a_snapshot_without_a_session_whose_node_lives_lets_it_go_after_its_own_lease() {
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
fn a_feed_that_fails_to_start_two_hundred_and_fifty_six_times_is_no_confirmation() {
    let stage = Stage::new();
    let told = put(stage.beat(&enter("ann", "tab")));
    stage.merge(&[told]);
    for _ in 0..256 {
        stage.roster.begin();
    }
    assert_eq!(stage.roster.synced(0, stage.now), vec![key("ann", "tab")]);
}

#[test]
fn a_session_that_was_never_told_is_owed_in_every_watch() {
    let stage = Stage::new();
    stage.beat(&enter("ann", "tab"));
    for _ in 0..600 {
        stage.roster.begin();
        stage.merge(&[foreign("bob", "tab", "other", stage.now)]);
        assert_eq!(stage.roster.synced(0, stage.now), vec![key("ann", "tab")]);
    }
}

#[test]
fn the_last_beat_of_a_process_that_drains_says_how_long_its_sessions_live() {
    let mut stage = Stage::new();
    stage.merge(&[foreign_held("ann", "tab", "other", stage.now)]);
    let (node, seen_at) = (node("other"), stage.now);
    stage.roster.touched(&[Touch::Node { node, seen_at, drain_for: Some(secs(30)) }], stage.now);
    stage.pass(29);
    assert!(stage.is_here("ann"));
    stage.pass(1);
    assert!(!stage.is_here("ann"));
}
