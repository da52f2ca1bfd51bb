//! The page of chat-gateway: two people side by side.

use super::looks::{assert_fits_a_phone, assert_has_a_dark_look};
use super::tab::Tab;
use crate::chat_gateway::Node;
use serde_json::json;

async fn page() -> (Node, Tab) {
    let node = Node::with(&["--demo"]).await;
    let tab = Tab::open(&format!("http://127.0.0.1:{}/", node.address.port())).await;
    tab.until("the('bob-go') !== null").await;
    (node, tab)
}

fn shows(who: &str, user: &str, status: &str) -> String {
    format!("row('{who}-users', '{user}')?.dataset.status === '{status}'")
}

#[tokio::test]
async fn two_people_see_each_other_type_and_talk() {
    let (_node, tab) = page().await;
    for who in ["alice", "bob"] {
        tab.click(&format!("{who}-go")).await;
        tab.until(&format!("the('{who}-state').textContent === 'connected'")).await;
    }
    for who in ["alice", "bob"] {
        tab.until(&shows(who, "alice", "online")).await;
        tab.until(&shows(who, "bob", "online")).await;
    }
    tab.set("bob-status", "busy").await;
    tab.until(&shows("alice", "bob", "busy")).await;
    tab.eval("the('bob-text').value = 'hello <b>'; the('bob-text').dispatchEvent(new Event('input'))").await;
    tab.until("the('alice-typing').textContent.includes('bob is typing')").await;
    assert_eq!(tab.eval("the('bob-typing').textContent").await, "");
    tab.click("bob-send").await;
    let last = "the('alice-messages').lastElementChild";
    tab.until(&format!("{last}?.textContent === 'bobhello <b>'")).await;
    tab.until("the('bob-messages').lastElementChild?.classList.contains('own')").await;
    tab.until("the('alice-typing').textContent === ''").await;
    // Another room is another talk.
    tab.set("bob-room", "channel_id:random").await;
    tab.until("the('bob-messages').children.length === 0 && users('bob-users') === 'bob'").await;
    tab.eval("the('alice-text').value = 'still there?'; the('alice-send').click()").await;
    tab.until(&format!("{last}?.textContent === 'alicestill there?'")).await;
    assert_eq!(tab.eval("the('bob-messages').children.length").await, 0);
    assert_eq!(tab.complaints(), []);
}

#[tokio::test]
async fn a_user_who_disconnects_is_gone_for_the_other() {
    let (node, tab) = page().await;
    for who in ["alice", "bob"] {
        tab.click(&format!("{who}-go")).await;
        tab.until(&format!("the('{who}-state').textContent === 'connected'")).await;
    }
    tab.until(&shows("alice", "bob", "online")).await;
    tab.click("bob-go").await;
    tab.until("the('bob-state').textContent === 'offline'").await;
    node.open(1).await;
    node.advance(5).await;
    tab.until("users('alice-users') === 'alice' && users('bob-users') === ''").await;
    assert_eq!(tab.complaints(), []);
}

#[tokio::test]
async fn the_client_shows_users_without_entering() {
    let (node, tab) = page().await;
    tab.click("alice-go").await;
    tab.until(&shows("alice", "alice", "online")).await;
    // Somebody of another page, under the name of their token.
    let mut carol = node.connect("carol").await;
    carol.enters("general").await;
    tab.until("row('alice-users', 'carol')?.textContent === 'CAROL'").await;
    carol.send_json(json!({"type": "status", "status": "away", "message": "tea"})).await;
    tab.until("row('alice-users', 'carol').title === 'away: tea'").await;
    // Two sockets, and no session of the client beside them.
    node.open(2).await;
    assert_eq!(node.get("/presence").await.json()["count"], 2);
    drop(carol);
    node.open(1).await;
    node.advance(5).await;
    tab.until("users('alice-users') === 'alice'").await;
    assert_eq!(tab.complaints(), []);
    // While the view is stale, no user is shown to leave.
    drop(node);
    tab.until("the('alice-users').classList.contains('stale') && users('alice-users') === 'alice'").await;
}

#[tokio::test]
async fn without_a_demo_a_token_is_asked_for() {
    let node = Node::new().await;
    let tab = Tab::open(&format!("http://127.0.0.1:{}/", node.address.port())).await;
    tab.until("the('alice-go') !== null").await;
    tab.click("alice-go").await;
    tab.until("the('alice-problem').textContent.includes('paste a token')").await;
    tab.eval(&format!("the('alice-token').value = {}", json!(crate::chat_gateway::token("ada")))).await;
    tab.click("alice-go").await;
    tab.until("the('alice-state').textContent === 'connected'").await;
    tab.until("users('alice-users') === 'ada'").await;
}

#[tokio::test]
async fn the_page_is_good_on_a_phone_and_in_the_dark() {
    let (_node, tab) = page().await;
    assert_fits_a_phone(&tab).await;
    assert_has_a_dark_look(&tab, "getComputedStyle(document.body).color").await;
    assert_eq!(tab.complaints(), []);
}
