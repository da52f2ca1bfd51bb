//! What this store promises beside the contract.

use crate::rig::{self, NATS, OLD, unique};
use futures_util::StreamExt;
use presence_core::store::{Feed, Kind, Seen, Touch};
use presence_core::{
    Departure, NodeId, Placement, Policy, PresenceStore, Session, SessionId, Timestamp, Topics, UserId,
};
use presence_nats::async_nats::{self, ConnectOptions};
use presence_nats::{Namespace, NatsStore, Options, Storage};
use std::time::Duration;
use test_servers::nats::Nats;

const PATIENCE: Duration = Duration::from_secs(30);

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn session(name: &str, at: Timestamp, lease: Duration) -> Session {
    let placement = Placement {
        placed_at: at,
        left: None,
        node: NodeId::new("n").unwrap(),
        held: false,
        lease,
        topics: Topics::NONE,
        meta: None,
    };
    let id = SessionId::new("tab").unwrap();
    Session { user: user(name), id, placement, declared: None, seen_at: at, active_at: at }
}

fn touch(session: &Session, at: Timestamp) -> Touch {
    Touch::Session { user: session.user.clone(), id: session.id.clone(), seen_at: at, active_at: at }
}

const MINUTE: Duration = Duration::from_mins(1);

/// Reads a feed until this holds of what was told.
async fn told(
    feed: &mut (impl futures_util::Stream<Item = Feed> + Unpin),
    mut holds: impl FnMut(&Feed) -> bool,
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

fn is_synced(feed: &Feed) -> bool {
    matches!(feed, Feed::Synced { .. })
}

fn tells_of(feed: &Feed, name: &str) -> bool {
    matches!(feed, Feed::Facts(facts) if facts.sessions.iter().any(|session| session.user.as_str() == name))
}

/// Publishes beside the store, as an operator with `nats kv put` would.
async fn by_hand(server: &Nats, subject: String, headers: &[(&str, &str)], value: &str) {
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut all = async_nats::HeaderMap::new();
    headers.iter().for_each(|(name, value)| all.insert(*name, *value));
    let ack = client.request_with_headers(subject, all, value.to_owned().into()).await.unwrap();
    assert!(String::from_utf8_lossy(&ack.payload).contains("\"seq\""), "{ack:?}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_harms_nobody_else() {
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
        told(&mut feed, |feed| matches!(feed, Feed::Alive { .. })).await;
        assert_eq!(other.load(&[user("bad")]).await.unwrap_err().kind(), Kind::Corrupt);
        assert_eq!(other.load(&[user("good")]).await.unwrap().sessions.len(), 1);
        // Whoever has it puts it right: for a renewal it is lacking.
        let bad = session("bad", now, MINUTE);
        assert_eq!(other.touch(&[touch(&bad, now)]).await.unwrap(), [bad.key()]);
        other.put(std::slice::from_ref(&bad)).await.unwrap();
        assert_eq!(store.load(&[user("bad")]).await.unwrap().sessions, [bad]);
        rig::lose(server, &name);
    }
}

#[tokio::test]
async fn a_key_that_is_deleted_by_hand_is_news_that_nobody_need_believe() {
    let name = unique();
    let store = rig::on(&NATS, &name, Storage::Memory);
    let here = session("here", store.now().await.unwrap(), MINUTE);
    store.put(std::slice::from_ref(&here)).await.unwrap();
    let mut feed = store.watch();
    told(&mut feed, is_synced).await;
    by_hand(&NATS, format!("$KV.{name}.s.here.tab"), &[("KV-Operation", "DEL")], "").await;
    told(&mut feed, |feed| {
        let Feed::Forgotten(seen) = feed else { return false };
        let zero = Timestamp::ZERO;
        **seen == [Seen::Session { key: here.key(), seen_at: zero, placed_at: zero }]
    })
    .await;
    // The watch of this very handle has told it: it is not taken to be there any more.
    assert_eq!(store.touch(&[touch(&here, here.seen_at)]).await.unwrap(), [here.key()]);
    rig::lose(&NATS, &name);
}

#[tokio::test]
async fn a_lease_that_outlasts_the_stream_of_renewals_is_renewed_in_its_record() {
    for server in [&NATS, &OLD] {
        let name = unique();
        let mut options = rig::options(&name, Storage::File);
        options.beats_for = Duration::from_secs(1);
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
        // Long after the stream has dropped whatever it had.
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
async fn what_lives_outlives_the_age_of_its_record() {
    tokio::join!(outlives(&NATS), outlives(&OLD));
}

async fn outlives(server: &Nats) {
    let name = unique();
    let mut options = rig::options(&name, Storage::Memory);
    options.max_age = Duration::from_secs(4);
    let store = rig::at(&server.url(), options);
    let now = store.now().await.unwrap();
    let (mut held, beats) = (session("held", now, MINUTE), session("beats", now, MINUTE));
    (held.placement.held, held.seen_at) = (true, Timestamp::ZERO);
    let lapsed = session("lapsed", now, Duration::from_secs(1));
    store.put(&[held.clone(), beats.clone(), lapsed]).await.unwrap();
    let mut feed = store.watch();
    told(&mut feed, is_synced).await;
    let reads = tokio::spawn(feed.for_each(|_| std::future::ready(())));
    // More than twice the age.
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
async fn the_first_policy_is_kept_for_comparison() {
    let name = unique();
    for lease in [30, 60] {
        let policy = Policy { lease_for: Duration::from_secs(lease), ..Policy::default() };
        let mut options = rig::options(&name, Storage::Memory);
        options.policy = Some(policy);
        let mut feed = rig::at(&NATS.url(), options).watch();
        told(&mut feed, is_synced).await;
        let kept = NATS.request(&format!("$JS.API.DIRECT.GET.KV_{name}.$KV.{name}.policy"), "");
        assert!(kept.contains("lease 30s, held 8s, active 300s, grace 5s, declared false"), "{kept}");
    }
    rig::lose(&NATS, &name);
}

#[tokio::test]
async fn a_bucket_that_is_not_ours_is_refused_in_words() {
    let name = unique();
    let config = format!(
        r#"{{"name":"KV_{name}","subjects":["$KV.{name}.>"],"max_msgs_per_subject":5,"storage":"memory"}}"#
    );
    let told = NATS.request(&format!("$JS.API.STREAM.CREATE.KV_{name}"), &config);
    assert!(told.contains("did_create"), "{told}");
    let store = rig::on(&NATS, &name, Storage::Memory);
    let error = store.ping().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected);
    assert!(error.to_string().contains("its history must be 1"), "{error}");
    let now = Timestamp::from_secs(1);
    assert_eq!(store.put(&[session("u", now, MINUTE)]).await.unwrap_err().kind(), Kind::Rejected);
    rig::lose(&NATS, &name);
}

#[tokio::test]
async fn a_bucket_that_is_full_says_so_and_still_lets_go() {
    let name = unique();
    let mut options = rig::options(&name, Storage::Memory);
    options.max_bytes = Some(20_000);
    let store = rig::at(&NATS.url(), options);
    let now = store.now().await.unwrap();
    let all: Vec<Session> = (0..200).map(|n| session(&format!("user-{n:03}"), now, MINUTE)).collect();
    let error = store.put(&all).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("full"), "{error}");
    let users: Vec<UserId> = all.iter().map(|session| session.user.clone()).collect();
    let stored = store.load(&users).await.unwrap().sessions;
    assert!(!stored.is_empty() && stored.len() < all.len());
    let seen: Vec<Seen> = stored
        .iter()
        .map(|session| Seen::Session { key: session.key(), seen_at: now, placed_at: now })
        .collect();
    store.forget(&seen).await.unwrap();
    assert_eq!(store.load(&users).await.unwrap().sessions, []);
    rig::lose(&NATS, &name);
}

#[tokio::test]
async fn what_the_server_denies_is_rejected() {
    let server = tokio::task::spawn_blocking(|| {
        Nats::with(
            "authorization { users: [
               { user: all, password: all },
               { user: reader, password: secret-of-reader, permissions: { publish: [\"$JS.API.>\"], subscribe: [\"_INBOX.>\"] } }
             ] }",
        )
    });
    let server = server.await.unwrap();
    let name = unique();
    let open = |user: &str, password: &str| {
        let connect = ConnectOptions::with_user_and_password(user.into(), password.into());
        NatsStore::connect(&server.url(), connect, rig::options(&name, Storage::Memory)).unwrap()
    };
    let (all, reader) = (open("all", "all"), open("reader", "secret-of-reader"));
    let now = all.now().await.unwrap();
    let here = session("here", now, MINUTE);
    all.put(std::slice::from_ref(&here)).await.unwrap();
    let loaded = reader.load(std::slice::from_ref(&here.user)).await.unwrap().sessions;
    assert_eq!(loaded, std::slice::from_ref(&here));
    let error = reader.put(&[here]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected, "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    let stranger = open("all", "another");
    assert!(matches!(stranger.ping().await.unwrap_err().kind(), Kind::Unavailable | Kind::Rejected));
}

#[tokio::test]
async fn a_ready_made_client_will_do() {
    let client = async_nats::connect(NATS.url()).await.unwrap();
    let name = unique();
    let store = NatsStore::with_client(client, rig::options(&name, Storage::Memory)).unwrap();
    store.ping().await.unwrap();
    assert!(!format!("{store:?}").contains("127.0.0.1"));
    let mut bad = Options::new(Namespace::new("a").unwrap());
    bad.replicas = 0;
    let refused = NatsStore::connect("nats://127.0.0.1:1", ConnectOptions::new(), bad).unwrap_err();
    assert_eq!(refused.kind(), Kind::Rejected);
    let options = rig::options(&name, Storage::Memory);
    let refused = NatsStore::connect("nats://user:secret@:x:", ConnectOptions::new(), options).unwrap_err();
    assert_eq!(refused.kind(), Kind::Rejected);
    assert!(!refused.to_string().contains("secret"));
    rig::lose(&NATS, &name);
}

#[tokio::test]
async fn a_watch_that_is_dropped_leaves_nothing_behind() {
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
