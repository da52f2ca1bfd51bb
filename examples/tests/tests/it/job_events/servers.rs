//! On real servers, by the real clock: whatever is waited for has a deadline, and
//! nothing is measured.

mod misfortunes;
mod process;

use super::drill::{Drill, Foreign, Keeps, Misfortune, Peace, Shown};
use super::{next_event, settings, shown, update, updates_of};
use crate::client::{Events, Reply, events, send, soon};
use job_events::{Access, Jobs, Service, Stores, app};
use misfortunes::{KillNats, KillRedis, Publisher, publish};
use presence_axum::serve::{Options, serve};
use presence_core::SystemClock;
use process::{Kill, Process};
use serde_json::json;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use test_servers::nats::Nats;
use test_servers::redis::Redis;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// No update of the drills is refused for coming too often.
const FLAGS: [&str; 2] = ["--rate-limit", "0"];

/// An instance, as `main` starts it.
struct Instance {
    address: SocketAddr,
    stores: Stores,
    _serves: DropGuard,
}

impl Instance {
    async fn with(flags: &[&str]) -> Self {
        let settings = settings(&[&FLAGS[..], flags].concat());
        let stores = Stores::open(&settings).unwrap();
        let access = Access::of(&settings.tokens, SystemClock).unwrap();
        let service = Service::new(&stores, &settings, access);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve(
            listener,
            app(service, &settings),
            Options::default(),
            stop.clone().cancelled_owned(),
        ));
        let instance = Self { address, stores, _serves: stop.drop_guard() };
        instance.ready().await;
        instance
    }

    async fn on_redis(redis: &Redis) -> Self {
        Self::with(&["--redis-url", &redis.url()]).await
    }

    async fn on_nats(nats: &Nats) -> Self {
        Self::with(&["--nats-url", &nats.url()]).await
    }

    async fn ready(&self) {
        soon(async {
            while self.get("/health").await.status != 200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }

    async fn get(&self, path: &str) -> Reply {
        send(self.address, "GET", path, &[], "").await
    }

    async fn update(&self, job: &str, status: &str, progress: u8) {
        let body = update(status, progress).to_string();
        let reply = send(self.address, "POST", &updates_of(job), &[], body).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
    }

    async fn watch(&self, job: &str) -> Events {
        let mut stream = events(self.address, &super::events_of(job), &[]).await;
        assert_eq!((stream.status, &*stream.event().await), (200, "retry: 2000"));
        stream
    }
}

/// Runs a slow action on a server, while the service continues.
async fn meanwhile<T: Send + 'static>(does: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(does).await.unwrap()
}

async fn durable() -> Arc<Redis> {
    meanwhile(|| Arc::new(Redis::with(&[("appendonly", "yes"), ("appendfsync", "always")]))).await
}

async fn forgetful() -> Arc<Redis> {
    meanwhile(|| Arc::new(Redis::start())).await
}

async fn drill_on(redis: &Redis, keeps: Keeps, misfortune: impl Misfortune) {
    let (one, two) = (Instance::on_redis(redis).await, Instance::on_redis(redis).await);
    let instances = vec![one.address, two.address];
    let foreign: Arc<dyn Foreign> = Arc::new(Publisher(redis.port()));
    Drill { shown: Shown::default(), instances, foreign: Some(foreign), keeps }.run(misfortune).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_every_viewer_sees_every_update_once_and_in_order() {
    let redis = forgetful().await;
    drill_on(&redis, Keeps::All, Peace).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_and_keeps_its_data_loses_nothing_that_was_acknowledged() {
    let redis = durable().await;
    drill_on(&redis, Keeps::Acknowledged, KillRedis(Arc::clone(&redis))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_empty_leaves_no_viewer_in_silence() {
    let redis = forgetful().await;
    drill_on(&redis, Keeps::Nothing, KillRedis(Arc::clone(&redis))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_killed_takes_nothing_with_it() {
    let redis = forgetful().await;
    let stays = Instance::on_redis(&redis).await;
    let killed = Process::on(&redis).await;
    let instances = vec![stays.address, killed.address];
    let foreign: Arc<dyn Foreign> = Arc::new(Publisher(redis.port()));
    Drill { shown: Shown::default(), instances, foreign: Some(foreign), keeps: Keeps::All }
        .run(Kill(killed.child))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_nats_every_viewer_sees_every_update_once_and_in_order() {
    let nats = meanwhile(Nats::start).await;
    let (one, two) = (Instance::on_nats(&nats).await, Instance::on_nats(&nats).await);
    Drill {
        shown: Shown::default(),
        instances: vec![one.address, two.address],
        foreign: None,
        keeps: Keeps::All,
    }
    .run(Peace)
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_that_is_killed_loses_nothing_that_was_acknowledged() {
    let nats = Arc::new(meanwhile(Nats::start).await);
    let (one, two) = (Instance::on_nats(&nats).await, Instance::on_nats(&nats).await);
    let instances = vec![one.address, two.address];
    Drill { shown: Shown::default(), instances, foreign: None, keeps: Keeps::All }
        .run(KillNats(Arc::clone(&nats)))
        .await;
}

#[tokio::test]
async fn foreign_services_publish_and_hear_on_the_channel_of_the_job() {
    let redis = forgetful().await;
    let (one, two) = (Instance::on_redis(&redis).await, Instance::on_redis(&redis).await);
    let (mut at_one, mut at_two) = (one.watch("j*").await, two.watch("j*").await);
    let mut hears = TcpStream::connect((Ipv4Addr::LOCALHOST, redis.port())).unwrap();
    hears.write_all(b"SUBSCRIBE job:j*:updates\r\n").unwrap();
    hears.set_nonblocking(true).unwrap();
    let mut hears = tokio::net::TcpStream::from_std(hears).unwrap();

    let port = redis.port();
    let say = |payload: String| async move {
        meanwhile(move || publish(port, "job:j*:updates", &payload)).await.unwrap();
    };
    say(update("processing", 10).to_string()).await;
    say("nonsense".to_owned()).await;
    say(json!({"status": "processing", "progress": 101}).to_string()).await;
    say(json!({"jobId": "another", "status": "processing", "progress": 5}).to_string()).await;
    for stream in [&mut at_one, &mut at_two] {
        assert_eq!(next_event(stream).await.1, shown("j*", "processing", 10));
    }
    // Without a time it is shown with that at which it was stored, on both instances the same.
    say(json!({"status": "processing", "progress": 20}).to_string()).await;
    let (one_says, two_says) = (next_event(&mut at_one).await, next_event(&mut at_two).await);
    assert_eq!(one_says, two_says);
    assert!(one_says.1.contains(r#""timestamp":"20"#), "{}", one_says.1);

    two.update("j*", "completed", 100).await;
    assert_eq!(next_event(&mut at_one).await.1, shown("j*", "completed", 100));
    say(update("processing", 30).to_string()).await;
    let received = soon(async {
        use tokio::io::AsyncReadExt;
        let mut received = String::new();
        let mut chunk = [0; 4096];
        while !received.contains(r#""progress":30"#) {
            let n = hears.read(&mut chunk).await.unwrap();
            received += std::str::from_utf8(&chunk[..n]).unwrap();
        }
        received
    });
    let received = received.await;
    assert!(received.contains(&shown("j*", "completed", 100)), "{received}");
    // A finished job stays finished.
    let latest = one.get(&format!("/api/v1/jobs/{}", super::encoded("j*"))).await.json();
    assert_eq!(latest["status"], "completed");
}

#[tokio::test]
async fn an_instance_whose_redis_is_gone_is_unhealthy_and_well_again_with_it() {
    let redis = forgetful().await;
    let instance = Instance::on_redis(&redis).await;
    let mut stream = instance.watch("j").await;
    instance.update("j", "processing", 1).await;
    next_event(&mut stream).await;
    let gone = Arc::clone(&redis);
    meanwhile(move || gone.kill()).await;
    soon(async { while instance.get("/health").await.status != 503 {} }).await;
    let refused =
        send(instance.address, "POST", &updates_of("j"), &[], update("processing", 2).to_string()).await;
    assert_eq!(refused.status_and_text(), (503, r#"{"error":"Service unavailable"}"#));
    let back = Arc::clone(&redis);
    meanwhile(move || back.restart()).await;
    instance.ready().await;
    instance.update("j", "processing", 3).await;
    soon(async { while !next_event(&mut stream).await.1.contains(r#""progress":3"#) {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_updates_come_by_foreign_publishes_alone_keeps_its_owner() {
    let redis = forgetful().await;
    let retention = Duration::from_secs(4);
    let instance = Instance::with(&["--redis-url", &redis.url(), "--job-retention", "4"]).await;
    let broker = Arc::clone(&instance.stores.broker);
    let job = Jobs::new(Arc::clone(&broker), Arc::new(SystemClock), retention).create(Some("ada")).await;
    let job = job.unwrap().job;
    let record = job.ownership().unwrap();
    let newest = async || broker.history(&record, 1).await.unwrap().pop().map(|event| event.id);
    let first = newest().await.expect("the record of a new job");
    let channel = job.updates().unwrap().to_string();
    soon(async {
        for progress in 0.. {
            let said = update("processing", progress % 100).to_string();
            let (redis, channel) = (Arc::clone(&redis), channel.clone());
            meanwhile(move || redis.command(&["PUBLISH", &channel, &said])).await;
            let now = newest().await.expect("the record is never gone");
            if now != first {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_fall_silent_leave_no_keys_in_redis() {
    let redis = forgetful().await;
    let instance = Instance::with(&["--redis-url", &redis.url(), "--job-retention", "3"]).await;
    let jobs = Jobs::new(Arc::clone(&instance.stores.broker), Arc::new(SystemClock), Duration::from_secs(3));
    for _ in 0..20 {
        let some = (0..100).map(|_| jobs.create(Some("ada")));
        futures_util::future::try_join_all(some).await.unwrap();
    }
    let keys = move || {
        let redis = Arc::clone(&redis);
        meanwhile(move || redis.command(&["KEYS", "presence:*"]))
    };
    let of_jobs =
        |keys: &str| keys.lines().filter(|key| key.contains(":updates") || key.contains("owner:")).count();
    assert!(of_jobs(&keys().await) >= 2_000);
    soon(async {
        while of_jobs(&keys().await) > 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
}
