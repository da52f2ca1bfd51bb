//! Last-seen times, and what other users see of hidden ones.

use super::*;
use crate::{LastSeen, Status, Viewer};

async fn remembering(remember_for: Duration) -> (World, Presence, Presence) {
    let mut world = World::with_shards(2);
    world.policy.remember_for = Some(remember_for);
    let (here, there) = (world.process().await, world.process().await);
    (world, here, there)
}

#[tokio::test(start_paused = true)]
async fn when_a_user_was_last_seen_outlives_their_sessions() {
    let (world, here, there) = remembering(secs(3_600)).await;
    here.beat(enter("alice", "tab")).await.unwrap();
    let seen_at = here.now();
    let hold = there.hold(enter("bob", "socket")).unwrap();
    world.pass(secs(30)).await;
    let left_at = there.now();
    hold.leave_now();
    world.pass(secs(600)).await;
    assert_eq!(world.store.contents().sessions.len(), 0);
    let late = world.process().await;
    for presence in [&here, &there, &late] {
        assert_eq!(presence.last_seen(&user("alice")), Some(seen_at));
        assert_eq!(presence.last_seen(&user("bob")), Some(left_at));
        let shown = presence.user_as(&Viewer::Anyone, &user("alice")).unwrap();
        assert_eq!((shown.member.liveness, shown.last_seen), (Liveness::Gone, Some(seen_at)));
    }
    // All processes know the time, so that it is written again to a store that lost it.
    world.store.faults().come_back_empty();
    world.rest().await;
    assert_eq!(world.store.contents().users.len(), 2);
    world.pass(secs(3_600)).await;
    for presence in [&here, &there, &late] {
        assert_eq!((presence.last_seen(&user("alice")), presence.user(&user("alice"))), (None, None));
    }
    assert_eq!(world.store.contents().users.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_remembered_unless_the_policy_says_so() {
    let world = World::new();
    let here = world.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    world.pass(secs(600)).await;
    assert_eq!((here.last_seen(&user("alice")), here.user(&user("alice"))), (None, None));
    assert_eq!(world.store.calls().remembers, 0);
    let long = Policy::default().remember_for(secs(91 * 86_400));
    assert_eq!(long.validate().unwrap_err().field, "remember_for");
}

#[tokio::test(start_paused = true)]
async fn beyond_the_budget_those_seen_longest_ago_go() {
    let mut world = World::new();
    world.policy.remember_for = Some(secs(86_400));
    let presence = Presence::builder(world.store.clone())
        .policy(world.policy.clone())
        .clock(world.clock.clone())
        .remember_bytes(50 * 76)
        .start()
        .unwrap();
    for n in 0..80 {
        presence.beat(enter(&format!("user-{n}"), "tab")).await.unwrap();
        world.pass(secs(1)).await;
    }
    world.pass(secs(600)).await;
    let kept: Vec<bool> =
        (0..80).map(|n| presence.last_seen(&user(&format!("user-{n}"))).is_some()).collect();
    let first = kept.iter().position(|kept| *kept).unwrap();
    assert!((30..=36).contains(&first), "{first}");
    assert!(kept[first..].iter().all(|kept| *kept));
    assert_eq!(world.store.contents().users.len(), 80 - first);
}

#[tokio::test(start_paused = true)]
async fn a_hidden_user_shows_to_others_as_one_who_left_then() {
    let (world, here, there) = remembering(secs(3_600)).await;
    for name in ["hides", "leaves"] {
        here.beat(enter(name, "tab").topics(topics(&["lobby"]))).await.unwrap();
    }
    world.pass(secs(10)).await;
    here.declare(leave("hides", "tab").key, Status::Offline).await.unwrap();
    here.leave(leave("leaves", "tab").immediately()).await.unwrap();
    for _ in 0..100 {
        world.pass(secs(10)).await;
        here.beat(renew("hides", "tab").activity(crate::Activity::Now)).await.unwrap();
        for presence in [&here, &there] {
            let shown = |viewer: &Viewer, name: &str| {
                presence.user_as(viewer, &user(name)).map(|mut person| {
                    person.member.user = user("x");
                    person
                })
            };
            for viewer in [Viewer::Anyone, Viewer::User(user("other")), Viewer::Operator] {
                for name in ["hides", "leaves"] {
                    let seen = presence.user_as(&viewer, &user(name)).and_then(|person| person.last_seen);
                    assert_eq!(presence.last_seen_as(&viewer, &user(name)), seen);
                }
            }
            for viewer in [Viewer::Anyone, Viewer::User(user("other"))] {
                assert_eq!(shown(&viewer, "hides"), shown(&viewer, "leaves"));
                assert!(shown(&viewer, "hides").is_some_and(|person| person.member.sessions.is_empty()));
            }
            for viewer in [Viewer::Operator, Viewer::User(user("hides"))] {
                assert_eq!(shown(&viewer, "hides").map(|person| person.member.sessions.len()), Some(1));
            }
        }
    }
    // Also once the sessions are forgotten: the remembered time is the same.
    world.pass(secs(600)).await;
    assert_eq!(world.store.contents().sessions.len(), 0);
    for presence in [&here, &there] {
        assert!(presence.last_seen(&user("hides")).is_some());
        assert_eq!(presence.last_seen(&user("hides")), presence.last_seen(&user("leaves")));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_memory_a_hidden_user_is_unknown_to_others_a_minute_later() {
    let world = World::new();
    let here = world.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    here.declare(leave("alice", "tab").key, Status::Offline).await.unwrap();
    world.pass(secs(50)).await;
    here.beat(renew("alice", "tab")).await.unwrap();
    assert!(here.user_as(&Viewer::Anyone, &user("alice")).is_some());
    world.pass(secs(20)).await;
    here.beat(renew("alice", "tab")).await.unwrap();
    assert_eq!(here.user_as(&Viewer::Anyone, &user("alice")), None);
    assert!(here.user_as(&Viewer::Operator, &user("alice")).is_some());
}

#[tokio::test(start_paused = true)]
async fn others_are_told_by_steps_when_a_user_was_last_seen() {
    let mut world = World::new();
    world.policy.remember_for = Some(secs(90 * 60));
    world.policy.last_seen = LastSeen::Coarse;
    let here = world.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    let seen_at = here.now();
    let shown = |viewer: Viewer| here.user_as(&viewer, &user("alice")).map(|person| person.last_seen);
    let minute = LastSeen::Coarse.shown(seen_at, seen_at);
    assert_ne!(minute, Some(seen_at), "the test must begin in the middle of a minute");
    let told_exactly = |seen_at| {
        assert_eq!(shown(Viewer::Operator), Some(Some(seen_at)));
        assert_eq!(shown(Viewer::User(user("alice"))), Some(Some(seen_at)));
        assert_eq!(here.user(&user("alice")).unwrap().last_seen, Some(seen_at));
    };
    // While the users are present, once they are gone, and when only the time is remembered.
    for (seconds, minutes) in [(1, 0), (300, 5), (1_200, 25)] {
        world.pass(secs(seconds)).await;
        assert_eq!(shown(Viewer::Anyone), Some(minute), "{minutes} minutes later");
        assert_eq!(shown(Viewer::User(user("bob"))), Some(minute), "{minutes} minutes later");
        told_exactly(seen_at);
    }
    // From an hour on only the day is shown, and that began long ago: being within the time of
    // remembrance tells nothing more.
    world.pass(secs(45 * 60)).await;
    assert_eq!(shown(Viewer::Anyone), None);
    told_exactly(seen_at);
}

#[tokio::test(start_paused = true)]
async fn others_are_not_told_at_all_when_a_user_was_last_seen() {
    let mut world = World::new();
    world.policy.remember_for = Some(secs(3_600));
    world.policy.last_seen = LastSeen::Hidden;
    let here = world.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    let seen_at = here.now();
    let shown = |viewer: Viewer| here.user_as(&viewer, &user("alice"));
    assert_eq!(shown(Viewer::Anyone).unwrap().last_seen, None);
    assert_eq!(shown(Viewer::Operator).unwrap().last_seen, Some(seen_at));
    world.pass(secs(300)).await;
    assert_eq!(shown(Viewer::Anyone), None, "as one of whom nothing is known");
    for viewer in [Viewer::Operator, Viewer::User(user("alice"))] {
        assert_eq!(shown(viewer).unwrap().last_seen, Some(seen_at));
    }
    assert_eq!(here.last_seen(&user("alice")), Some(seen_at));
}
