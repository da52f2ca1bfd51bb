//! What is kept of each session: its slot, and the shard that it lies in.

pub(super) mod cold;
pub(super) mod cost;
pub(super) mod crowd;
pub(super) mod known;
pub(super) mod memberships;
pub(super) mod placed;
pub(super) mod shard;
pub(super) mod slab;
pub(super) mod slot;
pub(super) mod sums;
