//! Data that another program wrote under our keys, settings that are invalid or do not match, and
//! wrong credentials: each is reported, and nothing else is affected.

use super::{Process, eventually, tab, user};
use crate::rig::{self, REDIS};
use presence_core::store::{Kind, PresenceStore, Session};
use presence_core::{Beat, Timestamp, UserId, testing};
use presence_redis::{Namespace, Options, RedisStore};
use std::slice;
use std::time::Duration;

fn session(name: &str) -> Session {
    testing::session(name, "t", Timestamp::from_secs(1_700_000_000))
}

fn with_shards(name: &str, shards: u16) -> RedisStore {
    let options = rig::options(name).shards(shards);
    RedisStore::connect(&REDIS.url(), options).unwrap()
}

/// One of the keys of the shard of a user.
fn key_of(store: &RedisStore, name: &str, user: &str, key: &str) -> String {
    format!("presence:{{{name}:{}}}:{key}", store.shard_of(&UserId::new(user).unwrap()))
}

#[tokio::test]
async fn every_call_is_rejected_when_the_namespace_has_another_number_of_shards() {
    let name = rig::unique();
    let eight = with_shards(&name, 8);
    eight.put(&[session("ada")]).await.unwrap();
    for shards in [4, 16] {
        let other = with_shards(&name, shards);
        // Half of the sixteen shards do not exist yet. Calls to these are rejected as well.
        for name in ["a", "b", "c", "d", "e", "f"] {
            let refused = other.put(&[session(name)]).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::Rejected, "{refused}");
            assert!(refused.to_string().contains("shards"), "{refused}");
        }
        assert_eq!(other.load(&[user("ada")]).await.unwrap_err().kind(), Kind::Rejected);
        assert_eq!(other.now().await.unwrap_err().kind(), Kind::Rejected);
    }
    // The store with the right number still works.
    eight.put(&[session("bob")]).await.unwrap();
    assert_eq!(eight.load(&[user("a"), user("bob")]).await.unwrap().sessions.len(), 1);
    for shards in [0, 1_025] {
        let options = rig::options(&name).shards(shards);
        assert_eq!(RedisStore::connect(&REDIS.url(), options).unwrap_err().kind(), Kind::Rejected);
    }
}

#[tokio::test]
async fn opening_a_store_is_rejected_when_a_setting_is_out_of_bounds() {
    let options = || rig::options(&rig::unique());
    for options in [
        options().keep_for(Duration::ZERO),
        options().keep_for(Duration::MAX),
        options().call_timeout(Duration::ZERO),
        options().connect_timeout(Duration::ZERO),
    ] {
        let refused = RedisStore::connect(&REDIS.url(), options).unwrap_err();
        assert_eq!(refused.kind(), Kind::Rejected, "{refused}");
    }
}

#[tokio::test]
async fn a_shard_accepts_sessions_after_one_with_an_unbounded_lease() {
    let store = rig::on(&REDIS, &rig::unique());
    let mut forever = session("ada");
    forever.placement.lease = Duration::MAX;
    store.put(slice::from_ref(&forever)).await.unwrap();
    store.put(&[session("ada")]).await.unwrap();
}

#[tokio::test]
async fn a_process_with_another_number_of_shards_rejects_heartbeats_and_shows_nobody() {
    let name = rig::unique();
    with_shards(&name, 8).put(&[session("ada")]).await.unwrap();
    let presence = presence_core::Presence::builder(with_shards(&name, 16)).start().unwrap();
    let refused = presence.beat(Beat::enter(user("bob"), tab("t"))).await.unwrap_err();
    assert!(matches!(refused, presence_core::Error::Rejected(_)), "{refused:?}");
    assert_eq!(presence.everyone().counts().online, 0);
    assert!(matches!(presence.health().view, presence_core::View::Stale { .. }));
}

#[tokio::test]
async fn calls_fail_as_corrupt_while_a_key_has_the_wrong_type() {
    let name = rig::unique();
    let store = rig::on(&REDIS, &name);
    for key in ["sessions", "users"] {
        let key = key_of(&store, &name, "ada", key);
        assert_eq!(REDIS.command(&["SET", &key, "something else"]), "OK");
        let ada = session("ada");
        let corrupt = store.put(slice::from_ref(&ada)).await.unwrap_err();
        assert_eq!(corrupt.kind(), Kind::Corrupt, "{corrupt}");
        assert_eq!(store.load(&[user("ada")]).await.unwrap_err().kind(), Kind::Corrupt);
        // When the wrong key is deleted, calls succeed again.
        assert_eq!(REDIS.command(&["DEL", &key]), "1");
        store.put(slice::from_ref(&ada)).await.unwrap();
        assert_eq!(store.load(&[user("ada")]).await.unwrap().sessions, [ada]);
        rig::lose(&REDIS, &name);
    }
}

#[tokio::test]
async fn a_corrupt_shard_affects_no_other_and_recovers_when_the_wrong_key_is_deleted() {
    let name = rig::unique();
    let store = rig::on(&REDIS, &name);
    let corrupt = key_of(&store, &name, "ada", "sessions");
    let elsewhere = (0..99)
        .map(|n| format!("u{n}"))
        .find(|other| store.shard_of(&user(other)) != store.shard_of(&user("ada")));
    let elsewhere = elsewhere.unwrap();
    assert_eq!(REDIS.command(&["SET", &corrupt, "something else"]), "OK");
    let presence = presence_core::Presence::builder(store).policy(super::policy()).start().unwrap();
    let process = Process::of(presence);
    process.presence.beat(Beat::enter(user(&elsewhere), tab("t"))).await.unwrap();
    assert!(process.presence.beat(Beat::enter(user("ada"), tab("t"))).await.is_err());
    assert!(process.is_stale(), "a shard that cannot be read is not known to be empty");
    assert_eq!(REDIS.command(&["DEL", &corrupt]), "1");
    eventually("the shard is read", || !process.is_stale()).await;
    process.presence.beat(Beat::enter(user("ada"), tab("t"))).await.unwrap();
}

#[tokio::test]
async fn an_invalid_record_is_reported_and_skipped_and_the_next_put_replaces_it() {
    let name = rig::unique();
    let store = rig::on(&REDIS, &name);
    let (ada, bob) = (session("ada"), session("bob"));
    store.put(&[ada.clone(), bob.clone()]).await.unwrap();
    let nonsense = ["", "x", "{}", &"9".repeat(200), &format!("{}h\tn\t{{}}\t", "1".repeat(39))];
    for (key, nonsense) in
        ["sessions", "placements"].into_iter().flat_map(|key| nonsense.map(|text| (key, text)))
    {
        let key = key_of(&store, &name, "ada", key);
        assert_eq!(REDIS.command(&["HSET", &key, "ada\tt", nonsense]), "0");
        assert_eq!(store.load(&[user("ada")]).await.unwrap_err().kind(), Kind::Corrupt, "{nonsense:?}");
        let process = Process::on(rig::on(&REDIS, &name)).await;
        assert!(process.presence.user(&user("bob")).is_some(), "the others are seen");
        assert!(process.presence.user(&user("ada")).is_none());
        // A touch skips an invalid record and reports it as missing, so that the session is put
        // again.
        let touch = presence_core::store::Touch::Session {
            user: ada.user.clone(),
            id: ada.id.clone(),
            seen_at: ada.seen_at,
            active_at: ada.active_at,
        };
        store.touch(&[touch]).await.unwrap();
        store.put(slice::from_ref(&ada)).await.unwrap();
        // Only the placement is compared: an invalid value that looks like times may be kept, since
        // times only move forward.
        let restored = store.load(&[user("ada")]).await.unwrap().sessions.pop().unwrap();
        assert_eq!(restored.placement, ada.placement, "{nonsense:?}");
    }
}

#[tokio::test]
async fn an_invalid_message_on_a_channel_is_ignored() {
    let name = rig::unique();
    let store = rig::on(&REDIS, &name);
    let process = Process::on(rig::on(&REDIS, &name)).await;
    for message in ["", "nonsense", "1 put\n1\na\n", "99999999 put\n0\n"] {
        for shard in 0..store.shards() {
            REDIS.command(&["PUBLISH", &format!("presence:{{{name}:{shard}}}"), message]);
        }
    }
    store.put(&[session("ada")]).await.unwrap();
    eventually("what comes after it is heard", || process.presence.user(&user("ada")).is_some()).await;
}

#[tokio::test]
async fn wrong_credentials_are_rejected_and_appear_in_no_error_or_debug_text() {
    let server = test_servers::redis::Redis::with(&[("requirepass", "right-secret/%@:?")]);
    let options = || Options::new(Namespace::new("n").unwrap());
    let good = RedisStore::connect(&server.url(), options()).unwrap();
    good.put(&[session("ada")]).await.unwrap();
    let url = format!("redis://:wrong-secret@127.0.0.1:{}", server.port());
    let bad = RedisStore::connect(&url, options()).unwrap();
    let refused = bad.put(&[session("ada")]).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Rejected, "{refused:?}");
    let said = format!("{refused} {refused:?} {bad:?}");
    assert!(!said.contains("secret") && !said.contains("127.0.0.1"), "{said}");
    let malformed = RedisStore::connect("redis://:secret@", options()).unwrap_err();
    assert!(!format!("{malformed} {malformed:?}").contains("secret"), "{malformed:?}");
}
