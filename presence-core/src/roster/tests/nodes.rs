//! Nodes: their heartbeats, their pauses, and the sessions that they hold.

use super::stage::*;

#[test]
fn a_held_session_with_a_short_lease_returns_with_its_node() {
    let mut stage = Stage::new();
    let mut ann = foreign_held("ann", "tab", "other", stage.now);
    ann.placement.lease = secs(3);
    stage.node_beats("other");
    stage.merge(&[ann]);
    stage.pass(4);
    assert!(!stage.is_here("ann"));
    stage.node_beats("other");
    stage.sweep();
    assert!(stage.is_here("ann"));
}

#[test]
fn sessions_return_when_the_delayed_heartbeats_of_their_node_arrive() {
    let mut stage = Stage::new();
    let ann = foreign_held("ann", "tab", "other", stage.now);
    stage.node_beats("other");
    stage.merge(&[ann]);
    let from = stage.now;
    stage.pass(10);
    assert!(!stage.is_here("ann"));
    for n in 1..=5 {
        stage.node_beat("other", from + secs(2 * n), None);
    }
    stage.sweep();
    assert!(stage.is_here("ann"));
}

#[test]
fn an_unconfirmed_held_session_survives_a_pause_of_its_own_process() {
    let mut stage = Stage::cut_off(|_| ());
    stage.hold(&enter("ann", "tab"));
    stage.now = stage.now + secs(10);
    stage.sweep();
    stage.roster.beat_node(stage.now);
    stage.sweep();
    assert!(stage.is_here("ann"));
}

#[test]
fn a_node_is_not_forgotten_while_its_sessions_are_alive() {
    let mut stage = Stage::new();
    let mut ann = foreign_held("ann", "tab", "other", stage.now);
    ann.placement.lease = secs(3600);
    stage.node_beats("other");
    stage.merge(&[ann]);
    stage.pass(200);
    assert!(stage.is_here("ann"));
    assert_eq!(stage.roster.tidy(stage.now), vec![]);
}

/// A process that knows the others, and a node `gone` that sends no more heartbeats.
fn witness(me: &str, others: &[&str]) -> Stage {
    let stage = Stage::with(|settings| settings.node = node(me));
    stage.node_beats("gone");
    others.iter().for_each(|other| stage.node_beats(other));
    stage
}

#[test]
fn a_node_is_forgotten_by_the_responsible_process_and_a_minute_later_by_the_next() {
    let names = ["a", "b", "c", "d"];
    let mut stages: Vec<Stage> = names.iter().map(|me| witness(me, &names)).collect();
    let mut forgotten = [0, 0];
    for second in 0..=(8 + 60 + 60) {
        for (me, stage) in names.iter().zip(&mut stages) {
            stage.pass(1);
            names.iter().filter(|other| *other != me).for_each(|other| stage.node_beats(other));
            let forgets = stage.roster.tidy(stage.now).len();
            let turn = usize::from(second >= 8 + 60 + 60 - 1);
            if forgets > 0 && stage.roster.nodes.known().len() == names.len() + 1 {
                forgotten[turn] |= 1 << names.iter().position(|name| name == me).unwrap();
            } else if forgets > 0 {
                forgotten[1] |= 1 << names.iter().position(|name| name == me).unwrap();
            }
        }
    }
    assert_eq!(forgotten.map(u32::count_ones), [1, 2]);
    for stage in &stages {
        assert_eq!(stage.roster.nodes.known().len(), names.len());
    }
}

#[test]
fn own_held_sessions_do_not_lapse_if_a_proof_comes_first_after_a_pause() {
    let mut stage = Stage::new();
    stage.hold(&enter("ann", "tab"));
    stage.roster.confirm([(&user("ann"), &sid("tab"))], stage.now);
    stage.pass(3);
    // Other processes have proven the time meanwhile, so the shard has no blind stretch.
    stage.now = stage.now + secs(10);
    stage.roster.prove(0, stage.now, &[], stage.now);
    assert!(stage.is_here("ann"));
    assert_eq!(stage.counts().0, 1);
}
