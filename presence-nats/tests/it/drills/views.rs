//! Several handles write random records while the server is killed, hangs or loses its streams, and
//! while connections break. Afterwards every watch shows what the store holds.

use super::world::user;
use crate::rig::{self, unique};
use futures_util::StreamExt;
use futures_util::future::join_all;
use parking_lot::Mutex;
use presence_core::store::{Departure, FeedEvent, ForgetIf, Placement, PresenceStore, Session, Touch};
use presence_core::testing::conformance::Reference;
use presence_core::{NodeId, SessionId, SessionKey, Timestamp, Topics, UserId, random};
use presence_nats::{NatsStore, Storage};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use test_servers::nats::{BlackHole, Nats};
use tokio::time::{sleep, timeout};

const USERS: u64 = 40;
const WRITERS: u64 = 3;
/// How long a watch may take to report everything after the last write.
const PATIENCE: Duration = Duration::from_mins(1);

fn below(n: u64) -> u64 {
    random::u64() % n
}

fn any_user(n: u64) -> UserId {
    user(&format!("u{n} *.>\u{2028}é{{}}😀"))
}

/// The state that all writers share.
#[derive(Default)]
struct Plot {
    stops: AtomicBool,
    /// The next timestamp. All writers use this one clock, which never goes back.
    next: AtomicU64,
    /// The sessions that were forgotten at some time. Their times are not compared, since they may
    /// be those of an earlier session with the same id.
    forgotten: Mutex<BTreeSet<SessionKey>>,
}

impl Plot {
    /// A session of one of this writer's users, or of any user.
    fn any_session(&self, writer: Option<u64>) -> Session {
        let at = Timestamp::from_millis(1_700_000_000_000 + self.next.fetch_add(1, Ordering::Relaxed));
        let n = writer.map_or_else(|| below(USERS), |writer| below(USERS / WRITERS) * WRITERS + writer);
        let left = (below(4) == 0).then_some(Departure { at, ends_at: at });
        let node = NodeId::new("n").unwrap();
        // Long leases are renewed in their records.
        let lease = Duration::from_mins(if n.is_multiple_of(4) { 60 } else { 1 });
        let placement =
            Placement { placed_at: at, left, node, held: false, lease, topics: Topics::NONE, meta: None };
        let id = SessionId::new(format!("s {}", below(3))).unwrap();
        Session { user: any_user(n), id, placement, declared: None, seen_at: at, active_at: at }
    }

    fn some<T>(&self, writer: Option<u64>, make: impl Fn(Session) -> T) -> Vec<T> {
        (0..=below(8)).map(|_| make(self.any_session(writer))).collect()
    }

    /// Writes until `stops` is set. A call that failed may have had its effect or not; the test
    /// compares with what the store holds.
    ///
    /// Every writer puts sessions of all users, but renews and forgets only those of its own.
    /// Conflicts between concurrent renewals and deletions are resolved by `Presence`, which is not
    /// used here.
    async fn write(&self, store: NatsStore, writer: u64) {
        while !self.stops.load(Ordering::Relaxed) {
            let done = match below(3) {
                0 => store.put(&self.some(None, |session| session)).await,
                1 => {
                    let touch = |Session { user, id, seen_at, active_at, .. }| Touch::Session {
                        user,
                        id,
                        seen_at,
                        active_at,
                    };
                    store.touch(&self.some(Some(writer), touch)).await.map(drop)
                }
                _ => {
                    let seen = |session: Session| {
                        self.forgotten.lock().insert(session.key());
                        let (seen_at, placed_at) = (session.seen_at, session.placement.placed_at);
                        ForgetIf::Session { key: session.key(), seen_at, placed_at }
                    };
                    store.forget(&self.some(Some(writer), seen)).await
                }
            };
            if done.is_err() {
                // The failed call may still take effect until a later one is answered.
                while store.now().await.is_err() {
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// Watches the store, with a new watch whenever a feed ends, until everything that was written
/// before `is_done` has been reported. Pauses for `slowness` after each event.
async fn watch(store: NatsStore, is_done: Arc<AtomicBool>, slowness: Duration) -> Reference {
    loop {
        let (mut view, mut feed, mut since) = (Reference::default(), store.watch(), None);
        while let Some(told) = feed.next().await {
            view.apply(&told);
            sleep(slowness).await;
            if since.is_none() && is_done.load(Ordering::Relaxed) {
                since = store.now().await.ok();
            }
            if let (FeedEvent::Alive { at, .. }, Some(since)) = (told, since)
                && at > since
            {
                return view;
            }
        }
    }
}

async fn views_agree(open: impl Fn() -> NatsStore, trouble: impl FnOnce() + Send + 'static) {
    let (plot, is_done): (Arc<Plot>, Arc<AtomicBool>) = Default::default();
    let watch = |slowness| tokio::spawn(watch(open(), Arc::clone(&is_done), Duration::from_millis(slowness)));
    let watchers = [0, 1, 2].map(watch);
    let writers = (0..WRITERS).map(|n| {
        let (plot, store) = (Arc::clone(&plot), open());
        tokio::spawn(async move { plot.write(store, n).await })
    });
    let writers: Vec<_> = writers.collect();
    tokio::task::spawn_blocking(trouble).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    plot.stops.store(true, Ordering::Relaxed);
    for done in join_all(writers).await {
        done.unwrap();
    }
    is_done.store(true, Ordering::Relaxed);
    let users: Vec<_> = (0..USERS).map(any_user).collect();
    let late = open();
    let mut held = late.load(&users).await;
    while held.is_err() {
        held = late.load(&users).await;
    }
    let forgotten = plot.forgotten.lock().clone();
    let comparable = |mut session: Session| {
        if forgotten.contains(&session.key()) {
            (session.seen_at, session.active_at) = Default::default();
        }
        (session.key(), session)
    };
    let held: BTreeMap<_, _> = held.unwrap().sessions.into_iter().map(comparable).collect();
    assert!(!held.is_empty());
    for watcher in watchers {
        let Ok(view) = timeout(PATIENCE, watcher).await else { panic!("a watch never caught up") };
        let view: BTreeMap<_, _> = view.unwrap().sessions.into_values().map(comparable).collect();
        assert_eq!(view, held);
    }
}

#[tokio::test]
async fn views_agree_with_the_store_after_the_server_was_killed_and_paused_and_lost_its_streams() {
    let server = Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap());
    let (troubled, name) = (Arc::clone(&server), unique());
    let streams = name.clone();
    let trouble = move || {
        let rest = || std::thread::sleep(Duration::from_millis(700));
        for _ in 0..2 {
            rest();
            troubled.restart();
            rest();
            troubled.pause();
            std::thread::sleep(Duration::from_secs(3));
            troubled.resume();
            rest();
            rig::lose(&troubled, &streams);
        }
    };
    views_agree(|| rig::on(&server, &name, Storage::File), trouble).await;
}

#[tokio::test]
async fn views_agree_with_the_store_after_connections_were_cut_and_stalled() {
    let server = Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap());
    let (link, name) = (Arc::new(BlackHole::before(&server)), unique());
    let troubled = Arc::clone(&link);
    let trouble = move || {
        for _ in 0..4 {
            std::thread::sleep(Duration::from_millis(400));
            troubled.cut();
            std::thread::sleep(Duration::from_millis(400));
            troubled.pass();
            std::thread::sleep(Duration::from_millis(400));
            troubled.hold_back();
            std::thread::sleep(Duration::from_millis(1_500));
            troubled.pass();
        }
    };
    views_agree(|| rig::at(&link.url(), rig::options(&name, Storage::File)), trouble).await;
}
