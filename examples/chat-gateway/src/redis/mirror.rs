//! Mirrors presence to Redis for other services: writes the keys `presence:{user_id}`, and
//! publishes changes on `presence:updates`.

use super::link::pause;
use super::{Redis, UPDATES};
use crate::frame::{Frame, User};
use crate::stores::NAMESPACE;
use crate::{profile, rfc3339};
use presence_core::{Member, NodeId, Presence, Scope, Snapshot, Timestamp, Update, UserId};
use redis::Pipeline;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Writes or removes a user's key, and publishes a change unless the key already has this content.
/// So the process that writes a change first publishes it, and no other does.
///
/// Processes learn of changes at different times, so a write may arrive that is older than the key.
/// Each write has the versions of the user's sessions. One that lacks a version, or has an older
/// one than the last write, changes nothing: the process that is responsible for the user writes
/// again once it knows everything.
///
/// `KEYS[1]` the user's key; `KEYS[2]` the versions of the last write; `ARGV[1]` the versions, a
/// JSON object; `ARGV[2]` the oldest version that a process may not lack: it may have forgotten the
/// sessions that ended before; `ARGV[3]` how long the versions are stored, in seconds; `ARGV[4]`
/// the key's new value, empty to remove it; `ARGV[5]` its lifetime in seconds; `ARGV[6]` the frame
/// to publish, or empty; `ARGV[7]` the channel.
const WRITE: &str = r"
local versions = cjson.decode(ARGV[1])
for session, last in pairs(cjson.decode(redis.call('GET', KEYS[2]) or '{}')) do
  if last > (versions[session] or 0) and (versions[session] or last >= tonumber(ARGV[2])) then return 0 end
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[3])
local stored = redis.call('GET', KEYS[1])
local changed
if ARGV[4] == '' then
  changed = redis.call('DEL', KEYS[1]) == 1
else
  redis.call('SET', KEYS[1], ARGV[4], 'EX', ARGV[5])
  local known, old = pcall(cjson.decode, stored or '')
  local new = cjson.decode(ARGV[4])
  changed = not (known and type(old) == 'table' and old.status == new.status
    and old.message == new.message and old.username == new.username)
end
if changed and ARGV[6] ~= '' then redis.call('PUBLISH', ARGV[7], ARGV[6]) end
return 1";

/// For how long the versions of a write are stored: longer than any write is delayed, and shorter
/// than sessions that ended are remembered.
const VERSIONS_TTL: Duration = Duration::from_mins(1);

/// The number of users that are written at a time.
const BATCH: usize = 500;
/// The longest interval between two refreshes of a key.
const REFRESH: Duration = Duration::from_secs(30);

/// The last known state of all users, and the writes that are pending.
///
/// The key of an online user is written by one process: that of their newest connection. Any
/// process that sees a user go offline removes it, since the process that wrote the key may be gone
/// as well.
pub(crate) struct Mirror {
    presence: Presence,
    redis: Redis,
    node: NodeId,
    members: BTreeMap<UserId, Arc<Member>>,
    /// The users whose keys are to be written, and whether a change is published.
    pending: BTreeMap<UserId, bool>,
}

/// The value of a user's key.
#[derive(Serialize)]
struct Wire<'a> {
    #[serde(flatten)]
    user: User<'a>,
    connection_id: &'a str,
    last_seen: &'a str,
}

impl Mirror {
    /// Mirrors until the presence shuts down.
    pub fn start(presence: &Presence, redis: &Redis) {
        let mirror = Self {
            presence: presence.clone(),
            redis: redis.clone(),
            node: presence.node().clone(),
            members: BTreeMap::new(),
            pending: BTreeMap::new(),
        };
        tokio::spawn(mirror.run());
    }

    async fn run(mut self) {
        let ended = self.presence.clone();
        tokio::select! {
            () = ended.ended() => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&mut self) {
        let mut updates = self.presence.subscribe(&Scope::All);
        let mut refresh = tokio::time::interval(REFRESH.min(self.redis.presence_ttl / 3));
        let back = Arc::clone(&self.redis.back);
        loop {
            tokio::select! {
                update = updates.next() => match update {
                    Some(update) => self.take(update),
                    None => return,
                },
                _ = refresh.tick() => self.refresh(),
                () = back.notified() => self.refresh(),
            }
            self.write().await;
        }
    }

    /// Compares an update with the last known state.
    fn take(&mut self, update: Update) {
        match update {
            Update::Snapshot(snapshot) => {
                let gone: Vec<_> = self
                    .members
                    .keys()
                    .filter(|user| !snapshot.members.contains_key(*user))
                    .cloned()
                    .collect();
                gone.iter().for_each(|user| self.lose(user));
                let Snapshot { members, .. } = &*snapshot;
                members.values().for_each(|member| self.show(member));
            }
            Update::Diff(diff) => {
                diff.left.iter().for_each(|(user, _)| self.lose(user));
                diff.joined.iter().chain(&diff.changed).for_each(|member| self.show(member));
            }
        }
    }

    fn show(&mut self, member: &Arc<Member>) {
        if !is_safe(&member.user) {
            return;
        }
        let before = self.members.insert(member.user.clone(), Arc::clone(member));
        // Whether this is a change is decided by the script, which compares it with the key: the
        // process with the user's former connection may not have written it, and leaves it to this
        // one.
        if before.as_ref() != Some(member) && self.is_own(member) {
            self.pending.insert(member.user.clone(), true);
        }
    }

    fn lose(&mut self, user: &UserId) {
        if self.members.remove(user).is_some() {
            self.pending.insert(user.clone(), true);
        }
    }

    fn is_own(&self, member: &Member) -> bool {
        profile::is_of(member.meta.as_ref(), &self.node)
    }

    /// Schedules a refresh of all keys that this process is responsible for.
    fn refresh(&mut self) {
        let own = self.members.values().filter(|member| self.is_own(member));
        let own: Vec<_> = own.map(|member| member.user.clone()).collect();
        for user in own {
            self.pending.entry(user).or_insert(false);
        }
    }

    /// Executes the pending writes. While Redis is down it retries; changes during that time are
    /// compared when it is back.
    async fn write(&mut self) {
        while !self.pending.is_empty() {
            let batch: Vec<_> = self.pending.keys().take(BATCH).cloned().collect();
            let commands = self.commands(&batch);
            if self.redis.link.run::<()>(&commands).await.is_ok() {
                batch.iter().for_each(|user| _ = self.pending.remove(user));
            } else {
                pause().await;
            }
        }
    }

    fn commands(&self, users: &[UserId]) -> Pipeline {
        let now = self.presence.now();
        let oldest = version(now - VERSIONS_TTL);
        let now = rfc3339(now);
        let mut commands = redis::pipe();
        commands.atomic();
        for user in users {
            // Read before the state, so that the state is at least as new as the versions.
            let versions = versions(&self.presence, user);
            // The current state counts, not that of the change, which may be long ago.
            let person = self.presence.user(user).filter(|person| person.member.liveness.is_live());
            let (value, shown, name);
            match &person {
                Some(person) if !self.is_own(&person.member) => continue,
                Some(person) => {
                    shown = User::of(&person.member);
                    let connection_id = profile::connection(person.member.meta.as_ref());
                    let wire = Wire { user: User::of(&person.member), connection_id, last_seen: &now };
                    value = serde_json::to_string(&wire).unwrap_or_default();
                }
                None => {
                    name = profile::last_name(&self.presence, user);
                    shown = User::offline(user.as_str(), &name);
                    value = String::new();
                }
            }
            let publishes = self.pending.get(user) == Some(&true);
            let frame = if publishes { Frame::presence(shown, &now).text() } else { String::new() };
            let written = commands.cmd("EVAL").arg(WRITE).arg(2).arg(key(user)).arg(versions_key(user));
            let written = written.arg(serde_json::to_string(&versions).unwrap_or_default());
            let written = written.arg(oldest).arg(VERSIONS_TTL.as_secs()).arg(value);
            written.arg(self.redis.presence_ttl.as_secs()).arg(frame).arg(UPDATES).ignore();
        }
        commands
    }
}

/// The versions of all that this process knows of a user's sessions: a number for where each
/// session is, and one for what it declared, which grow with each change.
fn versions(presence: &Presence, user: &UserId) -> BTreeMap<String, u64> {
    let mut versions = BTreeMap::new();
    for session in profile::sessions(presence, user) {
        // A session that left is newer than the same session before, even in one millisecond.
        let placed = version(session.placement.placed_at);
        let left = session.placement.left.map(|left| version(left.at) + 1);
        versions.insert(format!("placed {}", session.id), left.map_or(placed, |left| left.max(placed + 1)));
        if let Some(declared) = session.declared {
            versions.insert(format!("declared {}", session.id), version(declared.at));
        }
    }
    versions
}

const fn version(at: Timestamp) -> u64 {
    2 * at.as_millis()
}

fn key(user: &UserId) -> String {
    format!("presence:{user}")
}

fn versions_key(user: &UserId) -> String {
    format!("presence:{{{NAMESPACE}:written}}:{user}")
}

/// Whether a user's key cannot collide with the keys of the store and the broker, which all contain
/// the namespace in this form.
fn is_safe(user: &UserId) -> bool {
    !user.as_str().contains(&format!("{{{NAMESPACE}:"))
}
