//! Streams of changes: members of a scope, counts, and whether the view is fresh.

use super::shared::Shared;
use crate::roster::{Counts, Detail, Scope, Update, Version, Watch};
use crate::time::View;
use futures_util::Stream;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use tokio::sync::watch;

/// One reader of a watch, identified by a number.
struct Reader {
    watch: Arc<Watch>,
    id: u64,
}

impl Reader {
    fn new(shared: &Shared, scope: &Scope, detail: Detail) -> Self {
        let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
        Self { watch: shared.roster.watch(scope, detail), id }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.watch.leave(self.id);
    }
}

/// A stream of a scope: a snapshot, followed by diffs without gaps.
///
/// Nothing is queued for a reader: a slow one gets several diffs in one, and one that is too slow
/// for those a fresh snapshot. It is a [`Stream`], which ends when the `Presence` shuts down.
///
/// ```
/// # use presence_core::conformance::ReferenceStore as MemoryStore;
/// # use presence_core::{Beat, ManualClock, Presence, Scope, SessionId, Timestamp, Update, UserId};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
/// # let presence = Presence::builder(MemoryStore::new(clock.clone())).clock(clock.clone()).start()?;
/// let mut updates = presence.subscribe(&Scope::All);
/// let Some(Update::Snapshot(snapshot)) = updates.next().await else { panic!("it begins with one") };
/// assert!(snapshot.members.is_empty());
///
/// presence.beat(Beat::enter(UserId::new("ada")?, SessionId::new("tab-1")?)).await?;
/// let Some(Update::Diff(diff)) = updates.next().await else { panic!("then diffs come") };
/// assert_eq!(diff.joined.len(), 1);
///
/// // A reader that returns with the last version it has seen gets the changes since.
/// let mut resumed = presence.subscribe(&Scope::All).from(snapshot.version);
/// let Some(Update::Diff(missed)) = resumed.next().await else { panic!("nobody has forgotten it") };
/// assert_eq!(missed.joined.len(), 1);
/// # Ok(()) }
/// ```
pub struct Subscription {
    shared: Weak<Shared>,
    reader: Reader,
    scope: Scope,
    at: Option<Version>,
}

impl Subscription {
    pub(super) fn new(shared: &Arc<Shared>, scope: &Scope) -> Self {
        let reader = Reader::new(shared, scope, Detail::Members);
        Self { shared: Arc::downgrade(shared), reader, scope: scope.clone(), at: None }
    }

    /// Begins with the diff since `version` where that is still known, else with a snapshot.
    #[must_use]
    pub fn from(self, version: Version) -> Self {
        Self { at: Some(version), ..self }
    }

    /// Has sessions in members and diffs.
    #[must_use]
    pub fn with_sessions(self) -> Self {
        // Once nobody has the `Presence` any more, there is nothing to read.
        let Some(shared) = self.shared.upgrade() else { return self };
        Self { reader: Reader::new(&shared, &self.scope, Detail::Sessions), ..self }
    }

    /// The next update; `None` once the `Presence` has shut down. Cancel-safe.
    pub async fn next(&mut self) -> Option<Update> {
        poll_fn(|context| self.poll_update(context)).await
    }

    fn poll_update(&mut self, context: &Context<'_>) -> Poll<Option<Update>> {
        self.reader.watch.poll(self.reader.id, self.at, context).map(|next| {
            let (update, version) = next?;
            self.at = Some(version);
            Some(update)
        })
    }
}

impl Stream for Subscription {
    type Item = Update;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Update>> {
        self.poll_update(context)
    }
}

/// Changes of the view between fresh and stale; a slow reader skips to the newest.
pub struct ViewUpdates {
    view: watch::Receiver<View>,
    has_yielded: bool,
}

impl ViewUpdates {
    pub(super) fn new(shared: &Shared) -> Self {
        Self { view: shared.watch_view(), has_yielded: false }
    }

    /// The present view, without waiting; it does not count as yielded.
    pub fn get(&self) -> View {
        *self.view.borrow()
    }

    /// The view: the first at once, then whenever it becomes fresh or stale. `None` once the
    /// `Presence` is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<View> {
        if std::mem::replace(&mut self.has_yielded, true) {
            self.view.changed().await.ok()?;
        }
        Some(*self.view.borrow_and_update())
    }

    /// Skips the present view, so that only later changes are yielded.
    pub fn changes(mut self) -> Self {
        self.has_yielded = true;
        self.view.mark_unchanged();
        self
    }
}

/// Changes of a scope's counts; a slow reader skips to the newest.
pub struct CountUpdates {
    reader: Reader,
    last: Option<Counts>,
}

impl CountUpdates {
    pub(super) fn new(shared: &Shared, scope: &Scope) -> Self {
        // The roster keeps no counts of sets of users, so a watch of the members counts them.
        let detail = if matches!(scope, Scope::Users(_)) { Detail::Members } else { Detail::Counts };
        Self { reader: Reader::new(shared, scope, detail), last: None }
    }

    /// The present counts, without waiting.
    pub fn get(&self) -> Counts {
        self.reader.watch.counts()
    }

    /// The next counts that differ from the last ones yielded; the first at once. `None` once the
    /// `Presence` has shut down. Cancel-safe.
    pub async fn next(&mut self) -> Option<Counts> {
        poll_fn(|context| self.poll_counts(context)).await
    }

    fn poll_counts(&mut self, context: &Context<'_>) -> Poll<Option<Counts>> {
        self.reader.watch.poll_counts(self.reader.id, self.last, context).map(|counts| {
            self.last = Some(counts?);
            counts
        })
    }
}

impl Stream for CountUpdates {
    type Item = Counts;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Counts>> {
        self.poll_counts(context)
    }
}
