//! A service on a free port, in real time, that can go away and come back.

use super::blinding::Blinding;
use axum::Router;
use presence_axum::serve::{Options, serve};
use presence_core::{Policy, Presence, UserId};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long to wait for a port that somebody else has just now.
const PORT_TAKEN: Duration = Duration::from_millis(100);

pub struct Site {
    address: SocketAddr,
    policy: Policy,
    app: fn(Presence) -> Router,
    presence: Presence,
    store: Blinding,
    serving: Option<Serving>,
}

struct Serving {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Site {
    pub async fn serving(policy: Policy, app: fn(Presence) -> Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (store, address) = (Blinding::default(), listener.local_addr().unwrap());
        let presence = presence(&store, &policy);
        let mut site = Self { address, policy, app, presence, store, serving: None };
        site.serve(listener);
        site
    }

    fn serve(&mut self, listener: TcpListener) {
        let stop = CancellationToken::new();
        let app = (self.app)(self.presence.clone());
        let task = tokio::spawn(serve(listener, app, Options::default(), stop.clone().cancelled_owned()));
        self.serving = Some(Serving { stop, task });
    }

    /// Ends all connections and takes no more.
    pub async fn stop(&mut self) {
        if let Some(Serving { stop, task }) = self.serving.take() {
            stop.cancel();
            task.await.unwrap();
        }
    }

    /// Serves again, on the same port, as a process that has got the sessions from others.
    pub async fn resume(&mut self) {
        let listener = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(PORT_TAKEN).await,
            }
        };
        self.serve(listener);
    }

    /// Serves again, on the same port, as a new process without sessions.
    pub async fn start_without_sessions(&mut self) {
        self.store = Blinding::default();
        self.presence = presence(&self.store, &self.policy);
        self.resume().await;
    }

    /// Stops or resumes the feed of its store.
    pub fn blind(&self, is_blind: bool) {
        self.store.blind(is_blind);
    }

    /// The sessions of a user that live, as the service itself sees them.
    pub fn sessions(&self, user: &str) -> usize {
        let person = self.presence.user(&UserId::new(user).unwrap());
        person.map_or(0, |person| person.member.sessions.iter().filter(|it| it.liveness.is_live()).count())
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn presence(store: &Blinding, policy: &Policy) -> Presence {
    Presence::builder(store.clone()).policy(policy.clone()).start().unwrap()
}
