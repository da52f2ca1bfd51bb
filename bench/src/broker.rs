//! Brokers: the latency from a publish to its delivery on another handle, the cost of a delivery,
//! and the memory of an idle subscriber.

use crate::report::{self, Target};
use crate::{Outcome, cpu, memory, options::Options, process};
use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt};
use presence_core::broker::{Broker, Channel, Delivery, Publish, Start};
use presence_memory::MemoryBroker;
use presence_redis::redis::{self, AsyncCommands};
use presence_redis::{BrokerOptions, Namespace, RedisBroker};
use std::hint::black_box;
use test_servers::redis::Redis;

/// A payload of the size of a job's update.
const PAYLOAD: [u8; 200] = [b'x'; 200];

pub fn run(options: &Options) -> Outcome {
    report::head("broker", options.rounds);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(delivered_elsewhere(options))?;
    runtime.block_on(delivered_here(options))?;
    let count = if options.quick { 10_000 } else { 50_000 };
    report::section(&format!("memory of {count} idle subscribers for each, a process of its own"));
    for (case, what) in [("subscribers", "of one channel"), ("channels", "each of its own channel")] {
        report::alone(what, memory::measure(case, count)?, "B", &Target::None);
    }
    Ok(())
}

/// Redis with two handles, compared with a plain `PUBLISH` between two connections.
async fn delivered_elsewhere(options: &Options) -> Outcome {
    report::section("publish of 200 B until it is delivered on another handle; the limit is a plain PUBLISH");
    let server = if options.valkey { Redis::valkey() } else { Redis::start() };
    let handle = || RedisBroker::connect(&server.url(), BrokerOptions::new(Namespace::new("bench")?));
    let (one, two) = (handle()?, handle()?);
    let channel = Channel::new("job:7")?;
    let mut stream = two.subscribe(&channel, Start::Last(usize::MAX));
    one.publish(Publish::new(channel.clone(), &PAYLOAD[..])).await?;
    stream.next().await;

    let client = redis::Client::open(server.url())?;
    let mut plain = client.get_multiplexed_async_connection().await?;
    let mut listener = client.get_async_pubsub().await?;
    listener.subscribe("plain").await?;
    let mut messages = listener.into_on_message();

    let events = if options.quick { 1_000 } else { 5_000 };
    let (mut ours, mut limit, mut acknowledged) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let (mut delivered, mut bare, mut stored) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..events {
            let start = cpu::wall();
            let publish = async {
                let published = one.publish(Publish::new(channel.clone(), &PAYLOAD[..])).await;
                (published, cpu::wall())
            };
            let deliver = async {
                let delivery = stream.next().await;
                (delivery, cpu::wall())
            };
            let ((published, stored_at), (_, delivered_at)) = tokio::join!(publish, deliver);
            published?;
            stored.push((stored_at - start) as f64 / 1e3);
            delivered.push((delivered_at - start) as f64 / 1e3);

            let start = cpu::wall();
            let publish = plain.publish::<_, _, i64>("plain", &PAYLOAD[..]);
            let deliver = async {
                messages.next().await;
                cpu::wall()
            };
            let (published, heard_at) = tokio::join!(publish, deliver);
            published?;
            bare.push((heard_at - start) as f64 / 1e3);
        }
        ours.push(cpu::median(delivered));
        acknowledged.push(cpu::median(stored));
        limit.push(cpu::median(bare));
    }
    let [ours, limit, acknowledged] = [ours, limit, acknowledged].map(cpu::median);
    report::beside("Redis, delivered, p50", (ours, limit), "us", ours / limit, &Target::AtMost(3.0));
    report::beside(
        "Redis, acknowledged, p50",
        (acknowledged, limit),
        "us",
        acknowledged / limit,
        &Target::None,
    );
    Ok(())
}

/// Memory: one event for many subscribers of one channel, each read by a task.
async fn delivered_here(options: &Options) -> Outcome {
    const SUBSCRIBERS: usize = 10_000;
    report::section(
        "one event to 10000 subscribers in the process, ns of CPU for each; the limit is a broadcast channel",
    );
    let (broker, channel) = (MemoryBroker::new(), Channel::new("job:7")?);
    let mut streams: Vec<_> = (0..SUBSCRIBERS).map(|_| broker.subscribe(&channel, Start::Live)).collect();
    streams.iter_mut().for_each(|stream| drop(stream.next().now_or_never()));
    let (sender, _) = tokio::sync::broadcast::channel(16);
    let mut receivers: Vec<_> = (0..SUBSCRIBERS).map(|_| sender.subscribe()).collect();
    let (mut ours, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds.max(3) {
        let start = cpu::thread();
        let received = join_all(streams.iter_mut().map(StreamExt::next));
        let (published, received) =
            tokio::join!(broker.publish(Publish::new(channel.clone(), &PAYLOAD[..])), received);
        published?;
        ours.push((cpu::thread() - start) as f64 / SUBSCRIBERS as f64);
        debug_assert!(received.iter().all(|received| matches!(received, Some(Delivery::Event(_)))));

        let start = cpu::thread();
        let received = join_all(receivers.iter_mut().map(tokio::sync::broadcast::Receiver::recv));
        let (_, received) =
            tokio::join!(async { sender.send(bytes::Bytes::from_static(&PAYLOAD)) }, received);
        limit.push((cpu::thread() - start) as f64 / SUBSCRIBERS as f64);
        black_box(received);
    }
    let [ours, limit] = [ours, limit].map(cpu::median);
    report::beside("memory, one delivery", (ours, limit), "ns", ours / limit, &Target::None);
    Ok(())
}

/// The resident set with this many idle subscribers.
pub fn idle(case: &str, count: usize) -> Outcome<usize> {
    let broker = MemoryBroker::new();
    let mut streams = Vec::with_capacity(count);
    for n in 0..count {
        let name = if case == "channels" { format!("job:{n}") } else { "job".to_owned() };
        let mut stream = broker.subscribe(&Channel::new(name)?, Start::Live);
        drop(stream.next().now_or_never());
        streams.push(stream);
    }
    process::resident("self")
}
