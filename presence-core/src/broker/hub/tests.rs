//! The hub on a backend whose announcements a test can lose.

mod server;

use super::*;
use crate::broker::{EventId, Missed};
use crate::store::{Error, Kind, Result};
use crate::time::Timestamp;
use async_trait::async_trait;
use futures_util::FutureExt;
use std::collections::HashMap;

use server::{Server, channel};

/// The deliveries available once all tasks are idle.
async fn deliveries(stream: &mut BoxStream<'static, Delivery>) -> Vec<String> {
    let mut deliveries = Vec::new();
    for _ in 0..32 {
        while let Some(delivery) = stream.next().now_or_never() {
            deliveries.push(match delivery.expect("a subscription never ends") {
                Delivery::Event(event) => String::from_utf8_lossy(&event.payload).into_owned(),
                Delivery::Signal { payload, .. } => format!("~{}", String::from_utf8_lossy(&payload)),
                Delivery::Missed(missed) => format!("{missed:?}"),
                Delivery::Position(id) => format!("at {id}"),
            });
        }
        tokio::task::yield_now().await;
    }
    deliveries
}

#[tokio::test]
async fn history_continues_in_live_events_without_gap_or_repeat() {
    let (server, hub) = Server::start();
    server.publish("a");
    server.publish("b");
    let mut all = hub.subscribe(&channel(), Start::Last(usize::MAX));
    let mut newest = hub.subscribe(&channel(), Start::Last(1));
    let mut live = hub.subscribe(&channel(), Start::Live);
    let mut after = hub.subscribe(&channel(), Start::After(EventId { incarnation: 1, number: 10 }));
    assert_eq!(deliveries(&mut all).await, ["a", "b"]);
    assert_eq!(deliveries(&mut newest).await, ["b"]);
    assert_eq!(deliveries(&mut live).await, [""; 0]);
    assert_eq!(deliveries(&mut after).await, ["b"]);
    server.publish("c");
    for stream in [&mut all, &mut newest, &mut live, &mut after] {
        assert_eq!(deliveries(stream).await, ["c"]);
    }
}

#[tokio::test]
async fn a_position_comes_first_and_resuming_at_it_reads_no_history() {
    let (server, hub) = Server::start();
    let mut empty = hub.subscribe(&channel(), Start::Here);
    assert_eq!(deliveries(&mut empty).await, ["at 0-0"]);
    let reads = server.state.lock().reads;
    let mut back = hub.subscribe(&channel(), Start::After(EventId::BEGINNING));
    assert_eq!(deliveries(&mut back).await, [""; 0]);
    assert_eq!(server.state.lock().reads, reads);
    server.publish("a");
    for stream in [&mut empty, &mut back] {
        assert_eq!(deliveries(stream).await, ["a"]);
    }
    assert_eq!(deliveries(&mut hub.subscribe(&channel(), Start::Here)).await.len(), 1);
    assert_eq!(deliveries(&mut hub.subscribe(&channel(), Start::After(EventId::BEGINNING))).await, ["a"]);
}

#[tokio::test]
async fn events_announced_while_history_is_read_are_delivered_once() {
    let (server, hub) = Server::start();
    let mut opened = hub.subscribe(&channel(), Start::Live);
    deliveries(&mut opened).await;
    let mut stream = hub.subscribe(&channel(), Start::Last(usize::MAX));
    // The subscriber has entered, and its read is not answered yet: the event is both in the ring
    // and in the page.
    let event = server.store("a");
    server.announce(event.clone());
    assert_eq!(deliveries(&mut stream).await, ["a"]);
    server.announce(event);
    assert_eq!(deliveries(&mut stream).await, [""; 0]);
}

#[tokio::test]
async fn a_lost_announcement_is_recovered_by_one_read_for_all_subscribers() {
    let (server, hub) = Server::start();
    let mut streams: Vec<_> = (0..10).map(|_| hub.subscribe(&channel(), Start::Live)).collect();
    for stream in &mut streams {
        deliveries(stream).await;
    }
    let reads = server.state.lock().reads;
    server.store("lost");
    server.publish("b");
    for stream in &mut streams {
        assert_eq!(deliveries(stream).await, ["lost", "b"]);
    }
    assert_eq!(server.state.lock().reads, reads + 1);
}

#[tokio::test]
async fn resuming_at_the_newest_event_reads_no_history() {
    let (server, hub) = Server::start();
    server.publish("a");
    let mut there = hub.subscribe(&channel(), Start::Live);
    deliveries(&mut there).await;
    let reads = server.state.lock().reads;
    let mut back = hub.subscribe(&channel(), Start::After(EventId { incarnation: 1, number: 10 }));
    assert_eq!(deliveries(&mut back).await, [""; 0]);
    server.publish("b");
    assert_eq!(deliveries(&mut back).await, ["b"]);
    assert_eq!(server.state.lock().reads, reads);
}

#[tokio::test(start_paused = true)]
async fn after_an_interruption_a_subscription_continues_where_it_was() {
    let (server, hub) = Server::start();
    let mut live = hub.subscribe(&channel(), Start::Live);
    deliveries(&mut live).await;
    server.state.lock().down = true;
    hub.interrupted();
    server.store("a");
    assert_eq!(deliveries(&mut live).await, [""; 0]);
    let mut late = hub.subscribe(&channel(), Start::Last(5));
    assert_eq!(deliveries(&mut late).await, [""; 0]);
    server.state.lock().down = false;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    server.publish("b");
    assert_eq!(deliveries(&mut live).await, ["a", "b"]);
    assert_eq!(deliveries(&mut late).await, ["a", "b"]);
}

#[tokio::test]
async fn a_loss_of_data_is_announced_once_and_newer_events_follow() {
    let (server, hub) = Server::start();
    server.publish("old");
    let mut live = hub.subscribe(&channel(), Start::Live);
    deliveries(&mut live).await;
    server.lose_data();
    server.store("a");
    hub.interrupted();
    assert_eq!(deliveries(&mut live).await, ["Incarnation", "a"]);
    server.publish("b");
    assert_eq!(deliveries(&mut live).await, ["b"]);
    let mut late = hub.subscribe(&channel(), Start::After(EventId { incarnation: 1, number: 10 }));
    assert_eq!(deliveries(&mut late).await, ["Incarnation", "a", "b"]);
}

#[tokio::test]
async fn a_new_history_received_from_its_first_event_on_causes_no_missed() {
    let (server, hub) = Server::start();
    server.publish("old");
    let mut live = hub.subscribe(&channel(), Start::Live);
    deliveries(&mut live).await;
    server.lose_data();
    server.publish("a");
    assert_eq!(deliveries(&mut live).await, ["a"]);
    server.lose_data();
    server.store("lost");
    server.publish("b");
    assert_eq!(deliveries(&mut live).await, ["Incarnation", "lost", "b"]);
}

#[tokio::test]
async fn a_late_subscriber_gets_events_of_a_new_history_once() {
    let (server, hub) = Server::start();
    server.publish("old");
    let mut live = hub.subscribe(&channel(), Start::Live);
    deliveries(&mut live).await;
    server.lose_data();
    let first = server.store("a");
    let mut late = hub.subscribe(&channel(), Start::Last(usize::MAX));
    assert_eq!(deliveries(&mut late).await, ["a"]);
    server.announce(first);
    server.publish("b");
    assert_eq!(deliveries(&mut late).await, ["b"]);
    assert_eq!(deliveries(&mut live).await, ["Incarnation", "a", "b"]);
}

#[tokio::test]
async fn a_slow_subscriber_reads_the_history_and_gets_missed_for_trimmed_events() {
    let (server, hub) = Server::start();
    let mut slow = hub.subscribe(&channel(), Start::Live);
    deliveries(&mut slow).await;
    let total = RING_ENTRIES + 10;
    for n in 0..total {
        server.publish(&n.to_string());
    }
    let numbers: Vec<_> = (0..total).map(|n| n.to_string()).collect();
    assert_eq!(deliveries(&mut slow).await, numbers);
    for n in 0..total {
        server.publish(&n.to_string());
    }
    {
        let mut state = server.state.lock();
        state.events.drain(..total + 5);
        state.trimmed = state.events[0].id.number - 10;
    }
    let deliveries = deliveries(&mut slow).await;
    assert_eq!(deliveries[0], "Slow");
    assert_eq!(deliveries[1..], numbers[5..]);
}

#[tokio::test]
async fn signals_reach_present_subscribers_and_prefix_subscribers_of_matching_channels() {
    let (server, hub) = Server::start();
    let (mut one, mut many) = (hub.subscribe(&channel(), Start::Live), hub.subscribe_prefix("c"));
    let mut others = hub.subscribe_prefix("d");
    deliveries(&mut one).await;
    deliveries(&mut many).await;
    deliveries(&mut others).await;
    hub.signal(&channel(), "hi".into());
    let (event, previous) = server.store("a");
    hub.by_prefix(&channel(), &Delivery::Event(event.clone()));
    hub.stored(event, Some(previous));
    assert_eq!(deliveries(&mut one).await, ["~hi", "a"]);
    assert_eq!(deliveries(&mut many).await, ["a"]);
    hub.interrupted();
    assert_eq!(deliveries(&mut many).await, ["Interrupted"]);
    for _ in 0..=RING_ENTRIES {
        hub.prefixed("c", Delivery::Signal { channel: channel(), payload: "x".into() });
    }
    hub.prefixed("c", Delivery::Signal { channel: channel(), payload: "y".into() });
    assert_eq!(deliveries(&mut many).await, ["Slow"]);
    assert_eq!(deliveries(&mut others).await, ["Interrupted"]);
}

#[tokio::test]
async fn the_last_subscriber_of_a_channel_closes_it() {
    let (server, hub) = Server::start();
    let mut one = hub.subscribe(&channel(), Start::Live);
    let mut two = hub.subscribe(&channel(), Start::Last(3));
    let mut prefix = hub.subscribe_prefix("x");
    for stream in [&mut one, &mut two, &mut prefix] {
        deliveries(stream).await;
    }
    assert_eq!((hub.rooms(), server.state.lock().opened.len()), (2, 2));
    drop(one);
    assert!(hub.has(&channel()));
    drop(two);
    drop(prefix);
    assert_eq!((hub.rooms(), server.state.lock().opened.len()), (0, 0));
    // Dropped while the channel is being opened.
    let mut brief = hub.subscribe(&channel(), Start::Live);
    assert!(brief.next().now_or_never().is_none());
    drop(brief);
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    assert_eq!((hub.rooms(), server.state.lock().opened.len()), (0, 0));
}
