//! The life of a user as one process and as several processes see it.

use super::*;
use crate::handle::{Error, Page};
use crate::{Activity, BeatOutcome, Counts, Declaration, Status};

#[tokio::test(start_paused = true)]
async fn a_user_enters_goes_idle_and_lapses() {
    let world = World::new();
    let here = world.process().await;
    assert!(matches!(here.beat(enter("alice", "tab")).await, Ok(BeatOutcome::Stored { .. })));
    assert_eq!(here.everyone().counts(), Counts { online: 1, active: 1 });
    for _ in 0..10 {
        world.pass(secs(30)).await;
        here.beat(renew("alice", "tab")).await.unwrap();
    }
    assert_eq!(liveness(&here, "alice"), Liveness::Idle, "five minutes without activity");
    world.pass(Duration::from_millis(59_999)).await;
    assert_eq!(liveness(&here, "alice"), Liveness::Idle);
    world.pass(Duration::from_millis(251)).await;
    assert_eq!(liveness(&here, "alice"), Liveness::Gone);
    assert_eq!(here.everyone().counts(), Counts::default());
}

#[tokio::test(start_paused = true)]
async fn advancing_a_minute_at_once_lapses_exactly_at_the_lease() {
    let world = World::new();
    let here = world.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    world.pass(Duration::from_millis(59_750)).await;
    assert_eq!(liveness(&here, "alice"), Liveness::Active);
    let world2 = World::new();
    let there = world2.process().await;
    there.beat(enter("alice", "tab")).await.unwrap();
    world2.pass(secs(60)).await;
    assert_eq!(liveness(&there, "alice"), Liveness::Gone);
}

#[tokio::test(start_paused = true)]
async fn what_one_process_is_told_the_others_show() {
    let world = World::with_shards(4);
    let (one, other) = (world.process().await, world.process().await);
    one.beat(enter("alice", "tab").topics(topics(&["/a", "/b"]))).await.unwrap();
    one.beat(enter("bob", "tab").topics(topics(&["/b"])).activity(Activity::Ago(secs(600)))).await.unwrap();
    world.pass(secs(1)).await;
    assert_eq!(other.everyone().counts(), Counts { online: 2, active: 1 });
    assert_eq!(other.topic(&topic("/b")).counts(), Counts { online: 2, active: 1 });
    assert_eq!(
        other.topics(10),
        vec![(topic("/b"), Counts { online: 2, active: 1 }), (topic("/a"), Counts { online: 1, active: 1 }),]
    );
    let listed = other.topic(&topic("/b")).list(&Page::default().limit(1));
    assert_eq!(listed.members[0].user, user("alice"));
    let rest = other.topic(&topic("/b")).list(&Page::default().after(listed.next).limit(1));
    assert_eq!(
        (rest.members[0].user.clone(), rest.members[0].status, rest.next),
        (user("bob"), Status::Away, None)
    );
}

#[tokio::test(start_paused = true)]
async fn a_leave_takes_effect_after_the_grace_and_a_reload_does_not_flicker() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    one.beat(enter("alice", "tab")).await.unwrap();
    one.beat(enter("bob", "tab")).await.unwrap();
    world.pass(secs(10)).await;
    one.leave(leave("alice", "tab")).await.unwrap();
    one.leave(leave("bob", "tab")).await.unwrap();
    world.pass(secs(3)).await;
    assert_eq!(other.everyone().counts().online, 2);
    other.beat(enter("alice", "tab")).await.unwrap();
    world.pass(secs(10)).await;
    assert_eq!((liveness(&one, "alice"), liveness(&one, "bob")), (Liveness::Active, Liveness::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_late_beat_is_dropped_and_one_after_the_grace_counts() {
    let world = World::new();
    let here = world.process().await;
    here.beat(enter("alice", "tab").topics(topics(&["/a"]))).await.unwrap();
    here.leave(leave("alice", "tab").immediately()).await.unwrap();
    assert_eq!(liveness(&here, "alice"), Liveness::Gone, "now means now");
    assert_eq!(here.beat(renew("alice", "tab")).await.unwrap(), BeatOutcome::Late);
    world.pass(secs(6)).await;
    assert!(matches!(here.beat(renew("alice", "tab")).await, Ok(BeatOutcome::Stored { .. })));
    assert_eq!(here.topic(&topic("/a")).counts().online, 1, "it goes on where it was");
}

#[tokio::test(start_paused = true)]
async fn a_leave_of_an_older_placement_ends_nothing() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    let Ok(BeatOutcome::Stored { placed_at }) = one.beat(enter("alice", "tab")).await else {
        panic!("not stored")
    };
    world.pass(secs(1)).await;
    one.beat(enter("alice", "tab")).await.unwrap();
    world.pass(secs(1)).await;
    other.leave(leave("alice", "tab").placed_at(placed_at).immediately()).await.unwrap();
    world.pass(secs(1)).await;
    assert_eq!(liveness(&one, "alice"), Liveness::Active);
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
}

#[tokio::test(start_paused = true)]
async fn leaving_some_topics_stays_in_the_others() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    one.beat(enter("alice", "tab").topics(topics(&["/a", "/b"]))).await.unwrap();
    one.leave(leave("alice", "tab").topics(vec![topic("/a")])).await.unwrap();
    assert_eq!(one.topic(&topic("/a")).counts().online, 1, "its grace runs");
    world.pass(secs(6)).await;
    for process in [&one, &other] {
        assert_eq!(process.topic(&topic("/a")).counts().online, 0);
        assert_eq!(process.topic(&topic("/b")).counts().online, 1);
    }
    one.leave(leave("alice", "tab").topics(vec![topic("/b")])).await.unwrap();
    world.pass(secs(6)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Gone, "with its last topic the session goes");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_beats_costs_the_store_a_few_touches() {
    let world = World::new();
    let here = world.process().await;
    let watcher = world.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    let before = world.store.calls().touch_entries;
    for _ in 0..1_000 {
        world.pass(Duration::from_millis(60)).await;
        assert!(matches!(
            here.beat(renew("alice", "tab")).await,
            Ok(BeatOutcome::Postponed { .. } | BeatOutcome::Stored { .. })
        ));
    }
    // Two processes send heartbeats every 2 s for a minute; the rest are those of the sessions.
    let touches = world.store.calls().touch_entries - before - 2 * 30;
    assert!(touches <= 6, "{touches} touches in a minute");
    // The last, postponed heartbeat counts everywhere: frequent heartbeats do not shorten the
    // lease.
    world.pass(secs(59)).await;
    assert_eq!((liveness(&here, "alice"), liveness(&watcher, "alice")), (Liveness::Active, Liveness::Active));
    world.pass(secs(2)).await;
    assert_eq!((liveness(&here, "alice"), liveness(&watcher, "alice")), (Liveness::Gone, Liveness::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_declared_status_shows_until_it_expires_and_offline_hides() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    one.beat(enter("alice", "tab").topics(topics(&["/a"]))).await.unwrap();
    let key = crate::SessionKey { user: user("alice"), id: session("tab") };
    one.declare(key.clone(), Declaration::new(Status::Busy).until(one.now() + secs(20))).await.unwrap();
    world.pass(secs(1)).await;
    assert_eq!(other.user(&user("alice")).unwrap().member.status, Status::Busy);
    world.pass(secs(20)).await;
    assert_eq!(other.user(&user("alice")).unwrap().member.status, Status::Online);
    one.declare(key.clone(), Status::Offline).await.unwrap();
    world.pass(secs(1)).await;
    assert_eq!((other.everyone().counts().online, other.topic(&topic("/a")).counts().online), (0, 0));
    assert_eq!(liveness(&other, "alice"), Liveness::Gone);
    one.declare(key, Status::Online).await.unwrap();
    world.pass(secs(1)).await;
    assert_eq!(other.topic(&topic("/a")).counts().online, 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_roster_refuses_new_sessions_only() {
    let world = World::new();
    let builder = Presence::builder(world.store.clone()).clock(world.clock.clone());
    let here = builder.max_sessions(2).start().unwrap();
    here.beat(enter("alice", "tab")).await.unwrap();
    here.beat(enter("bob", "tab")).await.unwrap();
    assert!(matches!(here.beat(enter("carol", "tab")).await, Err(Error::Full)));
    assert!(here.user(&user("carol")).is_none());
    here.beat(enter("alice", "tab")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn everything_is_forgotten_in_the_end() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    for n in 0..100 {
        let beat = enter(&format!("user-{n}"), "tab").topics(topics(&["/a"]));
        if n % 2 == 0 {
            one.beat(beat).await.unwrap()
        } else {
            other.beat(beat).await.unwrap()
        };
    }
    world.pass(secs(60)).await;
    assert_eq!(one.everyone().counts().online, 0);
    world.pass(secs(90)).await;
    assert_eq!(world.store.contents().sessions.len(), 0, "garbage is collected once per cluster");
    world.pass(secs(60)).await;
    assert_eq!((one.health().sessions, other.health().sessions), (0, 0));
    assert_eq!(one.health().topics, 0);
    assert_eq!(world.store.calls().forget_entries, 100, "by one process each");
}
