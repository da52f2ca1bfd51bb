//! A user enters, moves, leaves and lapses, as seen by one process and by several.

use super::*;
use crate::handle::{Error, Page};
use crate::{Activity, BeatOutcome, Counts, Declaration, Status};

#[tokio::test(start_paused = true)]
async fn a_user_enters_goes_idle_and_lapses() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    assert!(matches!(here.beat(enter("alice", "tab")).await, Ok(BeatOutcome::Stored { .. })));
    assert_eq!(here.everyone().counts(), Counts { online: 1, active: 1 });
    for _ in 0..10 {
        cluster.pass(secs(30)).await;
        here.beat(renew("alice", "tab")).await.unwrap();
    }
    assert_eq!(liveness(&here, "alice"), Liveness::Idle, "five minutes without activity");
    cluster.pass(Duration::from_millis(59_999)).await;
    assert_eq!(liveness(&here, "alice"), Liveness::Idle);
    cluster.pass(Duration::from_millis(251)).await;
    assert_eq!(liveness(&here, "alice"), Liveness::Gone);
    assert_eq!(here.everyone().counts(), Counts::default());
}

#[tokio::test(start_paused = true)]
async fn a_session_lapses_exactly_at_its_lease_when_a_minute_passes_in_one_step() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    cluster.pass(Duration::from_millis(59_750)).await;
    assert_eq!(liveness(&here, "alice"), Liveness::Active);
    let other_cluster = Cluster::new();
    let there = other_cluster.process().await;
    there.beat(enter("alice", "tab")).await.unwrap();
    other_cluster.pass(secs(60)).await;
    assert_eq!(liveness(&there, "alice"), Liveness::Gone);
}

#[tokio::test(start_paused = true)]
async fn sessions_of_one_process_are_shown_by_the_others() {
    let cluster = Cluster::with_shards(4);
    let (one, other) = (cluster.process().await, cluster.process().await);
    one.beat(enter("alice", "tab").topics(topics(&["/a", "/b"]))).await.unwrap();
    one.beat(enter("bob", "tab").topics(topics(&["/b"])).activity(Activity::Ago(secs(600)))).await.unwrap();
    cluster.pass(secs(1)).await;
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
async fn a_leave_takes_effect_after_the_grace_unless_the_user_enters_again() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    one.beat(enter("alice", "tab")).await.unwrap();
    one.beat(enter("bob", "tab")).await.unwrap();
    cluster.pass(secs(10)).await;
    one.leave(leave("alice", "tab")).await.unwrap();
    one.leave(leave("bob", "tab")).await.unwrap();
    cluster.pass(secs(3)).await;
    assert_eq!(other.everyone().counts().online, 2);
    other.beat(enter("alice", "tab")).await.unwrap();
    cluster.pass(secs(10)).await;
    assert_eq!((liveness(&one, "alice"), liveness(&one, "bob")), (Liveness::Active, Liveness::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_within_the_grace_of_a_leave_is_dropped_and_a_later_one_counts() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    here.beat(enter("alice", "tab").topics(topics(&["/a"]))).await.unwrap();
    here.leave(leave("alice", "tab").immediately()).await.unwrap();
    assert_eq!(liveness(&here, "alice"), Liveness::Gone, "an immediate leave takes effect at once");
    assert_eq!(here.beat(renew("alice", "tab")).await.unwrap(), BeatOutcome::Late);
    cluster.pass(secs(6)).await;
    assert!(matches!(here.beat(renew("alice", "tab")).await, Ok(BeatOutcome::Stored { .. })));
    assert_eq!(here.topic(&topic("/a")).counts().online, 1, "the session keeps its topics");
}

#[tokio::test(start_paused = true)]
async fn a_leave_of_an_older_placement_ends_nothing() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    let Ok(BeatOutcome::Stored { placed_at }) = one.beat(enter("alice", "tab")).await else {
        panic!("not stored")
    };
    cluster.pass(secs(1)).await;
    one.beat(enter("alice", "tab")).await.unwrap();
    cluster.pass(secs(1)).await;
    other.leave(leave("alice", "tab").placed_at(placed_at).immediately()).await.unwrap();
    cluster.pass(secs(1)).await;
    assert_eq!(liveness(&one, "alice"), Liveness::Active);
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_leaves_some_topics_is_still_in_the_others() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    one.beat(enter("alice", "tab").topics(topics(&["/a", "/b"]))).await.unwrap();
    one.leave(leave("alice", "tab").topics(vec![topic("/a")])).await.unwrap();
    assert_eq!(one.topic(&topic("/a")).counts().online, 1, "the grace has not ended");
    cluster.pass(secs(6)).await;
    for process in [&one, &other] {
        assert_eq!(process.topic(&topic("/a")).counts().online, 0);
        assert_eq!(process.topic(&topic("/b")).counts().online, 1);
    }
    one.leave(leave("alice", "tab").topics(vec![topic("/b")])).await.unwrap();
    cluster.pass(secs(6)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Gone, "a session that leaves its last topic leaves");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_renewals_in_a_minute_cause_only_a_few_touches() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    let watcher = cluster.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    let before = cluster.store.calls().touch_entries;
    for _ in 0..1_000 {
        cluster.pass(Duration::from_millis(60)).await;
        assert!(matches!(
            here.beat(renew("alice", "tab")).await,
            Ok(BeatOutcome::Postponed { .. } | BeatOutcome::Stored { .. })
        ));
    }
    // Two processes send a heartbeat every 2 s for a minute; all other touches are of sessions.
    let touches = cluster.store.calls().touch_entries - before - 2 * 30;
    assert!(touches <= 6, "{touches} touches in a minute");
    // The last renewal was postponed and counts in every process: frequent heartbeats do not
    // shorten the lease.
    cluster.pass(secs(59)).await;
    assert_eq!((liveness(&here, "alice"), liveness(&watcher, "alice")), (Liveness::Active, Liveness::Active));
    cluster.pass(secs(2)).await;
    assert_eq!((liveness(&here, "alice"), liveness(&watcher, "alice")), (Liveness::Gone, Liveness::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_declared_status_is_shown_until_it_expires_and_offline_hides_the_user() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    one.beat(enter("alice", "tab").topics(topics(&["/a"]))).await.unwrap();
    let key = crate::SessionKey { user: user("alice"), id: session("tab") };
    one.declare(key.clone(), Declaration::new(Status::Busy).until(one.now() + secs(20))).await.unwrap();
    cluster.pass(secs(1)).await;
    assert_eq!(other.user(&user("alice")).unwrap().member.status, Status::Busy);
    cluster.pass(secs(20)).await;
    assert_eq!(other.user(&user("alice")).unwrap().member.status, Status::Online);
    one.declare(key.clone(), Status::Offline).await.unwrap();
    cluster.pass(secs(1)).await;
    assert_eq!((other.everyone().counts().online, other.topic(&topic("/a")).counts().online), (0, 0));
    assert_eq!(liveness(&other, "alice"), Liveness::Gone);
    one.declare(key, Status::Online).await.unwrap();
    cluster.pass(secs(1)).await;
    assert_eq!(other.topic(&topic("/a")).counts().online, 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_roster_refuses_new_sessions_only() {
    let cluster = Cluster::new();
    let builder = Presence::builder(cluster.store.clone()).clock(cluster.clock.clone());
    let here = builder.max_sessions(2).start().unwrap();
    here.beat(enter("alice", "tab")).await.unwrap();
    here.beat(enter("bob", "tab")).await.unwrap();
    assert!(matches!(here.beat(enter("carol", "tab")).await, Err(Error::Full)));
    assert!(here.user(&user("carol")).is_none());
    here.beat(enter("alice", "tab")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_records_are_forgotten_after_every_user_is_gone() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    for n in 0..100 {
        let beat = enter(&format!("user-{n}"), "tab").topics(topics(&["/a"]));
        if n % 2 == 0 {
            one.beat(beat).await.unwrap()
        } else {
            other.beat(beat).await.unwrap()
        };
    }
    cluster.pass(secs(60)).await;
    assert_eq!(one.everyone().counts().online, 0);
    cluster.pass(secs(90)).await;
    assert_eq!(cluster.store.contents().sessions.len(), 0, "the store forgets lapsed sessions");
    cluster.pass(secs(60)).await;
    assert_eq!((one.health().sessions, other.health().sessions), (0, 0));
    assert_eq!(one.health().topics, 0);
    assert_eq!(cluster.store.calls().forget_entries, 100, "one process forgets each session");
}
