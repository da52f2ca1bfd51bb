//! B9 and B11: deliveries that are not replayed.

use super::{
    ALL, BrokerHarness, begun, channel, message, next, pair, store, store_in_the_end, text, untested,
};
use crate::broker::{Broker, Delivery};
use bytes::Bytes;

/// B9: a signal reaches the present subscribers of every handle.
pub async fn b9_a_signal_reaches_every_handle_and_is_never_stored<H: BrokerHarness>(harness: &H) {
    let brokers = pair(harness).await;
    store(&*brokers[0], message("c", "stored")).await;
    for broker in &brokers {
        let live = broker.subscribe(&channel("c"), crate::broker::Start::Live);
        let mut stream = begun(harness, &*brokers[0], &channel("c"), live).await;
        brokers[0].signal(&channel("d"), Bytes::from_static(b"elsewhere")).await.expect("signalled");
        brokers[0].signal(&channel("c"), Bytes::from_static(b"typing")).await.expect("signalled");
        let signal = Delivery::Signal { channel: channel("c"), payload: Bytes::from_static(b"typing") };
        assert_eq!(super::next_new(harness, &mut stream).await, signal);
    }
    let history = brokers[1].history(&channel("c"), usize::MAX).await.expect("a history");
    assert!(history.iter().all(|event| event.payload != "typing"));
    let mut late = brokers[1].subscribe(&channel("c"), ALL);
    store(&*brokers[0], message("c", "end")).await;
    loop {
        match next(harness, &mut late).await {
            Delivery::Event(event) if event.payload == "end" => break,
            Delivery::Event(_) => {}
            other => panic!("replayed: {other:?}"),
        }
    }
}

/// B11: for any bytes of the prefix.
pub async fn b11_a_prefix_delivers_its_channels_and_no_others<H: BrokerHarness>(harness: &H) {
    let [broker, other] = pair(harness).await;
    for prefix in ["job:", "a*", "a?[b]", "q\\", "x.y", "\u{1F680} "] {
        let inside = channel(&format!("{prefix}1"));
        let mut stream = begun(harness, &*broker, &inside, other.subscribe_prefix(prefix)).await;
        for outside in ["job", "ab1", "axb1", "z", "q", "xzy1", "\u{1F680}"] {
            store(&*broker, message(outside, "outside")).await;
            broker.signal(&channel(outside), Bytes::from_static(b"outside")).await.expect("signalled");
        }
        store(&*broker, message(prefix, "of the very name")).await;
        store(&*broker, message(inside.as_str(), "inside").last()).await;
        broker.signal(&inside, Bytes::from_static(b"signal")).await.expect("signalled");
        let mut received = Vec::new();
        while received.len() < 3 {
            received.push(match super::next_new(harness, &mut stream).await {
                Delivery::Event(event) => (event.channel.to_string(), text(&event)),
                Delivery::Signal { channel, payload } => {
                    (channel.to_string(), String::from_utf8_lossy(&payload).into_owned())
                }
                other => panic!("{other:?}"),
            });
        }
        // There is no order to check: channels may be on different servers, and a signal, which is
        // not stored, may overtake any number of events.
        received.sort_unstable();
        let expected =
            [(prefix, "of the very name"), (inside.as_str(), "inside"), (inside.as_str(), "signal")];
        assert_eq!(received, expected.map(|(channel, text)| (channel.to_owned(), text.to_owned())));
    }
}

/// B11: one `Missed` announces all lost deliveries.
pub async fn b11_lost_deliveries_of_a_prefix_are_announced<H: BrokerHarness>(harness: &H) {
    let [broker, other] = pair(harness).await;
    let mut stream = begun(harness, &*broker, &channel("p:0"), other.subscribe_prefix("p:")).await;
    if let Err(cannot) = harness.interrupt().await {
        return untested("B11 during an interruption", cannot);
    }
    let first = message("p:1", "first").key("first");
    let _ = broker.publish(first.clone()).await;
    harness.restore().await;
    store_in_the_end(harness, &*broker, first).await;
    let mut complete = false;
    let mut n = 0;
    let (mut received, mut missed) = (false, false);
    // Messages that are published after the interruption arrive in the end. So does the first one,
    // unless a loss is announced.
    while !complete {
        store_in_the_end(harness, &*broker, message("p:2", "later").key(format!("later {n}"))).await;
        n += 1;
        let every = std::time::Duration::from_millis(50);
        while let Ok(delivery) = tokio::time::timeout(every, super::next_new(harness, &mut stream)).await {
            match delivery {
                Delivery::Missed(_) => missed = true,
                Delivery::Event(event) if event.payload == "first" => received = true,
                Delivery::Event(event) if event.payload == "later" => complete = true,
                other => panic!("{other:?}"),
            }
        }
        assert!(n < 600, "a prefix delivers again after an interruption");
    }
    assert!(received || missed, "a loss was not announced");
}
