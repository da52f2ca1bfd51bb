//! E1: errors of a broker.

use super::{ALL, BrokerHarness, channel, message, pair, untested};
use crate::broker::{Broker, MAX_KEY, MAX_PAYLOAD};
use crate::store::Kind;
use bytes::Bytes;
use futures_util::StreamExt;

/// E1: an unreachable broker reports a retryable error, in time.
pub async fn e1_an_unreachable_broker_returns_a_retryable_error<H: BrokerHarness>(harness: &H) {
    let broken = match harness.open_broken().await {
        Ok(broken) => broken,
        Err(cannot) => return untested("E1", cannot),
    };
    let c = channel("c");
    let calls = async {
        [
            broken.publish(message("c", "a")).await.err(),
            broken.signal(&c, Bytes::new()).await.err(),
            broken.history(&c, 1).await.err(),
            broken.remove(&c).await.err(),
            broken.ping().await.err(),
        ]
    };
    let errors = tokio::time::timeout(harness.patience(), calls).await.expect("no call waits for ever");
    for error in errors {
        let kind = error.as_ref().map(crate::store::Error::kind);
        assert!(matches!(kind, Some(Kind::Unavailable | Kind::Timeout)), "{error:?}");
    }
}

/// E1 and B8: a subscription of an unreachable broker neither ends nor delivers anything.
pub async fn e1_a_subscription_of_an_unreachable_broker_is_silent<H: BrokerHarness>(harness: &H) {
    let broken = match harness.open_broken().await {
        Ok(broken) => broken,
        Err(cannot) => return untested("E1", cannot),
    };
    let (mut stream, mut prefix) = (broken.subscribe(&channel("c"), ALL), broken.subscribe_prefix("c"));
    let next = futures_util::future::select(stream.next(), prefix.next());
    let next = tokio::time::timeout(std::time::Duration::from_millis(300), next).await;
    assert!(next.is_err(), "something was delivered");
}

/// E1: a payload that is too large is rejected, since retrying would not help.
pub async fn e1_a_payload_that_is_too_large_is_rejected<H: BrokerHarness>(harness: &H) {
    let [broker, _] = pair(harness).await;
    let large = "x".repeat(MAX_PAYLOAD + 1);
    let errors = [
        broker.publish(message("c", large.as_str())).await.err(),
        broker.signal(&channel("c"), Bytes::from(large)).await.err(),
        broker.publish(message("c", "a").key("k".repeat(MAX_KEY + 1))).await.err(),
    ];
    for error in errors {
        assert_eq!(error.map(|error| error.kind()), Some(Kind::Rejected));
    }
    broker.publish(message("c", "x".repeat(MAX_PAYLOAD))).await.expect("the largest payload is taken");
    broker.signal(&channel("c"), Bytes::from("x".repeat(MAX_PAYLOAD))).await.expect("and the largest signal");
    broker.ping().await.expect("it answers");
    assert_eq!(broker.history(&channel("c"), 5).await.expect("a history").len(), 1);
}
