//! `Node`: the record of a process.

use super::NodeId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The record of a process: its last heartbeat and, when it drains, how long its
/// sessions stay alive.
///
/// When two states of a node are merged, the greater `(seen_at, drain_for)` wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Node {
    /// The name of the process.
    pub id: NodeId,
    /// The last heartbeat.
    pub seen_at: Timestamp,
    /// Set by the last heartbeat of a process that shuts down: how long its clients have to
    /// reconnect elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::time::option_millis")]
    pub drain_for: Option<Duration>,
}

impl Node {
    /// The value by which two states of the same node are compared.
    pub fn rank(&self) -> (Timestamp, Option<Duration>) {
        (self.seen_at, self.drain_for)
    }
}
