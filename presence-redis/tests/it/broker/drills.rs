//! Two processes and a foreign publisher on one server that is killed in the middle; 200
//! subscribers, of whom a third reconnect at random to either process. Each of them sees each event
//! once and in order.

use super::{channel, message, on, options, text};
use crate::rig;
use futures_util::StreamExt;
use futures_util::future::join_all;
use presence_core::broker::{Broker, Channel, Delivery, EventId, Missed, Publish, Start};
use presence_core::random;
use presence_redis::{Foreign, RedisBroker};
use std::sync::Arc;
use std::time::Duration;
use test_servers::redis::Redis;
use tokio::sync::Barrier;

const CHANNELS: usize = 10;
const SUBSCRIBERS: usize = 200;
/// Of each publisher, in each channel; half of them before the server is killed.
const EVENTS: usize = 40;
/// How long the server is away.
const AWAY: Duration = Duration::from_secs(2);

fn job(n: usize) -> Channel {
    channel(&format!("job:{n}"))
}

fn process(server: &Redis, name: &str) -> Arc<RedisBroker> {
    let foreign = Foreign::new(&format!("{name}:{{}}:updates"), |id, payload| {
        // Its own id is all that it says.
        let key = std::str::from_utf8(payload).ok()?;
        Some(Publish::new(channel(&format!("job:{id}")), payload.to_vec()).key(key))
    });
    Arc::new(on(server, options(name).foreign(foreign.unwrap())))
}

/// Publishes until it is acknowledged.
async fn store(broker: &RedisBroker, message: Publish) {
    while broker.publish(message.clone()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One half of what a process publishes.
async fn publish(broker: &RedisBroker, who: usize, half: std::ops::Range<usize>) {
    for n in half {
        for k in 0..CHANNELS {
            let payload = format!("{who}/{n}");
            store(broker, message(&format!("job:{k}"), payload.clone()).key(payload)).await;
        }
    }
}

/// Messages of a service that knows nothing of this crate. Pub/sub promises it nothing, so that it
/// says everything twice.
fn publish_foreign(server: &Redis, name: &str, half: std::ops::Range<usize>) {
    for n in half {
        for k in 0..CHANNELS {
            server.command(&["PUBLISH", &format!("{name}:{k}:updates"), &format!("foreign/{n}")]);
        }
    }
}

/// What a subscriber was told until the end: payloads, and what was missed.
async fn subscribe(brokers: [Arc<RedisBroker>; 2], n: usize, seed: u64) -> Vec<Result<String, Missed>> {
    let mut dice = seed.wrapping_add(n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = move |below: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % below
    };
    let reconnects = n.is_multiple_of(3);
    let mut told = Vec::new();
    let mut last: Option<EventId> = None;
    loop {
        let broker = &brokers[usize::from(draw(2) == 0)];
        let start = last.map_or(Start::Last(usize::MAX), Start::After);
        let mut stream = broker.subscribe(&job(n % CHANNELS), start);
        let count = if reconnects { 1 + draw(20) } else { u64::MAX };
        for _ in 0..count {
            match stream.next().await.unwrap() {
                Delivery::Event(event) => {
                    last = Some(event.id);
                    told.push(Ok(text(&event)));
                    if event.payload == "end" {
                        return told;
                    }
                }
                Delivery::Missed(missed) => told.push(Err(missed)),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// What each subscriber was told, and in the end what is stored, by channel.
async fn drill(server: Redis) -> (Vec<Vec<Result<String, Missed>>>, Vec<Vec<String>>) {
    let seed = random::u64();
    eprintln!("seed {seed}");
    let (server, name) = (Arc::new(server), rig::unique());
    let brokers = [process(&server, &name), process(&server, &name)];
    while server.command(&["PUBLISH", &format!("{name}:warm:updates"), "x"]) != "2" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let subscribers = (0..SUBSCRIBERS).map(|n| tokio::spawn(subscribe(brokers.clone(), n, seed)));
    let subscribers: Vec<_> = subscribers.collect();
    let foreign = |half| {
        let (server, name) = (Arc::clone(&server), name.clone());
        tokio::task::spawn_blocking(move || publish_foreign(&server, &name, half))
    };
    let half = EVENTS / 2;
    let (foreign_half, (), ()) =
        tokio::join!(foreign(0..half), publish(&brokers[0], 0, 0..half), publish(&brokers[1], 1, 0..half));
    foreign_half.unwrap();
    // Once each subscriber has something that it could lose.
    let barrier = Arc::new(Barrier::new(3));
    let killing = async {
        barrier.wait().await;
        server.kill();
        tokio::time::sleep(AWAY).await;
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || server.restart()).await.unwrap();
    };
    let publishing = |who: usize| {
        let (barrier, broker) = (Arc::clone(&barrier), Arc::clone(&brokers[who]));
        async move {
            publish(&broker, who, half..half + 5).await;
            barrier.wait().await;
            publish(&broker, who, half + 5..EVENTS).await;
        }
    };
    tokio::join!(killing, publishing(0), publishing(1));
    while server.command(&["PUBLISH", &format!("{name}:warm:updates"), "x"]) != "2" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    foreign(0..EVENTS).await.unwrap();
    // All that is foreign has been stored when the last of it is.
    let mut stored = Vec::new();
    for k in 0..CHANNELS {
        let complete = |history: &[presence_core::broker::Event]| {
            history.iter().any(|event| text(event) == format!("foreign/{}", EVENTS - 1))
        };
        while !complete(&brokers[0].history(&job(k), usize::MAX).await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        store(&brokers[0], Publish::new(job(k), "end").last()).await;
        let history = brokers[1].history(&job(k), usize::MAX).await.unwrap();
        stored.push(history.iter().map(text).collect());
    }
    let told = tokio::time::timeout(Duration::from_mins(2), join_all(subscribers)).await;
    let told = told.expect("every subscriber comes to the end");
    (told.into_iter().map(Result::unwrap).collect(), stored)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_that_keeps_its_data_loses_and_repeats_nothing() {
    let server = Redis::with(&[("appendonly", "yes"), ("appendfsync", "always")]);
    let (told, stored) = drill(server).await;
    for (k, stored) in stored.iter().enumerate() {
        assert_eq!(stored.len(), 3 * EVENTS + 1, "{k}");
        let mut distinct = stored.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), stored.len(), "{k}");
    }
    for (n, told) in told.iter().enumerate() {
        let told: Vec<_> = told.iter().map(|told| told.as_ref().unwrap()).collect();
        assert_eq!(told, stored[n % CHANNELS].iter().collect::<Vec<_>>(), "subscriber {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_that_loses_its_data_is_announced_and_what_is_stored_since_is_complete() {
    let (told, stored) = drill(Redis::start()).await;
    for (n, told) in told.iter().enumerate() {
        let lost = told.iter().rposition(Result::is_err).expect("a lost history is announced");
        assert!(
            told.iter().filter_map(|told| told.as_ref().err()).all(|missed| *missed == Missed::Incarnation)
        );
        let since: Vec<_> = told[lost + 1..].iter().map(|told| told.as_ref().unwrap()).collect();
        assert_eq!(since, stored[n % CHANNELS].iter().collect::<Vec<_>>(), "subscriber {n}");
        let mut before: Vec<_> = told[..lost].iter().filter_map(|told| told.as_ref().ok()).collect();
        let count = before.len();
        before.sort_unstable();
        before.dedup();
        assert_eq!(before.len(), count, "subscriber {n} was told something twice");
    }
}
