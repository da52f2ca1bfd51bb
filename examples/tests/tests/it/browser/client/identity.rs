//! Which session a tab is, and whose.

use super::super::bare::{assert_no_user_left, at, is_in, open, open_as, site};
use super::super::tab::Tab;
use serde_json::json;

#[tokio::test]
async fn a_tab_duplicated_while_it_shows_another_page_is_a_session_of_its_own() {
    let site = site().await;
    let (ada, grace) = (open_as(&site, "Ada").await, open_as(&site, "Grace").await);
    let session = grace.eval("presence.session").await;
    grace.go(&site.url("/elsewhere")).await;
    grace.until("document.body.innerText === 'Elsewhere'").await;
    grace.until(&format!("sessionStorage.getItem('presence.session.Grace').includes({session})")).await;
    let page = at(&site, &json!({"user": "Grace"}));
    let other = grace.open_by_script(&page).await;
    grace.go(&page).await;
    for tab in [&grace, &other] {
        is_in(tab).await;
    }
    assert_ne!(grace.eval("presence.session").await, other.eval("presence.session").await);
    assert_eq!(site.sessions("Grace"), 2);

    ada.eval("gone.length = 0").await;
    other.close().await;
    ada.until("view.members.has('Grace')").await;
    while site.sessions("Grace") != 1 {
        tokio::task::yield_now().await;
    }
    grace.eval("presence.setStatus('busy')").await;
    ada.until("view.members.get('Grace')?.status === 'busy'").await;
    assert_no_user_left(&[&ada]).await;
}

#[tokio::test]
async fn two_apps_of_one_page_are_two_sessions_and_do_not_disturb_each_other() {
    let site = site().await;
    let (ada, grace) = (open_as(&site, "Ada").await, open_as(&site, "Grace").await);
    grace
        .eval(
            "globalThis.second = createPresence({ url: '/presence', user: 'Grace', topics: ['lobby', 'workshop'] });
             void second.watch({ topic: 'workshop' }, (view) => { globalThis.workshop = view; });",
        )
        .await;
    grace.until("workshop.state === 'live' && workshop.members.has('Grace')").await;
    assert_eq!(grace.eval("second.session === presence.session").await, false);
    assert_eq!(site.sessions("Grace"), 2);

    assert_eq!(grace.eval("second.destroy()").await, "confirmed");
    grace.eval("presence.setStatus('busy')").await;
    ada.until("view.members.get('Grace')?.status === 'busy'").await;
    is_in(&grace).await;
    assert_no_user_left(&[&ada, &grace]).await;
}

#[tokio::test]
async fn nothing_of_a_user_is_kept_for_the_next() {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let said = json!({"user": "Grace", "status": "busy", "message": "in private", "meta": {"from": "Grace"}});
    let grace = open(&site, said).await;
    ada.until("view.members.get('Grace')?.meta?.from === 'Grace'").await;
    let session = grace.eval("presence.session").await;
    assert_eq!(grace.eval("presence.setUser('Bob')").await, "confirmed");
    ada.until("!view.members.has('Grace') && view.members.has('Bob')").await;
    let bob =
        "const { status, message, meta } = view.members.get('Bob'); JSON.stringify([status, message, meta])";
    assert_eq!(
        ada.eval(&format!("(() => {{ {} }})()", bob.replace("; JSON", "; return JSON"))).await,
        r#"["online",null,null]"#
    );
    let own = "JSON.stringify(Object.values(presence.self.getSnapshot()).filter((it) => it && it !== 'Bob'))";
    grace.until("state() === 'live'").await;
    for former in ["Grace", "busy", "private"] {
        assert_eq!(grace.eval(&format!("{own}.includes('{former}')")).await, false, "{former}");
    }
    assert_ne!(grace.eval("presence.session").await, session);
}

#[tokio::test]
async fn a_page_that_reloads_itself_becomes_idle() {
    let site = site().await;
    let (ada, grace) = (open_as(&site, "Ada").await, open_as(&site, "Grace").await);
    ada.until("view.members.get('Grace')?.liveness === 'active'").await;
    let mut reloads = 0;
    while ada.eval("view.members.get('Grace')?.liveness").await != "idle" {
        grace.reload().await;
        grace.until("state() === 'live'").await;
        reloads += 1;
        assert!(reloads < 1_000, "it is active for ever");
    }
}

#[tokio::test]
async fn a_page_that_may_keep_nothing_is_listed_all_the_same() {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let grace = open(&site, json!({"user": "Grace", "forbids": true})).await;
    ada.until("view.members.has('Grace')").await;
    let somebody = open(&site, json!({"forbids": true})).await;
    ada.until("view.members.size === 3").await;
    assert_ne!(somebody.eval("presence.session").await, grace.eval("presence.session").await);
    for tab in [&grace, &somebody] {
        assert_eq!(tab.complaints(), []);
    }
}

#[tokio::test]
async fn a_tab_opened_in_the_background_takes_nothing_but_its_hit_until_it_is_shown() {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let mut hidden = Vec::new();
    for n in 0..3 {
        let tab = Tab::blank().await;
        tab.set_window("minimized").await;
        tab.until("document.hidden").await;
        tab.go(&at(&site, &json!({"user": format!("Grace {n}"), "transport": "http"}))).await;
        hidden.push(tab);
    }
    for (n, tab) in hidden.iter().enumerate() {
        // No reader has used this entry yet.
        ada.until(&format!("view.members.get('Grace {n}')?.liveness === 'idle'")).await;
        // The next hit is one heartbeat later.
        tab.until("count('/v1/hit') >= 2").await;
        assert_eq!(tab.eval("count('/v1/sse') + sockets.length").await, 0);
    }
    let last = hidden.pop().unwrap();
    last.set_window("normal").await;
    is_in(&last).await;
    ada.until("view.members.get('Grace 2')?.liveness === 'active'").await;
    assert_no_user_left(&[&ada]).await;
}
