//! `SortQueue`: schedules updates of sorted lists that nobody reads, so that the number of pending
//! changes is limited.

use crate::roster::readers::scope_state::{SLICE, ScopeState};
use crate::roster::signal::Signal;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// Unread lists are updated once the number of pending changes reaches a quarter of the number of
/// users, clamped to these limits.
const FEW: usize = 64;
const ENOUGH: usize = 4_096;
/// With more pending changes, the code that adds changes must help to apply them, because the
/// periodic updates do not keep up.
const TOO_MANY: usize = 65_536;

/// Scopes with too many pending changes, each once. A transition only queues its scope here.
///
/// Readers apply the changes of the lists that they read.
/// [`Roster::sort`](crate::roster::Roster::sort), which `Presence` calls together with each sweep,
/// applies the others in slices. Heartbeats and sweeps apply changes themselves only if that does
/// not keep up.
pub(crate) struct SortQueue {
    /// Weak references, so that a topic is not kept because it is queued.
    scopes: Mutex<VecDeque<Weak<ScopeState>>>,
    /// Whether a scope has more than [`TOO_MANY`] pending changes.
    pressing: AtomicBool,
    /// Called when the first scope is queued.
    first: Arc<Signal>,
}

impl SortQueue {
    pub fn new(first: Arc<Signal>) -> Self {
        Self { scopes: Mutex::default(), pressing: AtomicBool::new(false), first }
    }

    /// Queues a scope if it has too many pending changes. Takes no other lock while it
    /// holds its own.
    pub fn note(&self, scope: &Arc<ScopeState>) {
        let waiting = scope.waiting.load(Ordering::Relaxed);
        if waiting < FEW || waiting < (scope.counts().online as usize / 4).min(ENOUGH) {
            return;
        }
        if waiting > TOO_MANY {
            self.pressing.store(true, Ordering::Relaxed);
        }
        if !scope.is_queued.load(Ordering::Relaxed) && !scope.is_queued.swap(true, Ordering::Relaxed) {
            let is_first = {
                let mut scopes = self.scopes.lock();
                scopes.push_back(Arc::downgrade(scope));
                scopes.len() == 1
            };
            if is_first {
                self.first.call();
            }
        }
    }

    /// Whether the caller must help to apply changes. True once after a scope was found to have
    /// more than [`TOO_MANY`] pending changes.
    pub fn needs_help(&self) -> bool {
        self.pressing.load(Ordering::Relaxed) && self.pressing.swap(false, Ordering::Relaxed)
    }

    /// Applies one slice; returns its number of changes, or `None` if no scope is queued.
    pub fn sort(&self) -> Option<usize> {
        let scope = self.scopes.lock().pop_front()?;
        let Some(scope) = scope.upgrade() else { return Some(0) };
        let sorted = scope.sort();
        if sorted == SLICE {
            // The rest of the changes is applied after those of the other scopes.
            self.scopes.lock().push_back(Arc::downgrade(&scope));
        } else {
            scope.is_queued.store(false, Ordering::Relaxed);
            self.note(&scope);
        }
        Some(sorted)
    }
}
