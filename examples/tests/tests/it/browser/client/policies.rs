//! Policies of a site, and of another one.

use super::super::bare;
use super::super::bare::{
    assert_no_user_left, at, is_in, open, open_as, open_to_all, open_to_tokens, policy, strict,
};
use super::super::site::Site;
use super::super::tab::Tab;
use serde_json::{Value, json};

#[tokio::test]
async fn under_a_strict_policy_all_works_and_the_worker_too() {
    let site = Site::serving(policy(), strict).await;
    let ada = open_as(&site, "Ada").await;
    let grace = open(&site, json!({"user": "Grace", "slow": true, "transport": "http"})).await;
    ada.until("view.members.has('Grace')").await;
    grace.set_window("minimized").await;
    grace.until("document.hidden").await;
    // Only a worker rings in time.
    grace.until("(globalThis.before ??= count('/v1/hit')) + 4 <= count('/v1/hit')").await;
    assert_no_user_left(&[&ada]).await;
    for tab in [&ada, &grace] {
        assert_eq!(tab.complaints(), []);
    }
}

/// A page of another origin than the service it calls.
async fn of_another_origin(site: &Site, pages: &Site, options: Value) -> Tab {
    let mut options = options;
    options["url"] = site.url("/presence").into();
    let tab = Tab::open(&at(pages, &options)).await;
    is_in(&tab).await;
    tab
}

#[tokio::test]
async fn a_page_of_another_origin_is_present_without_a_token() {
    tokio::join!(calls_from_another_origin("auto"), calls_from_another_origin("http"));
}

async fn calls_from_another_origin(transport: &str) {
    let (pages, site) = (bare::site().await, Site::serving(policy(), open_to_all).await);
    let ada = open_as(&site, "Ada").await;
    let grace = of_another_origin(&site, &pages, json!({"user": "Grace", "transport": transport})).await;
    ada.until("view.members.has('Grace')").await;
    grace.eval("presence.setStatus('busy')").await;
    ada.until("view.members.get('Grace').status === 'busy'").await;
    assert_eq!(grace.complaints(), []);
}

#[tokio::test]
async fn a_page_of_another_origin_is_present_with_a_token() {
    let (pages, site) = (bare::site().await, Site::serving(policy(), open_to_tokens).await);
    for transport in ["auto", "http"] {
        let options = json!({"user": null, "tokens": 60, "transport": transport});
        let grace = of_another_origin(&site, &pages, options).await;
        assert_eq!(grace.eval("presence.user").await, "Grace");
        grace.eval("presence.setStatus('busy')").await;
        grace.until("view.members.get('Grace').status === 'busy'").await;
        assert_eq!(grace.complaints(), []);
        grace.close().await;
    }
}
