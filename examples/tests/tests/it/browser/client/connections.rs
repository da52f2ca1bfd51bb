//! The connections of a page.

use super::super::bare::{assert_no_user_left, at, is_in, open_as, site};
use super::super::tab::Tab;
use serde_json::json;

#[tokio::test]
async fn eight_tabs_with_six_watches_each_starve_no_hit_over_http_1_1() {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let mut tabs = Vec::new();
    for n in 0..8 {
        let tab =
            Tab::open(&at(&site, &json!({"user": format!("Tab {n}"), "transport": "http", "watches": 5})))
                .await;
        // The page loads, also the eighth.
        ada.until(&format!("view.members.has('Tab {n}')")).await;
        tabs.push(tab);
    }
    // Through two leases everybody's hits go through, and all see the same.
    for tab in &tabs {
        tab.until("view.members.size === 9").await;
        tab.until("count('/v1/hit') >= 6").await;
    }
    assert_eq!(tabs[7].eval("sees()").await, ada.eval("sees()").await);
    assert_no_user_left(&[&ada]).await;
    let streams = tabs[0].eval("count('/v1/sse')").await;
    assert!(streams.as_u64().unwrap() > 0);
}

#[tokio::test]
async fn over_a_socket_any_number_of_watches_is_one_connection() {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let grace = Tab::open(&at(&site, &json!({"user": "Grace", "watches": 30}))).await;
    is_in(&grace).await;
    ada.until("view.members.has('Grace')").await;
    grace.until("sockets.length === 1 && sockets[0].readyState === 1").await;
    ada.eval("presence.setTopics(['lobby', 'room 29'])").await;
    grace.eval("void presence.watch({ topic: 'room 29' }, (view) => { globalThis.last = view; })").await;
    grace.until("last.members.has('Ada')").await;
    assert_eq!(grace.eval("sockets.length").await, 1);
}
