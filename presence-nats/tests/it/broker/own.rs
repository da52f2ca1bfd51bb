//! Behaviour of this broker beyond the contract.

use crate::rig::{self, NATS, OLD, unique};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use presence_core::broker::{Broker, Channel, Delivery, EventId, MAX_PAYLOAD, Publish, Published, Start};
use presence_core::store::Kind;
use presence_nats::async_nats::{self, ConnectOptions};
use presence_nats::{BrokerOptions, NatsBroker};
use std::time::Duration;
use test_servers::nats::Nats;

const PATIENCE: Duration = Duration::from_secs(30);

pub fn channel(name: &str) -> Channel {
    Channel::new(name).unwrap()
}

pub fn on(server: &Nats, options: BrokerOptions) -> NatsBroker {
    NatsBroker::connect(&server.url(), ConnectOptions::new(), options).unwrap()
}

async fn store(broker: &NatsBroker, name: &str, payload: impl Into<bytes::Bytes>) -> EventId {
    match broker.publish(Publish::new(channel(name), payload)).await.unwrap() {
        Published::Stored(id) => id,
        other => panic!("not stored: {other:?}"),
    }
}

async fn next(stream: &mut BoxStream<'static, Delivery>) -> Delivery {
    tokio::time::timeout(PATIENCE, stream.next()).await.unwrap().unwrap()
}

async fn next_text(stream: &mut BoxStream<'static, Delivery>) -> String {
    match next(stream).await {
        Delivery::Event(event) => String::from_utf8(event.payload.to_vec()).unwrap(),
        other => panic!("no event: {other:?}"),
    }
}

#[tokio::test]
async fn one_consumer_serves_all_channels_of_a_process() {
    let name = unique();
    let broker = on(&NATS, rig::events(&name));
    let mut streams: Vec<_> =
        (0..200).map(|n| broker.subscribe(&channel(&format!("c{n}")), Start::Last(1))).collect();
    for (n, stream) in streams.iter_mut().enumerate() {
        store(&broker, &format!("c{n}"), format!("{n}")).await;
        assert_eq!(next_text(stream).await, n.to_string());
    }
    let consumers = NATS.request(&format!("$JS.API.CONSUMER.NAMES.EVENTS_{name}"), "");
    assert_eq!(consumers.matches("presence-").count(), 1, "{consumers}");
    rig::lose_events(&NATS, &name);
}

#[tokio::test]
async fn a_channel_name_of_maximum_length_can_be_used() {
    for server in [&NATS, &OLD] {
        let name = unique();
        let broker = on(server, rig::events(&name));
        let longest = [".".repeat(Channel::MAX_BYTES), "é".repeat(Channel::MAX_BYTES / 2)];
        for long in &longest {
            let mut stream = broker.subscribe(&channel(long), Start::Last(2));
            store(&broker, long, "one").await;
            assert_eq!(next_text(&mut stream).await, "one");
            let key = "*".repeat(256);
            let repeat = || Publish::new(channel(long), "two").key(key.clone());
            let stored = broker.publish(repeat()).await.unwrap();
            assert_eq!(broker.publish(repeat()).await.unwrap(), Published::Repeated(stored.id()));
            assert_eq!(next_text(&mut stream).await, "two");
            broker.signal(&channel(long), "s".into()).await.unwrap();
            assert!(matches!(next(&mut stream).await, Delivery::Signal { .. }));
        }
        rig::lose_events(server, &name);
    }
}

#[tokio::test]
async fn foreign_messages_in_the_stream_are_skipped() {
    let name = unique();
    let broker = on(&NATS, rig::events(&name));
    let mut stream = broker.subscribe(&channel("c"), Start::Last(9));
    let first = store(&broker, "c", "one").await;
    assert_eq!(next_text(&mut stream).await, "one");
    let client = async_nats::connect(NATS.url()).await.unwrap();
    for subject in [format!("$KV.{name}=events.c"), format!("$KV.{name}=events.=")] {
        let ack = client.request(subject, "by hand".into()).await.unwrap();
        assert!(String::from_utf8_lossy(&ack.payload).contains("\"seq\""), "{ack:?}");
    }
    let second = store(&broker, "c", "two").await;
    assert_eq!(second.incarnation, first.incarnation);
    assert_eq!(next_text(&mut stream).await, "two");
    rig::lose_events(&NATS, &name);
}

#[tokio::test]
async fn a_full_stream_drops_the_oldest_events_of_all_channels() {
    let name = unique();
    let options = rig::events(&name).max_bytes(1024 * 1024);
    let broker = on(&NATS, options);
    for n in 0..10 {
        store(&broker, &format!("c{n}"), vec![b'x'; MAX_PAYLOAD]).await;
    }
    assert_eq!(broker.history(&channel("c0"), 9).await.unwrap(), []);
    assert_eq!(broker.history(&channel("c9"), 9).await.unwrap().len(), 1);
    rig::lose_events(&NATS, &name);
}

#[tokio::test]
async fn a_stream_with_other_subjects_is_rejected_with_the_reason() {
    let name = unique();
    let config = format!(r#"{{"name":"EVENTS_{name}","subjects":["other.{name}"],"storage":"memory"}}"#);
    let answer = NATS.request(&format!("$JS.API.STREAM.CREATE.EVENTS_{name}"), &config);
    assert!(answer.contains("did_create"), "{answer}");
    let broker = on(&NATS, rig::events(&name));
    let error = broker.ping().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected);
    assert!(error.to_string().contains("other subjects"), "{error}");
    let error = broker.publish(Publish::new(channel("c"), "x")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected);
    rig::lose_events(&NATS, &name);
}

#[tokio::test]
async fn a_broker_and_a_store_can_share_a_namespace_and_a_client() {
    let name = unique();
    let client = async_nats::connect(NATS.url()).await.unwrap();
    let options = rig::options(&name, presence_nats::Storage::Memory).policy(None);
    let store = presence_nats::NatsStore::with_client(client.clone(), options).unwrap();
    let broker = NatsBroker::with_client(client, rig::events(&name)).unwrap();
    store.ping().await.unwrap();
    broker.ping().await.unwrap();
    assert!(!format!("{broker:?}").contains("127.0.0.1"));
    rig::lose(&NATS, &name);
    rig::lose_events(&NATS, &name);
}
