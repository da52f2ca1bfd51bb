//! Viewers subscribe and reconnect while the server fails. Each receives every event of its channel
//! once, in order.

use super::own::channel;
use crate::rig::{self, unique};
use futures_util::StreamExt;
use presence_core::broker::{Broker, Delivery, EventId, Missed, Publish, Published, Start};
use presence_core::random;
use presence_core::store::Kind;
use presence_nats::async_nats::ConnectOptions;
use presence_nats::{BrokerOptions, NatsBroker, Storage};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use test_servers::nats::{BlackHole, Cluster, Nats};

const CHANNELS: usize = 50;
const EVENTS: usize = 1_000;
const VIEWERS: usize = 200;
const PATIENCE: Duration = Duration::from_mins(2);

fn name_of(n: usize) -> String {
    format!("job:{}", n % CHANNELS)
}

/// Repeats a publish until it is acknowledged, as a worker does.
async fn publish(broker: &NatsBroker, message: Publish) -> EventId {
    loop {
        match broker.publish(message.clone()).await {
            Ok(Published::Stored(id) | Published::Repeated(id)) => return id,
            Ok(closed) => panic!("{closed:?}"),
            Err(error) => assert_ne!(error.kind(), Kind::Rejected, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Receives all events of a channel. A third of the viewers reconnect at random times,
/// to either process.
async fn view(brokers: [NatsBroker; 2], n: usize, expected: usize) -> Vec<(EventId, String)> {
    let (mut seen, mut from) = (Vec::<(EventId, String)>::new(), Start::Last(usize::MAX));
    loop {
        let broker = &brokers[usize::try_from(random::u64() % 2).unwrap()];
        let mut stream = broker.subscribe(&channel(&name_of(n)), from);
        let reads =
            if n.is_multiple_of(3) { usize::try_from(random::u64() % 5).unwrap() + 1 } else { usize::MAX };
        for _ in 0..reads {
            match stream.next().await {
                Some(Delivery::Event(event)) => {
                    from = Start::After(event.id);
                    seen.push((event.id, String::from_utf8_lossy(&event.payload).into_owned()));
                }
                other => panic!("{other:?} after {seen:?}"),
            }
            if seen.len() == expected {
                return seen;
            }
        }
    }
}

/// Publishes from two processes, disturbs the server meanwhile, and checks what
/// the viewers received.
async fn exactly_once<F: Future>(brokers: [NatsBroker; 2], disturb: impl FnOnce() -> F) {
    let each = EVENTS / CHANNELS;
    let viewers: Vec<_> = (0..VIEWERS).map(|n| tokio::spawn(view(brokers.clone(), n, each))).collect();
    let publishers = [0, 1].map(|who| {
        let broker = brokers[who].clone();
        tokio::spawn(async move {
            let mut ids = BTreeMap::new();
            for n in (who..EVENTS).step_by(2) {
                // `n / 2`, so that both publishers publish to every channel.
                let name = name_of(n / 2);
                let message = Publish::new(channel(&name), n.to_string()).key(n.to_string());
                ids.insert(n.to_string(), (name, publish(&broker, message).await));
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            ids
        })
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    disturb().await;
    let mut published = BTreeMap::new();
    for publisher in publishers {
        published.append(&mut tokio::time::timeout(PATIENCE, publisher).await.unwrap().unwrap());
    }
    for (n, viewer) in viewers.into_iter().enumerate() {
        let seen = tokio::time::timeout(PATIENCE, viewer).await.unwrap().unwrap();
        assert!(seen.is_sorted_by(|(one, _), (other, _)| one.number < other.number), "{n}: {seen:?}");
        for (id, payload) in &seen {
            assert_eq!(published[payload], (name_of(n), *id), "{n}");
        }
    }
}

fn on(url: &str, options: BrokerOptions) -> NatsBroker {
    NatsBroker::connect(url, ConnectOptions::new(), options).unwrap()
}

async fn outside(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test]
async fn viewers_see_each_event_once_while_the_server_is_killed() {
    let server = Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap());
    let name = unique();
    let open = || on(&server.url(), rig::events(&name));
    let killed = Arc::clone(&server);
    exactly_once([open(), open()], || async {
        let down = Arc::clone(&killed);
        outside(move || down.kill()).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        outside(move || killed.restart()).await;
    })
    .await;
}

#[tokio::test]
async fn viewers_see_each_event_once_while_the_server_hangs() {
    let server = Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap());
    let name = unique();
    let open = || on(&server.url(), rig::events(&name));
    let hung = Arc::clone(&server);
    exactly_once([open(), open()], || async {
        hung.pause();
        tokio::time::sleep(Duration::from_secs(5)).await;
        hung.resume();
    })
    .await;
}

#[tokio::test]
async fn viewers_see_each_event_once_while_the_leader_is_killed() {
    let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::start).await.unwrap());
    let name = unique();
    let open = || {
        let options = rig::events(&name).replicas(3);
        on(&cluster.urls().join(","), options)
    };
    let brokers = [open(), open()];
    publish(&brokers[0], Publish::new(channel("first"), "x")).await;
    let (killed, stream) = (Arc::clone(&cluster), format!("EVENTS_{name}"));
    exactly_once(brokers, || outside(move || _ = killed.kill_leader_of(&stream))).await;
}

/// Loses the events, and checks that viewers get `Missed` and then the event that
/// is stored afterwards.
async fn viewers_get_missed_after(brokers: [NatsBroker; 2], lose: impl Future) {
    let viewed = channel("job:1");
    let first = publish(&brokers[0], Publish::new(viewed.clone(), "before")).await;
    let mut streams = brokers.clone().map(|broker| broker.subscribe(&viewed, Start::Last(1)));
    for stream in &mut streams {
        let before = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap();
        assert!(matches!(before, Some(Delivery::Event(event)) if event.id == first));
    }
    lose.await;
    let second = publish(&brokers[1], Publish::new(viewed.clone(), "after")).await;
    assert_ne!(second.incarnation, first.incarnation);
    let late = brokers[0].subscribe(&viewed, Start::After(first));
    for mut stream in streams.into_iter().chain([late]) {
        let mut received = Vec::new();
        while received.last() != Some(&"after".to_owned()) {
            match tokio::time::timeout(PATIENCE, stream.next()).await.unwrap().unwrap() {
                Delivery::Event(event) => received.push(String::from_utf8_lossy(&event.payload).into_owned()),
                Delivery::Missed(Missed::Incarnation) => received.push("missed".to_owned()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(received, ["missed", "after"]);
    }
}

#[tokio::test]
async fn viewers_get_missed_when_the_server_restarts_empty() {
    let server = Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap());
    let name = unique();
    let open = || {
        let options = rig::events(&name).storage(Storage::Memory);
        on(&server.url(), options)
    };
    let restarted = Arc::clone(&server);
    viewers_get_missed_after([open(), open()], outside(move || restarted.restart())).await;
}

#[tokio::test]
async fn viewers_get_missed_when_the_stream_is_deleted() {
    let name = unique();
    let open = || on(&rig::NATS.url(), rig::events(&name));
    let (brokers, deleted) = ([open(), open()], name.clone());
    viewers_get_missed_after(brokers, outside(move || rig::lose_events(&rig::NATS, &deleted))).await;
    rig::lose_events(&rig::NATS, &name);
}

/// The stored payloads of a channel, in order.
async fn payloads(broker: &NatsBroker, name: &str) -> Vec<String> {
    let stored = loop {
        match broker.history(&channel(name), 1_000).await {
            Ok(stored) => break stored,
            Err(error) => assert_ne!(error.kind(), Kind::Rejected, "{error}"),
        }
    };
    stored.iter().map(|event| String::from_utf8_lossy(&event.payload).into_owned()).collect()
}

#[tokio::test]
async fn a_publish_whose_answer_is_late_is_stored_exactly_once() {
    let server = Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap());
    let name = unique();
    let brokers = [0, 1].map(|_| on(&server.url(), rig::events(&name)));
    // The head that the first handle has cached is now out of date.
    for (broker, payload) in brokers.iter().zip(["a", "b"]) {
        publish(broker, Publish::new(channel("c"), payload)).await;
    }
    for (broker, payload) in brokers.iter().zip(["c", "d"]) {
        server.pause();
        let (broker, message) = (broker.clone(), Publish::new(channel("c"), payload));
        let published = tokio::spawn(async move { broker.publish(message).await });
        // The server receives the publish, but answers after the request has timed out.
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(!published.is_finished(), "it waits until it knows");
        server.resume();
        let published = tokio::time::timeout(PATIENCE, published).await.unwrap().unwrap();
        assert!(matches!(published, Ok(Published::Stored(_))), "{published:?}");
    }
    assert_eq!(payloads(&brokers[0], "c").await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_publish_that_could_not_be_sent_is_unavailable() {
    let server = Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap());
    let broker = on(&server.url(), rig::events(&unique()));
    publish(&broker, Publish::new(channel("known"), "x")).await;
    server.pause();
    let error = broker.publish(Publish::new(channel("c"), "y")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    server.resume();
    assert_eq!(payloads(&broker, "c").await, [""; 0]);
}

#[tokio::test]
async fn a_publish_that_another_one_overtakes_is_stored_after_it() {
    let server = Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap());
    let (name, link) = (unique(), BlackHole::before(&server));
    let (far, near) = (on(&link.url(), rig::events(&name)), on(&server.url(), rig::events(&name)));
    publish(&far, Publish::new(channel("c"), "first")).await;
    link.hold_back();
    let (broker, message) = (far.clone(), Publish::new(channel("c"), "held back"));
    let published = tokio::spawn(async move { broker.publish(message).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    publish(&near, Publish::new(channel("c"), "faster")).await;
    link.pass();
    let published = tokio::time::timeout(PATIENCE, published).await.unwrap().unwrap();
    assert!(matches!(published, Ok(Published::Stored(_))), "{published:?}");
    assert_eq!(payloads(&near, "c").await, ["first", "faster", "held back"]);
}

#[tokio::test]
async fn publishes_without_a_key_are_stored_exactly_once_while_the_leader_is_killed() {
    let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::start).await.unwrap());
    let name = unique();
    let options = rig::events(&name).replicas(3);
    let broker = on(&cluster.urls().join(","), options);
    publish(&broker, Publish::new(channel("c"), "first")).await;
    let publisher = tokio::spawn({
        let broker = broker.clone();
        async move {
            let (mut stored, mut unknown) = (Vec::new(), Vec::new());
            for n in 0..400 {
                // `Unavailable` means that nothing was stored, so it is repeated. After `Timeout`
                // the result is unknown.
                let payload = n.to_string();
                loop {
                    match broker.publish(Publish::new(channel("c"), payload.clone())).await {
                        Ok(Published::Stored(_)) => break stored.push(payload),
                        Err(error) if error.kind() == Kind::Unavailable => {}
                        Err(error) if error.kind() == Kind::Timeout => break unknown.push(payload),
                        other => panic!("{other:?}"),
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            (stored, unknown)
        }
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    let (killed, stream) = (Arc::clone(&cluster), format!("EVENTS_{name}"));
    outside(move || _ = killed.kill_leader_of(&stream)).await;
    let (stored, unknown) = tokio::time::timeout(PATIENCE, publisher).await.unwrap().unwrap();
    let mut found = payloads(&broker, "c").await;
    found.remove(0);
    found.retain(|payload| !unknown.contains(payload));
    assert_eq!(found, stored);
    assert!(unknown.is_empty(), "an election is shorter than the patience: {unknown:?}");
}
