//! Nothing grows without bound, and what is too much is said.

use super::stage::*;
use crate::roster::Told;
use std::time::Duration;

#[test]
fn the_257th_session_makes_one_step_in_the_counts() {
    let stage = Stage::new();
    stage.beat(&enter("ann", "s000").topics(topics(&["attic"])));
    for n in 1..=256 {
        stage.beat(&enter("ann", &format!("s{n:03}")).topics(topics(&["hall"])));
    }
    assert_eq!(stage.counts_in("attic"), (0, 0));
    assert_eq!(stage.counts_in("hall"), (1, 1));
    assert_eq!(stage.counts(), (1, 1));
}

#[test]
fn the_257th_session_stays_the_limit_when_the_store_echoes() {
    let stage = Stage::new();
    for n in 0..600 {
        let Told::Put { sessions, .. } = stage.beat(&enter("ann", &format!("s{n:03}"))) else { panic!() };
        stage.merge(&sessions);
    }
    assert_eq!(stage.shows("ann").unwrap().sessions.len(), 256);
}

#[test]
fn a_sweep_keeps_to_its_budget_even_when_every_shard_has_little() {
    let mut stage = Stage::new();
    for n in 0..20_000 {
        stage.beat(&enter(&format!("u{n}"), "tab").lease(secs(10)));
    }
    stage.now = stage.now + secs(10);
    stage.roster.prove(0, stage.now, stage.now);
    let before = stage.counts().0;
    let swept = stage.roster.sweep(stage.now, 1_000);
    let looked = before - stage.counts().0;
    assert!(swept.more && looked <= 1_256, "{looked}");
}

#[test]
fn a_sweep_comes_to_an_end_when_much_is_due_a_moment_later() {
    let mut stage = Stage::new();
    for n in 0..10_000 {
        stage.beat(&enter(&format!("u{n}"), "tab").lease(Duration::from_millis(10_100)));
    }
    stage.now = stage.now + secs(10);
    stage.roster.prove(0, stage.now, stage.now);
    stage.sweep();
    assert_eq!(stage.counts().0, 10_000);
}

#[test]
fn gone_sessions_of_one_user_do_not_pile_up() {
    let stage = Stage::new();
    for n in 0..700 {
        let Told::Put { sessions, .. } = stage.beat(&enter("ann", &format!("s{n:03}"))) else { panic!() };
        stage.merge(&sessions);
    }
    assert!(stage.roster.len() <= 512, "{}", stage.roster.len());
    // What went is to be forgotten by the store as well.
    assert_eq!(stage.sweep().forget.len(), 700 - stage.roster.len());
}
