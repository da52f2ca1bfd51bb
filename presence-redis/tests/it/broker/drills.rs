//! Two processes and a foreign publisher on one server, which is killed while they publish. There
//! are 200 subscribers; a third of them reconnect at random times to either process. Each
//! subscriber receives each event once and in order. If the server has lost its data, each
//! subscriber gets a report of the loss.

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
/// The number of events of each publisher in each channel. Half are published before the
/// server is killed.
const EVENTS: usize = 40;
/// The time between the kill of the server and its restart.
const AWAY: Duration = Duration::from_secs(2);

fn job(n: usize) -> Channel {
    channel(&format!("job:{n}"))
}

fn process(server: &Redis, name: &str) -> Arc<RedisBroker> {
    let foreign = Foreign::new(&format!("{name}:{{}}:updates"), |id, payload| {
        // The payload of a foreign message is its id.
        let key = std::str::from_utf8(payload).ok()?;
        Some(Publish::new(channel(&format!("job:{id}")), payload.to_vec()).key(key))
    });
    Arc::new(on(server, options(name).foreign(foreign.unwrap())))
}

/// Publishes a message again until it is acknowledged.
async fn store(broker: &RedisBroker, message: Publish) {
    while broker.publish(message.clone()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Publishes the events of one process with the numbers in `half`, to every channel.
async fn publish(broker: &RedisBroker, who: usize, half: std::ops::Range<usize>) {
    for n in half {
        for k in 0..CHANNELS {
            let payload = format!("{who}/{n}");
            store(broker, message(&format!("job:{k}"), payload.clone()).key(payload)).await;
        }
    }
}

/// Publishes messages like a service that does not use this crate. The drill calls it twice for the
/// first half, since plain pub/sub loses messages while the server is down.
fn publish_foreign(server: &Redis, name: &str, half: std::ops::Range<usize>) {
    for n in half {
        for k in 0..CHANNELS {
            server.command(&["PUBLISH", &format!("{name}:{k}:updates"), &format!("foreign/{n}")]);
        }
    }
}

/// Subscribes until the last event. Returns the payloads and the reported losses, in order.
async fn subscribe(brokers: [Arc<RedisBroker>; 2], n: usize, seed: u64) -> Vec<Result<String, Missed>> {
    let mut dice = seed.wrapping_add(n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = move |below: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % below
    };
    let reconnects = n.is_multiple_of(3);
    let mut delivered = Vec::new();
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
                    delivered.push(Ok(text(&event)));
                    if event.payload == "end" {
                        return delivered;
                    }
                }
                Delivery::Missed(missed) => delivered.push(Err(missed)),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Runs the drill. Returns the deliveries of each subscriber, and the stored payloads of each
/// channel at the end.
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
    // The server is killed when each process has published five events of its second half.
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
    // Foreign messages are stored in order: when the last one is stored, all are.
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
    let delivered = tokio::time::timeout(Duration::from_mins(2), join_all(subscribers)).await;
    let delivered = delivered.expect("every subscriber comes to the end");
    (delivered.into_iter().map(Result::unwrap).collect(), stored)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_or_repeated_when_a_persistent_server_is_killed() {
    let server = Redis::with(&[("appendonly", "yes"), ("appendfsync", "always")]);
    let (delivered, stored) = drill(server).await;
    for (k, stored) in stored.iter().enumerate() {
        assert_eq!(stored.len(), 3 * EVENTS + 1, "{k}");
        let mut distinct = stored.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), stored.len(), "{k}");
    }
    for (n, delivered) in delivered.iter().enumerate() {
        let delivered: Vec<_> = delivered.iter().map(|item| item.as_ref().unwrap()).collect();
        assert_eq!(delivered, stored[n % CHANNELS].iter().collect::<Vec<_>>(), "subscriber {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_persistence_reports_the_loss_and_then_delivers_every_event() {
    let (delivered, stored) = drill(Redis::start()).await;
    for (n, delivered) in delivered.iter().enumerate() {
        let lost = delivered.iter().rposition(Result::is_err).expect("a lost history is announced");
        assert!(
            delivered
                .iter()
                .filter_map(|item| item.as_ref().err())
                .all(|missed| *missed == Missed::Incarnation)
        );
        let since: Vec<_> = delivered[lost + 1..].iter().map(|item| item.as_ref().unwrap()).collect();
        assert_eq!(since, stored[n % CHANNELS].iter().collect::<Vec<_>>(), "subscriber {n}");
        let mut before: Vec<_> = delivered[..lost].iter().filter_map(|item| item.as_ref().ok()).collect();
        let count = before.len();
        before.sort_unstable();
        before.dedup();
        assert_eq!(before.len(), count, "subscriber {n} was told something twice");
    }
}
