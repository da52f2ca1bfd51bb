//! Behaviour of this store beyond the contract.

use crate::rig::{self, NATS, OLD, unique};
use futures_util::StreamExt;
use presence_core::store::{Departure, FeedEvent, ForgetIf, Kind, Session, Touch};
use presence_core::{NodeId, Policy, PresenceStore, Timestamp, UserId, testing};
use presence_nats::Storage;
use presence_nats::async_nats;
use std::time::Duration;
use test_servers::nats::Nats;

const PATIENCE: Duration = Duration::from_secs(30);

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub fn session(name: &str, at: Timestamp, lease: Duration) -> Session {
    let mut session = testing::session(name, "tab", at);
    session.placement.lease = lease;
    session
}

fn touch(session: &Session, at: Timestamp) -> Touch {
    Touch::Session { user: session.user.clone(), id: session.id.clone(), seen_at: at, active_at: at }
}

pub const MINUTE: Duration = Duration::from_mins(1);

/// Reads a feed until an event satisfies the condition.
async fn told(
    feed: &mut (impl futures_util::Stream<Item = FeedEvent> + Unpin),
    mut holds: impl FnMut(&FeedEvent) -> bool,
) {
    let all = async {
        while let Some(feed) = feed.next().await {
            if holds(&feed) {
                return;
            }
        }
        panic!("the feed ended");
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
}

fn is_synced(feed: &FeedEvent) -> bool {
    matches!(feed, FeedEvent::Synced { .. })
}

fn tells_of(feed: &FeedEvent, name: &str) -> bool {
    matches!(feed, FeedEvent::Facts(facts) if facts.sessions.iter().any(|session| session.user.as_str() == name))
}

/// Publishes a message without the store, as `nats kv put` does.
async fn by_hand(server: &Nats, subject: String, headers: &[(&str, &str)], value: &str) {
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut all = async_nats::HeaderMap::new();
    headers.iter().for_each(|(name, value)| all.insert(*name, *value));
    let ack = client.request_with_headers(subject, all, value.to_owned().into()).await.unwrap();
    assert!(String::from_utf8_lossy(&ack.payload).contains("\"seq\""), "{ack:?}");
}

#[tokio::test]
async fn an_unreadable_record_does_not_affect_other_records() {
    for server in [&NATS, &OLD] {
        let name = unique();
        let (store, other) = (rig::on(server, &name, Storage::File), rig::on(server, &name, Storage::File));
        let now = store.now().await.unwrap();
        store.put(&[session("good", now, MINUTE)]).await.unwrap();
        by_hand(server, format!("$KV.{name}.s.bad.tab"), &[], "no json").await;
        by_hand(server, format!("$KV.{name}.config"), &[], "not ours").await;
        let mut feed = other.watch();
        let mut is_told = false;
        told(&mut feed, |feed| {
            is_told |= tells_of(feed, "good");
            is_synced(feed)
        })
        .await;
        assert!(is_told);
        by_hand(server, format!("$KV.{name}.n.bad"), &[], "{}").await;
        store.put(&[session("later", now, MINUTE)]).await.unwrap();
        told(&mut feed, |feed| tells_of(feed, "later")).await;
        told(&mut feed, |feed| matches!(feed, FeedEvent::Alive { .. })).await;
        assert_eq!(other.load(&[user("bad")]).await.unwrap_err().kind(), Kind::Corrupt);
        assert_eq!(other.load(&[user("good")]).await.unwrap().sessions.len(), 1);
        // A renewal reports the session as missing; a put replaces the unreadable record.
        let bad = session("bad", now, MINUTE);
        assert_eq!(other.touch(&[touch(&bad, now)]).await.unwrap(), [bad.key()]);
        other.put(std::slice::from_ref(&bad)).await.unwrap();
        assert_eq!(store.load(&[user("bad")]).await.unwrap().sessions, [bad]);
        rig::lose(server, &name);
    }
}

#[tokio::test]
async fn a_key_deleted_by_hand_is_reported_as_forgotten_with_zero_times() {
    let name = unique();
    let store = rig::on(&NATS, &name, Storage::Memory);
    let here = session("here", store.now().await.unwrap(), MINUTE);
    store.put(std::slice::from_ref(&here)).await.unwrap();
    let mut feed = store.watch();
    told(&mut feed, is_synced).await;
    by_hand(&NATS, format!("$KV.{name}.s.here.tab"), &[("KV-Operation", "DEL")], "").await;
    told(&mut feed, |feed| {
        let FeedEvent::Forgotten(seen) = feed else { return false };
        let zero = Timestamp::ZERO;
        **seen == [ForgetIf::Session { key: here.key(), seen_at: zero, placed_at: zero }]
    })
    .await;
    // The watch of this handle has read the deletion, so the renewal reports the session as
    // missing.
    assert_eq!(store.touch(&[touch(&here, here.seen_at)]).await.unwrap(), [here.key()]);
    rig::lose(&NATS, &name);
}

#[tokio::test]
async fn a_session_with_a_lease_longer_than_beats_for_is_renewed_in_its_record() {
    let (same, another) = (Duration::from_secs(1), Duration::from_mins(10));
    for (server, asks_for) in [(&NATS, same), (&OLD, same), (&NATS, another)] {
        let name = unique();
        let options = rig::options(&name, Storage::File);
        rig::at(&server.url(), options.clone().beats_for(Duration::from_secs(1))).ping().await.unwrap();
        // An existing stream keeps the settings of the process that created it.
        let options = options.beats_for(asks_for);
        let store = rig::at(&server.url(), options.clone());
        let now = store.now().await.unwrap();
        let (mut here, mut gone) = (session("here", now, MINUTE), session("gone", now, MINUTE));
        gone.placement.left = Some(Departure { at: now, ends_at: now });
        store.put(&[here.clone(), gone.clone()]).await.unwrap();
        let later = now + Duration::from_secs(30);
        let touches = [touch(&here, later), touch(&gone, later), touch(&session("none", now, MINUTE), later)];
        let mut misses = store.touch(&touches).await.unwrap();
        misses.sort_unstable();
        assert_eq!(misses, [gone.key(), session("none", now, MINUTE).key()]);
        // Wait until the stream has dropped all renewals.
        let dropped = now + Duration::from_secs(3);
        while store.now().await.unwrap() < dropped {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        here.touch(later, later);
        gone.touch(later, later);
        let late = rig::at(&server.url(), options);
        let users = ["here", "gone", "none"].map(user);
        assert_eq!(late.load(&users).await.unwrap().sessions, [here, gone]);
        rig::lose(server, &name);
    }
}

#[tokio::test]
async fn a_live_session_is_kept_beyond_max_age() {
    // The `max_age` of the existing bucket applies, whatever later processes ask for.
    let (same, another) = (Duration::from_secs(4), Duration::from_hours(1));
    tokio::join!(outlives(&NATS, same), outlives(&OLD, same), outlives(&NATS, another));
}

async fn outlives(server: &Nats, asks_for: Duration) {
    let name = unique();
    let options = rig::options(&name, Storage::Memory);
    rig::at(&server.url(), options.clone().max_age(Duration::from_secs(4))).ping().await.unwrap();
    let store = rig::at(&server.url(), options.max_age(asks_for));
    let now = store.now().await.unwrap();
    let (mut held, beats) = (session("held", now, MINUTE), session("beats", now, MINUTE));
    (held.placement.held, held.seen_at) = (true, Timestamp::ZERO);
    let lapsed = session("lapsed", now, Duration::from_secs(1));
    store.put(&[held.clone(), beats.clone(), lapsed]).await.unwrap();
    let mut feed = store.watch();
    told(&mut feed, is_synced).await;
    let reads = tokio::spawn(feed.for_each(|_| std::future::ready(())));
    // More than twice `max_age`.
    let end = now + Duration::from_secs(9);
    let users = ["held", "beats", "lapsed"].map(user);
    loop {
        let now = store.now().await.unwrap();
        let beat = Touch::Node { node: NodeId::new("n").unwrap(), seen_at: now, drain_for: None };
        assert_eq!(store.touch(&[touch(&beats, now), beat]).await.unwrap(), []);
        let loaded = store.load(&users).await.unwrap().sessions;
        assert_eq!(loaded[0], held);
        assert_eq!(loaded[1].user, beats.user);
        if now > end {
            assert_eq!(loaded.len(), 2, "what does not live is gone");
            reads.abort();
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    rig::lose(server, &name);
}

#[tokio::test]
async fn a_live_session_is_kept_beyond_max_age_when_every_feed_is_short() {
    let name = unique();
    let options = rig::options(&name, Storage::Memory).max_age(Duration::from_secs(4));
    let store = rig::at(&NATS.url(), options);
    let now = store.now().await.unwrap();
    let mut held = session("held", now, MINUTE);
    held.placement.held = true;
    store.put(std::slice::from_ref(&held)).await.unwrap();
    let end = now + Duration::from_secs(9);
    loop {
        let now = store.now().await.unwrap();
        let beat = Touch::Node { node: NodeId::new("n").unwrap(), seen_at: now, drain_for: None };
        store.touch(&[beat]).await.unwrap();
        assert_eq!(store.load(&[user("held")]).await.unwrap().sessions, std::slice::from_ref(&held));
        if now > end {
            break;
        }
        let mut feed = store.watch();
        told(&mut feed, is_synced).await;
        // Shorter than any pause between two scans for old records.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    rig::lose(&NATS, &name);
}

#[tokio::test]
async fn the_first_policy_is_kept_for_comparison() {
    let name = unique();
    for lease in [30, 60] {
        let policy = Policy::default().lease_for(Duration::from_secs(lease));
        let options = rig::options(&name, Storage::Memory).policy(policy);
        let mut feed = rig::at(&NATS.url(), options).watch();
        told(&mut feed, is_synced).await;
        let kept = NATS.request(&format!("$JS.API.DIRECT.GET.KV_{name}.$KV.{name}.policy"), "");
        assert!(kept.contains("lease 30s, held 8s, active 300s, grace 5s, declared false"), "{kept}");
    }
    rig::lose(&NATS, &name);
}

#[tokio::test]
async fn a_dropped_watch_deletes_its_consumer() {
    let name = unique();
    let store = rig::on(&NATS, &name, Storage::Memory);
    let mut feed = store.watch();
    told(&mut feed, is_synced).await;
    let readers =
        || NATS.request(&format!("$JS.API.CONSUMER.NAMES.KV_{name}"), "").matches("presence-").count();
    assert!(readers() > 0);
    drop(feed);
    let gone = async {
        while readers() > 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await.unwrap();
    rig::lose(&NATS, &name);
}
