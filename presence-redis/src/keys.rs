//! The names of keys, fields and channels in Redis, and the shard of a user.

use presence_core::store::Namespace;
use presence_core::{NodeId, SessionId, SessionKey, UserId};

/// The number of keys of each shard that a script gets.
pub const KEYS_PER_SHARD: usize = 6;

/// The keys of one shard. The part in braces decides the slot in a cluster, so that all keys of a
/// shard have the same slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// HASH: `user TAB session` → times. Fields such as `TAB epoch` hold the properties
    /// of the shard.
    pub sessions: String,
    /// HASH: `user TAB session` → the rest of the record. A key of its own, since heartbeats read
    /// and write only times.
    pub placements: String,
    /// HASH: user → the ids of their sessions, separated by TAB.
    pub users: String,
    /// HASH: node → its last heartbeat.
    pub nodes: String,
    /// HASH: user → the user record.
    pub records: String,
    /// STRING: touches that are stored but not yet announced.
    pub touched: String,
    /// The pub/sub channel on which the shard announces changes.
    pub channel: String,
}

impl Keys {
    fn of(namespace: &Namespace, shard: u16) -> Self {
        let channel = format!("presence:{{{}:{shard}}}", namespace.as_str());
        let key = |name| format!("{channel}:{name}");
        Self {
            sessions: key("sessions"),
            placements: key("placements"),
            users: key("users"),
            nodes: key("nodes"),
            touched: key("touched"),
            records: key("records"),
            channel,
        }
    }

    /// The keys of all shards, in their order.
    pub fn all(namespace: &Namespace, shards: u16) -> Box<[Self]> {
        (0..shards).map(|shard| Self::of(namespace, shard)).collect()
    }

    /// The keys that a script gets, in the order in which it expects them.
    pub fn names(&self) -> [&str; KEYS_PER_SHARD] {
        [&self.sessions, &self.placements, &self.users, &self.nodes, &self.touched, &self.records]
    }
}

/// The shard of a user, one of `shards`. The result must never change between versions.
pub fn shard_of(user: &UserId, shards: u16) -> u16 {
    u16::try_from(presence_core::hash::stable(0, user.as_str()) % u64::from(shards.max(1))).unwrap_or(0)
}

/// The separator between user and session in a field, and the prefix of fields that are not
/// sessions. No id holds a control character.
pub const SEPARATOR: char = '\t';

/// The field of a session.
pub fn session_field(user: &UserId, id: &SessionId) -> String {
    let (user, id) = (user.as_str(), id.as_str());
    let mut field = String::with_capacity(user.len() + 1 + id.len());
    field.push_str(user);
    field.push(SEPARATOR);
    field.push_str(id);
    field
}

/// The name of a node in messages and arguments, which differs from that of any session.
pub fn node_field(node: &NodeId) -> String {
    format!("{SEPARATOR}{node}")
}

/// Decodes the field of a session; `None` if this crate did not write it.
pub fn session_of(field: &str) -> Option<SessionKey> {
    let (user, id) = field.split_once(SEPARATOR)?;
    Some(SessionKey { user: UserId::new(user).ok()?, id: SessionId::new(id).ok()? })
}

/// Decodes the name of a node; `None` if this crate did not write it.
pub fn node_of(field: &str) -> Option<NodeId> {
    NodeId::new(field.strip_prefix(SEPARATOR)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_keys_of_a_shard_have_the_same_slot() {
        let keys = Keys::all(&Namespace::new("chat").unwrap(), 2);
        assert_eq!(keys[1].sessions, "presence:{chat:1}:sessions");
        assert!(keys[1].names().iter().all(|name| name.contains("{chat:1}")));
        assert_eq!(keys[1].channel, "presence:{chat:1}");
    }

    #[test]
    fn the_shard_of_a_user_does_not_change_between_versions() {
        // Every released version has stored data by these values: with other values, all stored
        // sessions would be lost.
        let shard = |user| shard_of(&UserId::new(user).unwrap(), 8);
        assert_eq!(["ada", "bob", "日本", "a b"].map(shard), [3, 4, 1, 2]);
    }

    proptest! {
        #[test]
        fn a_session_is_decoded_from_its_field(user in "\\PC{1,40}", id in "\\PC{1,40}") {
            let (Ok(user), Ok(id)) = (UserId::new(user), SessionId::new(id)) else { return Ok(()) };
            let field = session_field(&user, &id);
            prop_assert_eq!(session_of(&field), Some(SessionKey { user, id }));
            prop_assert_eq!(node_of(&field), None);
        }

        #[test]
        fn the_name_of_a_node_is_never_decoded_as_a_session(node in "\\PC{1,40}") {
            let Ok(node) = NodeId::new(node) else { return Ok(()) };
            let field = node_field(&node);
            prop_assert_eq!(session_of(&field), None);
            prop_assert_eq!(node_of(&field), Some(node));
        }
    }
}
