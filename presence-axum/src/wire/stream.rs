//! What streams carry.

use presence_core::roster::{Diff, LeftReason, Member, Snapshot, Sorted, Users};
use presence_core::time::View;
use presence_core::{Liveness, Message, Meta, Status, Timestamp, UserId};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::sync::Arc;

/// User ids as a JSON array, sorted by code point, not copied.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
pub struct Ids<'a>(pub &'a Users);

/// The word for a view.
pub(crate) fn view_word(view: View) -> &'static str {
    match view {
        View::Fresh => "fresh",
        View::Stale { .. } => "stale",
    }
}

/// The data of a `presence_view` event: `{"view"}`.
pub fn view(view: View) -> impl Serialize {
    #[derive(Serialize)]
    struct Wire {
        view: &'static str,
    }
    Wire { view: view_word(view) }
}

/// A frame of the snapshot stream: `{"ts","view","online","active","idle","active_users","idle_users"}`.
pub fn snapshot(users: &Sorted, now: Timestamp, view: View) -> impl Serialize {
    #[derive(Serialize)]
    struct Wire<'a> {
        ts: u64,
        view: &'static str,
        online: usize,
        active: usize,
        idle: usize,
        active_users: Ids<'a>,
        idle_users: Ids<'a>,
    }
    Wire {
        ts: now.as_millis(),
        view: view_word(view),
        online: users.active.len() + users.idle.len(),
        active: users.active.len(),
        idle: users.idle.len(),
        active_users: Ids(&users.active),
        idle_users: Ids(&users.idle),
    }
}

/// The data of a `presence_state` event: `{"version","view","users":{"<user>":{..}}}`.
pub fn state(snapshot: &Snapshot, view: View) -> impl Serialize {
    #[derive(Serialize)]
    struct Wire<U> {
        version: String,
        view: &'static str,
        users: U,
    }
    Wire {
        version: snapshot.version.to_string(),
        view: view_word(view),
        users: ByUser(snapshot.members.values()),
    }
}

/// The data of a `presence_diff` event: `{"from","version","joined":{..},"changed":{..},"left":{"<user>":{"reason"}}}`.
pub fn diff(diff: &Diff) -> impl Serialize {
    #[derive(Serialize)]
    struct Wire<'a, U> {
        from: String,
        version: String,
        joined: U,
        changed: U,
        left: Gone<'a>,
    }
    Wire {
        from: diff.from.to_string(),
        version: diff.to.to_string(),
        joined: ByUser(diff.joined.iter()),
        changed: ByUser(diff.changed.iter()),
        left: Gone(&diff.left),
    }
}

/// Members as an object, by user.
struct ByUser<I>(I);

impl<'a, I: Iterator<Item = &'a Arc<Member>> + Clone> Serialize for ByUser<I> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            liveness: Liveness,
            status: Status,
            message: Option<&'a str>,
            meta: Option<&'a Value>,
        }
        to.collect_map(self.0.clone().map(|member| {
            let message = member.message.as_ref().map(Message::as_str);
            let meta = member.meta.as_ref().map(Meta::value);
            (member.user.as_str(), Shown { liveness: member.liveness, status: member.status, message, meta })
        }))
    }
}

/// Who went and why, as an object by user.
struct Gone<'a>(&'a [(UserId, LeftReason)]);

impl Serialize for Gone<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Why {
            reason: LeftReason,
        }
        to.collect_map(self.0.iter().map(|(user, reason)| (user.as_str(), Why { reason: *reason })))
    }
}
