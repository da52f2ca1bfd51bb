//! Limits: nothing grows without bound, and what exceeds a limit is refused.

use super::stage::*;
use crate::model::Status;
use crate::roster::{BeatSource, Detail, Refused, Scope, StoreWrite};
use std::time::Duration;

#[test]
fn counts_stay_correct_when_the_257th_session_evicts_another() {
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
fn sessions_per_user_stay_limited_when_the_store_echoes_every_put() {
    let stage = Stage::new();
    for n in 0..600 {
        let StoreWrite::Put { sessions, .. } = stage.beat(&enter("ann", &format!("s{n:03}"))) else {
            panic!()
        };
        stage.merge(&sessions);
    }
    assert_eq!(stage.shows("ann").unwrap().sessions.len(), 256);
}

#[test]
fn a_sweep_keeps_to_its_budget_when_every_shard_has_few_due_sessions() {
    let mut stage = Stage::new();
    for n in 0..20_000 {
        stage.beat(&enter(&format!("u{n}"), "tab").lease(secs(10)));
    }
    stage.now = stage.now + secs(10);
    stage.prove(0, stage.now);
    let before = stage.counts().0;
    let swept = stage.roster.sweep(stage.now, 1_000);
    let looked = before - stage.counts().0;
    assert!(swept.more && looked <= 1_256, "{looked}");
}

#[test]
fn a_sweep_ends_when_many_sessions_are_due_a_moment_later() {
    let mut stage = Stage::new();
    for n in 0..10_000 {
        stage.beat(&enter(&format!("u{n}"), "tab").lease(Duration::from_millis(10_100)));
    }
    stage.now = stage.now + secs(10);
    stage.prove(0, stage.now);
    stage.sweep();
    assert_eq!(stage.counts().0, 10_000);
}

#[test]
fn gone_sessions_of_one_user_are_limited() {
    let stage = Stage::new();
    for n in 0..700 {
        let StoreWrite::Put { sessions, .. } = stage.beat(&enter("ann", &format!("s{n:03}"))) else {
            panic!()
        };
        stage.merge(&sessions);
    }
    assert!(stage.roster.len() <= 512, "{}", stage.roster.len());
    // The store forgets the evicted sessions as well.
    assert_eq!(stage.sweep().forget.len(), 700 - stage.roster.len());
}

#[test]
fn a_full_roster_refuses_new_sessions_and_changes_nothing() {
    let mut stage = Stage::with(|s| s.max_sessions = 2);
    stage.beat(&enter("ann", "tab").topics(topics(&["hall"])));
    stage.beat(&enter("bob", "tab"));
    let before = (stage.session("ann", "tab"), stage.session("bob", "tab"));
    let new = enter("ann", "other").topics(topics(&["attic"]));
    assert_eq!(stage.roster.beat(&new, BeatSource::Beat, 0, stage.now), Err(Refused::Full));
    let declares = Status::Busy.into();
    assert_eq!(stage.roster.declare(&key("cy", "tab"), declares, 0, stage.now), Err(Refused::Full));
    assert_eq!((stage.session("ann", "tab"), stage.session("bob", "tab")), before);
    assert_eq!((stage.roster.len(), stage.counts(), stage.roster.topic_count()), (2, (2, 2), 1));
    // Known sessions are renewed, and what the store delivers is always accepted.
    stage.beat(&renew("ann", "tab").topics(topics(&["attic"])));
    stage.merge(&[foreign("dee", "tab", "other", stage.now)]);
    assert_eq!(stage.counts().0, 3);
    stage.pass(200);
    assert_eq!(stage.roster.len(), 0);
    stage.beat(&enter("cy", "tab"));
}

#[test]
fn pending_steps_of_unread_scopes_are_applied_by_sweeps_and_limited() {
    let stage = Stage::new();
    stage.listed(&Scope::All);
    for n in 0..50_000 {
        let beat = enter(&format!("u{}", n % 3), "tab").topics(topics(&["hall"]));
        stage.beat(&beat);
        stage.leave(&leave(&format!("u{}", n % 3), "tab").immediately());
        for scope in [Scope::All, Scope::Topic(topic("hall"))] {
            let waiting = stage.roster.scope(&scope).unwrap().waiting();
            assert!(waiting <= 65_537, "{waiting} in {scope:?}");
            if n % 10_000 == 9_999 {
                while stage.roster.sort(1) {}
                let waiting = stage.roster.scope(&scope).unwrap().waiting();
                assert!(waiting <= 64, "{waiting} in {scope:?}");
            }
        }
    }
    for n in 0..50_000 {
        let beat = enter(&format!("u{}", n % 3), "tab").topics(topics(&["hall"]));
        stage.beat(&beat);
        stage.leave(&leave(&format!("u{}", n % 3), "tab").immediately());
    }
    assert!(stage.roster.scope(&Scope::All).unwrap().waiting() <= 65_537);
}

#[test]
fn watches_without_readers_are_limited() {
    let mut stage = Stage::new();
    let read = stage.roster.watch(&Scope::All, Detail::Members);
    for n in 0..30_000 {
        let watch = stage.roster.watch(&Scope::Topic(topic(&format!("t{n}"))), Detail::Members);
        watch.leave(n);
        if n % 3_000 == 0 {
            stage.roster.tidy(stage.now);
        }
        assert!(stage.roster.watches.lock().len() <= 4_097);
    }
    // The watch with a reader is kept.
    assert!(std::sync::Arc::ptr_eq(&read, &stage.roster.watch(&Scope::All, Detail::Members)));
    stage.roster.tidy(stage.now);
    stage.pass(61);
    stage.roster.tidy(stage.now);
    stage.roster.tidy(stage.now);
    assert_eq!((stage.roster.watches.lock().len(), stage.roster.topic_count()), (1, 0));
}

#[test]
fn watches_with_readers_are_kept_beyond_that_limit() {
    let stage = Stage::new();
    let watches: Vec<_> = (0..9_000)
        .map(|n| stage.roster.watch(&Scope::Topic(topic(&format!("t{n}"))), Detail::Members))
        .collect();
    assert_eq!(stage.roster.watches.lock().len(), watches.len());
}

#[test]
fn all_records_are_freed_after_a_long_silence() {
    let mut stage = Stage::new();
    for n in 0..500 {
        let name = format!("u{n}");
        stage.beat(&enter(&name, "tab").topics(topics(&[&format!("t{n}"), "hall"])));
        stage.node_beats(&format!("n{n}"));
        stage.merge(&[foreign_held(&name, "socket", &format!("n{n}"), stage.now)]);
    }
    stage.pass(61);
    assert_eq!((stage.counts(), stage.roster.len()), ((0, 0), 1_000));
    for _ in 0..30 {
        stage.pass(10);
        stage.roster.tidy(stage.now);
    }
    assert_eq!((stage.roster.len(), stage.roster.topic_count()), (0, 0));
    assert_eq!(stage.roster.nodes.known().len(), 1);
}
