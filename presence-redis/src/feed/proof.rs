//! The state of a shard, and the write that proves its time.

use super::follow::Follower;
use crate::error::unexpected;
use crate::wire::reply::{text, tuple};
use crate::wire::script::{INSPECT, PROVE};
use presence_core::store;
use presence_core::time::{Ask, Blind, BlindList};
use presence_core::{Clock, SystemClock, Timestamp};
use redis::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The state of a shard, as its own fields hold it.
pub(super) struct Seen {
    pub(super) epoch: Arc<str>,
    /// The part of the epoch that the shard's messages carry.
    pub(super) shard_epoch: Box<str>,
    /// The number of its last message.
    pub(super) number: u64,
}

/// A write that proves a shard's time.
pub(super) struct Proof {
    pub(super) seen: Seen,
    /// The proven time. Everything that was written until then has been announced, in messages up
    /// to the number in `seen`.
    pub(super) at: Timestamp,
    pub(super) blind: Arc<[Blind]>,
}

impl Follower {
    /// Proves the shard's time by a write, which succeeds only if the server accepts writes.
    pub(super) async fn prove(&mut self) -> store::Result<Proof> {
        let ask = self.inner.reckoning.ask(self.shard, SystemClock.now());
        let mut call = self.inner.one(&PROVE, self.shard);
        let Ask { reckoned, proven, blind } = ask;
        call.arg(reckoned.unwrap_or_default().as_millis()).arg(proven.as_millis()).arg(in_words(&blind));
        let answer = self.call(&PROVE, &call).await?;
        let [epoch, replid, number, at, policy, blind] = tuple(answer, SHARD_STATE)?;
        let seen = seen(&epoch, &replid, &number).ok_or_else(|| unexpected(SHARD_STATE))?;
        let at = text(&at).and_then(|at| at.parse().ok()).map(Timestamp::from_millis);
        let at = at.ok_or_else(|| unexpected(SHARD_STATE))?;
        let blind = text(&blind).and_then(stretches).ok_or_else(|| unexpected(SHARD_STATE))?;
        self.inner.reckoning.answered(self.shard, at, &blind, SystemClock.now());
        self.compare(text(&policy).unwrap_or_default());
        Ok(Proof { seen, at, blind })
    }

    /// Reads the state of the shard; `None` if it does not exist.
    pub(super) async fn inspect(&mut self) -> store::Result<Option<Seen>> {
        let call = self.inner.one(&INSPECT, self.shard);
        let answer = self.call(&INSPECT, &call).await?;
        let [epoch, replid, number, _policy] = tuple(answer, SHARD_STATE)?;
        if epoch == Value::Nil {
            return Ok(None);
        }
        seen(&epoch, &replid, &number).map(Some).ok_or_else(|| unexpected(SHARD_STATE))
    }

    /// Logs once that the first process of the namespace has another policy.
    fn compare(&self, theirs: &str) {
        let ours = self.inner.header.policy();
        let differs = !ours.is_empty() && !theirs.is_empty() && theirs != ours;
        if differs && !self.inner.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(ours, theirs, "the first process of this namespace has another policy");
        }
    }
}

const SHARD_STATE: &str = "the state of a shard";

/// Decodes the state of a shard. The epoch has the replication id as a suffix, so that a failover
/// is a new epoch.
fn seen(epoch: &Value, replid: &Value, number: &Value) -> Option<Seen> {
    let shard_epoch = text(epoch)?;
    let epoch = format!("{shard_epoch}.{}", text(replid)?).into();
    Some(Seen { epoch, shard_epoch: shard_epoch.into(), number: text(number)?.parse().ok()? })
}

/// Encodes blind stretches as the script reads them.
fn in_words(blind: &BlindList) -> String {
    let words = blind.as_slice().iter().map(|Blind { from, to }| {
        let (from, to) = (from.as_millis(), to.as_millis());
        format!("{from} {to}")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Decodes blind stretches as the script writes them.
fn stretches(text: &str) -> Option<Arc<[Blind]>> {
    let mut words = text.split_ascii_whitespace().map(|word| word.parse().map(Timestamp::from_millis));
    let mut all = Vec::new();
    while let Some(from) = words.next() {
        all.push(Blind { from: from.ok()?, to: words.next()?.ok()? });
    }
    Some(all.into())
}
