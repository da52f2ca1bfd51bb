//! Methods of [`Presence`] that subscribe: to the members of a scope, its counts, and the view.

use super::Presence;
use crate::handle::{CountUpdates, Subscription, ViewUpdates};
use crate::roster::Scope;

impl Presence {
    /// A snapshot of a scope, followed by its diffs. Optionally [from](Subscription::from) a known
    /// version, and [with sessions](Subscription::with_sessions).
    ///
    /// The members are collected for the first reader of a scope; all readers share
    /// snapshots and diffs.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Scope, Update};
    ///
    /// let mut updates = presence.subscribe(&Scope::Topic("lobby".parse()?));
    /// while let Some(update) = updates.next().await {
    ///     match update {
    ///         Update::Snapshot(snapshot) => println!("{} are here", snapshot.members.len()),
    ///         Update::Diff(diff) => println!("{} came, {} went", diff.joined.len(), diff.left.len()),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn subscribe(&self, scope: &Scope) -> Subscription {
        Subscription::new(&self.shared, scope)
    }

    /// The counts of a scope, whenever they change. A slow reader gets only the newest ones.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Scope;
    ///
    /// let mut counts = presence.watch_counts(&Scope::All);
    /// while let Some(counts) = counts.next().await {
    ///     println!("{} online", counts.online);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn watch_counts(&self, scope: &Scope) -> CountUpdates {
        CountUpdates::new(&self.shared, scope)
    }

    /// Whether the roster's content is fresh or stale, whenever that changes.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut views = presence.watch_view();
    /// while let Some(view) = views.next().await {
    ///     println!("fresh: {}", view.is_fresh());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn watch_view(&self) -> ViewUpdates {
        ViewUpdates::new(&self.shared)
    }
}
