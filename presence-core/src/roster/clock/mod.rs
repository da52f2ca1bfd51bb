//! Time in the roster: the clocks by which states are decided, the nodes' heartbeats, and the sweep
//! that checks due sessions.

pub(super) mod due;
pub(super) mod nodes;
pub(super) mod readings;
pub(super) mod responsible;
pub(super) mod sweep;
pub(super) mod updates;
pub(super) mod wheel;
