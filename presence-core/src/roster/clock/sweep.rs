//! The periodic sweep. It checks due sessions for lapses, idleness, the end of a grace, postponed
//! renewals, and forgetting.

use crate::liveness::{self, Policy};
use crate::model::{SessionKey, UserRecord};
use crate::roster::clock::responsible::Responsibility;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::reconcile::verdict::Verdict;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::flag;
use crate::roster::{HOLD, Roster, work};
use crate::store::ForgetIf;
use crate::time::{Timestamp, ViewClock};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a sweep has found that must be written to the store.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct SweepOutput {
    /// Sessions whose postponed renewal is due.
    pub touch: Vec<SessionKey>,
    /// Last-seen times of users whose sessions are forgotten; to be written before the
    /// sessions are forgotten.
    pub remember: Vec<UserRecord>,
    /// Sessions that the store is to forget, and for which this process is responsible.
    pub forget: Vec<ForgetIf>,
    /// Whether more sessions are due at this moment.
    pub more: bool,
}

impl Roster {
    /// Checks due sessions: up to 128 at a time under a shard's lock, and about `budget` in total.
    ///
    /// Call it when [`due_at`](Self::due_at) says so, and again while the result says `more`.
    pub fn sweep(&self, now: Timestamp, budget: u32) -> SweepOutput {
        let mut swept = SweepOutput::default();
        let mut responsibility = None;
        let (mut checked, mut checks) = (0, Vec::with_capacity(HOLD as usize));
        // Continues where the last call stopped. So a sweep that takes many calls turns each wheel
        // only once.
        let start = self.swept_to.load(Ordering::Relaxed);
        for part in 0..self.shards.len() {
            let at = (start + part) % self.shards.len();
            while self.due.is_due(at, now) {
                work::step();
                let mut locked = self.shards[at].lock();
                let clocks = self.clocks();
                let times = clocks.at(now);
                let reconciler = self.reconciler(&times);
                swept.forget.extend(locked.take_surplus());
                locked.wheel.turn(now);
                locked.next_checks(HOLD as usize, &mut checks);
                checked += checks.len();
                for at in checks.drain(..) {
                    if let Some(verdict) = locked.check(at, &reconciler) {
                        self.act(&mut locked, at, verdict, &reconciler, &mut responsibility, &mut swept);
                    }
                }
                locked.swept();
                drop(locked);
                self.relieve();
                if checked >= budget.max(1) as usize {
                    self.swept_to.store(at, Ordering::Relaxed);
                    swept.more = true;
                    return swept;
                }
            }
        }
        swept
    }

    /// Acts on the verdict about a session. Writes a postponed renewal first. Then reconciles the
    /// session if its state has changed, forgets it if it has been gone for long enough, or else
    /// schedules its next check.
    fn act(
        &self,
        locked: &mut Shard,
        at: u32,
        verdict: Verdict,
        reconciler: &Reconciler<'_>,
        responsibility: &mut Option<Responsibility>,
        swept: &mut SweepOutput,
    ) {
        if locked.slots[at].has(flag::TOUCH_DUE) {
            locked.slots[at].set(flag::TOUCH_DUE, false);
            swept.touch.push(locked.slots[at].key());
        }
        if !locked.is_reconciled(at, verdict) {
            // This queues the next check too.
            return locked.reconcile_as(at, verdict, reconciler);
        }
        let slot = &locked.slots[at];
        if slot.state.is_live() {
            return locked.queue_check(at, reconciler);
        }
        let Some(view) = reconciler.times.of(slot) else { return locked.queue_check(at, reconciler) };
        let gone_for = view.now().since(liveness::gone_at(&locked.vitals(at), view));
        let memory = Policy::memory(slot.lease());
        if gone_for < memory {
            return locked.queue_check(at, reconciler);
        }
        // First only the responsible process makes the store forget the session. After twice the
        // time, the next process does so too, and all processes drop the session.
        let turn = usize::from(gone_for >= memory * 2);
        let responsibility = responsibility.get_or_insert_with(|| self.responsibility(reconciler.times.now));
        if responsibility.rank(slot.user.as_str()).is_some_and(|rank| rank <= turn) {
            swept.forget.push(slot.seen());
            if self.settings.policy.remember_for.is_some() {
                let user = slot.user.clone();
                let seen_at = locked.shown_seen(locked.head_of(at));
                swept.remember.push(UserRecord { seen_at, ..UserRecord::new(user) });
            }
        }
        if turn == 1 {
            self.let_go(locked, at);
        } else {
            locked.check_in(at, reconciler.times.now, (memory * 2).saturating_sub(gone_for));
        }
    }

    /// Applies pending updates to the sorted lists of scopes, about `budget` of them; returns
    /// whether there are more.
    ///
    /// Call it together with sweeps, until it returns false. Reading a list applies its pending
    /// updates; this call limits the pending updates of unread lists, without slowing down
    /// heartbeats and sweeps.
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

    /// Applies some pending list updates if there are too many. Code that adds updates calls it
    /// afterwards, without holding a lock.
    pub(crate) fn relieve(&self) {
        if self.sort_queue.needs_help() {
            self.sort(1);
        }
    }

    pub(crate) fn responsibility(&self, now: Timestamp) -> Responsibility {
        let view = ViewClock::running(self.stamp(now));
        let draining = self.draining.load(Ordering::Acquire);
        Responsibility::now(&self.settings.node, draining, &self.nodes, &self.settings.policy, &view)
    }

    /// Periodic maintenance that needs no exact time: returns nodes to forget, and drops unused
    /// topics and watches.
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
            // A node is needed as long as sessions refer to it: their leases may be longer than the
            // policy's.
            let is_needed = Arc::strong_count(&node) > 2;
            if node.id == self.settings.node || gone_for < limit || is_needed {
                continue;
            }
            // As for sessions: first only the responsible process makes the store forget the node,
            // then the next one too, and all processes drop it.
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

    /// When the next check is due, by the process's time.
    ///
    /// The callback of [`on_due`](Self::on_due) is called if that becomes earlier after this call.
    pub fn due_at(&self) -> Timestamp {
        self.due.announce()
    }

    /// Calls `signal` whenever `sweep` or `sort` must be called earlier than
    /// [`due_at`](Self::due_at) returned.
    pub fn on_due(&self, signal: impl Fn() + Send + Sync + 'static) {
        self.early.set(signal);
    }

    /// Whether a sweep at `due_at` should wait for a proof: some shard has had none since then, but
    /// one is expected soon.
    pub fn awaits_proof(&self, due_at: Timestamp, now: Timestamp) -> bool {
        self.clocks().awaits_proof(due_at, now)
    }

    /// When the roster's content turns stale unless proofs arrive; `None` if it is stale.
    pub fn fresh_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.clocks().fresh_until(now)
    }

    /// The interval of checks: sessions that become due within it are checked at its end.
    pub const SWEEP_EVERY: Duration = Duration::from_millis(250);
    /// How often `tidy` should be called.
    pub const TIDY_EVERY: Duration = Duration::from_secs(10);
}
