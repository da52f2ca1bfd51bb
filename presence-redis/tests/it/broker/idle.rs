//! A broker that was idle while its server was away.

use super::{at, message, options};
use crate::rig::{self, REDIS};
use presence_core::broker::Broker;
use std::time::Duration;
use test_servers::Proxy;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_call_after_an_outage_uses_a_new_connection() {
    let proxy = Proxy::to(REDIS.port());
    let broker = at(proxy.port(), options(&rig::unique()));
    broker.publish(message("c", "before")).await.unwrap();
    // The client notices the end of its connection within milliseconds, but on a busy machine it
    // may be later. So one of many attempts has to succeed; none would if a call found it out.
    for _ in 0..50 {
        tokio::task::block_in_place(|| {
            proxy.cut();
            proxy.pass();
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        if broker.publish(message("c", "after")).await.is_ok() {
            return;
        }
        while broker.publish(message("c", "again")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    panic!("each first call after an outage failed");
}
