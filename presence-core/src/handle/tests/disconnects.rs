//! Users who are disconnected, blocked and erased.

use super::*;
use crate::handle::Error;
use crate::model::SessionKey;
use crate::{DisconnectTarget, Ended, Status};
use futures_util::FutureExt;

fn whole(name: &str) -> DisconnectTarget {
    DisconnectTarget::User(user(name))
}

fn one(name: &str, id: &str) -> DisconnectTarget {
    DisconnectTarget::Session(SessionKey { user: user(name), id: session(id) })
}

fn is_blocked<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Blocked { .. }))
}

#[tokio::test(start_paused = true)]
async fn a_disconnected_user_is_gone_in_every_process_and_refused_until_the_block_ends() {
    let cluster = Cluster::with_shards(2);
    let (here, there) = (cluster.process().await, cluster.process().await);
    let hold = there.hold(enter("alice", "socket")).unwrap();
    here.beat(enter("alice", "tab")).await.unwrap();
    here.beat(enter("bob", "tab")).await.unwrap();
    let mut stream = there.disconnection(&user("alice"));
    cluster.pass(secs(2)).await;
    assert_eq!(there.everyone().counts().online, 2);
    assert_eq!(hold.ended().now_or_never(), None);

    let until = here.disconnect(&whole("alice"), secs(60)).await.unwrap();
    assert_eq!(liveness(&here, "alice"), Liveness::Gone);
    cluster.pass(secs(1)).await;
    assert_eq!(hold.ended().now_or_never(), Some(Ended::Blocked { until }));
    assert_eq!(stream.ended().now_or_never(), Some(Ended::Blocked { until }));
    for presence in [&here, &there] {
        assert_eq!((liveness(presence, "alice"), presence.everyone().counts().online), (Liveness::Gone, 1));
        assert_eq!(presence.blocked(&user("alice")), Some(until));
        assert!(is_blocked(&presence.beat(enter("alice", "tab")).await));
        assert!(is_blocked(&presence.beat(renew("alice", "new")).await));
        assert!(is_blocked(&presence.hold(enter("alice", "socket"))));
        let key = SessionKey { user: user("alice"), id: session("x") };
        assert!(is_blocked(&presence.declare(key, Status::Busy).await));
        presence.beat(renew("bob", "tab")).await.unwrap();
    }
    // Activity of the connection does not enter the session again, and dropping the hold ends
    // nothing.
    hold.active(crate::Activity::Now);
    drop(hold);
    // A process that starts meanwhile knows of the block too.
    let late = cluster.process().await;
    assert!(is_blocked(&late.hold(enter("alice", "socket"))));
    assert_eq!(late.disconnection(&user("alice")).ended().now_or_never(), Some(Ended::Blocked { until }));

    cluster.pass(secs(55)).await;
    assert!(is_blocked(&late.beat(enter("alice", "tab")).await));
    cluster.pass(secs(7)).await;
    assert_eq!(here.blocked(&user("alice")), None);
    late.beat(enter("alice", "tab")).await.unwrap();
    cluster.pass(secs(2)).await;
    for presence in [&here, &there, &late] {
        assert_eq!(liveness(presence, "alice"), Liveness::Active);
    }
}

#[tokio::test(start_paused = true)]
async fn disconnecting_one_session_leaves_the_users_other_sessions() {
    let cluster = Cluster::new();
    let (here, there) = (cluster.process().await, cluster.process().await);
    let (first, second) =
        (there.hold(enter("alice", "a")).unwrap(), there.hold(enter("alice", "b")).unwrap());
    let mut stream = there.disconnection(&user("alice"));
    cluster.pass(secs(1)).await;
    let until = here.disconnect(&one("alice", "a"), secs(60)).await.unwrap();
    cluster.pass(secs(1)).await;
    assert_eq!(first.ended().now_or_never(), Some(Ended::Blocked { until }));
    assert_eq!(second.ended().now_or_never(), None);
    assert_eq!(stream.ended().now_or_never(), None);
    assert!(is_blocked(&there.hold(enter("alice", "a"))));
    assert_eq!((there.blocked(&user("alice")), liveness(&here, "alice")), (None, Liveness::Active));
    // The block of a session does not shorten a block of the whole user.
    let longer = here.disconnect(&whole("alice"), secs(600)).await.unwrap();
    assert_eq!(here.disconnect(&one("alice", "a"), secs(1)).await.unwrap(), longer);
    assert_eq!(here.blocked(&user("alice")), Some(longer));
}

#[tokio::test(start_paused = true)]
async fn a_block_of_zero_length_ends_open_connections_and_refuses_no_new_ones() {
    let cluster = Cluster::new();
    let (here, there) = (cluster.process().await, cluster.process().await);
    let hold = there.hold(enter("alice", "socket")).unwrap();
    cluster.pass(secs(1)).await;
    here.disconnect(&whole("alice"), Duration::ZERO).await.unwrap();
    cluster.pass(secs(1)).await;
    assert!(hold.ended().now_or_never().is_some());
    assert_eq!(liveness(&there, "alice"), Liveness::Gone);
    let again = there.hold(enter("alice", "socket")).unwrap();
    cluster.pass(secs(20)).await;
    assert_eq!(liveness(&here, "alice"), Liveness::Active);
    assert_eq!(again.ended().now_or_never(), None);
}

#[tokio::test(start_paused = true)]
async fn a_block_is_written_again_to_a_store_that_restarts_empty() {
    let cluster = Cluster::new();
    let (here, there) = (cluster.process().await, cluster.process().await);
    let until = here.disconnect(&whole("alice"), secs(600)).await.unwrap();
    cluster.pass(secs(1)).await;
    cluster.store.faults().come_back_empty();
    cluster.run_timers().await;
    assert_eq!(
        cluster.store.contents().users[&user("alice")].block.as_ref().map(|block| block.until),
        Some(until)
    );
    drop((here, there));
    let late = cluster.process().await;
    assert!(is_blocked(&late.beat(enter("alice", "tab")).await));
}

#[tokio::test(start_paused = true)]
async fn a_process_ends_holds_that_it_accepted_before_it_learned_of_a_block() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    cluster.store.faults().go_down();
    let outcome = here.disconnect(&whole("alice"), secs(600)).await;
    assert!(matches!(outcome, Err(Error::Degraded(_))));
    assert!(is_blocked(&here.beat(enter("alice", "tab")).await));
    cluster.store.faults().come_back();
    // A process that does not know of the block yet accepts the user.
    let there = cluster.start(cluster.clock.clone());
    let hold = there.hold(enter("alice", "socket")).unwrap();
    cluster.run_timers().await;
    assert!(hold.ended().now_or_never().is_some());
    assert_eq!((liveness(&here, "alice"), liveness(&there, "alice")), (Liveness::Gone, Liveness::Gone));
}

#[tokio::test(start_paused = true)]
async fn an_expired_block_is_forgotten_by_every_process_and_the_store() {
    let cluster = Cluster::new();
    let (here, there) = (cluster.process().await, cluster.process().await);
    here.disconnect(&whole("alice"), secs(60)).await.unwrap();
    cluster.pass(secs(3_600)).await;
    assert_eq!(cluster.store.contents().users.len(), 1);
    cluster.pass(secs(100)).await;
    assert_eq!(cluster.store.contents().users.len(), 0);
    for presence in [here, there] {
        assert_eq!(presence.shared.roster.record(&user("alice")), None);
    }
}

#[tokio::test(start_paused = true)]
async fn an_erased_user_leaves_no_trace_and_is_not_written_again() {
    let mut cluster = Cluster::new();
    cluster.policy.remember_for = Some(secs(900));
    let (here, there) = (cluster.process().await, cluster.process().await);
    let hold = there.hold(enter("alice", "socket")).unwrap();
    here.beat(enter("alice", "tab")).await.unwrap();
    here.beat(enter("alice", "old")).await.unwrap();
    cluster.pass(secs(200)).await;
    assert!(here.last_seen(&user("alice")).is_some());

    here.erase(&user("alice")).await.unwrap();
    cluster.pass(secs(1)).await;
    assert_eq!(hold.ended().now_or_never(), Some(Ended::Erased));
    drop(hold);
    let traces = |cluster: &Cluster| {
        let contents = cluster.store.contents();
        let record = contents.users.get(&user("alice")).cloned();
        (contents.sessions.len(), record.map(|record| (record.seen_at, record.erased_at.is_some())))
    };
    assert_eq!(traces(&cluster), (0, Some((Timestamp::ZERO, true))));
    for presence in [&here, &there] {
        assert_eq!(presence.user(&user("alice")), None);
        assert_eq!(presence.last_seen(&user("alice")), None);
    }
    // Neither an empty store nor the passage of time restores anything.
    cluster.store.faults().come_back_empty();
    cluster.run_timers().await;
    cluster.pass(secs(300)).await;
    assert_eq!(traces(&cluster), (0, Some((Timestamp::ZERO, true))));
    assert_eq!(there.user(&user("alice")), None);
    // The user may return as a new one.
    there.beat(enter("alice", "tab")).await.unwrap();
    cluster.pass(secs(1)).await;
    assert_eq!(liveness(&here, "alice"), Liveness::Active);
    cluster.pass(secs(4_000)).await;
    assert_eq!(traces(&cluster), (0, None));
}

#[tokio::test(start_paused = true)]
async fn blocks_and_erasures_are_limited_and_expire() {
    let cluster = Cluster::new();
    let presence = Presence::builder(cluster.store.clone())
        .clock(cluster.clock.clone())
        .remember_bytes(0)
        .start()
        .unwrap();
    presence.ready().await;
    let mut blocked = 0;
    while blocked < 50_000 {
        match presence.disconnect(&whole(&format!("user-{blocked}")), secs(60)).await {
            Ok(_) => blocked += 1,
            Err(error) => {
                assert!(matches!(error, Error::Full), "{error}");
                break;
            }
        }
    }
    assert!((2_000..10_000).contains(&blocked), "{blocked}");
    assert!(matches!(presence.erase(&user("someone")).await, Err(Error::Full)));
    // An existing block can be extended.
    presence.disconnect(&whole("user-0"), secs(120)).await.unwrap();
    assert_eq!(cluster.store.contents().users.len(), blocked);
    cluster.pass(secs(3_600 + 180)).await;
    assert_eq!(cluster.store.contents().users.len(), 0);
    presence.disconnect(&whole("someone"), secs(60)).await.unwrap();
}
