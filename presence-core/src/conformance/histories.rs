//! Random histories of several processes: in any order of events, all views converge.

use super::rng::Rng;
use super::scene::{Scene, node, topics};
use super::{Follower, Harness, Reference};
use crate::model::{Session, SessionKey, Status};
use crate::store::{ForgetIf, Misses, PresenceStore, Touch};
use futures_util::FutureExt;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

/// Steps of one history.
const STEPS: usize = 40;
/// Histories that run concurrently, each in a namespace of its own.
const SIDE_BY_SIDE: usize = 8;
/// Most watches during a history.
const READERS: usize = 3;
/// How far in the past times are, at most, in milliseconds.
const BACK: u64 = 3_000;

/// Several processes put, touch, leave and forget, with batches repeated and reordered. Once
/// everything is delivered, their views, `load` and a new watch equal the model.
///
/// A failing history prints its seed; `PRESENCE_SEED=<seed>` runs that one alone.
pub async fn random_histories_converge<H: Harness>(harness: &H) {
    let seed = std::env::var("PRESENCE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = seed.map_or(0..harness.histories(), |seed: u64| seed..seed + 1);
    let play = |seed| async move {
        if let Err(panic) = AssertUnwindSafe(play(harness, seed)).catch_unwind().await {
            eprintln!("this history failed; play it alone with PRESENCE_SEED={seed}");
            resume_unwind(panic);
        }
    };
    stream::iter(seeds).map(play).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<()>>().await;
}

async fn play<H: Harness>(harness: &H, seed: u64) {
    let namespace = format!("h-{seed}");
    let scene = Scene::in_namespace(harness, &namespace).await;
    let mut rng = Rng::seeded(seed);
    let mut stores = vec![Arc::clone(&scene.store), Arc::clone(&scene.other)];
    for _ in 0..rng.below(3) {
        stores.push(harness.open(&namespace).await);
    }
    // Readers have their own handles, since a handle may not receive its own writes.
    let mut readers: Vec<Follower<'_, H>> = Vec::new();
    let model = Reference::default();
    let mut history = History { scene, rng, model, now: BACK, floor: BTreeMap::new(), past: Vec::new() };
    for step in 0..STEPS {
        // One reader watches from the start, others join later. One reads from time to time, the
        // others only at the end.
        if step == 0 || (readers.len() < READERS && history.rng.one_in(8)) {
            readers.push(Follower::new(harness, &harness.open(&namespace).await));
        }
        if history.rng.one_in(4) {
            readers[0].next().await;
        }
        history.step(&stores).await;
    }
    readers.push(Follower::new(harness, &history.scene.store));
    let model = &history.model;
    for reader in &mut readers {
        reader.caught_up().await;
        reader.expect("the view differs from the model", model);
    }
    let users: Vec<_> = (0..USERS).map(|n| super::scene::user(&format!("u{n}"))).collect();
    for store in &stores {
        let loaded = store.load(&users).await.expect("load");
        assert_eq!(loaded.sessions, model.load(&users).sessions, "a load differs from the model");
    }
}

const USERS: u64 = 4;
const TABS: u64 = 3;
const NODES: u64 = 3;

struct History<'h, H> {
    scene: Scene<'h, H>,
    rng: Rng,
    model: Reference,
    /// The history's own time, in milliseconds.
    now: u64,
    /// What was forgotten, and when: older states are not written again. A late retry would enter a
    /// forgotten record again, in any store, and what a watch delivers would then depend on its
    /// earlier deliveries.
    floor: BTreeMap<String, u64>,
    /// Past batches, to be repeated.
    past: Vec<Batch>,
}

/// One call of one process, each entry with its time.
#[derive(Clone)]
enum Batch {
    Put(Vec<(u64, Session)>),
    Touch(Vec<(u64, Touch)>),
}

fn name_of(touch: &Touch) -> String {
    match touch {
        Touch::Session { user, id, .. } => name(&SessionKey { user: user.clone(), id: id.clone() }),
        Touch::Node { node, .. } => node.to_string(),
    }
}

fn name(key: &SessionKey) -> String {
    format!("{}/{}", key.user, key.id)
}

impl<H: Harness> History<'_, H> {
    async fn step(&mut self, stores: &[Arc<dyn PresenceStore>]) {
        self.now += 1 + self.rng.below(1_000);
        let author = &stores[self.rng.index(stores.len())];
        match self.rng.below(8) {
            0 => self.forget(author).await,
            1..4 => {
                let batch = self.any_batch();
                self.write_alone(author, batch).await;
            }
            _ => self.write_together(stores).await,
        }
    }

    /// One process writes while the others are idle, so that its misses can be predicted.
    async fn write_alone(&mut self, author: &Arc<dyn PresenceStore>, batch: Batch) {
        match &batch {
            Batch::Put(sessions) => {
                let sessions: Vec<_> = sessions.iter().map(|(_, session)| session.clone()).collect();
                author.put(&sessions).await.expect("put");
                for session in &sessions {
                    self.model.put(session);
                }
            }
            Batch::Touch(touches) => {
                let touches: Vec<_> = touches.iter().map(|(_, touch)| touch.clone()).collect();
                let mut misses = author.touch(&touches).await.expect("touch");
                let mut expected: Misses =
                    touches.iter().filter_map(|touch| self.model.touch(touch)).collect();
                for misses in [&mut misses, &mut expected] {
                    misses.sort_unstable();
                    misses.dedup();
                }
                assert_eq!(misses, expected, "other misses");
            }
        }
        self.past.push(batch);
    }

    /// Several processes write concurrently. They use only commuting operations, so that the
    /// outcome can be predicted.
    async fn write_together(&mut self, stores: &[Arc<dyn PresenceStore>]) {
        let known: Vec<String> = self.model.sessions.keys().map(name).collect();
        let mut batches: Vec<Batch> = stores.iter().map(|_| self.any_batch()).collect();
        for batch in &mut batches {
            if let Batch::Touch(touches) = batch {
                // A touch may or may not miss a session that another process puts concurrently.
                touches.retain(|(_, touch)| {
                    matches!(touch, Touch::Node { .. }) || known.contains(&name_of(touch))
                });
            }
        }
        join_all(stores.iter().zip(&batches).map(|(store, batch)| async move {
            match batch {
                Batch::Put(sessions) => {
                    let sessions: Vec<_> = sessions.iter().map(|(_, session)| session.clone()).collect();
                    store.put(&sessions).await.expect("put");
                }
                Batch::Touch(touches) => {
                    let touches: Vec<_> = touches.iter().map(|(_, touch)| touch.clone()).collect();
                    store.touch(&touches).await.expect("touch");
                }
            }
        }))
        .await;
        for batch in batches {
            match &batch {
                Batch::Put(sessions) => {
                    for (_, session) in sessions {
                        self.model.put(session);
                    }
                }
                Batch::Touch(touches) => {
                    for (_, touch) in touches {
                        self.model.touch(touch);
                    }
                }
            }
            self.past.push(batch);
        }
    }

    async fn forget(&mut self, author: &Arc<dyn PresenceStore>) {
        let seen = if self.rng.one_in(4) {
            let name = format!("n{}", self.rng.below(NODES));
            let known = self.model.nodes.get(name.as_str()).map(|node| node.seen_at);
            let seen_at = self.guess(known);
            ForgetIf::Node { node: node(&name), seen_at }
        } else {
            let session = self.any_session().1;
            let known = self.model.sessions.get(&session.key());
            let (seen_at, placed_at) = (known.map(|s| s.seen_at), known.map(|s| s.placement.placed_at));
            ForgetIf::Session {
                key: session.key(),
                seen_at: self.guess(seen_at),
                placed_at: self.guess(placed_at),
            }
        };
        author.forget(std::slice::from_ref(&seen)).await.expect("forget");
        if self.model.forget(&seen) {
            let forgotten = match &seen {
                ForgetIf::Session { key, .. } => name(key),
                ForgetIf::Node { node, .. } => node.to_string(),
                ForgetIf::User(record) => record.user.to_string(),
            };
            self.floor.insert(forgotten, self.now);
        }
    }

    /// What the caller of `forget` knows: the exact time, a later one, or an old one.
    fn guess(&mut self, known: Option<crate::Timestamp>) -> crate::Timestamp {
        let any = self.scene.at(self.now - self.rng.below(BACK));
        known.filter(|_| !self.rng.one_in(3)).unwrap_or(any)
    }

    fn any_batch(&mut self) -> Batch {
        if !self.past.is_empty() && self.rng.one_in(3) {
            return self.repeated();
        }
        let len = 1 + self.rng.below(5);
        if self.rng.one_in(2) {
            Batch::Put((0..len).map(|_| self.any_session()).collect())
        } else {
            Batch::Touch((0..len).map(|_| self.any_touch()).collect())
        }
    }

    /// A past batch in another order, without records that were forgotten meanwhile.
    fn repeated(&mut self) -> Batch {
        let index = self.rng.index(self.past.len());
        let (floor, backwards) = (&self.floor, self.rng.one_in(2));
        let is_newer = |name: &str, stamp: u64| floor.get(name).is_none_or(|floor| stamp > *floor);
        match self.past[index].clone() {
            Batch::Put(mut sessions) => {
                sessions.retain(|(stamp, session)| is_newer(&name(&session.key()), *stamp));
                if backwards {
                    sessions.reverse();
                }
                Batch::Put(sessions)
            }
            Batch::Touch(mut touches) => {
                touches.retain(|(stamp, touch)| is_newer(&name_of(touch), *stamp));
                if backwards {
                    touches.reverse();
                }
                Batch::Touch(touches)
            }
        }
    }

    /// A time in the recent past, after the record was forgotten.
    fn stamp(&mut self, name: &str) -> u64 {
        let floor = self.floor.get(name).copied().unwrap_or_default();
        (self.now - self.rng.below(BACK)).max(floor + 1)
    }

    fn any_touch(&mut self) -> (u64, Touch) {
        if self.rng.one_in(4) {
            let name = format!("n{}", self.rng.below(NODES));
            let stamp = self.stamp(&name);
            return (stamp, self.scene.beat(&name, stamp));
        }
        let (stamp, session) = self.any_session();
        (stamp, self.scene.touch(&session, stamp, stamp - self.rng.below(BACK.min(stamp))))
    }

    fn any_session(&mut self) -> (u64, Session) {
        let name = format!("u{}/s{}", self.rng.below(USERS), self.rng.below(TABS));
        let stamp = self.stamp(&name);
        let by = format!("n{}", self.rng.below(NODES));
        let mut session = if self.rng.one_in(2) {
            self.scene.held(&name, stamp, &by)
        } else {
            self.scene.session(&name, stamp)
        };
        session.placement.topics = topics(&[&format!("t{}", self.rng.below(3))]);
        if self.rng.one_in(3) {
            let status = if self.rng.one_in(2) { Status::Busy } else { Status::Away };
            session.declared = Some(self.scene.declared(status, &format!("w{}", self.rng.below(9)), stamp));
        }
        if self.rng.one_in(4) {
            session = self.scene.departed(&session, stamp);
        }
        (stamp, session)
    }
}
