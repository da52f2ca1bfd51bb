//! Last-seen times, and what other users see of hidden users.

use super::*;
use crate::{LastSeen, Status, Viewer};

async fn remembering(remember_for: Duration) -> (Cluster, Presence, Presence) {
    let mut cluster = Cluster::with_shards(2);
    cluster.policy.remember_for = Some(remember_for);
    let (here, there) = (cluster.process().await, cluster.process().await);
    (cluster, here, there)
}

#[tokio::test(start_paused = true)]
async fn the_last_seen_time_is_kept_after_the_users_sessions_are_forgotten() {
    let (cluster, here, there) = remembering(secs(3_600)).await;
    here.beat(enter("alice", "tab")).await.unwrap();
    let seen_at = here.now();
    let hold = there.hold(enter("bob", "socket")).unwrap();
    cluster.pass(secs(30)).await;
    let left_at = there.now();
    hold.leave_now();
    cluster.pass(secs(600)).await;
    assert_eq!(cluster.store.contents().sessions.len(), 0);
    let late = cluster.process().await;
    for presence in [&here, &there, &late] {
        assert_eq!(presence.last_seen(&user("alice")), Some(seen_at));
        assert_eq!(presence.last_seen(&user("bob")), Some(left_at));
        let shown = presence.user_as(&Viewer::Anyone, &user("alice")).unwrap();
        assert_eq!((shown.member.liveness, shown.last_seen), (Liveness::Gone, Some(seen_at)));
    }
    // All processes know the last-seen times, so they are written again to a store that lost them.
    cluster.store.faults().come_back_empty();
    cluster.run_timers().await;
    assert_eq!(cluster.store.contents().users.len(), 2);
    cluster.pass(secs(3_600)).await;
    for presence in [&here, &there, &late] {
        assert_eq!((presence.last_seen(&user("alice")), presence.user(&user("alice"))), (None, None));
    }
    assert_eq!(cluster.store.contents().users.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_last_seen_time_is_kept_unless_the_policy_says_so() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    cluster.pass(secs(600)).await;
    assert_eq!((here.last_seen(&user("alice")), here.user(&user("alice"))), (None, None));
    assert_eq!(cluster.store.calls().remembers, 0);
    let long = Policy::default().remember_for(secs(91 * 86_400));
    assert_eq!(long.validate().unwrap_err().field, "remember_for");
}

#[tokio::test(start_paused = true)]
async fn beyond_the_budget_the_oldest_last_seen_times_are_dropped() {
    let mut cluster = Cluster::new();
    cluster.policy.remember_for = Some(secs(86_400));
    let presence = Presence::builder(cluster.store.clone())
        .policy(cluster.policy.clone())
        .clock(cluster.clock.clone())
        .remember_bytes(50 * 76)
        .start()
        .unwrap();
    for n in 0..80 {
        presence.beat(enter(&format!("user-{n}"), "tab")).await.unwrap();
        cluster.pass(secs(1)).await;
    }
    cluster.pass(secs(600)).await;
    let kept: Vec<bool> =
        (0..80).map(|n| presence.last_seen(&user(&format!("user-{n}"))).is_some()).collect();
    let first = kept.iter().position(|kept| *kept).unwrap();
    assert!((30..=36).contains(&first), "{first}");
    assert!(kept[first..].iter().all(|kept| *kept));
    assert_eq!(cluster.store.contents().users.len(), 80 - first);
}

#[tokio::test(start_paused = true)]
async fn a_hidden_user_looks_to_others_like_one_who_left_at_that_time() {
    let (cluster, here, there) = remembering(secs(3_600)).await;
    for name in ["hides", "leaves"] {
        here.beat(enter(name, "tab").topics(topics(&["lobby"]))).await.unwrap();
    }
    cluster.pass(secs(10)).await;
    here.declare(leave("hides", "tab").key, Status::Offline).await.unwrap();
    here.leave(leave("leaves", "tab").immediately()).await.unwrap();
    for _ in 0..100 {
        cluster.pass(secs(10)).await;
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
    // Also after the sessions are forgotten, the kept times are equal.
    cluster.pass(secs(600)).await;
    assert_eq!(cluster.store.contents().sessions.len(), 0);
    for presence in [&here, &there] {
        assert!(presence.last_seen(&user("hides")).is_some());
        assert_eq!(presence.last_seen(&user("hides")), presence.last_seen(&user("leaves")));
    }
}

#[tokio::test(start_paused = true)]
async fn without_kept_last_seen_times_a_hidden_user_is_unknown_to_others_a_minute_later() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    here.declare(leave("alice", "tab").key, Status::Offline).await.unwrap();
    cluster.pass(secs(50)).await;
    here.beat(renew("alice", "tab")).await.unwrap();
    assert!(here.user_as(&Viewer::Anyone, &user("alice")).is_some());
    cluster.pass(secs(20)).await;
    here.beat(renew("alice", "tab")).await.unwrap();
    assert_eq!(here.user_as(&Viewer::Anyone, &user("alice")), None);
    assert!(here.user_as(&Viewer::Operator, &user("alice")).is_some());
}

#[tokio::test(start_paused = true)]
async fn other_users_see_a_coarse_last_seen_time_if_the_policy_says_so() {
    let mut cluster = Cluster::new();
    cluster.policy.remember_for = Some(secs(90 * 60));
    cluster.policy.last_seen = LastSeen::Coarse;
    let here = cluster.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    let seen_at = here.now();
    let shown = |viewer: Viewer| here.user_as(&viewer, &user("alice")).map(|person| person.last_seen);
    let minute = LastSeen::Coarse.shown(seen_at, seen_at);
    assert_ne!(minute, Some(seen_at), "the test must begin in the middle of a minute");
    let assert_exact_for_self_and_operators = |seen_at| {
        assert_eq!(shown(Viewer::Operator), Some(Some(seen_at)));
        assert_eq!(shown(Viewer::User(user("alice"))), Some(Some(seen_at)));
        assert_eq!(here.user(&user("alice")).unwrap().last_seen, Some(seen_at));
    };
    // While the user is present, once the user is gone, and when only the last-seen time is kept.
    for (seconds, minutes) in [(1, 0), (300, 5), (1_200, 25)] {
        cluster.pass(secs(seconds)).await;
        assert_eq!(shown(Viewer::Anyone), Some(minute), "{minutes} minutes later");
        assert_eq!(shown(Viewer::User(user("bob"))), Some(minute), "{minutes} minutes later");
        assert_exact_for_self_and_operators(seen_at);
    }
    // After an hour only the day is shown. It began longer ago than last-seen times are kept, so
    // nothing is shown.
    cluster.pass(secs(45 * 60)).await;
    assert_eq!(shown(Viewer::Anyone), None);
    assert_exact_for_self_and_operators(seen_at);
}

#[tokio::test(start_paused = true)]
async fn other_users_see_no_last_seen_time_if_the_policy_hides_it() {
    let mut cluster = Cluster::new();
    cluster.policy.remember_for = Some(secs(3_600));
    cluster.policy.last_seen = LastSeen::Hidden;
    let here = cluster.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    let seen_at = here.now();
    let shown = |viewer: Viewer| here.user_as(&viewer, &user("alice"));
    assert_eq!(shown(Viewer::Anyone).unwrap().last_seen, None);
    assert_eq!(shown(Viewer::Operator).unwrap().last_seen, Some(seen_at));
    cluster.pass(secs(300)).await;
    assert_eq!(shown(Viewer::Anyone), None, "like an unknown user");
    for viewer in [Viewer::Operator, Viewer::User(user("alice"))] {
        assert_eq!(shown(viewer).unwrap().last_seen, Some(seen_at));
    }
    assert_eq!(here.last_seen(&user("alice")), Some(seen_at));
}
