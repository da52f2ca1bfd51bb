//! A network that goes, or goes silent.

use super::super::bare::{
    assert_no_user_left, at, is_in, open_as, open_over_http, policy, site, without_socket,
};
use super::super::site::Site;
use super::super::tab::Tab;
use serde_json::json;
use test_servers::Proxy;

#[tokio::test]
async fn offline_is_shown_by_the_page_until_it_is_online_again() {
    let site = site().await;
    let (ada, grace) = (open_as(&site, "Ada").await, open_over_http(&site, "Grace").await);
    ada.until("view.members.has('Grace')").await;
    grace.set_online(false).await;
    grace.until("state() === 'retrying' && presence.self.getSnapshot().error.code === 'network'").await;
    ada.until("!view.members.has('Grace')").await;
    grace.set_online(true).await;
    is_in(&grace).await;
    ada.until("view.members.has('Grace')").await;
}

#[tokio::test]
async fn without_a_connection_no_user_disappears_and_then_the_view_is_right() {
    let site = site().await;
    let (ada, bob) = (open_as(&site, "Ada").await, open_as(&site, "Bob").await);
    let (path, grace) = behind(&site, "auto").await;
    grace.until("sees() === 'Ada,Bob,Grace'").await;
    path.cut();
    grace.until("state() === 'retrying' && view.stale && errors.length > 0").await;
    bob.close().await;
    // Back only when the others have missed her.
    ada.until("sees() === 'Ada'").await;
    assert_eq!(grace.eval("sees()").await, "Ada,Bob,Grace");
    assert_no_user_left(&[&grace]).await;
    path.pass();
    is_in(&grace).await;
    grace.until("sees() === 'Ada,Grace' && gone.filter((user) => user !== 'Grace').join() === 'Bob'").await;
    ada.until("sees() === 'Ada,Grace'").await;
    // And it has a socket again.
    grace.until("sockets.at(-1).readyState === 1").await;
}

#[tokio::test]
async fn a_leave_while_offline_is_sent_when_the_network_is_back() {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let grace = open_over_http(&site, "Grace").await;
    ada.until("view.members.has('Grace')").await;
    grace.set_online(false).await;
    assert_eq!(grace.eval("presence.leave({ now: true })").await, "unconfirmed");
    assert_eq!(site.sessions("Grace"), 1);
    grace.set_online(true).await;
    ada.until("!view.members.has('Grace')").await;
    assert_eq!(grace.eval("state()").await, "stopped");
}

#[tokio::test]
async fn a_leave_arrives_although_beacons_are_lost() {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    ada.eval(
        "globalThis.left = [];
         presence.watch({ topic: 'lobby' }, (_, { left: gone }) => left.push(...gone.map(({ member, reason }) => `${member.user} ${reason}`))); 0",
    )
    .await;
    let held_back = async |user: &str| {
        let tab = open_over_http(&site, user).await;
        tab.eval("navigator.sendBeacon = () => true; 0").await;
        ada.until(&format!("view.members.has('{user}')")).await;
        tab
    };
    let leaves = held_back("Leaves").await;
    assert_eq!(leaves.eval("presence.leave({ now: true })").await, "confirmed");
    let becomes = held_back("Becomes").await;
    assert_eq!(becomes.eval("presence.setUser('Another')").await, "confirmed");
    let goes = held_back("Goes").await;
    goes.go(&site.url("/elsewhere")).await;
    let closes = held_back("Closes").await;
    closes.close().await;
    ada.until("view.members.size === 2 && view.members.has('Another')").await;
    assert_eq!(ada.eval("left.sort().join()").await, "Becomes left,Closes left,Goes left,Leaves left");
}

/// A path to this site that can go silent.
pub(super) async fn behind(site: &Site, transport: &str) -> (Proxy, Tab) {
    let path = Proxy::to(site.port());
    let url = at(site, &json!({"user": "Grace", "transport": transport}));
    let url = url.replacen(&site.port().to_string(), &path.port().to_string(), 1);
    let tab = Tab::open(&url).await;
    is_in(&tab).await;
    (path, tab)
}

async fn goes_silent(site: &Site, transport: &str) {
    let ada = open_as(site, "Ada").await;
    let bob = open_as(site, "Bob").await;
    let (path, grace) = behind(site, transport).await;
    grace.until("sees() === 'Ada,Bob,Grace'").await;
    path.hold_back();
    bob.close().await;
    ada.until("!view.members.has('Bob')").await;
    grace.until("view.stale").await;
    assert_eq!(grace.eval("sees()").await, "Ada,Bob,Grace");
    // Long enough for it to have given up more than once.
    grace.until("errors.length >= 3").await;
    path.pass();
    grace.until("!view.stale && sees() === 'Ada,Grace' && gone.filter((user) => user !== 'Grace').join() === 'Bob'").await;
    is_in(&grace).await;
    ada.until("sees() === 'Ada,Grace'").await;
}

#[tokio::test]
async fn a_silent_network_makes_a_socket_stale_until_it_is_back() {
    let site = site().await;
    goes_silent(&site, "auto").await;
}

#[tokio::test]
async fn a_silent_network_makes_a_stream_stale_until_it_is_back() {
    let site = Site::serving(policy(), without_socket).await;
    goes_silent(&site, "http").await;
}
