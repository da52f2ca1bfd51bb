//! The broker's keys in Redis: when they expire, and what happens when the server loses
//! some of them.

use super::{channel, describe, lose, message, on, options};
use crate::rig::{self, REDIS};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use presence_core::broker::{Broker, Delivery, EventId, Published, Retention, Start};
use std::time::Duration;
use test_servers::redis::Redis;

async fn next(stream: &mut BoxStream<'static, Delivery>) -> String {
    let next = tokio::time::timeout(Duration::from_mins(1), stream.next()).await;
    describe(next.expect("a delivery comes in time").unwrap())
}

fn keys(server: &Redis, name: &str) -> usize {
    let script = "return tostring(#redis.call('KEYS', ARGV[1]))";
    server.command(&["EVAL", script, "0", &format!("presence:*{{{name}:*")]).parse().unwrap()
}

#[tokio::test]
async fn all_keys_expire_an_age_after_the_last_event() {
    let name = rig::unique();
    let retention = Retention::default().count(3).age(Duration::from_secs(1));
    let broker = on(&REDIS, options(&name).retention(retention));
    for n in 0..20 {
        broker.publish(message("c", n.to_string())).await.unwrap();
        broker.publish(message(&format!("c{n}"), "done").last()).await.unwrap();
    }
    assert!(keys(&REDIS, &name) > 0);
    let gone = async {
        while keys(&REDIS, &name) > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await.expect("all keys expire");
}

#[tokio::test]
async fn the_idempotency_key_of_a_trimmed_event_expires_after_two_minutes() {
    let name = rig::unique();
    let broker = on(&REDIS, options(&name).retention(Retention::default().count(2)));
    for n in 0..10 {
        broker.publish(message("c", "x").key(n.to_string())).await.unwrap();
    }
    // The key of a trimmed event is kept for two more minutes, and not for the age, which is a day.
    let left = |n: usize| -> i64 {
        REDIS.command(&["PTTL", &format!("presence:key:1:{{{name}:c}}:{n}")]).parse().unwrap()
    };
    for n in 0..8 {
        assert!((1..=120_000).contains(&left(n)), "{n}: {}", left(n));
    }
    assert!(left(9) > 80_000_000, "{}", left(9));
}

#[tokio::test]
async fn a_subscription_after_an_unknown_event_does_not_change_the_incarnation() {
    let name = rig::unique();
    let broker = on(&REDIS, options(&name));
    let mut there = broker.subscribe(&channel("c"), Start::Last(9));
    let Ok(Published::Stored(id)) = broker.publish(message("c", "a")).await else { panic!("not stored") };
    broker.publish(message("c", "b")).await.unwrap();
    assert_eq!([next(&mut there).await, next(&mut there).await], ["a", "b"]);
    for number in [id.number + 1, u64::MAX >> 12] {
        let mut stream = broker.subscribe(&channel("c"), Start::After(EventId { number, ..id }));
        assert_eq!(next(&mut stream).await, "Missed(Incarnation)");
        assert_eq!(next(&mut stream).await, "a");
    }
    let published = broker.publish(message("c", "c")).await.unwrap();
    assert_eq!(published.id().incarnation, id.incarnation);
    assert_eq!(next(&mut there).await, "c");
}

/// Deletes the newest event, like a failover to a replica that had not received it yet.
fn lose_newest(server: &Redis, name: &str) {
    let script = "local log, meta = KEYS[1], KEYS[2] \
        local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 2) \
        redis.call('XDEL', log, newest[1][1]) \
        redis.call('HSET', meta, 'last', string.match(newest[2][1], '%d+')) return 'OK'";
    let (log, meta) = (format!("presence:log:{{{name}:c}}"), format!("presence:meta:{{{name}:c}}"));
    assert_eq!(server.command(&["EVAL", script, "2", &log, &meta]), "OK");
}

#[tokio::test]
async fn all_processes_get_another_incarnation_when_the_server_lost_its_newest_event() {
    let name = rig::unique();
    let (one, two) = (on(&REDIS, options(&name)), on(&REDIS, options(&name)));
    let mut stream = two.subscribe(&channel("c"), Start::Last(9));
    for payload in ["a", "b", "c"] {
        one.publish(message("c", payload)).await.unwrap();
    }
    assert_eq!([next(&mut stream).await, next(&mut stream).await, next(&mut stream).await], ["a", "b", "c"]);
    lose_newest(&REDIS, &name);
    // The process that published "c" knows that it was stored.
    one.publish(message("c", "d")).await.unwrap();
    let delivered =
        [next(&mut stream).await, next(&mut stream).await, next(&mut stream).await, next(&mut stream).await];
    assert_eq!(delivered, ["Missed(Incarnation)", "a", "b", "d"]);
}

#[tokio::test]
async fn a_history_begins_again_when_its_meta_key_is_lost() {
    let name = rig::unique();
    let broker = on(&REDIS, options(&name));
    let mut stream = broker.subscribe(&channel("c"), Start::Last(9));
    broker.publish(message("c", "a")).await.unwrap();
    assert_eq!(next(&mut stream).await, "a");
    // Deletes one of the two keys of a channel, like an eviction.
    REDIS.command(&["DEL", &format!("presence:meta:{{{name}:c}}")]);
    broker.publish(message("c", "b")).await.unwrap();
    assert_eq!(next(&mut stream).await, "b");
    assert_eq!(broker.history(&channel("c"), 9).await.unwrap().len(), 1);
    lose(&REDIS, &name);
}
