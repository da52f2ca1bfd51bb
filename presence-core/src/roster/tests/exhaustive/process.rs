//! A process of the search: a roster, its reckoning, and the loop that `Presence` runs around them,
//! without waiting.

use super::store::{Store, outlook_of};
use super::system::{HELD_FOR, LEASE, NODE_BEATS, POLICY_GRACE, key};
use crate::liveness::Policy;
use crate::model::{Beat, Leave, NodeId, Session, SessionKey};
use crate::roster::sessions::slot::{Slot, flag};
use crate::roster::{BeatSource, Roster, Settings, StoreWrite};
use crate::store::{FeedEvent, Touch};
use crate::time::{Reckoning, Timestamp};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// How a session must be written to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Owes {
    Touch,
    Put,
}

pub struct Process {
    pub roster: Roster,
    reckoning: Reckoning,
    /// Whether the link to the store is up.
    pub is_up: bool,
    /// The epoch of the store that the process follows, and the number of events it has read.
    watch: Option<(u64, usize)>,
    synced_with: Option<u64>,
    owed: BTreeMap<SessionKey, Owes>,
    /// When the store accepted its last heartbeat.
    beaten_at: Option<Timestamp>,
    /// Since when its link has been up and the store has accepted writes.
    pub connected_since: Option<Timestamp>,
}

impl Process {
    pub fn start(name: &str, store: &Store, is_up: bool, now: Timestamp) -> Self {
        let policy = Policy::default()
            .lease_for(LEASE)
            .held_for(HELD_FOR)
            .grace(POLICY_GRACE)
            .active_for(Duration::from_hours(1));
        let node = NodeId::new(name).unwrap();
        let settings = Settings {
            policy,
            node,
            shards: 1,
            max_sessions: 100,
            max_bytes: usize::MAX,
            max_topics_per_user: 100,
            remember_bytes: 0,
        };
        let process = Self {
            roster: Roster::with_locks(1, settings, now),
            reckoning: Reckoning::new(1),
            is_up,
            watch: None,
            synced_with: None,
            owed: BTreeMap::new(),
            beaten_at: None,
            connected_since: None,
        };
        if is_up {
            process.roster.calibrate(store.now(None, now), now);
        }
        process
    }

    pub fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    pub fn shows(&self, user: &str) -> bool {
        self.roster.person(&key(user).user).is_some_and(|person| person.member.liveness.is_live())
    }

    fn can_write(&self, store: &Store) -> bool {
        self.is_up && !store.refuses
    }

    fn owe(&mut self, keys: impl IntoIterator<Item = SessionKey>, owes: Owes) {
        for key in keys {
            let owed = self.owed.entry(key).or_insert(owes);
            *owed = owes.max(*owed);
        }
    }

    /// Runs one second of the process.
    pub fn run_second(&mut self, store: &mut Store, now: Timestamp) {
        let connected = self.can_write(store);
        self.connected_since = connected.then(|| self.connected_since.unwrap_or(now));
        self.read_feed(store, now);
        self.prove(store, now);
        if self.beaten_at.is_none_or(|at| now.since(at) >= NODE_BEATS) {
            let node = self.roster.beat_node(now);
            if self.can_write(store) {
                let touch = Touch::Node { node: node.id, seen_at: node.seen_at, drain_for: node.drain_for };
                store.touch(&touch);
                self.beaten_at = Some(now);
            }
        }
        let mut swept = self.roster.sweep(now, 1_000);
        self.owe(std::mem::take(&mut swept.touch), Owes::Touch);
        self.drain(store, now);
    }

    /// Reads all events of the store.
    fn read_feed(&mut self, store: &Store, now: Timestamp) {
        if !self.is_up || self.watch.is_some_and(|(epoch, _)| epoch != store.epoch) {
            self.watch = None;
        }
        if !self.is_up {
            return;
        }
        let Some((_, next)) = &mut self.watch else {
            self.roster.begin();
            let owed = self.roster.merge(&store.facts(), |_| 0, now);
            self.owe(owed, Owes::Put);
            let owed = self.roster.synced(0, now);
            self.owe(owed, Owes::Put);
            self.synced_with = Some(store.epoch);
            self.watch = Some((store.epoch, store.log_length()));
            return;
        };
        let from = std::mem::replace(next, store.log_length());
        for event in store.events_from(from) {
            let owed = match event {
                FeedEvent::Facts(facts) => self.roster.merge(facts, |_| 0, now),
                FeedEvent::Forgotten(seen) => self.roster.forgotten(seen, now),
                FeedEvent::Touched(touches) => {
                    self.roster.touched(touches, now);
                    continue;
                }
                other => unreachable!("the log has no {other:?}"),
            };
            self.owe(owed, Owes::Put);
        }
    }

    fn prove(&mut self, store: &mut Store, now: Timestamp) {
        if !self.is_up {
            return;
        }
        let ask = self.reckoning.ask(0, now);
        let Some((at, blind)) = store.prove(&ask, now) else { return self.roster.falter(0) };
        self.reckoning.answered(0, at, &blind, now);
        self.roster.prove(0, at, &blind, now);
    }

    /// Writes the outbox to the store, if the store accepts writes.
    fn drain(&mut self, store: &mut Store, now: Timestamp) {
        if !self.can_write(store) {
            return;
        }
        for (key, owes) in std::mem::take(&mut self.owed) {
            let Some(session) = self.roster.session(&key) else { continue };
            match owes {
                Owes::Put => store.put(&session),
                Owes::Touch => {
                    self.touch(store, &Touch::of(&session));
                }
            }
            self.roster.confirm([(&session.user, &session.id)], now);
        }
    }

    fn touch(&self, store: &mut Store, touch: &Touch) {
        if let Some(missed) = store.touch(touch)
            && let Some(session) = self.roster.session(&missed)
        {
            store.put(&session);
        }
    }

    /// Writes a change to the store, or adds it to the outbox.
    fn write(&mut self, key: &SessionKey, write: StoreWrite, store: &mut Store, now: Timestamp) {
        let can_write = self.can_write(store);
        match write {
            StoreWrite::Nothing | StoreWrite::Postponed { .. } => {}
            StoreWrite::Put { sessions, .. } if can_write => {
                for session in &sessions {
                    store.put(session);
                    self.roster.confirm([(&session.user, &session.id)], now);
                }
            }
            StoreWrite::Put { sessions, .. } => {
                self.owe(sessions.iter().map(Session::key), Owes::Put);
            }
            StoreWrite::Touch { .. } if !can_write => self.owe([key.clone()], Owes::Touch),
            StoreWrite::Touch { seen_at, active_at, confirms, .. } => {
                let SessionKey { user, id } = key.clone();
                self.touch(store, &Touch::Session { user, id, seen_at, active_at });
                if confirms {
                    self.roster.confirm([(&key.user, &key.id)], now);
                }
            }
        }
    }

    pub fn beat(&mut self, beat: &Beat, store: &mut Store, now: Timestamp) {
        let write = self.roster.beat(beat, BeatSource::Beat, 0, now).unwrap();
        self.write(&key_of(beat), write, store, now);
    }

    pub fn hold(&mut self, beat: &Beat, store: &mut Store, now: Timestamp) {
        let write = self.roster.beat(beat, BeatSource::Connection, 0, now).unwrap();
        self.write(&key_of(beat), write, store, now);
    }

    pub fn leave(&mut self, leave: &Leave, store: &mut Store, now: Timestamp) {
        let write = self.roster.leave(leave, now);
        self.write(&leave.key, write, store, now);
    }

    /// Ends a connection of this process.
    pub fn close(&mut self, key: &SessionKey, store: &mut Store, now: Timestamp) {
        let write = self.roster.drop_held(key, POLICY_GRACE, now);
        self.write(key, write, store, now);
    }

    /// Makes the store forget the sessions that are gone in this process's view.
    pub fn collect(&mut self, store: &mut Store, now: Timestamp) {
        if !self.can_write(store) {
            return;
        }
        let gone: Vec<_> = {
            let locked = self.roster.shards[0].lock();
            let slots = (0..locked.slots.end()).filter_map(|at| locked.slots.get(at));
            slots.filter(|slot| !slot.state.is_live()).map(Slot::seen).collect()
        };
        gone.iter().for_each(|seen| store.forget(seen));
        let owed = self.roster.forgotten(&gone, now);
        self.owe(owed, Owes::Put);
    }

    /// Everything that future behaviour depends on, with times relative to `now`. Except the times
    /// at which the wheel checks sessions: they must not matter.
    pub fn outlook(&self, now: Timestamp, into: &mut impl Hasher) {
        let watched = self.watch.map(|(epoch, _)| epoch);
        let since = |at: Option<Timestamp>| at.map(|at| at.relative_to(now).max(-10_000));
        (
            self.is_up,
            watched,
            self.synced_with,
            &self.owed,
            since(self.beaten_at),
            since(self.connected_since),
        )
            .hash(into);
        let ask = self.reckoning.ask(0, now);
        (ask.reckoned.map(|at| at.relative_to(now)), ask.proven.relative_to(now)).hash(into);
        for blind in ask.blind.as_slice() {
            (blind.from.relative_to(now), blind.to.relative_to(now)).hash(into);
        }
        let clocks = self.roster.clocks();
        clocks.outlook(now).hash(into);
        let mut nodes = self.roster.nodes.known();
        nodes.sort_by(|one, other| one.id.cmp(&other.id));
        for node in nodes {
            (node.id.as_str(), node.seen_at().relative_to(now)).hash(into);
        }
        let locked = self.roster.shards[0].lock();
        let mut slots: Vec<_> =
            (0..locked.slots.end()).filter_map(|at| Some((at, locked.slots.get(at)?))).collect();
        slots.sort_by(|(_, one), (_, other)| one.user.cmp(&other.user));
        for (at, slot) in slots {
            outlook_of(&slot.session(), now, into);
            let known = (slot.stored.was_stored(), slot.stored == self.roster.watch.current());
            (slot.flags & !flag::FIRST, slot.state, known).hash(into);
            locked.missing.get(&at).map(|since| since.relative_to(now)).hash(into);
        }
    }
}

fn key_of(beat: &Beat) -> SessionKey {
    SessionKey { user: beat.user.clone(), id: beat.session.clone() }
}
