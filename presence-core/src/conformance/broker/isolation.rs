//! B10: channels and namespaces are kept apart.

use super::{ALL, BrokerHarness, channel, message, next_texts, pair, store};
use crate::broker::{Broker, Channel, Retention};

/// B10: names that wildcards, separators or escapes could confuse.
pub async fn b10_channels_of_any_name_are_kept_separate<H: BrokerHarness>(harness: &H) {
    let [broker, other] = pair(harness).await;
    let long = "x".repeat(Channel::MAX_BYTES);
    let longer = format!("{}y", "x".repeat(Channel::MAX_BYTES - 1));
    let names = [
        "a",
        "A",
        "a ",
        " a",
        "a:b",
        "a:b:c",
        "a*",
        "*",
        ">",
        "a.b",
        "a.*",
        "a.>",
        "{a}",
        "{a}:b",
        "a}",
        "a/b",
        "a%3Ab",
        "a=",
        "a_",
        "a-b",
        "$a",
        "é",
        "e\u{301}",
        "\u{1F600}",
        "日本",
        "a\\",
        "a?",
        "[a]",
        "a,b",
        "a|b",
        "a\"b",
        "a'b",
        &long,
        &longer,
    ];
    let mut streams: Vec<_> = names.iter().map(|name| other.subscribe(&channel(name), ALL)).collect();
    for (n, name) in names.iter().enumerate() {
        store(&*broker, message(name, n)).await;
    }
    for name in names {
        store(&*broker, message(name, "end")).await;
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        assert_eq!(next_texts(harness, stream, 2).await, [n.to_string(), "end".to_owned()], "{}", names[n]);
        let history = other.history(&channel(names[n]), usize::MAX).await.expect("a history");
        assert_eq!(history.len(), 2, "{}", names[n]);
    }
}

/// B10: the same channel name in another namespace is another channel.
pub async fn b10_namespaces_are_kept_separate<H: BrokerHarness>(harness: &H) {
    let a = harness.open("a", Retention::default()).await;
    let b = harness.open("b", Retention::default()).await;
    let mut streams = [a.subscribe(&channel("c"), ALL), b.subscribe(&channel("c"), ALL)];
    store(&*a, message("c", "of a").key("k")).await;
    store(&*b, message("c", "of b").key("k").last()).await;
    store(&*a, message("c", "more of a")).await;
    assert_eq!(next_texts(harness, &mut streams[0], 2).await, ["of a", "more of a"]);
    assert_eq!(next_texts(harness, &mut streams[1], 1).await, ["of b"]);
    a.remove(&channel("c")).await.expect("removed");
    assert_eq!(b.history(&channel("c"), usize::MAX).await.expect("a history").len(), 1);
}
