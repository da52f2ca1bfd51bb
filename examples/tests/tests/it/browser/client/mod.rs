//! The client in a real browser: behaviour that unit tests cannot show.

mod connections;
mod identity;
mod input;
mod lifecycle;
mod messages;
mod outages;
mod policies;
mod tokens;

use super::live::{assert_content, open, shows, site};

const HITS: &str =
    "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/v1/hit')).length";

#[tokio::test]
async fn where_the_mount_has_a_socket_it_carries_the_hits() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    grace.rest();
    // Over HTTP the page has entered; everything after that goes over the socket.
    grace.until(&format!("(globalThis.hits ??= {HITS}) === {HITS}")).await;
    for (place, room) in ["library", "workshop", "lobby"].into_iter().enumerate() {
        grace.click(&format!("topic-{room}")).await;
        ada.click(&format!("topic-{room}")).await;
        ada.until(&shows("active-list", "Grace")).await;
        grace.until(&format!("history.length > {place}")).await;
    }
    let hits = grace.eval(HITS).await.as_u64().unwrap();
    assert!(hits <= 2, "{hits} hits over HTTP");
    assert_content([&ada, &grace]);
}

#[tokio::test]
async fn a_reload_keeps_the_session_and_is_not_seen_as_a_leave() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    ada.until(&shows("active-list", "Grace")).await;
    let session = grace.eval("presence.session").await;
    grace.reload().await;
    grace.until("presence.self.getSnapshot().state === 'live'").await;
    assert_eq!(grace.eval("presence.session").await, session);
    grace.until(&shows("active-list", "Ada")).await;
    assert_eq!(ada.eval("users('left-list')").await, "");
    assert_content([&ada, &grace]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_an_hour_delays_nothing() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    ada.until(&shows("active-list", "Grace")).await;
    grace.eval("{ const now = Date.now; Date.now = () => now() - 3_600_000; }").await;
    grace.click("topic-lobby").await;
    ada.until("the('topic-lobby').querySelector('.n').textContent === '1'").await;
    assert_content([&ada, &grace]);
}
