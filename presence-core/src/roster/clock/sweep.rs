//! What time alone brings about: lapses, idleness, the end of graces, postponed renewals, and
//! forgetting.

use crate::liveness::{self, Policy};
use crate::model::{SessionKey, UserRecord};
use crate::roster::clock::responsible::Responsibility;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::flag;
use crate::roster::{HOLD, Roster};
use crate::store::ForgetIf;
use crate::time::{Timestamp, ViewClock};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a sweep leaves to be told to the store.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct SweepOutput {
    /// Sessions whose postponed renewal is due.
    pub touch: Vec<SessionKey>,
    /// When those whose sessions are forgotten were last seen: to be remembered before that.
    pub remember: Vec<UserRecord>,
    /// What is to be forgotten, and is this process's duty.
    pub forget: Vec<ForgetIf>,
    /// Whether there is more to do at this very moment.
    pub more: bool,
}

impl Roster {
    /// Looks at sessions whose time has come, at most 256 per hold of a lock and about `budget` in
    /// all.
    ///
    /// Call it again while it answers `more`.
    pub fn sweep(&self, now: Timestamp, budget: u32) -> SweepOutput {
        let mut swept = SweepOutput::default();
        let responsibility = self.responsibility(now);
        let (mut checked, mut checks) = (0, Vec::with_capacity(HOLD as usize));
        // Where the last sweep ended, so that one in many parts does not turn all wheels for each
        // of them.
        let start = self.swept_to.load(Ordering::Relaxed);
        for part in 0..self.shards.len() {
            let at = (start + part) % self.shards.len();
            let lock = &self.shards[at];
            loop {
                let mut locked = lock.lock();
                let clocks = self.clocks();
                let times = clocks.at(now);
                let reconciler = self.reconciler(&times);
                swept.forget.extend(std::mem::take(&mut locked.surplus));
                locked.wheel.turn(now);
                locked.next_checks(HOLD as usize, &mut checks);
                for &at in &checks {
                    self.check(&mut locked, at, &reconciler, &responsibility, &mut swept);
                }
                drop(locked);
                let held = checks.len();
                checks.clear();
                self.relieve();
                checked += held;
                if checked >= budget.max(1) as usize {
                    self.swept_to.store(at, Ordering::Relaxed);
                    swept.more = true;
                    return swept;
                }
                if held < HOLD as usize {
                    break;
                }
            }
        }
        swept
    }

    fn check(
        &self,
        locked: &mut Shard,
        at: u32,
        reconciler: &Reconciler<'_>,
        responsibility: &Responsibility,
        swept: &mut SweepOutput,
    ) {
        let head = locked.head_of(at);
        if locked.slots[at].has(flag::TOUCH_DUE) {
            locked.slots[at].set(flag::TOUCH_DUE, false);
            swept.touch.push(locked.slots[at].key());
        }
        if !locked.is_reconciled(head, at, reconciler) {
            // It is queued by the verdict that it has now.
            return locked.reconcile_at(at, reconciler);
        }
        let slot = &locked.slots[at];
        if slot.state.is_live() {
            return locked.queue_check(at, reconciler);
        }
        let Some(view) = reconciler.times.of(slot) else { return locked.queue_check(at, reconciler) };
        let gone_for =
            view.now().since(liveness::gone_at(&slot.vitals(locked.unconfirmed.get(&at).copied()), view));
        let memory = Policy::memory(slot.lease());
        if gone_for < memory {
            return locked.queue_check(at, reconciler);
        }
        // First the process whose duty it is; the next one if that one did not; then everybody lets
        // go.
        let turn = usize::from(gone_for >= memory * 2);
        if responsibility.rank(slot.user.as_str()).is_some_and(|rank| rank <= turn) {
            swept.forget.push(slot.seen());
            if self.settings.policy.remember_for.is_some() {
                let user = slot.user.clone();
                let seen_at = locked.shown_seen(head);
                swept.remember.push(UserRecord { seen_at, ..UserRecord::new(user) });
            }
        }
        if turn == 1 {
            self.let_go(locked, at);
        } else {
            locked.check_in(at, reconciler.times.now, (memory * 2).saturating_sub(gone_for));
        }
    }

    /// Sorts pending steps into the lists of scopes that have many of them, about `budget` in all;
    /// answers whether there are more.
    ///
    /// To be called after sweeps, again while it answers so. Readers sort in what they read; this
    /// bounds what waits in the lists that nobody reads, without a beat or a sweep paying for it.
    pub fn sort(&self, budget: usize) -> bool {
        let mut sorted = 0;
        while let Some(steps) = self.sort_queue.sort() {
            sorted += steps.max(1);
            if sorted >= budget {
                return true;
            }
        }
        false
    }

    /// Helps to sort where nobody keeps up. To be called without a lock, by whoever has made steps.
    pub(crate) fn relieve(&self) {
        if self.sort_queue.presses() {
            self.sort(1);
        }
    }

    pub(crate) fn responsibility(&self, now: Timestamp) -> Responsibility {
        let view = ViewClock::running(self.stamp(now));
        let draining = self.draining.load(Ordering::Acquire);
        Responsibility::now(&self.settings.node, draining, &self.nodes, &self.settings.policy, &view)
    }

    /// What happens now and then rather than at an instant: nodes that are long gone are forgotten,
    /// topics and watches that nobody needs are dropped.
    pub fn tidy(&self, now: Timestamp) -> Vec<ForgetIf> {
        self.topics.tidy();
        self.shards.iter().for_each(|shard| shard.lock().tidy());
        self.tidy_watches(now);
        self.nodes.tidy();
        let (stamp, responsibility) = (self.stamp(now), self.responsibility(now));
        let memory = Policy::memory(self.settings.policy.held_for);
        let mut long_gone = Vec::new();
        for node in self.nodes.known() {
            let limit = node.drain_for().unwrap_or_default().max(self.settings.policy.held_for) + memory;
            let gone_for = stamp.since(node.seen_at());
            // Sessions that point to it may live by it for longer than nodes usually do.
            let is_needed = Arc::strong_count(&node) > 2;
            if node.id == self.settings.node || gone_for < limit || is_needed {
                continue;
            }
            // As for sessions: first the process whose duty it is, then the next one, then
            // everybody lets go.
            let turn = usize::from(gone_for >= limit + memory);
            if responsibility.rank(node.id.as_str()).is_some_and(|rank| rank <= turn) {
                long_gone.push(ForgetIf::Node { node: node.id.clone(), seen_at: node.seen_at() });
            }
            if turn == 1 {
                let (id, seen_at) = (node.id.clone(), node.seen_at());
                drop(node);
                self.nodes.forget(&id, seen_at);
            }
        }
        long_gone
    }

    /// How often `sweep` should be called: what shows is at most this much late.
    pub const SWEEP_EVERY: Duration = Duration::from_millis(250);
    /// How often `tidy` should be called.
    pub const TIDY_EVERY: Duration = Duration::from_secs(10);
}
