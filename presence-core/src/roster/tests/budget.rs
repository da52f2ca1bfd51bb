//! Memory: sessions beyond the budget are refused, and unused memory is freed.

use super::stage::*;
use crate::model::{Beat, Declaration, Message, Meta, Status};
use crate::roster::{BeatSource, Refused, StoreWrite};
use std::time::Duration;

fn refused(stage: &Stage, beat: &Beat) -> bool {
    match stage.roster.beat(beat, BeatSource::Beat, 0, stage.now) {
        Err(refused) => {
            assert_eq!(refused, Refused::Full);
            true
        }
        Ok(_) => false,
    }
}

/// Number of large sessions of other users that fit.
fn fill(stage: &Stage, name: &str) -> usize {
    let fits = |n: &usize| {
        let long = "x".repeat(400);
        let own = topics(&[&format!("{name}-{n}-{long}"), "hall"]);
        !refused(stage, &enter(&format!("{name}-{n}"), "tab").topics(own))
    };
    (0..10_000).take_while(fits).count()
}

#[test]
fn growth_beyond_the_budget_is_refused_and_renewals_are_accepted() {
    let mut stage = Stage::with(|settings| settings.max_bytes = 200_000);
    stage.beat(&enter("ann", "tab"));
    let filled = fill(&stage, "u");
    // A few small ones still fit.
    let smalls = (0..100).take_while(|n| !refused(&stage, &enter(&format!("small-{n}"), "tab"))).count();
    assert!(smalls < 8, "{smalls}");
    // A quarter is reserved for invisible sessions.
    assert!((50..120).contains(&filled), "{filled}");
    assert!((140_000..=150_000).contains(&stage.roster.bytes()), "{}", stage.roster.bytes());
    let before = (stage.session("ann", "tab"), stage.roster.bytes());
    let long = "x".repeat(900);
    let meta = Meta::new(serde_json::json!({ "page": long.clone() })).unwrap();
    let message = Message::new("y".repeat(250)).unwrap();
    // Growth is refused, and changes nothing.
    assert!(refused(&stage, &renew("ann", "tab").topics(topics(&[&long]))));
    assert!(refused(&stage, &renew("ann", "tab").meta(meta)));
    assert!(refused(
        &stage,
        &renew("ann", "tab").declares(Declaration::new(Status::Busy).message(message.clone()))
    ));
    let declares = Declaration::new(Status::Busy).message(message);
    assert_eq!(stage.roster.declare(&key("ann", "tab"), declares, 0, stage.now), Err(Refused::Full));
    assert_eq!((stage.session("ann", "tab"), stage.roster.bytes()), before);
    // Renewals, hiding and leaves are not refused.
    stage.now = stage.now + secs(20);
    stage.prove(0, stage.now);
    assert!(matches!(stage.beat(&renew("ann", "tab")), StoreWrite::Touch { .. }));
    stage.beat(&enter("ann", "tab"));
    stage.beat(&renew("u-0", "tab").declares(Status::Offline));
    stage.roster.declare(&key("u-1", "tab"), Status::Offline.into(), 0, stage.now).unwrap();
    for n in 2..filled {
        stage.leave(&leave(&format!("u-{n}"), "tab").immediately());
    }
    // Once the sessions are forgotten, there is room again.
    for _ in 0..20 {
        stage.pass(10);
        stage.beat(&renew("ann", "tab"));
        stage.roster.tidy(stage.now);
    }
    assert!(stage.roster.bytes() < 1_000, "{}", stage.roster.bytes());
    assert!(fill(&stage, "v") + 5 >= filled);
}

#[test]
fn invisible_sessions_use_their_own_reserve_and_never_exceed_the_whole_budget() {
    let mut filled = Vec::new();
    for hidden in [0, 10] {
        let stage = Stage::with(|settings| (settings.max_bytes, settings.max_sessions) = (200_000, 1_000));
        for n in 0..hidden {
            let name = format!("hidden-{n}");
            stage.beat(&enter(&name, "tab").topics(topics(&[&"z".repeat(300)])).declares(Status::Offline));
        }
        filled.push(fill(&stage, "u"));
    }
    assert_eq!(filled[0], filled[1]);
    // The same for the number of sessions.
    for hidden in [0, 1, 8] {
        let stage = Stage::with(|settings| settings.max_sessions = 8);
        for n in 0..hidden {
            stage.beat(&enter(&format!("hidden-{n}"), "tab").declares(Status::Offline));
        }
        assert_eq!(fill(&stage, "u"), 8);
    }
    // A user who hides all sessions gains no more room than the reserve.
    let stage = Stage::with(|settings| (settings.max_bytes, settings.max_sessions) = (200_000, 100));
    for n in 0..2_000 {
        let name = format!("flood-{n}");
        if !refused(&stage, &enter(&name, "tab").topics(topics(&[&format!("{n}-{}", "z".repeat(300))]))) {
            stage.beat(&renew(&name, "tab").declares(Status::Offline));
        }
        // Hiding alone is never refused: its few bytes may exceed the budget.
        assert!(stage.roster.bytes() <= 210_000, "{}", stage.roster.bytes());
        assert!(stage.roster.len() <= 200, "{}", stage.roster.len());
    }
}

#[test]
fn memory_is_freed_after_a_flood_of_sessions_although_some_stay() {
    let mut stage = Stage::new();
    let capacity = |stage: &Stage| -> usize {
        stage.roster.shards.iter().map(|shard| shard.lock().slots.capacity()).sum()
    };
    let honest = |stage: &Stage| {
        (0..20).for_each(|n| drop(stage.beat(&renew(&format!("honest-{n}"), "tab"))));
    };
    for n in 0..60_000 {
        stage.beat(&enter(&format!("flood-{n}"), "tab").lease(Duration::from_secs(5)));
        if n % 3_000 == 0 {
            stage.beat(&enter(&format!("honest-{}", n / 3_000), "tab"));
        }
    }
    assert!(capacity(&stage) >= 60_000);
    for _ in 0..25 {
        stage.pass(8);
        honest(&stage);
        stage.roster.tidy(stage.now);
    }
    assert_eq!(stage.counts().0, 20);
    // At most one chunk for each remaining session.
    assert!(capacity(&stage) <= 20 * 128, "{}", capacity(&stage));
}
