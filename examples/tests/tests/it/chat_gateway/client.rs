//! The client that ships.

use super::{Node, admin, post, token};
use chat_gateway::client::{Ended, Target, auto, interactive};
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::json;
use tokio::sync::mpsc;

fn target(node: &Node, user: &str) -> Target {
    Target { url: format!("ws://{}/ws", node.address), token: token(user) }
}

/// The client in its interactive mode: lines in, lines out.
struct Shell {
    lines: mpsc::UnboundedSender<String>,
    shown: mpsc::UnboundedReceiver<String>,
    ended: tokio::task::JoinHandle<Result<(), Ended>>,
}

impl Shell {
    fn start(target: Target) -> Self {
        let (lines, input) = mpsc::unbounded_channel::<String>();
        let (show, shown) = mpsc::unbounded_channel();
        let input =
            stream::unfold(input, |mut input| async { input.recv().await.map(|line| (line, input)) }).boxed();
        let ended =
            tokio::spawn(async move { interactive(&target, input, |line| _ = show.send(line)).await });
        Self { lines, shown, ended }
    }

    fn input(&self, line: &str) {
        self.lines.send(line.to_owned()).unwrap();
    }

    async fn shows(&mut self, what: &str) {
        crate::client::soon(async { while !self.shown.recv().await.expect("it goes on").contains(what) {} })
            .await;
    }
}

#[tokio::test]
async fn by_itself_it_walks_through_everything() {
    let node = Node::new().await;
    auto(&target(&node, "alice"), |_| {}).await.unwrap();
    let guest = super::token_until(json!({"sub": "guest", "rooms": []}), crate::rig::START + 60);
    let refused = auto(&Target { token: guest, ..target(&node, "x") }, |_| {}).await;
    assert!(matches!(refused, Err(Ended::Failed(_))), "{refused:?}");
    let refused = auto(&Target { token: "nonsense".to_owned(), ..target(&node, "x") }, |_| {}).await;
    assert_eq!(refused, Err(Ended::Refused(401)));
    for url in ["http://x/", "nonsense", "wss://127.0.0.1:1/ws"] {
        let refused = auto(&Target { url: url.to_owned(), ..target(&node, "x") }, |_| {}).await;
        assert_eq!(refused, Err(Ended::Url), "{url}");
    }
}

#[tokio::test]
async fn the_client_follows_commands_until_quit() {
    let node = Node::new().await;
    let mut bob = node.connect("bob").await;
    bob.enters("general").await;
    let mut shell = Shell::start(target(&node, "alice"));
    shell.shows("connected").await;
    shell.input("sub general");
    shell.shows("subscribed").await;
    shell.input("typing general");
    assert_eq!(bob.of("typing").await["user_id"], "alice");
    shell.input("ping");
    shell.shows("pong").await;
    shell.input("dance");
    shell.shows("unsub <channel>").await;
    shell.input("unsub general");
    shell.shows("unsubscribed").await;
    shell.input("quit");
    assert_eq!(shell.ended.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn after_4403_it_does_not_come_back_by_itself() {
    let node = Node::new().await;
    let mut shell = Shell::start(target(&node, "mallory"));
    shell.shows("connected").await;
    assert_eq!(post(node.address, "/admin/disconnect/mallory", &admin(), json!({})).await.status, 202);
    assert_eq!(shell.ended.await.unwrap(), Err(Ended::Closed(4403)));
    node.open(0).await;
}

#[tokio::test]
async fn when_its_instance_ends_it_comes_back_to_its_rooms() {
    let node = Node::new().await;
    let mut shell = Shell::start(target(&node, "alice"));
    shell.shows("connected").await;
    shell.input("sub general");
    shell.shows("presence_state").await;
    node.presence.drain(std::time::Duration::from_secs(1)).await;
    shell.shows("connecting again").await;
}
