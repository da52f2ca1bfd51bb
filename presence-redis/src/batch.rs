//! Turns batches into calls of scripts: merges entries of the same name, groups them by shard, and
//! divides them so that no call occupies the server for long.

use crate::codec;
use crate::keys::{Keys, shard_of};
use crate::wire::script::{Header, Script};
use foldhash::fast::RandomState;
use presence_core::store::{BATCH_BYTES, BATCH_ENTRIES, ForgetIf, Session, Touch, UserRecord};
use presence_core::{NodeId, Policy, Timestamp, UserId};
use redis::Cmd;
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

/// A list of names with their values, as scripts read it: the number of names, the names, the
/// values, and an empty argument.
#[derive(Debug, Default)]
pub struct Block {
    names: Vec<String>,
    values: Vec<String>,
}

impl Block {
    fn push(&mut self, (name, value): (String, String)) {
        self.names.push(name);
        self.values.push(value);
    }

    fn write(&self, call: &mut Cmd) {
        call.arg(self.names.len()).arg(&self.names).arg(&self.values).arg("");
    }
}

/// The arguments of one call for one shard.
#[derive(Debug, Default)]
pub struct Part {
    /// The number that precedes the blocks, for scripts that take one.
    number: Option<u64>,
    blocks: Vec<Block>,
    entries: usize,
    bytes: usize,
}

impl Part {
    fn with_blocks(count: usize) -> Self {
        Self { blocks: (0..count).map(|_| Block::default()).collect(), ..Self::default() }
    }

    fn push(&mut self, block: usize, entry: (String, String)) {
        self.entries += 1;
        self.bytes += entry.0.len() + entry.1.len();
        self.blocks[block].push(entry);
    }

    fn is_full(&self) -> bool {
        self.entries >= BATCH_ENTRIES || self.bytes >= BATCH_BYTES
    }
}

/// Parts, each with its shard. When a part is full, its shard gets another.
#[derive(Debug)]
pub struct Parts {
    /// The number of blocks in each part.
    blocks: usize,
    done: Vec<(u16, Part)>,
    open: Vec<Option<Part>>,
}

impl Parts {
    fn new(shards: u16, blocks: usize) -> Self {
        Self { blocks, done: Vec::new(), open: (0..shards).map(|_| None).collect() }
    }

    fn shards(&self) -> u16 {
        u16::try_from(self.open.len()).unwrap_or(u16::MAX)
    }

    fn part(&mut self, shard: u16) -> &mut Part {
        let blocks = self.blocks;
        let open = &mut self.open[usize::from(shard)];
        if open.as_ref().is_some_and(Part::is_full)
            && let Some(full) = open.take()
        {
            self.done.push((shard, full));
        }
        open.get_or_insert_with(|| Part::with_blocks(blocks))
    }

    fn finish(self) -> Vec<(u16, Part)> {
        let open = self.open.into_iter().zip(0..).filter_map(|(part, shard)| Some((shard, part?)));
        self.done.into_iter().chain(open).collect()
    }
}

/// The calls that send these parts: as few as the bounds allow, or one for each part if a script
/// may use the keys of one shard only.
pub fn calls(
    script: &Script,
    header: &Header,
    keys: &[Keys],
    parts: Vec<(u16, Part)>,
    one_shard: bool,
) -> Vec<(Vec<(u16, Part)>, Cmd)> {
    let mut calls = Vec::new();
    let mut parts = parts.into_iter().peekable();
    while let Some(first) = parts.next() {
        let (mut entries, mut bytes) = (first.1.entries, first.1.bytes);
        let mut together = vec![first];
        while let Some(next) = parts.next_if(|(_, next)| {
            !one_shard && entries + next.entries <= BATCH_ENTRIES && bytes + next.bytes <= BATCH_BYTES
        }) {
            (entries, bytes) = (entries + next.1.entries, bytes + next.1.bytes);
            together.push(next);
        }
        let call = call(script, header, keys, &together);
        calls.push((together, call));
    }
    calls
}

/// One call that sends all these parts.
pub fn call(script: &Script, header: &Header, keys: &[Keys], parts: &[(u16, Part)]) -> Cmd {
    let mut call = script.of(header, parts.iter().map(|(shard, _)| &keys[usize::from(*shard)]));
    for (_, part) in parts {
        if let Some(number) = part.number {
            call.arg(number);
        }
        part.blocks.iter().for_each(|block| block.write(&mut call));
    }
    call
}

/// The parts of a put, with each session once. Several states of a session are merged here, since
/// the script reads all records before it writes any.
pub fn puts(sessions: &[Session], shards: u16) -> Vec<(u16, Part)> {
    let mut at: HashMap<_, usize, RandomState> = HashMap::default();
    let mut once: Vec<Cow<'_, Session>> = Vec::with_capacity(sessions.len());
    for session in sessions {
        match at.entry((session.user.as_str(), session.id.as_str())) {
            Entry::Vacant(entry) => {
                entry.insert(once.len());
                once.push(Cow::Borrowed(session));
            }
            Entry::Occupied(entry) => {
                once[*entry.get()].to_mut().merge(session);
            }
        }
    }
    let mut parts = Parts::new(shards, 1);
    for session in once {
        let part = parts.part(shard_of(&session.user, shards));
        // The lease is bounded, since an expiry of a key in Redis must not be too large.
        let lease = session.placement.lease.min(Policy::MAX_LEASE).as_millis();
        let lease = u64::try_from(lease).unwrap_or(u64::MAX);
        part.number = part.number.max(Some(lease));
        part.push(0, (crate::keys::session_field(&session.user, &session.id), codec::record(&session)));
    }
    parts.finish()
}

/// The parts of a touch, with each session and each node once. Nodes are sent to every shard, since
/// each shard stores the nodes by which its held sessions are judged.
pub fn touches(touches: &[Touch], shards: u16) -> Vec<(u16, Part)> {
    let mut sessions: HashMap<_, (Timestamp, Timestamp), RandomState> = HashMap::default();
    let mut nodes: HashMap<&NodeId, (Timestamp, Option<Duration>), RandomState> = HashMap::default();
    sessions.reserve(touches.len());
    for touch in touches {
        match touch {
            Touch::Session { user, id, seen_at, active_at } => {
                let times = sessions.entry((user, id)).or_default();
                *times = (times.0.max(*seen_at), times.1.max(*active_at));
            }
            Touch::Node { node, seen_at, drain_for } => {
                let rank = nodes.entry(node).or_default();
                *rank = (*rank).max((*seen_at, *drain_for));
            }
        }
    }
    let mut parts = Parts::new(shards, 2);
    for ((user, id), (seen, active)) in sessions {
        let entry = (crate::keys::session_field(user, id), codec::times(seen, active));
        parts.part(shard_of(user, shards)).push(0, entry);
    }
    for (node, (seen_at, drain_for)) in nodes {
        for shard in 0..parts.shards() {
            let entry = (crate::keys::node_field(node), codec::beat(seen_at, drain_for));
            parts.part(shard).push(1, entry);
        }
    }
    parts.finish()
}

/// The parts of a remember, with each user record once.
pub fn records(users: &[UserRecord], shards: u16) -> Vec<(u16, Part)> {
    let mut once: HashMap<&UserId, UserRecord, RandomState> = HashMap::default();
    for record in users {
        once.entry(&record.user).or_insert_with(|| UserRecord::new(record.user.clone())).merge(record);
    }
    let mut parts = Parts::new(shards, 1);
    for (user, record) in once {
        let entry = (user.as_str().to_owned(), codec::user_record(&record));
        parts.part(shard_of(user, shards)).push(0, entry);
    }
    parts.finish()
}

/// The parts of a forget, in the given order. Nodes are sent to every shard.
pub fn forgets(seen: &[ForgetIf], shards: u16) -> Vec<(u16, Part)> {
    let mut parts = Parts::new(shards, 1);
    for seen in seen {
        match seen {
            ForgetIf::Session { key, .. } => {
                parts.part(shard_of(&key.user, shards)).push(0, codec::seen(seen));
            }
            ForgetIf::User(record) => parts.part(shard_of(&record.user, shards)).push(0, codec::seen(seen)),
            ForgetIf::Node { .. } => {
                (0..parts.shards()).for_each(|shard| parts.part(shard).push(0, codec::seen(seen)));
            }
        }
    }
    parts.finish()
}

/// The parts of a load: users without values. A part has few users, since each may
/// have many sessions.
pub fn loads<'u>(users: impl Iterator<Item = &'u UserId>, shards: u16) -> Vec<(u16, Part)> {
    let mut parts = Parts::new(shards, 1);
    for user in users {
        let part = parts.part(shard_of(user, shards));
        // A user counts as sixteen entries, for the sessions to read. Users with hundreds of
        // sessions are rare.
        part.entries += 15;
        part.bytes += 1024;
        part.blocks[0].names.push(user.as_str().to_owned());
    }
    parts.finish()
}
