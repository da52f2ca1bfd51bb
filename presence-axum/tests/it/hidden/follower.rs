//! A client of the WebSocket that follows several topics.

use super::world::{World, topics};
use crate::ws::client::Client;
use presence_axum::serve::{Options, serve};
use presence_core::{Beat, Declaration, Message, SessionId, Status, UserId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A client of the mount's WebSocket that follows some topics and everybody.
pub struct Follower {
    client: Client,
    /// The users of each topic, from the frames so far.
    known: BTreeMap<String, BTreeMap<String, Value>>,
    _serves: DropGuard,
}

impl Follower {
    pub async fn of(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = world.router.clone();
        tokio::spawn(serve(listener, router, Options::default(), stop.clone().cancelled_owned()));
        let mut client = Client::connect(address).await;
        let topics = json!(["t0", "t1", "hidden", null]);
        client.send(&json!({ "type": "subscribe", "topics": topics, "ref": 1 }).to_string()).await;
        Self { client, known: BTreeMap::new(), _serves: stop.drop_guard() }
    }

    /// Applies a frame; adds the users in it to `named`.
    fn take(&mut self, frame: &Value, named: &mut BTreeSet<String>) {
        let topic = frame["topic"].to_string();
        let known = self.known.entry(topic.clone()).or_default();
        if frame["type"] == "presence_state" {
            known.clear();
        }
        for list in ["users", "joined", "changed", "left"] {
            for (user, shown) in frame[list].as_object().into_iter().flatten() {
                named.insert(format!("{topic} {user} {}", shown["reason"]));
                known.remove(user);
                if list != "left" {
                    known.insert(user.clone(), shown.clone());
                }
            }
        }
    }
}

impl World {
    /// The users of each topic by the socket, the users in its frames since the last step, and its
    /// list of everybody.
    pub async fn followed(&mut self, step: u64) -> (String, BTreeSet<String>) {
        // When this has arrived, everything before it in a topic has arrived.
        let (user, id) = (UserId::new("mark").unwrap(), SessionId::new("tab").unwrap());
        let topics = topics(&["t0", "t1", "t2", "hidden"].map(ToOwned::to_owned));
        let message = Message::new(step.to_string()).unwrap();
        let beat = Beat::enter(user, id).declares(Declaration::new(Status::Busy).message(message));
        self.beat(beat.topics(topics)).await;
        let Some(follower) = &mut self.socket else { panic!("there is no socket") };
        let mut named = BTreeSet::new();
        let marks = step.to_string();
        let marked = |known: &BTreeMap<String, BTreeMap<String, Value>>| {
            let of = |users: &BTreeMap<String, Value>| {
                users.get("mark").is_some_and(|mark| mark["message"] == marks.as_str())
            };
            known.values().filter(|users| of(users)).count()
        };
        while marked(&follower.known) < 4 {
            let frame = follower.client.next().await;
            follower.take(&frame, &mut named);
        }
        follower.client.send(r#"{"type":"list","ref":"all"}"#).await;
        let listed = loop {
            let frame = follower.client.next().await;
            if frame["ref"] == "all" {
                break frame;
            }
            follower.take(&frame, &mut named);
        };
        (format!("{:?} {listed}", follower.known), named)
    }
}
