//! The server stops and comes back, with the demo's page open.

use super::live::{assert_content, open_over_http as open, shows, site};
use super::tab::Tab;

/// Asserts that only network errors were logged.
fn assert_nothing_but_the_network_failed(tabs: [&Tab; 2]) {
    for tab in tabs {
        let mut complaints = tab.complaints();
        complaints.retain(|complaint| complaint.source != "network");
        assert_eq!(complaints, []);
    }
}

#[tokio::test]
async fn while_the_server_is_away_no_user_disappears() {
    let mut site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    ada.until("users('active-list') === 'Ada,Grace'").await;
    assert_content([&ada, &grace]);

    site.stop().await;
    for tab in [&ada, &grace] {
        tab.until("the('view-state').dataset.state === 'retrying'").await;
    }
    ada.until("the('connection').dataset.state === 'retrying'").await;
    assert_eq!(ada.eval("users('active-list')").await, "Ada,Grace");
    assert_eq!(ada.eval("users('left-list')").await, "");

    site.resume().await;
    for tab in [&ada, &grace] {
        tab.until("the('view-state').dataset.state === 'live'").await;
        tab.until("the('connection').dataset.state === 'live'").await;
        tab.until("users('left-list') === ''").await;
    }
    assert_nothing_but_the_network_failed([&ada, &grace]);
}

#[tokio::test]
async fn a_server_that_has_lost_everything_has_it_again_at_once() {
    let mut site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    grace.set("status-select", "busy").await;
    ada.until("Boolean(row('active-list', 'Grace')?.querySelector('.badge.busy'))").await;
    grace.rest();
    ada.until(&shows("idle-list", "Grace")).await;

    site.stop().await;
    for tab in [&ada, &grace] {
        tab.until("the('view-state').dataset.state === 'retrying'").await;
    }
    site.start_without_sessions().await;
    for tab in [&ada, &grace] {
        tab.until("the('view-state').dataset.state === 'live'").await;
        tab.until(&shows("active-list", "Ada")).await;
        tab.until("Boolean(row('idle-list', 'Grace')?.querySelector('.badge.busy'))").await;
        tab.until("users('left-list') === ''").await;
    }
    assert_nothing_but_the_network_failed([&ada, &grace]);
}

#[tokio::test]
async fn while_the_server_is_blind_the_page_shows_it_and_no_user_ages() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    ada.until("users('active-list') === 'Ada,Grace'").await;
    assert_content([&ada, &grace]);

    site.blind(true);
    for tab in [&ada, &grace] {
        tab.until("the('view-state').dataset.state === 'stale'").await;
    }
    assert_eq!(ada.eval("users('active-list')").await, "Ada,Grace");
    // A hit of its own is shown all the same.
    let alan = Tab::open(&site.url("/?name=Alan")).await;
    for tab in [&ada, &alan] {
        tab.until(&shows("active-list", "Alan")).await;
        tab.until("the('view-state').dataset.state === 'stale'").await;
    }

    site.blind(false);
    for tab in [&ada, &grace, &alan] {
        tab.until("the('view-state').dataset.state === 'live'").await;
    }
    assert_eq!(ada.eval("users('left-list')").await, "");
    assert_content([&ada, &grace, &alan]);
}
