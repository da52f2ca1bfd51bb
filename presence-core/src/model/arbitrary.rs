//! Generators of valid values for property tests.

use super::{
    Declared, Departure, Membership, Message, Meta, NodeId, Placement, Session, SessionId, Status, Topic,
    Topics, UserId,
};
use crate::time::Timestamp;
use proptest::prelude::*;
use std::time::Duration;

/// Text of 1 to `max` bytes without control characters: either short, so that equal texts are
/// common, or of any characters.
pub(crate) fn text(max: usize) -> impl Strategy<Value = String> {
    let any = any::<char>().prop_map(|c| if c.is_control() { '☃' } else { c });
    let any = prop::collection::vec(any, 1..max);
    let any = any.prop_map(move |chars| {
        let mut text = String::new();
        for c in chars {
            if text.len() + c.len_utf8() > max {
                break;
            }
            text.push(c);
        }
        text
    });
    prop_oneof![3 => "[a-c]{1,2}", 1 => any]
}

/// Few instants, so that ties are common.
fn instant() -> impl Strategy<Value = Timestamp> {
    (0..6u64).prop_map(Timestamp::from_millis)
}

fn meta() -> impl Strategy<Value = Meta> {
    let value = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        text(20).prop_map(serde_json::Value::from),
        Just(serde_json::json!([[], {}, null])),
    ];
    let object = prop::collection::btree_map(text(10), value, 0..3);
    object.prop_map(|fields| Meta::new(fields.into_iter().collect()).unwrap())
}

pub(crate) fn topics() -> impl Strategy<Value = Topics> {
    let membership = (text(12), prop::option::of(instant()));
    let membership =
        membership.prop_map(|(name, until)| Membership { topic: Topic::new(name).unwrap(), until });
    prop::collection::vec(membership, 0..4).prop_map(|memberships| Topics::of(memberships).unwrap())
}

fn placement() -> impl Strategy<Value = Placement> {
    let left = prop::option::of((instant(), instant()).prop_map(|(at, ends_at)| Departure { at, ends_at }));
    let lease = (1..3u64).prop_map(Duration::from_secs);
    let node = text(8).prop_map(|name| NodeId::new(name).unwrap());
    let parts = (instant(), left, node, any::<bool>(), lease, topics(), prop::option::of(meta()));
    parts.prop_map(|(placed_at, left, node, held, lease, topics, meta)| Placement {
        placed_at,
        left,
        node,
        held,
        lease,
        topics,
        meta,
    })
}

fn declared() -> impl Strategy<Value = Declared> {
    let status = prop::sample::select(vec![Status::Online, Status::Away, Status::Busy, Status::Offline]);
    let message = prop::option::of(text(30).prop_map(|text| Message::new(text).unwrap()));
    let parts = (instant(), status, message, prop::option::of(instant()));
    parts.prop_map(|(at, status, message, until)| Declared { at, status, message, until })
}

/// A state of the session `u/s`.
pub(crate) fn state() -> impl Strategy<Value = Session> {
    let parts = (placement(), prop::option::of(declared()), instant(), instant());
    parts.prop_map(|(placement, declared, seen_at, active_at)| Session {
        user: UserId::new("u").unwrap(),
        id: SessionId::new("s").unwrap(),
        placement,
        declared,
        seen_at,
        active_at,
    })
}

/// A state of any session.
pub(crate) fn session() -> impl Strategy<Value = Session> {
    (state(), text(256), text(256)).prop_map(|(state, user, id)| Session {
        user: UserId::new(user).unwrap(),
        id: SessionId::new(id).unwrap(),
        ..state
    })
}
