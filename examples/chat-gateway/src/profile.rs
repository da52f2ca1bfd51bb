//! What presence keeps of a connection beside who and where: the name to show, and which connection
//! of which process it is.

use presence_core::{Meta, NodeId, Presence, SessionId, UserId};
use serde_json::{Value, json};

/// The longest name that is kept, in characters: whatever they are, the meta of a session has room
/// for them.
const MAX_NAME: usize = 128;

const NAME: &str = "name";
const CONNECTION: &str = "connection";
const NODE: &str = "node";

/// The meta of a connection of this process.
pub fn meta(name: &str, connection: &SessionId, node: &NodeId) -> Option<Meta> {
    let name: String = name.chars().take(MAX_NAME).collect();
    Meta::new(json!({ NAME: name, CONNECTION: connection, NODE: node })).ok()
}

/// The name that a meta says, or else the user's id.
pub fn name<'a>(meta: Option<&'a Meta>, user: &'a UserId) -> &'a str {
    field(meta, NAME).unwrap_or(user.as_str())
}

/// Which connection a meta is about.
pub fn connection(meta: Option<&Meta>) -> &str {
    field(meta, CONNECTION).unwrap_or_default()
}

/// Whether a meta is about a connection of this process.
pub fn is_of(meta: Option<&Meta>, node: &NodeId) -> bool {
    field(meta, NODE) == Some(node.as_str())
}

/// The name of somebody who may be gone: the last one of their sessions, as long as those are
/// remembered.
pub fn last_name(presence: &Presence, user: &UserId) -> String {
    let sessions = presence.explain(user).sessions.into_iter();
    let sessions = sessions.filter_map(|session| {
        presence.session(&presence_core::SessionKey { user: user.clone(), id: session.id })
    });
    let named = sessions.filter(|session| session.placement.meta.is_some());
    let last = named.max_by_key(|session| session.placement.placed_at);
    name(last.as_ref().and_then(|session| session.placement.meta.as_ref()), user).to_owned()
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
