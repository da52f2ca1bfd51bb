//! The meta of a session: the name to show, and the connection and process that it belongs to.

use presence_core::store::Session;
use presence_core::{Meta, NodeId, Presence, SessionId, SessionKey, UserId};
use serde_json::{Value, json};

/// The maximum length of a stored name, in characters, so that the meta always has room for it.
const MAX_NAME: usize = 128;

const NAME: &str = "name";
const CONNECTION: &str = "connection";
const NODE: &str = "node";

/// The meta for a connection of this process.
pub fn meta(name: &str, connection: &SessionId, node: &NodeId) -> Option<Meta> {
    let name: String = name.chars().take(MAX_NAME).collect();
    Meta::new(json!({ NAME: name, CONNECTION: connection, NODE: node })).ok()
}

/// The name in a meta, or else the user's id.
pub fn name<'a>(meta: Option<&'a Meta>, user: &'a UserId) -> &'a str {
    field(meta, NAME).unwrap_or(user.as_str())
}

/// The connection in a meta.
pub fn connection(meta: Option<&Meta>) -> &str {
    field(meta, CONNECTION).unwrap_or_default()
}

/// Whether a meta belongs to a connection of this process.
pub fn is_of(meta: Option<&Meta>, node: &NodeId) -> bool {
    field(meta, NODE) == Some(node.as_str())
}

/// The name of a user who may have left: that of their last session, as long as it is remembered.
pub fn last_name(presence: &Presence, user: &UserId) -> String {
    let named = sessions(presence, user).filter(|session| session.placement.meta.is_some());
    let last = named.max_by_key(|session| session.placement.placed_at);
    name(last.as_ref().and_then(|session| session.placement.meta.as_ref()), user).to_owned()
}

/// A user's sessions, and those that ended, as long as they are remembered.
pub fn sessions(presence: &Presence, user: &UserId) -> impl Iterator<Item = Session> {
    let sessions = presence.explain(user).sessions.into_iter();
    sessions.filter_map(|session| presence.session(&SessionKey { user: user.clone(), id: session.id }))
}

fn field<'a>(meta: Option<&'a Meta>, name: &str) -> Option<&'a str> {
    meta?.value().get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_that_a_token_may_say_is_kept_at_least_in_part() {
        let (user, connection, node) =
            (UserId::new("u").unwrap(), SessionId::new("c").unwrap(), NodeId::new("n").unwrap());
        for name in ["alice", "\"\\".repeat(128).as_str(), "🎈".repeat(256).as_str()] {
            let meta = meta(name, &connection, &node).unwrap();
            assert!(name.starts_with(super::name(Some(&meta), &user)));
            assert_eq!(super::connection(Some(&meta)), "c");
            assert!(is_of(Some(&meta), &node));
        }
    }

    #[test]
    fn without_a_meta_the_name_is_the_id() {
        let user = UserId::new("u").unwrap();
        assert_eq!(name(None, &user), "u");
        assert!(!is_of(None, &NodeId::new("n").unwrap()));
    }
}
