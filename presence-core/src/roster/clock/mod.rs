//! Time: the clocks that sessions are judged by, the nodes' heartbeats, and the sweep that finds
//! what is due.

pub(super) mod due;
pub(super) mod nodes;
pub(super) mod readings;
pub(super) mod responsible;
pub(super) mod sweep;
pub(super) mod updates;
pub(super) mod wheel;
