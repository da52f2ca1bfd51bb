//! A socket with its own format: `join lobby` is answered `lobby: ada bob`, `+ carol`, `- bob`.

use axum::extract::Request;
use axum::{Router, http::request::Parts, routing::get};
use presence_axum::auth::{Identity, Refused, from_fn};
use presence_axum::ws::{Command, Frames, Gateway, Problem, Protocol, SubscriptionRequest, Update};
use presence_axum::{Mount, serve, ws};
use presence_core::{Presence, Topic, UserId};
use presence_memory::MemoryStore;
use std::error::Error;
use tokio::net::TcpListener;

struct Lines;

impl Protocol for Lines {
    fn decode(&self, text: &str) -> Result<ws::Request, Problem> {
        let room = text.strip_prefix("join ").and_then(|room| Topic::new(room).ok());
        let room = room.ok_or_else(|| Problem::new(400, "say: join <room>"))?;
        let command = Command::Subscribe(vec![SubscriptionRequest::new(Some(room))]);
        Ok(ws::Request::new(command))
    }

    /// An update of a room is encoded once for all its subscribers.
    fn encode(&self, update: &Update, frames: &mut Frames) {
        match update {
            Update::State { topic: Some(room), snapshot, .. } => {
                let users: Vec<_> = snapshot.members.keys().map(UserId::as_str).collect();
                frames.push(format!("{room}: {}", users.join(" ")));
            }
            Update::Diff { diff, .. } => {
                diff.joined.iter().for_each(|member| frames.push(format!("+ {}", member.user)));
                diff.left.iter().for_each(|(user, _)| frames.push(format!("- {user}")));
            }
            Update::Problem(problem) => frames.push(format!("error {}", problem.words)),
            _ => {}
        }
    }

    fn subscribing_enters(&self) -> bool {
        true // each connection is a session, and subscribing to a room enters it
    }
}

/// `GET /ws`; a proxy in front names the user in the header `x-user`.
pub fn app(presence: Presence) -> Router {
    let user = |parts: &Parts| parts.headers.get("x-user")?.to_str().ok().map(str::to_owned);
    let by_header =
        move |parts: &Parts| Ok(Identity::from_host(UserId::new(user(parts).ok_or(Refused::Missing)?)?));
    let gateway = Gateway::new(&Mount::new(presence).identify(from_fn(by_header)), Lines);
    Router::new().route("/ws", get(async move |request: Request| gateway.upgrade(request).await))
}

/// Serves it on port 8080.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(Presence::builder(MemoryStore::new()).start()?);
    let listener = TcpListener::bind(("127.0.0.1", 8080)).await?;
    serve::serve(listener, app, serve::Options::default(), serve::terminated()).await;
    Ok(())
}
