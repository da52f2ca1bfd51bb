//! To others, a hidden user looks exactly like one who left at that moment: two servers that differ
//! only in the actions of such a user send the same bytes on every route and stream.

use crate::rig::START;
use crate::ws::client::Client;
use axum::Router;
use axum::body::{Body, BodyDataStream};
use futures_util::{FutureExt, StreamExt};
use http::{Request, Response, StatusCode};
use presence_axum::Mount;
use presence_axum::serve::{Options, serve};
use presence_axum::ws::Settings;
use presence_core::testing::ManualClock;
use presence_core::{
    Activity, Beat, Builder, Declaration, LastSeen, Leave, Message, Policy, Presence, SessionId, SessionKey,
    Status, Topic, Topics, UserId,
};
use presence_memory::MemoryStore;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

/// The number of histories; `PRESENCE_SEEDS` runs more, `PRESENCE_SEED` a single one.
const SEEDS: u64 = 48;
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

struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

struct World {
    clock: ManualClock,
    presence: Presence,
    router: Router,
    /// A client of the WebSocket, if the test uses one.
    socket: Option<Follower>,
    streams: Vec<BodyDataStream>,
    told: Vec<String>,
    /// The newest version that any stream has sent.
    newest: u64,
}

fn key(user: &str, session: u64) -> SessionKey {
    SessionKey { user: UserId::new(user).unwrap(), id: SessionId::new(format!("s{session}")).unwrap() }
}

fn topics(names: &[String]) -> Topics {
    Topics::new(names.iter().map(|name| Topic::new(name).unwrap())).unwrap()
}

impl World {
    async fn new(policy: Policy) -> Self {
        Self::with(policy, |builder| builder).await
    }

    async fn with(policy: Policy, set: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = ManualClock::at(START);
        let store = MemoryStore::with_clock(clock.clone());
        let builder = Presence::builder(store).clock(clock.clone()).policy(policy);
        let presence = set(builder).start().unwrap();
        clock.advance(Duration::from_secs(5)).await;
        let settings = Settings::default().batch(Duration::from_millis(1));
        let router = Mount::new(presence.clone()).sockets_with(settings).routes();
        let (streams, told) = (Vec::new(), Vec::new());
        let mut world = Self { clock, presence, router, socket: None, streams, told, newest: 0 };
        for path in STREAMS {
            let response = world.get(path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            world.streams.push(response.into_body().into_data_stream());
            world.told.push(String::new());
        }
        world
    }

    async fn get(&mut self, path: &str) -> Response<Body> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn post(&self, body: String) -> String {
        let request = Request::post("/v1/hit").body(Body::from(body)).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        format!("{} {:?} {}", parts.status, parts.headers, String::from_utf8_lossy(&body))
    }

    /// All responses and stream events of this moment.
    async fn shown(&mut self) -> Vec<(String, String)> {
        let mut shown = Vec::new();
        for path in ROUTES {
            let response = self.get(path).await;
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let text = format!("{} {:?} {}", parts.status, parts.headers, String::from_utf8_lossy(&body));
            shown.push((path.to_owned(), text));
        }
        let Self { streams, told, newest, .. } = self;
        for ((stream, told), path) in streams.iter_mut().zip(told).zip(STREAMS) {
            while let Some(Some(frame)) = stream.next().now_or_never() {
                told.push_str(std::str::from_utf8(&frame.unwrap()).unwrap());
            }
            let (events, version) = plain(&std::mem::take(told));
            *newest = (*newest).max(version);
            shown.push((path.to_owned(), events.join("\n\n")));
        }
        shown.push(("the newest version".to_owned(), newest.to_string()));
        shown
    }

    async fn pass(&self, by: Duration) {
        self.clock.advance(by).await;
    }

    async fn beat(&self, beat: Beat) {
        self.presence.beat(beat).await.unwrap();
    }
}

/// The events of a step without the parts that differ between any two rosters, and the greatest
/// version in them. Hashes are random, so that users and watches that change together come, and are
/// numbered, in any order.
fn plain(told: &str) -> (Vec<String>, u64) {
    let mut newest = 0;
    let line = |line: &str| match line.strip_prefix("data: ").map(serde_json::from_str::<Value>) {
        Some(Ok(data)) => format!("data: {data}"),
        _ => line.to_owned(),
    };
    let mut events: Vec<String> = told
        .split("\n\n")
        .map(|event| {
            let event: Vec<String> = event.lines().map(line).collect();
            let (event, version) = without_versions(&event.join("\n"));
            newest = newest.max(version);
            event
        })
        .collect();
    events.sort();
    (events, newest)
}

/// A text without its versions, and the greatest version.
fn without_versions(text: &str) -> (String, u64) {
    let (mut plain, mut rest, mut newest) = (String::new(), text, 0);
    while let Some(at) = rest.find('-') {
        let drawn = rest[..at].bytes().rev().take_while(u8::is_ascii_hexdigit).count();
        let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let number = rest[at + 1..at + 1 + digits].parse::<u64>().ok().filter(|_| drawn >= 8);
        plain.push_str(&rest[..at - number.map_or(0, |_| drawn)]);
        match number {
            Some(number) => newest = newest.max(number),
            None => plain.push_str(&rest[at..=at + digits]),
        }
        rest = &rest[at + 1 + digits..];
    }
    (plain + rest, newest)
}

/// Actions of the other users, in both worlds.
async fn others(rng: &mut Rng, worlds: &[World; 2]) {
    let user = ["a", "b", "c"][usize::try_from(rng.below(3)).unwrap()];
    let (key, topic, what) = (key(user, rng.below(2)), format!("t{}", rng.below(3)), rng.below(5));
    for world in worlds {
        let SessionKey { user, id } = key.clone();
        match what {
            0 | 1 => world.beat(Beat::enter(user, id).topics(topics(std::slice::from_ref(&topic)))).await,
            2 => world.beat(Beat::renew(user, id).activity(Activity::Now)).await,
            3 => world.presence.leave(Leave::new(user, id).immediately()).await.unwrap(),
            _ => world.beat(Beat::renew(user, id).declares(Status::Busy)).await,
        }
    }
}

/// Actions of the hidden user that nobody must see. The session with the status stays.
async fn hides(rng: &mut Rng, world: &World) {
    let SessionKey { user, id } = key("h", rng.below(3));
    let topic = ["t0", "t1", "t2", "hidden"][usize::try_from(rng.below(4)).unwrap()].to_owned();
    match rng.below(6) {
        0 => world.beat(Beat::enter(user, id).topics(topics(&[topic]))).await,
        1 => world.beat(Beat::renew(user, id).topics(topics(&[topic, "t0".to_owned()]))).await,
        2 => world.beat(Beat::renew(user, id).activity(Activity::Now)).await,
        3 => world.presence.leave(Leave::new(user, key("h", 1).id).immediately()).await.unwrap(),
        4 => drop(world.presence.hold(Beat::enter(user, key("h", 2).id)).unwrap()),
        _ => {
            world
                .beat(Beat::renew(user, key("h", 3).id).activity(Activity::Ago(Duration::from_secs(5))))
                .await;
        }
    }
    let SessionKey { user, id } = key("h", 0);
    world.beat(Beat::renew(user, id)).await;
}

async fn play(seed: u64, with_sockets: bool) {
    let mut rng = Rng((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let remember_for = (rng.below(2) == 0).then_some(Duration::from_mins(5));
    // At every precision of the last-seen time.
    let last_seen = [LastSeen::Exact, LastSeen::Coarse, LastSeen::Hidden];
    let last_seen = last_seen[usize::try_from(seed % 3).unwrap()];
    let policy = || Policy::default().remember_for(remember_for).last_seen(last_seen);
    let mut worlds = [World::new(policy()).await, World::new(policy()).await];
    if with_sockets {
        for world in &mut worlds {
            world.socket = Some(Follower::of(world).await);
        }
    }
    let steps = 6 + rng.below(12);
    let hides_at = rng.below(steps / 2);
    let mut is_hidden = false;
    for step in 0..steps {
        if step == hides_at {
            // One session only: two leaves would have two times.
            for world in &worlds {
                let SessionKey { user, id } = key("h", 0);
                world.beat(Beat::enter(user, id).topics(topics(&["t0".to_owned(), "t1".to_owned()]))).await;
            }
            for world in &worlds {
                world.pass(Duration::from_secs(1)).await;
            }
            let [hidden, left] = &mut worlds;
            assert_eq!(hidden.shown().await, left.shown().await, "before, seed {seed}");
            if with_sockets {
                // Both are sent before the next step, or a frame could have both.
                assert_eq!(
                    hidden.followed(1_000).await.0,
                    left.followed(1_000).await.0,
                    "before, seed {seed}"
                );
            }
            worlds[0].presence.declare(key("h", 0), Status::Offline).await.unwrap();
            let SessionKey { user, id } = key("h", 0);
            worlds[1].presence.leave(Leave::new(user, id).immediately()).await.unwrap();
            is_hidden = true;
        }
        others(&mut rng, &worlds).await;
        if is_hidden && rng.below(8) > 0 {
            hides(&mut rng, &worlds[0]).await;
        }
        let by =
            Duration::from_millis([0, 200, 1_500, 6_000, 31_000][usize::try_from(rng.below(5)).unwrap()]);
        for world in &worlds {
            world.pass(by).await;
        }
        let [hidden, left] = &mut worlds;
        for (hidden, left) in hidden.shown().await.into_iter().zip(left.shown().await) {
            assert_eq!(hidden, left, "seed {seed}, step {step}");
        }
        if with_sockets {
            let [hidden, left] = &mut worlds;
            assert_eq!(hidden.followed(step).await, left.followed(step).await, "seed {seed}, step {step}");
        }
    }
}

/// A client of the mount's WebSocket that follows some topics and everybody.
struct Follower {
    client: Client,
    /// The users of each topic, from the frames so far.
    known: BTreeMap<String, BTreeMap<String, Value>>,
    _serves: DropGuard,
}

impl Follower {
    async fn of(world: &World) -> Self {
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
    async fn followed(&mut self, step: u64) -> (String, BTreeSet<String>) {
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

#[tokio::test]
async fn actions_of_a_hidden_user_change_no_byte_of_what_others_get() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("PRESENCE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PRESENCE_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        play(seed, false).await;
    }
}

#[tokio::test]
async fn actions_of_a_hidden_user_change_nothing_that_others_get_over_a_socket() {
    for seed in 0..12 {
        play(seed, true).await;
    }
}

/// How many sessions are accepted, and the response to each, when a user hides, or leaves, and
/// others come until the limit.
#[tokio::test]
async fn whether_there_is_room_says_nothing_about_hidden_users() {
    type Set = fn(Builder) -> Builder;
    let bounds: [(&str, Set); 2] =
        [("sessions", |builder| builder.max_sessions(8)), ("bytes", |builder| builder.max_bytes(40_000))];
    for (what, set) in bounds {
        let mut answers = Vec::new();
        let policy = Policy::default;
        let worlds = [World::with(policy(), set).await, World::with(policy(), set).await];
        for world in &worlds {
            let SessionKey { user, id } = key("h", 0);
            world.beat(Beat::enter(user, id).topics(topics(&["t0".to_owned(), "hidden".to_owned()]))).await;
        }
        worlds[0].presence.declare(key("h", 0), Status::Offline).await.unwrap();
        let SessionKey { user, id } = key("h", 0);
        worlds[1].presence.leave(Leave::new(user, id).immediately()).await.unwrap();
        for (n, world) in worlds.iter().enumerate() {
            let mut said = Vec::new();
            for round in 0..4 {
                let long = "x".repeat(500);
                for m in 0..60 {
                    let topics = format!(r#"["t0","hidden","{m}-{long}"]"#);
                    let body = format!(r#"{{"user":"u{round}-{m}","kind":"enter","topics":{topics}}}"#);
                    let answer = world.post(body).await;
                    let is_full = answer.starts_with("503");
                    said.push(answer);
                    if is_full {
                        break;
                    }
                }
                // Until the users who left are forgotten; the hidden one stays.
                for _ in 0..14 {
                    world.pass(Duration::from_secs(10)).await;
                    if n == 0 {
                        let SessionKey { user, id } = key("h", 0);
                        world.beat(Beat::renew(user, id).activity(Activity::Now)).await;
                    }
                }
            }
            answers.push(said);
        }
        let [hidden, left] = &answers[..] else { panic!() };
        assert!(hidden.iter().any(|said| said.starts_with("503")) && hidden.len() > 10, "{what}");
        assert_eq!(hidden, left, "{what}");
    }
}
