//! The demo: what its open pages show of each other.

use super::site::Site;
use super::tab::Tab;
use live::{app, policy};
use std::time::Duration;

/// The demo, with windows that one does not have to wait for.
pub(super) async fn site() -> Site {
    let (active_for, grace) = (Duration::from_secs(6), Duration::from_millis(500));
    Site::serving(policy().active_for(active_for).grace(grace), app).await
}

/// Opens the page as this user, whose hands do not rest, and waits until they are shown there.
pub(super) async fn open(site: &Site, name: &str) -> Tab {
    open_at(site, name, "").await
}

/// The same without a socket, which a site that stops keeps as long as its process lives.
pub(super) async fn open_over_http(site: &Site, name: &str) -> Tab {
    open_at(site, name, "&http").await
}

async fn open_at(site: &Site, name: &str, more: &str) -> Tab {
    let tab = Tab::open(&site.url(&format!("/?name={name}{more}"))).await;
    tab.until("the('view-state').dataset.state === 'live'").await;
    tab.fidget();
    tab.until(&shows("active-list", name)).await;
    tab
}

pub(super) fn shows(list: &str, user: &str) -> String {
    format!("Boolean(row('{list}', '{user}'))")
}

pub(super) fn shows_not(list: &str, user: &str) -> String {
    format!("!row('{list}', '{user}')")
}

/// That the browser had nothing to say against these pages.
pub(super) fn assert_content<'a>(tabs: impl IntoIterator<Item = &'a Tab>) {
    for tab in tabs {
        assert_eq!(tab.complaints(), []);
    }
}

#[tokio::test]
async fn of_two_tabs_one_closes_and_the_other_sees_it_leave() {
    let site = site().await;
    let ada = open(&site, "Ada").await;
    ada.until("the('me').textContent === 'Ada'").await;
    let grace = open(&site, "Grace").await;
    ada.until(&shows("active-list", "Grace")).await;
    ada.until("the('count-active').textContent === '2'").await;

    ada.close().await;
    grace.until(&shows("left-list", "Ada")).await;
    grace.until("users('active-list') === 'Grace' && users('idle-list') === ''").await;
    assert_content([&grace]);
}

#[tokio::test]
async fn messages_are_shown_to_others_unchanged() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    grace.set("status-select", "busy").await;
    grace.set("message-input", "<b id=xss>hi</b>").await;
    ada.until("Boolean(row('active-list', 'Grace')?.querySelector('.badge.busy'))").await;
    ada.until("row('active-list', 'Grace').querySelector('.note').textContent === '<b id=xss>hi</b>'").await;
    for tab in [&ada, &grace] {
        assert_eq!(tab.eval("document.querySelector('#xss')").await, serde_json::Value::Null);
    }
    assert_content([&ada, &grace]);
}

#[tokio::test]
async fn a_room_lists_its_users() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    grace.until(&shows("active-list", "Ada")).await;
    grace.click("topic-lobby").await;
    grace.until("the('topic-lobby').ariaPressed === 'true'").await;
    grace.until("users('active-list') === 'Grace'").await;
    ada.until("the('topic-lobby').querySelector('.n').textContent === '1'").await;

    grace.eval("history.back()").await;
    grace.until(&shows("active-list", "Ada")).await;
    grace.until("the('topic-lobby').ariaPressed === 'false'").await;
    ada.until("the('topic-lobby').querySelector('.n').textContent === '0'").await;
    assert_content([&ada, &grace]);
}

#[tokio::test]
async fn a_typing_user_is_shown_in_the_room() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    for tab in [&ada, &grace] {
        tab.click("topic-lobby").await;
    }
    ada.until("the('topic-lobby').ariaPressed === 'true' && users('active-list') === 'Ada,Grace'").await;
    let note = "row('active-list', 'Grace')?.querySelector('.note').textContent";
    // At each key, until she is seen to; it takes a moment until her socket is in the room.
    while ada.eval(&format!("{note} === 'is typing…'")).await != true {
        grace.eval("the('message-input').dispatchEvent(new Event('input'))").await;
    }
    grace.set("message-input", "done").await;
    ada.until(&format!("{note} === 'done'")).await;
    assert_content([&ada, &grace]);
}

#[tokio::test]
async fn a_user_who_closes_one_of_two_tabs_stays() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    let other = open(&site, "Ada").await;
    ada.until("the('tabs').textContent === '2'").await;
    assert_ne!(ada.eval("presence.session").await, other.eval("presence.session").await);

    assert_content([&other]);
    other.close().await;
    ada.until("the('tabs').textContent === '1'").await;
    grace.until(&shows("active-list", "Ada")).await;
    grace.until(&shows_not("left-list", "Ada")).await;
    assert_content([&ada, &grace]);
}

#[tokio::test]
async fn an_inactive_user_turns_idle_and_by_moving_the_mouse_active_again() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    ada.until(&shows("active-list", "Grace")).await;
    grace.rest();
    ada.until(&shows("idle-list", "Grace")).await;
    ada.until("users('active-list') === 'Ada' && the('count-idle').textContent === '1'").await;

    grace.move_mouse().await;
    ada.until(&shows("active-list", "Grace")).await;
    ada.until("users('idle-list') === ''").await;
    assert_content([&ada, &grace]);
}

#[tokio::test]
async fn a_user_who_changes_their_name_is_shown_by_it() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    grace.until(&shows("active-list", "Ada")).await;
    ada.set("name-input", "Countess").await;
    ada.eval("the('name-input').form.requestSubmit()").await;
    grace.until(&shows("active-list", "Countess")).await;
    grace.until(&shows("left-list", "Ada")).await;
    grace.until(&shows_not("active-list", "Ada")).await;
    ada.until("the('me').textContent === 'Countess' && users('active-list') === 'Countess,Grace'").await;
    assert_content([&ada, &grace]);
}

#[tokio::test]
async fn a_user_who_left_can_come_back() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    grace.until(&shows("active-list", "Ada")).await;
    ada.click("leave").await;
    grace.until(&shows("left-list", "Ada")).await;
    grace.until(&shows_not("active-list", "Ada")).await;

    ada.click("leave").await;
    grace.until(&shows("active-list", "Ada")).await;
    grace.until(&shows_not("left-list", "Ada")).await;
    assert_content([&ada, &grace]);
}

#[tokio::test]
async fn a_hidden_page_closes_its_stream_and_its_user_stays() {
    let site = site().await;
    let (ada, grace) = (open(&site, "Ada").await, open(&site, "Grace").await);
    ada.until(&shows("active-list", "Grace")).await;
    grace.rest();
    grace.set_window("minimized").await;
    grace.until("document.hidden").await;
    grace.until("presence.self.getSnapshot().state === 'stale'").await;
    ada.until(&shows("idle-list", "Grace")).await;

    grace.set_window("normal").await;
    grace.until("the('view-state').dataset.state === 'live'").await;
    ada.until(&shows("active-list", "Grace")).await;
    assert_content([&ada, &grace]);
}
