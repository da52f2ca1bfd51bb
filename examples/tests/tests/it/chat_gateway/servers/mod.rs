//! Two processes on one Redis and on one NATS, by the real clock: whatever is waited for has a
//! deadline, and nothing is measured.

mod mirror;
mod process;

use super::{SECRET, connected, get, is, post, text};
use crate::client::soon;
use crate::ws::{Client, connect_with};
use jsonwebtoken::{EncodingKey, Header, encode};
use process::Process;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use test_servers::nats::Nats;
use test_servers::redis::Redis;
use test_servers::{Proxy, within};

/// A token by the real clock.
fn token(user: &str) -> String {
    let claims = json!({"sub": user, "preferred_username": user.to_uppercase(), "admin": user == "root", "exp": u32::MAX});
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

async fn connect(process: &Process, user: &str) -> Client {
    connected(process.address, &token(user)).await
}

async fn enter(process: &Process, user: &str) -> Client {
    let mut client = connect(process, user).await;
    client.enters("general").await;
    client
}

/// Waits until users of each process are seen by the other.
async fn see_each_other(one: &Process, two: &Process) {
    for (from, to, user) in [(one, two, "probe-1"), (two, one, "probe-2")] {
        let _probe = connect(from, user).await;
        soon(async {
            while get(to.address, &format!("/presence/{user}"), &token("reader")).await.json()["status"]
                != "online"
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }
}

async fn meanwhile<T: Send + 'static>(does: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(does).await.unwrap()
}

async fn redis() -> Arc<Redis> {
    meanwhile(|| Arc::new(Redis::start())).await
}

async fn pair(flags: &[&str]) -> (Process, Process) {
    let (one, two) = tokio::join!(Process::start(flags), Process::start(flags));
    see_each_other(&one, &two).await;
    (one, two)
}

async fn say(address: SocketAddr, user: &str, content: &str) {
    let body = json!({"channel_id": "general", "content": content});
    soon(async {
        while post(address, "/messages", &token(user), body.clone()).await.status != 202 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

/// The content of messages that are sent until one arrives.
const BEGUN: &str = "begun";

/// The content of the client's next message that has another content than [`BEGUN`].
async fn content(client: &mut Client) -> String {
    loop {
        let message = client.of("message").await;
        if message["data"]["content"] != BEGUN {
            return text(&message["data"]["content"]);
        }
    }
}

/// Waits until messages that are sent at each of these processes reach the client. An instance that
/// has just started, or whose server was away, gets only what is sent after it has subscribed.
async fn messages_reach(client: &mut Client, from: &[&Process]) {
    let while_waiting = Duration::from_millis(200);
    for process in from {
        soon(async {
            loop {
                say(process.address, "carol", BEGUN).await;
                if tokio::time::timeout(while_waiting, client.of("message")).await.is_ok() {
                    break;
                }
            }
        })
        .await;
    }
}

async fn crosses(flags: &[&str]) {
    let (one, two) = pair(flags).await;
    let mut alice = enter(&one, "alice").await;
    let mut tab = enter(&two, "alice").await;
    let mut bob = enter(&two, "bob").await;
    assert_eq!(alice.changes_until("bob").await, []);
    for client in [&mut alice, &mut tab, &mut bob] {
        messages_reach(client, &[&one, &two]).await;
    }
    // Typing, which may be lost.
    for client in [&mut alice, &mut tab] {
        let typing = soon(async {
            loop {
                bob.send_json(json!({"type": "typing", "channel_id": "general"})).await;
                let typing = tokio::time::timeout(Duration::from_millis(200), client.of("typing")).await;
                if let Ok(typing) = typing {
                    return typing;
                }
            }
        });
        assert_eq!(typing.await["user_id"], "bob");
    }
    // Messages, from both sides: each once, and in order.
    for n in 0..6 {
        let from = if n % 2 == 0 { &one } else { &two };
        say(from.address, "carol", &n.to_string()).await;
        for client in [&mut alice, &mut tab, &mut bob] {
            assert_eq!(content(client).await, n.to_string());
        }
    }
    // Two tabs are one user: closing one changes nothing for others.
    drop(tab);
    bob.send_json(json!({"type": "status", "status": "busy"})).await;
    assert_eq!(alice.change().await, is("bob", "busy"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_presence_typing_and_messages_cross() {
    let redis = redis().await;
    crosses(&["--redis-url", &redis.url()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_nats_presence_typing_and_messages_cross() {
    let nats = meanwhile(Nats::start).await;
    crosses(&["--nats-url", &nats.url()]).await;
}

/// When an instance is killed, users without a connection to another instance go offline for the
/// others, once each.
async fn kills(flags: &[&str]) {
    let (mut one, two) = pair(flags).await;
    let mut bob = enter(&two, "bob").await;
    let _alice = (enter(&one, "alice").await, enter(&two, "alice").await);
    let _others = (enter(&one, "carol").await, enter(&one, "dave").await);
    let mut came = [bob.change().await, bob.change().await, bob.change().await];
    came.sort();
    assert_eq!(came, [is("alice", "online"), is("carol", "online"), is("dave", "online")]);
    one.kill();
    let mut gone = [bob.change().await, bob.change().await];
    gone.sort();
    assert_eq!(gone, [is("carol", "offline"), is("dave", "offline")]);
    let _erin = enter(&two, "erin").await;
    assert_eq!(bob.changes_until("erin").await, [], "nobody twice, and nobody who is elsewhere");
    let online = get(two.address, "/presence", &token("reader")).await.json();
    let online: Vec<_> =
        online["users"].as_array().unwrap().iter().map(|user| text(&user["user_id"])).collect();
    assert_eq!(online, ["alice", "bob", "erin"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_users_of_a_killed_instance_go_offline_unless_connected_elsewhere() {
    let redis = redis().await;
    kills(&["--redis-url", &redis.url()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_nats_users_of_a_killed_instance_go_offline_unless_connected_elsewhere() {
    let nats = meanwhile(Nats::start).await;
    kills(&["--nats-url", &nats.url()]).await;
}

/// When an instance shuts down, its clients reconnect to another one, and other users do not see
/// them leave.
async fn ends(flags: &[&str]) {
    let (mut one, two) = pair(flags).await;
    let mut bob = enter(&two, "bob").await;
    let mut alice = enter(&one, "alice").await;
    assert_eq!(bob.change().await, is("alice", "online"));
    one.terminate();
    assert_eq!(alice.closed().await, 1012);
    let _alice = enter(&two, "alice").await;
    assert!(one.ended().await, "in good order");
    let _carol = enter(&two, "carol").await;
    assert_eq!(bob.changes_until("carol").await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_an_instance_that_ends_is_not_seen() {
    let redis = redis().await;
    ends(&["--redis-url", &redis.url()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_nats_an_instance_that_ends_is_not_seen() {
    let nats = meanwhile(Nats::start).await;
    ends(&["--nats-url", &nats.url()]).await;
}

async fn refusal(process: &Process, user: &str) -> Option<u16> {
    connect_with(process.address, &format!("/ws?token={}", token(user)), &[]).await.err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_empty_is_refilled_with_users_and_blocks() {
    let redis = redis().await;
    let url = redis.url();
    let flags = ["--redis-url", &*url];
    let (one, two) = pair(&flags).await;
    let (mut alice, mut bob) = (enter(&one, "alice").await, enter(&two, "bob").await);
    let mut mallory = [connect(&one, "mallory").await, connect(&two, "mallory").await];
    assert_eq!(alice.change().await, is("bob", "online"));
    let kicked =
        post(one.address, "/admin/disconnect/mallory", &token("root"), json!({"seconds": 600})).await;
    assert_eq!(kicked.status, 202);
    for client in &mut mallory {
        assert_eq!(client.closed().await, 4403);
    }
    let forgetful = Arc::clone(&redis);
    meanwhile(move || {
        forgetful.kill();
        forgetful.restart();
    })
    .await;
    // The mirror is written again.
    soon(async {
        loop {
            let ask = Arc::clone(&redis);
            let keys = meanwhile(move || ask.command(&["KEYS", "presence:*"])).await;
            if keys.contains("presence:alice") && keys.contains("presence:bob") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let three = Process::start(&flags).await;
    see_each_other(&one, &three).await;
    for process in [&one, &two, &three] {
        assert_eq!(refusal(process, "mallory").await, Some(403));
    }
    // Nobody went offline, and messages pass in both directions again.
    let _carol = enter(&three, "carol").await;
    for client in [&mut alice, &mut bob] {
        let told = client.changes_until("carol").await;
        assert!(told.iter().all(|(_, status)| status == "online"), "{told:?}");
    }
    messages_reach(&mut alice, &[&three]).await;
    messages_reach(&mut bob, &[&three]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_message_after_an_outage_of_redis_is_sent() {
    let redis = redis().await;
    let proxy = Arc::new(Proxy::to(redis.port()));
    let process = Process::start(&["--redis-url", &format!("redis://127.0.0.1:{}", proxy.port())]).await;
    // The instance notices the end of its connection within milliseconds, but on a busy machine it
    // may be later. So one of many attempts has to succeed; none would if a message found it out.
    for _ in 0..20 {
        say(process.address, "carol", BEGUN).await;
        let (cut, ask) = (Arc::clone(&proxy), Arc::clone(&redis));
        meanwhile(move || {
            cut.cut();
            let listens = |count: &str| {
                let told = || ask.command(&["PUBSUB", "NUMSUB", "message:broadcast"]).ends_with(count);
                assert!(within(Duration::from_secs(30), || told().then_some(())).is_some());
            };
            listens("\n0");
            cut.pass();
            listens("\n1");
        })
        .await;
        let body = json!({"channel_id": "general", "content": "after"});
        if post(process.address, "/messages", &token("carol"), body).await.status == 202 {
            return;
        }
    }
    panic!("each first message after an outage failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_have_the_names_of_the_contract() {
    let process = Process::start(&[]).await;
    let figure = |text: &str, name: &str| {
        let line =
            text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    let fresh = process.metrics().await;
    let names = [
        "ws_connections_active",
        "ws_connections_total",
        "ws_messages_sent_total",
        "ws_messages_received_total",
        "ws_errors_total",
    ];
    for name in names {
        assert_eq!(figure(&fresh, name), Some(0.0), "{name} in {fresh}");
    }
    let mut alice = connect(&process, "alice").await;
    for frame in [r#"{"type":"ping"}"#, "nonsense", r#"{"type":"ping"}"#] {
        alice.send(frame).await;
        alice.next().await;
    }
    drop(connect(&process, "bob").await);
    super::open(process.address, 1).await;
    let text = process.metrics().await;
    assert_eq!(names.map(|name| figure(&text, name)), [1.0, 2.0, 3.0, 3.0, 1.0].map(Some), "{text}");
}
