//! B6 to B8 and B12: `subscribe`.

use super::{
    ALL, BrokerHarness, begun, channel, message, next, next_after_begun, next_event, next_new, next_texts,
    pair, store, store_in_the_end, text, untested,
};
use crate::broker::{Delivery, EventId, Missed, Retention, Start};
use crate::conformance::Rng;

/// B6: `After` and `Last` deliver what they specify.
pub async fn b6_each_start_delivers_what_it_specifies<H: BrokerHarness>(harness: &H) {
    let [broker, other] = pair(harness).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(store(&*broker, message("c", n)).await);
    }
    let cases = [
        (Start::After(ids[1]), vec!["2", "3", "4", "new"]),
        (Start::After(ids[4]), vec!["new"]),
        (Start::Last(2), vec!["3", "4", "new"]),
        (Start::Last(9), vec!["0", "1", "2", "3", "4", "new"]),
        (ALL, vec!["0", "1", "2", "3", "4", "new"]),
    ];
    let mut streams: Vec<_> = cases.iter().map(|(from, _)| other.subscribe(&channel("c"), *from)).collect();
    for (stream, (_, expected)) in streams.iter_mut().zip(&cases) {
        let replayed = expected.len() - 1;
        assert_eq!(next_texts(harness, stream, replayed).await, expected[..replayed]);
    }
    store(&*broker, message("c", "new")).await;
    for stream in &mut streams {
        assert_eq!(next_texts(harness, stream, 1).await, ["new"]);
    }
    // Subscriptions of a channel without history.
    let mut empty = other.subscribe(&channel("d"), Start::Last(3));
    let mut all = other.subscribe(&channel("d"), ALL);
    store(&*broker, message("d", "first")).await;
    assert_eq!(next_texts(harness, &mut empty, 1).await, ["first"]);
    assert_eq!(next_texts(harness, &mut all, 1).await, ["first"]);
}

/// B6: `Live` replays nothing, and then misses nothing.
pub async fn b6_live_delivers_only_later_events<H: BrokerHarness>(harness: &H) {
    let [broker, other] = pair(harness).await;
    store(&*broker, message("c", "old")).await;
    let live = other.subscribe(&channel("c"), Start::Live);
    let first = next_after_begun(harness, &*broker, &channel("c"), live).await;
    let (mut live, first) = first;
    assert_eq!(text(&first), "begun", "nothing old is replayed");
    for n in 0..20 {
        store(&*broker, message("c", n)).await;
    }
    for n in 0..20 {
        let Delivery::Event(event) = next_new(harness, &mut live).await else { panic!("{n} is missing") };
        assert_eq!(text(&event), n.to_string());
    }
}

/// B6: the `Position` of `Here`, in a channel with and without history.
pub async fn b6_here_delivers_a_position_from_which_another_subscription_continues<H: BrokerHarness>(
    harness: &H,
) {
    let [broker, other] = pair(harness).await;
    let newest = store(&*broker, message("c", "old")).await;
    for (name, expected) in [("c", newest), ("d", EventId::BEGINNING)] {
        let mut here = other.subscribe(&channel(name), Start::Here);
        let Delivery::Position(position) = next(harness, &mut here).await else { panic!("no position") };
        assert_eq!(position, expected);
        for n in 0..3 {
            store(&*broker, message(name, n)).await;
        }
        assert_eq!(next_texts(harness, &mut here, 3).await, ["0", "1", "2"]);
        let mut back = broker.subscribe(&channel(name), Start::After(position));
        store(&*broker, message(name, 3)).await;
        assert_eq!(next_texts(harness, &mut back, 4).await, ["0", "1", "2", "3"]);
    }
}

/// B6: a history that is longer than one answer of a server is replayed completely.
pub async fn b6_a_long_history_is_replayed_completely<H: BrokerHarness>(harness: &H) {
    let [broker, other] = pair(harness).await;
    let payload = |n: usize| format!("{n}{}", "x".repeat(if n.is_multiple_of(100) { 70_000 } else { 10 }));
    let first = store(&*broker, message("c", payload(0))).await;
    for n in 1..700 {
        store(&*broker, message("c", payload(n))).await;
    }
    for (from, first) in [(ALL, 0), (Start::After(first), 1), (Start::Last(500), 200)] {
        let mut stream = other.subscribe(&channel("c"), from);
        for n in first..700 {
            assert!(text(&next_event(harness, &mut stream).await) == payload(n), "{from:?}: {n}");
        }
    }
}

/// B6: the transition from history to live, at random points.
pub async fn b6_a_subscriber_that_reconnects_gets_each_event_once<H: BrokerHarness>(harness: &H) {
    const EVENTS: usize = 300;
    let seed = crate::random::u64();
    eprintln!("seed {seed}");
    let brokers = pair(harness).await;
    let publish = async {
        for n in 0..EVENTS {
            store(&*brokers[n % 2], message("c", n)).await;
            if n % 7 == 0 {
                tokio::task::yield_now().await;
            }
        }
    };
    let viewer = |n: u64| {
        let brokers = &brokers;
        async move {
            let mut rng = Rng::seeded(seed ^ n);
            let mut seen: Vec<String> = Vec::new();
            let mut last: Option<EventId> = None;
            while seen.len() < EVENTS {
                let broker = &brokers[rng.index(2)];
                let mut stream = broker.subscribe(&channel("c"), last.map_or(ALL, Start::After));
                for _ in 0..rng.below(40) {
                    if seen.len() == EVENTS {
                        break;
                    }
                    let event = next_event(harness, &mut stream).await;
                    last = Some(event.id);
                    seen.push(text(&event));
                }
            }
            seen
        }
    };
    let (sent, seen) = (publish, futures_util::future::join_all((1..=4).map(viewer)));
    let ((), seen) = tokio::join!(sent, seen);
    let expected: Vec<_> = (0..EVENTS).map(|n| n.to_string()).collect();
    for seen in seen {
        assert_eq!(seen, expected);
    }
}

/// B7: `Trimmed` comes before the oldest stored event, but not for a subscriber
/// that misses nothing.
pub async fn b7_trimmed_events_are_announced<H: BrokerHarness>(harness: &H) {
    let broker = harness.open("a", Retention::default().count(3)).await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(store(&*broker, message("c", n)).await);
    }
    let mut stream = broker.subscribe(&channel("c"), Start::After(ids[2]));
    assert_eq!(next(harness, &mut stream).await, Delivery::Missed(Missed::Trimmed));
    assert_eq!(next_texts(harness, &mut stream, 3).await, ["7", "8", "9"]);
    let mut stream = broker.subscribe(&channel("c"), Start::After(EventId::BEGINNING));
    assert_eq!(next(harness, &mut stream).await, Delivery::Missed(Missed::Trimmed));
    assert_eq!(next_texts(harness, &mut stream, 3).await, ["7", "8", "9"]);
    for (from, count) in [(ids[7], 2), (ids[8], 1)] {
        let mut stream = broker.subscribe(&channel("c"), Start::After(from));
        assert_eq!(next_texts(harness, &mut stream, count).await, ["8", "9"][2 - count..]);
    }
}

/// B7: `Incarnation`, whether or not the channel has a history.
pub async fn b7_an_id_of_another_history_is_announced<H: BrokerHarness>(harness: &H) {
    let [broker, _] = pair(harness).await;
    let id = store(&*broker, message("c", "a")).await;
    let other = EventId { incarnation: id.incarnation.wrapping_add(1), number: id.number };
    let mut stream = broker.subscribe(&channel("c"), Start::After(other));
    assert_eq!(next(harness, &mut stream).await, Delivery::Missed(Missed::Incarnation));
    assert_eq!(next_texts(harness, &mut stream, 1).await, ["a"]);
    let mut stream = broker.subscribe(&channel("d"), Start::After(other));
    assert_eq!(next(harness, &mut stream).await, Delivery::Missed(Missed::Incarnation));
    store(&*broker, message("d", "first")).await;
    assert_eq!(next_texts(harness, &mut stream, 1).await, ["first"]);
}

/// B7: a loss of data is announced.
pub async fn b7_a_loss_of_data_is_announced_and_later_events_follow<H: BrokerHarness>(harness: &H) {
    let [broker, other] = pair(harness).await;
    let mut there = other.subscribe(&channel("c"), ALL);
    store(&*broker, message("c", "old")).await;
    let old = next_event(harness, &mut there).await.id;
    if let Err(cannot) = harness.lose_data().await {
        return untested("B7", cannot);
    }
    store_in_the_end(harness, &*broker, message("c", "new").key("n")).await;
    // A subscriber that was connected all the time has missed nothing, and may get no announcement.
    let news = loop {
        match next(harness, &mut there).await {
            Delivery::Missed(Missed::Incarnation) => {}
            other => break other,
        }
    };
    assert!(matches!(&news, Delivery::Event(event) if text(event) == "new"), "{news:?}");
    let mut back = other.subscribe(&channel("c"), Start::After(old));
    assert_eq!(next(harness, &mut back).await, Delivery::Missed(Missed::Incarnation));
    assert_eq!(next_texts(harness, &mut back, 1).await, ["new"]);
}

/// B8: a subscription continues where it was interrupted.
pub async fn b8_an_interruption_loses_and_repeats_nothing<H: BrokerHarness>(harness: &H) {
    let [broker, other] = pair(harness).await;
    let mut streams = [
        begun(harness, &*broker, &channel("c"), other.subscribe(&channel("c"), Start::Live)).await,
        other.subscribe(&channel("c"), ALL),
    ];
    for n in 0..5 {
        if let Err(cannot) = harness.interrupt().await {
            return untested("B8", cannot);
        }
        // The publish may have been stored or not, so it is repeated until it is acknowledged.
        let publish = |k: usize| message("c", format!("{n}/{k}")).key(format!("{n}/{k}"));
        let _ = broker.publish(publish(0)).await;
        harness.restore().await;
        for k in 0..3 {
            store_in_the_end(harness, &*broker, publish(k)).await;
        }
        for stream in &mut streams {
            for k in 0..3 {
                let news = next_new(harness, stream).await;
                let Delivery::Event(event) = news else { panic!("{n}/{k}: {news:?}") };
                assert_eq!(text(&event), format!("{n}/{k}"));
            }
        }
    }
}

/// B12 and B7: a slow subscriber gets `Slow` or `Trimmed`; nothing is skipped silently.
pub async fn b12_a_slow_subscriber_delays_no_other_and_gets_missed<H: BrokerHarness>(harness: &H) {
    const EVENTS: usize = 3_000;
    let retention = Retention::default().count(50);
    let [broker, other] = [harness.open("a", retention.clone()).await, harness.open("a", retention).await];
    let live = || other.subscribe(&channel("c"), Start::Live);
    let mut slow = begun(harness, &*broker, &channel("c"), live()).await;
    let mut quick = begun(harness, &*broker, &channel("c"), live()).await;
    for n in 0..EVENTS {
        store(&*broker, message("c", n)).await;
        let Delivery::Event(event) = next_new(harness, &mut quick).await else { panic!("{n} is missing") };
        assert_eq!(text(&event), n.to_string());
    }
    let (mut expected, mut announced) = (0, false);
    while expected < EVENTS {
        match next_new(harness, &mut slow).await {
            Delivery::Missed(_) => announced = true,
            Delivery::Event(event) => {
                let n: usize = text(&event).parse().expect("a number");
                assert!(
                    n == expected || (std::mem::take(&mut announced) && n > expected),
                    "{expected}, then {n}"
                );
                expected = n + 1;
            }
            other => panic!("{other:?}"),
        }
    }
}
