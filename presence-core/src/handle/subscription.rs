//! Streams of changes: members of a scope, counts, and whether the view is fresh.

use super::shared::Shared;
use crate::roster::{Counts, Detail, Scope, Update, Version, Watch};
use crate::time::View;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
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
/// Nothing is queued for a reader. A slow reader gets several diffs combined into one, and an even
/// slower one gets a new snapshot. It is a [`Stream`], which ends when the `Presence` shuts down.
///
/// ```
/// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
/// # use presence_core::{Beat, Presence, Scope, SessionId, Timestamp, Update, UserId};
/// # use presence_core::testing::ManualClock;
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

    /// Begins with the diff since `version` if that is still known, else with a snapshot.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Scope, Version};
    /// # let last_event_id = "1-1";
    /// let seen: Version = last_event_id.parse()?;
    /// let updates = presence.subscribe(&Scope::All).from(seen);
    /// # let _ = updates;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn from(self, version: Version) -> Self {
        Self { at: Some(version), ..self }
    }

    /// Includes sessions in members and diffs.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Scope;
    /// let updates = presence.subscribe(&Scope::All).with_sessions();
    /// # let _ = updates;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_sessions(self) -> Self {
        // Without a `Presence` there is nothing to read.
        let Some(shared) = self.shared.upgrade() else { return self };
        Self { reader: Reader::new(&shared, &self.scope, Detail::Sessions), ..self }
    }

    /// The next update; `None` once the `Presence` has shut down. Cancel-safe.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Scope;
    /// let mut updates = presence.subscribe(&Scope::All);
    /// let first = updates.next().await;
    /// # let _ = first;
    /// # Ok(()) }
    /// ```
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

/// A stream of the view: whether it is fresh or stale. A slow reader gets only the newest one.
///
/// ```
/// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
/// # use presence_core::{Presence, Timestamp, View};
/// # use presence_core::testing::ManualClock;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
/// # let presence = Presence::builder(MemoryStore::new(clock.clone())).clock(clock.clone()).start()?;
/// let mut views = presence.watch_view();
/// let first: Option<View> = views.next().await;
/// assert_eq!(first, Some(views.get()));
/// # Ok(()) }
/// ```
pub struct ViewUpdates {
    view: watch::Receiver<View>,
    updates: BoxStream<'static, View>,
}

impl ViewUpdates {
    pub(super) fn new(shared: &Shared) -> Self {
        let view = shared.watch_view();
        Self { updates: views(view.clone(), Begin::Now), view }
    }

    /// The present view, without waiting. Does not affect what the stream yields.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// if !presence.watch_view().get().is_fresh() {
    ///     println!("nobody is known to have gone");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn get(&self) -> View {
        *self.view.borrow()
    }

    /// The next view: the first at once, then whenever it becomes fresh or stale. `None` once the
    /// `Presence` is dropped. Cancel-safe.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut views = presence.watch_view();
    /// let now = views.next().await;
    /// let later = views.next().await;
    /// # let _ = (now, later);
    /// # Ok(()) }
    /// ```
    pub async fn next(&mut self) -> Option<View> {
        self.updates.next().await
    }

    /// Skips the present view, so that only later changes are yielded.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut changes = presence.watch_view().changes();
    /// let later = changes.next().await;
    /// # let _ = later;
    /// # Ok(()) }
    /// ```
    pub fn changes(mut self) -> Self {
        self.view.mark_unchanged();
        Self { updates: views(self.view.clone(), Begin::AtChange), view: self.view }
    }
}

impl Stream for ViewUpdates {
    type Item = View;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<View>> {
        self.updates.poll_next_unpin(context)
    }
}

/// When a stream of views yields its first one.
enum Begin {
    Now,
    AtChange,
}

fn views(view: watch::Receiver<View>, begin: Begin) -> BoxStream<'static, View> {
    let next = |(mut view, begin): (watch::Receiver<View>, Begin)| async move {
        if let Begin::AtChange = begin {
            view.changed().await.ok()?;
        }
        let now = *view.borrow_and_update();
        Some((now, (view, Begin::AtChange)))
    };
    stream::unfold((view, begin), next).boxed()
}

/// A stream of a scope's counts. A slow reader gets only the newest ones.
pub struct CountUpdates {
    reader: Reader,
    last: Option<Counts>,
}

impl CountUpdates {
    pub(super) fn new(shared: &Shared, scope: &Scope) -> Self {
        // The roster keeps no counts for a set of users, so its members are watched instead.
        let detail = if matches!(scope, Scope::Users(_)) { Detail::Members } else { Detail::Counts };
        Self { reader: Reader::new(shared, scope, detail), last: None }
    }

    /// The present counts, without waiting.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Scope;
    /// let online = presence.watch_counts(&Scope::All).get().online;
    /// # let _ = online;
    /// # Ok(()) }
    /// ```
    pub fn get(&self) -> Counts {
        self.reader.watch.counts()
    }

    /// The next counts that differ from the last ones yielded; the first at once. `None` once the
    /// `Presence` has shut down. Cancel-safe.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Scope;
    /// let mut counts = presence.watch_counts(&Scope::Topic("lobby".parse()?));
    /// while let Some(counts) = counts.next().await {
    ///     println!("{} in the lobby", counts.online);
    /// }
    /// # Ok(()) }
    /// ```
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
