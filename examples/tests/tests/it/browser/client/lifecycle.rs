//! The life cycle of pages and tabs.

use super::super::bare::{assert_no_user_left, at, encoded, is_in, open, open_as, open_over_http, site};
use super::super::tab::Tab;
use serde_json::{Value, json};

#[tokio::test]
async fn out_of_the_back_forward_cache_comes_the_same_user_and_one_session() {
    tokio::join!(goes_back("auto"), goes_back("http"));
}

async fn goes_back(transport: &str) {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let grace = open(&site, json!({"user": "Grace", "transport": transport})).await;
    ada.until("view.members.has('Grace')").await;
    ada.eval("void (gone.length = 0)").await;
    grace.eval(&format!("void (location.href = {})", json!(site.url("/elsewhere")))).await;
    grace.until("document.body.innerText === 'Elsewhere'").await;
    ada.until("!view.members.has('Grace')").await;
    grace.eval("void history.back()").await;
    grace.until("globalThis.isPersisted === true").await;
    is_in(&grace).await;
    ada.until("view.members.has('Grace')").await;
    assert_eq!(site.sessions("Grace"), 1, "{transport}");

    grace.eval("presence.setStatus('busy')").await;
    ada.until("view.members.get('Grace')?.status === 'busy'").await;
    ada.eval(&format!("presence.setStatus('away', '{transport}')")).await;
    grace.until(&format!("view.members.get('Ada')?.message === '{transport}'")).await;
    assert_eq!(ada.eval("gone.join()").await, "Grace");
}

#[tokio::test]
async fn a_frozen_page_is_up_to_date_again_after_it_resumes() {
    tokio::join!(freezes("auto"), freezes("http"));
}

async fn freezes(transport: &str) {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let grace = open(&site, json!({"user": "Grace", "transport": transport})).await;
    let bob = open_as(&site, "Bob").await;
    let session = grace.eval("presence.session").await;
    ada.until("sees() === 'Ada,Bob,Grace'").await;
    grace.set_window("minimized").await;
    grace.until("document.hidden").await;
    grace.set_lifecycle("frozen").await;
    ada.until("sees() === 'Ada,Bob'").await;
    bob.close().await;
    ada.until("sees() === 'Ada'").await;
    grace.set_lifecycle("active").await;
    // Although the tab is hidden.
    ada.until("sees() === 'Ada,Grace'").await;
    grace.set_window("normal").await;
    is_in(&grace).await;
    grace.until("sees() === 'Ada,Grace'").await;
    assert_eq!(grace.eval("presence.session").await, session);
}

#[tokio::test]
async fn a_hidden_page_stays_online_with_slow_timers_at_one_request_per_heartbeat() {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let grace = open(&site, json!({"user": "Grace", "transport": "http", "slow": true})).await;
    ada.until("view.members.has('Grace')").await;
    grace.set_window("minimized").await;
    grace.until("document.hidden").await;
    grace.eval("globalThis.before = asked.length").await;
    // Two leases and more, at two hits and a half per lease.
    grace.until("asked.slice(before).filter((it) => it.endsWith('/v1/hit')).length >= 6").await;
    assert_eq!(grace.eval("asked.slice(before).every((path) => path.endsWith('/v1/hit'))").await, true);
    ada.until("view.members.get('Grace')?.liveness === 'idle'").await;
    assert_no_user_left(&[&ada]).await;

    grace.set_window("normal").await;
    is_in(&grace).await;
    assert_no_user_left(&[&ada, &grace]).await;
}

#[tokio::test]
async fn a_tab_that_crashes_is_gone_and_after_a_reload_it_is_there_once() {
    tokio::join!(crashes("auto"), crashes("http"));
}

async fn crashes(transport: &str) {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let grace = open(&site, json!({"user": "Grace", "transport": transport})).await;
    ada.until("view.members.has('Grace')").await;
    grace.crash().await;
    ada.until("!view.members.has('Grace')").await;
    grace.call("Page.reload", json!({})).await;
    is_in(&grace).await;
    ada.until("view.members.has('Grace')").await;
    assert_eq!(site.sessions("Grace"), 1);
}

#[tokio::test]
async fn a_prerendered_page_enters_when_it_is_shown() {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    ada.eval("new BroadcastChannel('prerendered').onmessage = () => { globalThis.isPrerendered = true; }; 0")
        .await;
    let page = at(&site, &json!({"user": "Grace"}));
    Tab::open_unseen(&site.url(&format!("/prerenders?page={}", encoded(&page)))).await;
    ada.until(&format!("localStorage.getItem('prerenders') === {}", json!(page))).await;
    // Users who come later are listed before her.
    let _bob = open_over_http(&site, "Bob").await;
    ada.until("sees() === 'Ada,Bob'").await;
    assert_eq!(site.sessions("Grace"), 0);
    ada.eval("new BroadcastChannel('show').postMessage(null)").await;
    ada.until("sees() === 'Ada,Bob,Grace'").await;
    assert_eq!(site.sessions("Grace"), 1);
}

#[tokio::test]
async fn a_page_at_rest_lays_nothing_out() {
    let site = site().await;
    let ada = open_over_http(&site, "Ada").await;
    ada.call("Performance.enable", json!({})).await;
    ada.until("document.getElementById('shown').textContent === 'Ada'").await;
    // Once it is idle nothing changes any more.
    ada.until("view.members.get('Ada').liveness === 'idle'").await;
    // On a busy machine the view may turn stale meanwhile, which shows; heartbeats must not.
    for _ in 0..5 {
        let before = layouts(&ada).await;
        ada.eval("globalThis.before = count('/v1/hit')").await;
        ada.until("count('/v1/hit') >= before + 2").await;
        if layouts(&ada).await == before {
            return;
        }
    }
    panic!("each heartbeat has the page laid out anew");
}

async fn layouts(tab: &Tab) -> Value {
    let metrics = tab.call("Performance.getMetrics", json!({})).await;
    let all = metrics["metrics"].as_array().unwrap();
    all.iter().find(|it| it["name"] == "LayoutCount").unwrap()["value"].clone()
}
