//! The data of the events on streams.

use presence_core::{
    Diff, LeftReason, Liveness, Member, Message, Meta, Snapshot, Sorted, Status, Timestamp, UserId, Users,
    View,
};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::sync::Arc;

/// User ids as a JSON array, sorted by code point, not copied. It is only a wrapper, so its field
/// is public.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
pub struct Ids<'a>(pub &'a Users);

/// The user lists of one frame, cut to a number of bytes.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Lists<'a> {
    /// The first of the active users.
    pub active: Shortened<'a>,
    /// The first of the idle users, as far as the active ones leave room.
    pub idle: Shortened<'a>,
}

impl<'a> Lists<'a> {
    /// As many users as fit into `bytes` of JSON, the active ones first.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::wire::Lists;
    /// presence.everyone().sorted(|users| {
    ///     let lists = Lists::within(users, 64 * 1024);
    ///     println!("{}", if lists.is_truncated() { "the first users" } else { "all users" });
    /// });
    /// # }
    /// ```
    pub fn within(users: &'a Sorted, bytes: usize) -> Self {
        let (active, left) = Shortened::within(&users.active, bytes);
        let (idle, _) = Shortened::within(&users.idle, left);
        Self { active, idle }
    }

    /// Whether some users were left out.
    pub fn is_truncated(&self) -> bool {
        self.active.is_cut() || self.idle.is_cut()
    }
}

/// The first of a list of users, as a JSON array of their ids.
#[derive(Debug, Clone, Copy)]
pub struct Shortened<'a> {
    users: &'a Users,
    count: usize,
}

impl<'a> Shortened<'a> {
    /// As many users as fit into `bytes`, and how many bytes are left.
    fn within(users: &'a Users, bytes: usize) -> (Self, usize) {
        let (mut count, mut left) = (0, bytes);
        for user in users {
            let text = user.as_str();
            // Two quotes and a comma. Only characters that take one more byte when escaped occur in
            // ids.
            let escapes = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
            let Some(rest) = left.checked_sub(text.len() + escapes + 3) else { break };
            (count, left) = (count + 1, rest);
        }
        (Self { users, count }, left)
    }

    fn is_cut(self) -> bool {
        self.count < self.users.len()
    }
}

impl Serialize for Shortened<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.users.into_iter().take(self.count))
    }
}

/// The view as the wire format names it.
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

/// A frame of the
/// snapshot stream: `{"ts","view","online","active","idle","active_users","idle_users"}`.
///
/// Lists are cut to `bytes` in total; then the frame has `"truncated":true` after the counts.
///
/// ```
/// # fn example(presence: &presence_core::Presence) -> bytes::Bytes {
/// use presence_axum::{sse, wire};
/// let (now, view) = (presence.now(), presence.health().view);
/// presence.everyone().sorted(|users| {
///     let snapshot = wire::snapshot(users, now, view, 64 * 1024);
///     sse::event(&snapshot, 1024)
/// })
/// # }
/// ```
pub fn snapshot(users: &Sorted, now: Timestamp, view: View, bytes: usize) -> impl Serialize {
    #[derive(Serialize)]
    struct Wire<'a> {
        ts: u64,
        view: &'static str,
        online: usize,
        active: usize,
        idle: usize,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
        active_users: Shortened<'a>,
        idle_users: Shortened<'a>,
    }
    let lists = Lists::within(users, bytes);
    Wire {
        ts: now.as_millis(),
        view: view_word(view),
        online: users.active.len() + users.idle.len(),
        active: users.active.len(),
        idle: users.idle.len(),
        truncated: lists.is_truncated(),
        active_users: lists.active,
        idle_users: lists.idle,
    }
}

/// The data of a `presence_state` event: `{"version","view","users":{"<user>":{..}}}`.
///
/// ```
/// # fn example(presence: &presence_core::Presence) -> bytes::Bytes {
/// use presence_axum::{sse, wire};
/// let (snapshot, view) = (presence.everyone().snapshot(), presence.health().view);
/// sse::event(&wire::state(&snapshot, view), 1024)
/// # }
/// ```
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

/// The data of a
/// `presence_diff` event: `{"from","version","joined":{..},"changed":{..},"left":{"<user>":{"reason"}}}`.
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

/// Members as a JSON object with the user ids as keys.
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

/// Users who left, as a JSON object with the user ids as keys and the reasons as values.
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
