//! Messages and typing over the socket.

use super::super::bare::{is_in, open_as, site};
use super::outages::behind;

#[tokio::test]
async fn each_message_arrives_once_though_the_path_breaks_while_they_are_sent() {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let (path, grace) = behind(&site, "auto").await;
    for tab in [&ada, &grace] {
        tab.eval("globalThis.heard = []; presence.on('message', ({ user, data }) => heard.push(`${user} ${data}`)); 0")
            .await;
    }
    // Messages are received from the first listener on.
    for tab in [&ada, &grace] {
        tab.until(
            "presence.publish('lobby', 'first').then(({ error }) => error === null && heard.length > 0)",
        )
        .await;
    }
    // Said while nothing gets through, by her and to her.
    path.cut();
    grace.eval("globalThis.said = Promise.all([1, 2, 3].map((n) => presence.publish('lobby', n))); 0").await;
    ada.until("presence.publish('lobby', 'meanwhile').then(({ error }) => error === null)").await;
    path.pass();
    assert_eq!(
        grace.eval("said.then((all) => all.map(({ error }) => error))").await,
        serde_json::json!([null, null, null])
    );
    is_in(&grace).await;
    let all = "heard.filter((it) => !it.endsWith('first')).sort().join() === 'Ada meanwhile,Grace 1,Grace 2,Grace 3'";
    ada.until(all).await;
    grace.until(all).await;
}

#[tokio::test]
async fn a_page_without_messages_so_far_gets_those_sent_while_it_was_disconnected() {
    let site = site().await;
    let ada = open_as(&site, "Ada").await;
    let (path, grace) = behind(&site, "auto").await;
    grace.until("sockets.at(-1)?.readyState === 1").await;
    grace
        .eval(
            "globalThis.heard = [];
             sockets.at(-1).addEventListener('message', ({ data }) => { globalThis.isPlaced ||= data.includes('\"position\"'); });
             presence.on('message', ({ user, data }) => heard.push(`${user} ${data}`)); 0",
        )
        .await;
    grace.until("isPlaced").await;
    path.cut();
    grace.until("state() === 'retrying'").await;
    ada.until("presence.publish('lobby', 'meanwhile').then(({ error }) => error === null)").await;
    path.pass();
    grace.until("heard.length > 0").await;
    assert_eq!(grace.eval("heard.join()").await, "Ada meanwhile");
}

#[tokio::test]
async fn typing_users_are_shown_to_others_until_they_stop() {
    let site = site().await;
    let (ada, grace) = (open_as(&site, "Ada").await, open_as(&site, "Grace").await);
    for tab in [&ada, &grace] {
        tab.eval("globalThis.typists = new Map(); presence.on('typing', ({ user, typing }) => typists.set(user, typing)); 0").await;
        tab.until("sockets.at(-1)?.readyState === 1").await;
    }
    for key in 0.. {
        ada.eval("presence.typing('lobby')").await;
        if grace.eval("typists.get('Ada') === true").await == true {
            break;
        }
        assert!(key < 10_000, "nobody is shown to type");
    }
    // Five seconds without another key end it.
    grace.until("typists.get('Ada') === false").await;
    assert_eq!(ada.eval("typists.size").await, 0);
}
