//! The store trait that every backend implements, its contract, and the records that it keeps.
//!
//! The records have public fields, and may be built field by field: a store that does not know a
//! new field fails to compile instead of losing it.

mod batch;
pub mod coalesce;
mod delegate;
mod error;
mod facts;
mod namespace;

pub use crate::model::{Block, Declared, Departure, Membership, Node, Placement, Session, UserRecord};
pub(crate) use batch::batches;
pub use batch::{BATCH_BYTES, BATCH_ENTRIES};
pub use coalesce::Coalesce;
pub use error::{Error, Kind};
pub use facts::{Facts, FeedEvent, ForgetIf, Misses, Touch};
#[doc(no_inline)]
pub use futures_util::{future::BoxFuture, stream::BoxStream};
pub use namespace::Namespace;

use crate::model::UserId;
use crate::time::Timestamp;
use async_trait::async_trait;
use std::sync::Arc;

/// The result of a store's method.
pub type Result<T> = std::result::Result<T, Error>;

/// Stores sessions and delivers changes. It does not decide who is active, idle or gone.
///
/// A store holds three kinds of records: sessions, in three parts that are merged separately (see
/// [`Session::merge`]); for each node its last heartbeat; and for some users a record that is kept
/// after their sessions are forgotten ([`UserRecord`]). All methods take batches and are safe to
/// repeat. None reads a clock but the store's own: every other time is an argument.
///
/// # Contract
/// Each clause has a test of its name in [`conformance`](crate::conformance).
///
/// | clause | what holds |
/// |---|---|
/// | P1 | `put` merges each part by the rule of [`Session::merge`] |
/// | P2 | `put` is idempotent, order-free, and commutes with `touch` |
/// | P3 | a batch may repeat a session, and may exceed the core's own bounds; an empty batch does no I/O |
/// | P4 | `shard_of` is a pure function of the user, below `shards()` |
/// | N1 | the first touch of a node creates its record; a later one changes it only if it is newer |
/// | N2 | a watch delivers, with the facts of a held session, the node of that session, if the node is known and this watch has not delivered it before |
/// | T1 | `touch` moves times forward only |
/// | T2 | `touch` creates no session; it returns the sessions that the store does not have and those that have departed. The times of a departed session still move forward |
/// | F1 | `forget` removes only what has not been seen since; for a held session that has not left, *seen* includes its node |
/// | L1 | `load` returns users in the order requested and the sessions of a user sorted by id; an unknown user has no sessions |
/// | U1 | `remember` merges each register of a user's record by the rule of [`UserRecord::merge`], in any order, however often |
/// | U2 | `load` returns the records of the requested users, each once and in the order requested; a watch delivers all records before `Synced`, and later those that are remembered |
/// | U3 | `forget` drops a record unless the store's record is newer than the caller's in any part; sessions and records are forgotten independently |
/// | W1 | `watch` starts with everything, in slices of at most [`BATCH_ENTRIES`], then `Synced` for each shard |
/// | W2 | every later put, touch, remember and forget of any *other* handle arrives at least once, and puts and forgets of one session arrive in the order in which the store accepted them. If this cannot be guaranteed, the feed ends. Whether a handle receives its own changes is up to the store |
/// | W3 | at least once a second, the watch writes to each shard, in every place that the methods write to. It reads the epoch, the sequence, the time and the blind stretches as of that write. It yields `Alive` once everything up to that sequence has been delivered. A write that is refused proves nothing and does not end the feed ([`FeedEvent::Unproven`]). Another epoch, or any sequence other than the last plus one, is a gap, and ends the feed |
/// | W4 | a store that lost data shows a new epoch |
/// | W5 | a shard's time never goes back, whatever the clock of its server does. This also holds across failovers, and across a loss of data if any handle still knows the time. The time advances at the pace of the handles that watch ([`TimeLine`](crate::time::TimeLine)) |
/// | W6 | a move of more than 3 s from one proof to the next is a blind stretch. So is the first move after a loss of data that a handle knows of, however short. All handles get the same blind stretches |
/// | I1 | namespaces and ids never leak into each other, for any bytes the ids allow |
/// | S1 | no clock is read but the store's own, and its readings are used only for the time of W5 |
/// | S2 | clones share state |
/// | E1 | errors are classified by what the caller should do ([`Kind`]) |
/// | R1 | after a timeout the write may have been applied, and repeating it is safe |
///
/// # Errors
/// An `Err` concerns the whole batch: any part of it may have been applied, and repeating all of it
/// is safe. [`Kind::Rejected`] never depends on one session.
///
/// # Cancellation
/// A call whose future is dropped may or may not have had its effect, as after a timeout (R1).
#[async_trait]
pub trait PresenceStore: Send + Sync + 'static {
    /// Number of shards, at least one. Each proves its time separately.
    fn shards(&self) -> u16;

    /// The shard that holds all data of a user.
    fn shard_of(&self, user: &UserId) -> u16;

    /// Stores sessions: P1–P3.
    async fn put(&self, sessions: &[Session]) -> Result<()>;

    /// Moves times forward; returns the sessions that the store lacks or that have departed: T1,
    /// T2, N1.
    async fn touch(&self, touches: &[Touch]) -> Result<Misses>;

    /// Does the same as [`touch`](Self::touch) if that is possible without waiting. Otherwise does
    /// nothing and returns `None`, which is the default; then `touch` must be called.
    ///
    /// For stores in the process's own memory: no future has to be allocated for each heartbeat.
    fn touch_now(&self, _touches: &[Touch]) -> Option<Result<Misses>> {
        None
    }

    /// Merges records of users: U1.
    async fn remember(&self, users: &[UserRecord]) -> Result<()>;

    /// Drops records that have not changed since: F1, U3.
    async fn forget(&self, seen: &[ForgetIf]) -> Result<()>;

    /// Reads the sessions of users, the nodes that hold them, and the users' records: L1, N2, U2.
    async fn load(&self, users: &[UserId]) -> Result<Facts>;

    /// Delivers everything in the store, and from then on all changes: W1–W4.
    ///
    /// A feed that cannot continue ends; the core then calls `watch` again, with backoff. Dropping
    /// the feed unsubscribes.
    fn watch(&self) -> BoxStream<'static, FeedEvent>;

    /// The store's own time, as the next proof would deliver it: W5.
    async fn now(&self) -> Result<Timestamp>;
}

impl<S: PresenceStore + ?Sized> PresenceStore for Arc<S> {
    crate::delegate_store!(|store| **store);
}
