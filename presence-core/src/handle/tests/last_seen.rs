//! When users were last seen, and what others see of those who hide.

use super::*;
use crate::{Status, Viewer};

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
    // All processes know, so that a store that lost it is told again.
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
    let long = Policy { remember_for: Some(secs(91 * 86_400)), ..Policy::default() };
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
    here.declare(leave("hides", "tab").key, Status::Offline, None, None).await.unwrap();
    here.leave(leave("leaves", "tab").now()).await.unwrap();
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
            for viewer in [Viewer::Anyone, Viewer::User(user("other"))] {
                assert_eq!(shown(&viewer, "hides"), shown(&viewer, "leaves"));
                assert!(shown(&viewer, "hides").is_some_and(|person| person.member.sessions.is_empty()));
            }
            for viewer in [Viewer::Operator, Viewer::User(user("hides"))] {
                assert_eq!(shown(&viewer, "hides").map(|person| person.member.sessions.len()), Some(1));
            }
        }
    }
    // Also once both are gone for good: what is remembered is the same.
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
    here.declare(leave("alice", "tab").key, Status::Offline, None, None).await.unwrap();
    world.pass(secs(50)).await;
    here.beat(renew("alice", "tab")).await.unwrap();
    assert!(here.user_as(&Viewer::Anyone, &user("alice")).is_some());
    world.pass(secs(20)).await;
    here.beat(renew("alice", "tab")).await.unwrap();
    assert_eq!(here.user_as(&Viewer::Anyone, &user("alice")), None);
    assert!(here.user_as(&Viewer::Operator, &user("alice")).is_some());
}
