//! Snapshots, diffs and counts that subscribers receive.

use super::*;
use crate::roster::{LeftReason, SessionEvent, Snapshot, Update};
use crate::{Counts, Scope};

fn apply(state: &mut Option<Snapshot>, update: &Update) {
    match (update, state) {
        (Update::Snapshot(snapshot), state) => *state = Some((**snapshot).clone()),
        (Update::Diff(diff), Some(state)) => {
            assert_eq!(diff.from, state.version);
            state.apply(diff);
        }
        (Update::Diff(_), None) => panic!("a diff before the first snapshot"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_yields_a_snapshot_and_then_diffs() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    here.beat(enter("alice", "tab").topics(topics(&["/a"]))).await.unwrap();
    let mut changes = here.subscribe(&Scope::Topic(topic("/a")));
    let Some(Update::Snapshot(first)) = changes.next().await else { panic!("no snapshot") };
    assert_eq!(first.members.keys().collect::<Vec<_>>(), [&user("alice")]);
    here.beat(enter("bob", "tab").topics(topics(&["/a"]))).await.unwrap();
    let Some(Update::Diff(joined)) = changes.next().await else { panic!("no diff") };
    assert_eq!(joined.joined.iter().map(|member| member.user.clone()).collect::<Vec<_>>(), [user("bob")]);
    here.leave(leave("alice", "tab").immediately()).await.unwrap();
    let Some(Update::Diff(left)) = changes.next().await else { panic!("no diff") };
    assert_eq!(left.left, [(user("alice"), LeftReason::Left)]);
    cluster.pass(secs(60)).await;
    let Some(Update::Diff(lapsed)) = changes.next().await else { panic!("no diff") };
    assert_eq!(lapsed.left, [(user("bob"), LeftReason::Lapsed)]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_too_slow_for_diffs_gets_a_fresh_snapshot() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    let (mut slow, mut lagging) = (here.subscribe(&Scope::All), here.subscribe(&Scope::All));
    let mut lagged = None;
    apply(&mut lagged, &lagging.next().await.unwrap());
    slow.next().await.unwrap();
    for n in 0..600 {
        here.beat(enter(&format!("user-{n}"), "tab")).await.unwrap();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        if n % 100 == 0 {
            // Read a little late, so that several diffs are combined.
            apply(&mut lagged, &lagging.next().await.unwrap());
        }
    }
    apply(&mut lagged, &lagging.next().await.unwrap());
    assert_eq!(lagged.unwrap().members.len(), 600);
    let Some(Update::Snapshot(fresh)) = slow.next().await else { panic!("no snapshot") };
    assert_eq!(fresh.members.len(), 600);
}

#[tokio::test(start_paused = true)]
async fn a_returning_subscriber_resumes_and_a_foreign_version_gets_a_snapshot() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    here.beat(enter("alice", "tab")).await.unwrap();
    let mut changes = here.subscribe(&Scope::All);
    let Some(Update::Snapshot(first)) = changes.next().await else { panic!("no snapshot") };
    drop(changes);
    here.beat(enter("bob", "tab")).await.unwrap();
    cluster.pass(secs(1)).await;
    let mut resumed = here.subscribe(&Scope::All).from(first.version);
    let Some(Update::Diff(diff)) = resumed.next().await else { panic!("no diff") };
    assert_eq!((diff.from, diff.joined.len()), (first.version, 1));
    let foreign = crate::Version { incarnation: first.version.incarnation ^ 1, ..first.version };
    let mut strange = here.subscribe(&Scope::All).from(foreign);
    assert!(matches!(strange.next().await, Some(Update::Snapshot(_))));
}

#[tokio::test(start_paused = true)]
async fn session_events_are_delivered_if_requested() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    let mut changes = here.subscribe(&Scope::users([user("alice")])).with_sessions();
    changes.next().await.unwrap();
    here.beat(enter("alice", "one")).await.unwrap();
    here.beat(enter("bob", "one")).await.unwrap();
    here.beat(enter("alice", "two")).await.unwrap();
    cluster.pass(secs(1)).await;
    let Some(Update::Diff(diff)) = changes.next().await else { panic!("no diff") };
    assert_eq!(diff.joined.len(), 1);
    assert!(
        diff.sessions
            .iter()
            .all(|event| matches!(event, SessionEvent::Joined(who, _) if *who == user("alice")))
    );
    here.leave(leave("alice", "one").immediately()).await.unwrap();
    let Some(Update::Diff(diff)) = changes.next().await else { panic!("no diff") };
    assert!(diff.left.is_empty(), "the user is still present with the other tab");
    assert!(matches!(&diff.sessions[..], [SessionEvent::Left(_, id, _)] if *id == session("one")));
}

#[tokio::test(start_paused = true)]
async fn watched_counts_are_delivered_when_they_change() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    let mut counts = here.watch_counts(&Scope::Topic(topic("/a")));
    assert_eq!(counts.next().await, Some(Counts::default()));
    here.beat(enter("alice", "tab").topics(topics(&["/a"]))).await.unwrap();
    assert_eq!(counts.next().await, Some(Counts { online: 1, active: 1 }));
    here.shutdown().await;
    assert_eq!(counts.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn queries_are_answered_from_the_roster_without_the_store() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    for n in 0..25 {
        here.beat(enter(&format!("user-{n:02}"), "tab")).await.unwrap();
    }
    assert_eq!(here.everyone().snapshot().members.len(), 25);
    here.leave(leave("user-03", "tab").immediately()).await.unwrap();
    assert_eq!(here.everyone().snapshot().members.len(), 24);
    assert_eq!(here.everyone().sorted(|sorted| sorted.active.len()), 24);
    let loads = cluster.store.calls().loads;
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = here.everyone().list(&crate::handle::Page::default().after(after).limit(7));
        seen.extend(page.members.into_iter().map(|member| member.user));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 24);
    assert!(seen.is_sorted());
    assert_eq!(cluster.store.calls().loads, loads, "no query reaches the store");
    let explained = here.explain(&user("user-01"));
    assert!(explained.sessions[0].rule.contains("last beat"), "{}", explained.sessions[0].rule);
}
