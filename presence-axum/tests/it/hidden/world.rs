//! A server with streams of every kind, of which a test reads every byte.

use super::follower::Follower;
use super::plain::plain;
use crate::rig::START;
use axum::Router;
use axum::body::{Body, BodyDataStream};
use futures_util::{FutureExt, StreamExt};
use http::{Request, Response, StatusCode};
use presence_axum::Mount;
use presence_axum::ws::Settings;
use presence_core::testing::ManualClock;
use presence_core::{Beat, Builder, Policy, Presence, SessionId, SessionKey, Topic, Topics, UserId};
use presence_memory::MemoryStore;
use std::time::Duration;
use tower::ServiceExt;

const ROUTES: [&str; 9] = [
    "/v1/users/h",
    "/v1/users?ids=h,a,h",
    "/v1/list",
    "/v1/list?topic=t0&limit=2",
    "/v1/list?topic=hidden",
    "/v1/counts?topic=t1",
    "/v1/topics",
    "/v1/topics?limit=1",
    "/v1/health",
];
const STREAMS: [&str; 6] = [
    "/v1/sse/diff",
    "/v1/sse/diff?topic=t0",
    "/v1/sse/diff?topic=hidden",
    "/v1/sse/snapshot",
    "/v1/sse?topic=t0&topic=t1&topic=hidden",
    "/v1/sse?user=h&user=a",
];

pub struct World {
    clock: ManualClock,
    pub presence: Presence,
    pub router: Router,
    /// A client of the WebSocket, if the test uses one.
    pub socket: Option<Follower>,
    streams: Vec<BodyDataStream>,
    /// What each stream has sent since the last step.
    sent: Vec<String>,
    /// The newest version that any stream has sent.
    newest: u64,
}

pub fn key(user: &str, session: u64) -> SessionKey {
    SessionKey { user: UserId::new(user).unwrap(), id: SessionId::new(format!("s{session}")).unwrap() }
}

pub fn topics(names: &[String]) -> Topics {
    Topics::new(names.iter().map(|name| Topic::new(name).unwrap())).unwrap()
}

impl World {
    pub async fn new(policy: Policy) -> Self {
        Self::with(policy, |builder| builder).await
    }

    pub async fn with(policy: Policy, set: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = ManualClock::at(START);
        let store = MemoryStore::with_clock(clock.clone());
        let builder = Presence::builder(store).clock(clock.clone()).policy(policy);
        let presence = set(builder).start().unwrap();
        clock.advance(Duration::from_secs(5)).await;
        let settings = Settings::default().batch(Duration::from_millis(1));
        let router = Mount::new(presence.clone()).sockets_with(settings).routes();
        let (streams, sent) = (Vec::new(), Vec::new());
        let mut world = Self { clock, presence, router, socket: None, streams, sent, newest: 0 };
        for path in STREAMS {
            let response = world.get(path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            world.streams.push(response.into_body().into_data_stream());
            world.sent.push(String::new());
        }
        world
    }

    async fn get(&mut self, path: &str) -> Response<Body> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn post(&self, body: String) -> String {
        let request = Request::post("/v1/hit").body(Body::from(body)).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        format!("{} {:?} {}", parts.status, parts.headers, String::from_utf8_lossy(&body))
    }

    /// All responses and stream events of this moment.
    pub async fn shown(&mut self) -> Vec<(String, String)> {
        let mut shown = Vec::new();
        for path in ROUTES {
            let response = self.get(path).await;
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let text = format!("{} {:?} {}", parts.status, parts.headers, String::from_utf8_lossy(&body));
            shown.push((path.to_owned(), text));
        }
        let Self { streams, sent, newest, .. } = self;
        for ((stream, sent), path) in streams.iter_mut().zip(sent).zip(STREAMS) {
            while let Some(Some(frame)) = stream.next().now_or_never() {
                sent.push_str(std::str::from_utf8(&frame.unwrap()).unwrap());
            }
            let (events, version) = plain(&std::mem::take(sent));
            *newest = (*newest).max(version);
            shown.push((path.to_owned(), events.join("\n\n")));
        }
        shown.push(("the newest version".to_owned(), newest.to_string()));
        shown
    }

    pub async fn pass(&self, by: Duration) {
        self.clock.advance(by).await;
    }

    pub async fn beat(&self, beat: Beat) {
        self.presence.beat(beat).await.unwrap();
    }
}
