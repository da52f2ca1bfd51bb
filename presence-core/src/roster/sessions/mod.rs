//! The stored form of sessions: slots, the shards that hold them, and indexes.

pub(super) mod cold;
pub(super) mod cost;
pub(super) mod memberships;
pub(super) mod placed;
pub(super) mod shard;
pub(super) mod slot;
pub(super) mod stored;
pub(super) mod sums;
pub(super) mod user_indexes;
