//! Silences, backlogs and clock steps do not make live users leave.

use super::stage::*;
use crate::model::Session;
use crate::roster::StoreWrite;
use crate::store::Facts;
use crate::time::Timestamp;
use std::time::Duration;

#[test]
fn nobody_leaves_during_a_silence_of_six_and_a_half_seconds_without_a_disconnect() {
    let mut stage = Stage::new();
    stage.node_beats("other");
    stage.merge(&[foreign_held("ann", "tab", "other", stage.now)]);
    let mut bob = foreign("bob", "tab", "other", stage.now);
    bob.placement.lease = secs(9);
    stage.merge(&[bob]);
    stage.pass(3);
    stage.now = stage.now + Duration::from_millis(6_500);
    stage.prove(0, stage.now);
    stage.sweep();
    assert_eq!(stage.counts().0, 2);
    // They are confirmed within the rest of their lease, or lapse.
    stage.pass(4);
    assert_eq!(stage.counts().0, 2);
    stage.touched("bob", "tab", stage.now);
    stage.pass(8);
    assert_eq!((stage.is_here("ann"), stage.is_here("bob")), (false, true));
}

#[test]
fn nobody_leaves_when_a_backlog_of_ten_seconds_is_followed_by_a_sweep() {
    let mut stage = Stage::new();
    stage.node_beats("other");
    stage.merge(&[foreign_held("ann", "tab", "other", stage.now)]);
    let from = stage.now;
    stage.now = stage.now + secs(10);
    for n in (2..=10).step_by(2) {
        stage.node_beat("other", from + secs(n), None);
        stage.sweep();
        assert!(stage.is_here("ann"));
    }
    stage.prove(0, stage.now);
    stage.sweep();
    assert!(stage.is_here("ann"));
}

#[test]
fn a_shard_that_is_silent_for_an_hour_keeps_its_sessions_and_delays_no_other_shard() {
    let mut stage = Stage::with(|s| s.shards = 2);
    stage.roster.synced(1, stage.now);
    stage.prove(1, stage.now);
    let merge = |stage: &Stage, name: &str, shard: u16| {
        let facts = Facts { sessions: vec![foreign(name, "tab", "other", stage.now)], ..Facts::default() };
        stage.roster.merge(&facts, |_| shard, stage.now);
    };
    merge(&stage, "dead", 1);
    merge(&stage, "mute", 1);
    merge(&stage, "ann", 0);
    stage.pass(59);
    merge(&stage, "bob", 0);
    stage.pass(1);
    assert_eq!((stage.is_here("ann"), stage.is_here("bob")), (false, true));
    stage.pass(3_540);
    assert_eq!((stage.counts().0, stage.is_here("dead")), (2, true));
    // The store returns: users with heartbeats stay, and the others lapse as if the hour had not
    // passed.
    stage.prove(1, stage.now);
    stage.sweep();
    assert_eq!(stage.counts().0, 2);
    stage.touched("dead", "tab", stage.now);
    for _ in 0..60 {
        assert!(stage.is_here("dead"));
        stage.pass(1);
        stage.prove(1, stage.now);
        stage.sweep();
    }
    // The users were checked before the proof arrived, and are checked again at the next tick.
    stage.now = stage.now + Duration::from_millis(250);
    stage.sweep();
    assert_eq!((stage.is_here("dead"), stage.is_here("mute")), (false, false));
}

/// Steps the store's clock while one user sends heartbeats through this process, one through
/// another, and each process holds one.
fn leap(by: i64) {
    let mut stage = Stage::new();
    let mut ahead = 0_i64;
    stage.beat(&enter("ann", "tab").lease(secs(12)));
    stage.roster.confirm([(&user("ann"), &sid("tab"))], stage.now);
    stage.hold(&enter("cy", "tab"));
    stage.roster.confirm([(&user("cy"), &sid("tab"))], stage.now);
    stage.node_beats("other");
    let mut bob = foreign("bob", "tab", "other", stage.now);
    bob.placement.lease = secs(12);
    stage.merge(&[bob, foreign_held("dee", "tab", "other", stage.now)]);
    let mut store = stage.now;
    for second in 0..60 {
        stage.now = stage.now + secs(1);
        if second == 20 {
            ahead += by;
        }
        let before = store;
        store = Timestamp::from_millis(stage.now.as_millis().checked_add_signed(ahead).unwrap());
        // The times that other processes write never go back either.
        let stamp = store.max(before);
        stage.roster.beat_node(stage.now);
        stage.node_beat("other", stamp, None);
        if second % 5 == 0 {
            stage.touched("bob", "tab", stamp);
            stage.beat(&renew("ann", "tab"));
        }
        stage.prove(0, store);
        stage.sweep();
        assert_eq!(
            stage.counts().0,
            4,
            "{second} s: {:?}",
            ["ann", "bob", "cy", "dee"].map(|u| stage.is_here(u))
        );
    }
}

#[test]
fn nobody_leaves_when_the_stores_clock_steps_ten_seconds_ahead() {
    leap(10_000);
}

#[test]
fn nobody_leaves_when_the_stores_clock_steps_ten_seconds_back() {
    leap(-10_000);
}

#[test]
fn users_who_lapsed_or_left_while_this_process_was_cut_off_are_gone_on_time_after_it_reconnects() {
    let mut stage = Stage::new();
    let mut ann = foreign("ann", "tab", "other", stage.now);
    ann.placement.lease = secs(20);
    stage.merge(&[ann, foreign("bob", "tab", "me", stage.now)]);
    stage.pass(1);
    let (left_at, seen_at) = (stage.now, stage.now);
    // Other processes are connected meanwhile, so the store's time has no blind stretch.
    stage.pass_blind(8);
    stage.touched("ann", "tab", seen_at);
    stage.leave(&leave("bob", "tab"));
    let prove = |stage: &mut Stage| {
        stage.now = stage.now + secs(1);
        stage.roster.prove(0, stage.now, &[], stage.now);
        stage.sweep();
    };
    // The grace of the leave counts from the time of the leave.
    while stage.now.since(left_at) < secs(8 + 5) {
        assert!(stage.is_here("ann") && stage.is_here("bob"));
        prove(&mut stage);
    }
    assert!(!stage.is_here("bob"));
    while stage.now.since(seen_at) < secs(20) {
        assert!(stage.is_here("ann"));
        prove(&mut stage);
    }
    assert!(!stage.is_here("ann"));
}

#[test]
fn heartbeats_that_two_failovers_lost_are_written_again() {
    let mut stage = Stage::new();
    let StoreWrite::Put { sessions, .. } = stage.beat(&enter("ann", "tab")) else {
        panic!("a new session is put")
    };
    assert_eq!(stage.merge(&sessions), []);
    for older_by in [14, 15, 16] {
        stage.now = stage.now + secs(1);
        stage.beat(&renew("ann", "tab"));
        // Renewals are postponed by up to a quarter of the lease, so a stored time that is older by
        // less is no loss.
        let seen_at = stage.now - secs(older_by);
        let stored = Session { seen_at, ..sessions[0].clone() };
        let owed = if older_by > 15 { vec![key("ann", "tab")] } else { Vec::new() };
        assert_eq!(stage.merge(&[stored]), owed, "{older_by} s");
    }
}
