//! Mirrors presence to Redis for other services: writes the keys `presence:{user_id}`, and
//! publishes changes on `presence:updates`.

use super::link::pause;
use super::{Redis, UPDATES};
use crate::frame::{Frame, User};
use crate::stores::NAMESPACE;
use crate::{profile, rfc3339};
use presence_core::{Member, NodeId, Presence, Scope, Snapshot, Update, UserId};
use redis::Pipeline;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Removes a user's key and publishes that they are offline, unless another connection has written
/// the key since. The first process does both; the others find no key.
///
/// `KEYS[1]` the user's key; `ARGV[1]` the connection that the key is expected to name; `ARGV[2]`
/// the frame; `ARGV[3]` the channel.
const GONE: &str = r"
local stored = redis.call('GET', KEYS[1])
if not stored then return 0 end
local known, value = pcall(cjson.decode, stored)
if known and type(value) == 'table' and value.connection_id ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[3], ARGV[2])
return 1";

/// Writes a user's key, and publishes the change unless the key already had this content. So the
/// process that writes a change first publishes it, and no other does.
///
/// `KEYS[1]` the user's key; `ARGV[1]` its value; `ARGV[2]` its lifetime in seconds; `ARGV[3]` the
/// frame; `ARGV[4]` the channel.
const SHOWN: &str = r"
local stored = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
local known, old = pcall(cjson.decode, stored or '')
local new = cjson.decode(ARGV[1])
if known and type(old) == 'table' and old.status == new.status and old.message == new.message
  and old.username == new.username then return 0 end
redis.call('PUBLISH', ARGV[4], ARGV[3])
return 1";

/// The number of users that are written at a time.
const BATCH: usize = 500;
/// The longest interval between two refreshes of a key.
const REFRESH: Duration = Duration::from_secs(30);

/// The last known state of all users, and the writes that are pending.
///
/// The key of an online user is written by one process: that of their newest connection. Any
/// process that sees a user go offline writes it, since the process that wrote the key may be gone
/// as well.
pub(crate) struct Mirror {
    presence: Presence,
    redis: Redis,
    node: NodeId,
    members: BTreeMap<UserId, Arc<Member>>,
    pending: Vec<Pending>,
}

/// A pending write.
enum Pending {
    /// The key of a user, with the frame to publish if this is a change.
    Shown { user: UserId, frame: Option<String> },
    /// A user went offline, whose key named this connection.
    Gone { user: UserId, connection: String, frame: String },
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
            node: presence.node().id,
            members: BTreeMap::new(),
            pending: Vec::new(),
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
        if before.as_ref() == Some(member) || !profile::is_of(member.meta.as_ref(), &self.node) {
            return;
        }
        // Whether this is a change is decided by the script, which compares it with the key: the
        // process with the user's former connection may not have written it, and leaves it to this
        // one.
        let frame = Some(self.frame(User::of(member)));
        self.pending.push(Pending::Shown { user: member.user.clone(), frame });
    }

    fn lose(&mut self, user: &UserId) {
        let Some(member) = self.members.remove(user) else { return };
        let frame = self.frame(User::offline(user.as_str(), profile::name(member.meta.as_ref(), user)));
        let connection = profile::connection(member.meta.as_ref()).to_owned();
        self.pending.push(Pending::Gone { user: user.clone(), connection, frame });
    }

    fn frame(&self, user: User<'_>) -> String {
        Frame::presence(user, &rfc3339(self.presence.now())).text()
    }

    /// Schedules a refresh of all keys that this process is responsible for.
    fn refresh(&mut self) {
        let own = self.members.values().filter(|member| profile::is_of(member.meta.as_ref(), &self.node));
        self.pending.extend(own.map(|member| Pending::Shown { user: member.user.clone(), frame: None }));
    }

    /// Executes the pending writes. While Redis is down it retries; changes during that time are
    /// compared when it is back.
    async fn write(&mut self) {
        while !self.pending.is_empty() {
            let batch = self.pending.len().min(BATCH);
            let commands = self.commands(&self.pending[..batch]);
            if self.redis.link.run::<()>(&commands).await.is_ok() {
                self.pending.drain(..batch);
            } else {
                pause().await;
            }
        }
        self.pending = Vec::new();
    }

    fn commands(&self, pending: &[Pending]) -> Pipeline {
        let last_seen = rfc3339(self.presence.now());
        let ttl = self.redis.presence_ttl.as_secs();
        let mut commands = redis::pipe();
        commands.atomic();
        for write in pending {
            match write {
                Pending::Shown { user, frame } => {
                    // The current state counts: for a user who left meanwhile, a `Gone` is pending
                    // as well.
                    let Some(member) = self.members.get(user) else { continue };
                    let connection_id = profile::connection(member.meta.as_ref());
                    let wire = Wire { user: User::of(member), connection_id, last_seen: &last_seen };
                    let value = serde_json::to_string(&wire).unwrap_or_default();
                    match frame {
                        Some(frame) => {
                            let shown = commands.cmd("EVAL").arg(SHOWN).arg(1).arg(key(user));
                            shown.arg(value).arg(ttl).arg(frame).arg(UPDATES).ignore();
                        }
                        None => _ = commands.set_ex(key(user), value, ttl).ignore(),
                    }
                }
                Pending::Gone { user, connection, frame } => {
                    let gone = commands.cmd("EVAL").arg(GONE).arg(1).arg(key(user));
                    gone.arg(connection).arg(frame).arg(UPDATES).ignore();
                }
            }
        }
        commands
    }
}

fn key(user: &UserId) -> String {
    format!("presence:{user}")
}

/// Whether a user's key cannot collide with the keys of the store and the broker, which all contain
/// the namespace in this form.
fn is_safe(user: &UserId) -> bool {
    !user.as_str().contains(&format!("{{{NAMESPACE}:"))
}
