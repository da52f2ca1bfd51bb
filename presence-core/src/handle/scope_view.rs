//! Queries of one scope: counts, lists and snapshots.

use super::shared::Shared;
use crate::model::{Topic, UserId};
use crate::roster::{Counts, Detail, Member, Revision, Scope, ScopeState, Snapshot, Sorted};
use std::sync::Arc;

/// Queries of all users, or of one topic, without network access.
///
/// Cheap to create. Keep it to query the same scope often: [`counts`](Self::counts) is then one
/// atomic load.
#[derive(Clone)]
pub struct ScopeView {
    shared: Arc<Shared>,
    scope: Scope,
    /// `None` for a topic that had no members when this was created: it is then looked up at each
    /// query.
    state: Option<Arc<ScopeState>>,
}

/// Start and length of a page of a list.
///
/// ```
/// use presence_core::{Page, UserId};
/// # fn main() -> Result<(), presence_core::InvalidValue> {
/// let page = Page::default().after(UserId::new("ada")?).limit(20);
/// # let _ = page;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The last user of the previous page; `None` for the first page.
    pub after: Option<UserId>,
    /// Most members of the page, clamped to 1..=[`Page::MAX`].
    pub limit: usize,
}

impl Page {
    /// Greatest length of a page.
    pub const MAX: usize = 1_000;
}

impl Default for Page {
    fn default() -> Self {
        Self { after: None, limit: 100 }
    }
}

crate::setters! {
    Page { limit: usize }
    optional { after: UserId }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// The members, sorted by user. May be fewer than the limit although more follow: see `next`.
    pub members: Vec<Member>,
    /// The `after` of the next page, if more may follow.
    pub next: Option<UserId>,
}

impl ScopeView {
    pub(super) fn new(shared: Arc<Shared>, topic: Option<&Topic>) -> Self {
        let scope = topic.map_or(Scope::All, |topic| Scope::Topic(topic.clone()));
        let state = shared.roster.scope(&scope);
        Self { shared, scope, state }
    }

    /// The scope that is queried.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Scope;
    /// assert_eq!(presence.everyone().scope(), &Scope::All);
    /// # Ok(()) }
    /// ```
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    fn state(&self) -> Option<Arc<ScopeState>> {
        self.state.clone().or_else(|| self.shared.roster.scope(&self.scope))
    }

    /// Number of users in the scope.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let lobby = presence.topic(&"lobby".parse()?);
    /// println!("{} in the lobby", lobby.counts().online);
    /// # Ok(()) }
    /// ```
    pub fn counts(&self) -> Counts {
        match &self.state {
            Some(state) => state.counts(),
            None => self.state().map(|state| state.counts()).unwrap_or_default(),
        }
    }

    /// A page of the members, sorted by user. A user who joins or leaves between two pages may be
    /// on one of them or not; other users are neither skipped nor repeated.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Page;
    ///
    /// let lobby = presence.topic(&"lobby".parse()?);
    /// let mut page = Page::default();
    /// loop {
    ///     let listing = lobby.list(&page);
    ///     for member in &listing.members {
    ///         println!("{}", member.user);
    ///     }
    ///     let Some(next) = listing.next else { break };
    ///     page = page.after(next);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn list(&self, page: &Page) -> Listing {
        let Some(state) = self.state() else { return Listing { members: Vec::new(), next: None } };
        let roster = &self.shared.roster;
        let limit = page.limit.clamp(1, Page::MAX);
        let users = roster.read(&state, |sorted| sorted.page(page.after.as_ref(), limit + 1));
        let next = (users.len() > limit).then(|| users.get(limit - 1).cloned()).flatten();
        let topic = state.topic().is_some().then_some(&state);
        let show = |user| roster.member_in(user, topic, false);
        Listing { members: users.iter().take(limit).filter_map(show).collect(), next }
    }

    /// The present revision of the scope; `None` for a topic without members. A list and counts
    /// that are read after it may be used as long as it stays the same.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Page;
    /// let lobby = presence.topic(&"lobby".parse()?);
    /// let (revision, listing) = (lobby.revision(), lobby.list(&Page::default()));
    /// if revision.is_some() && lobby.revision() == revision {
    ///     println!("still {} members on the first page", listing.members.len());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn revision(&self) -> Option<Revision> {
        self.state().map(|state| state.revision())
    }

    /// Calls `read` with the sorted users, without copying them. Keep it short: other readers of
    /// this scope wait.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let idle = presence.everyone().sorted(|users| users.idle.len());
    /// # let _ = idle;
    /// # Ok(()) }
    /// ```
    pub fn sorted<T>(&self, read: impl FnOnce(&Sorted) -> T) -> T {
        match self.state() {
            Some(state) => self.shared.roster.read(&state, read),
            None => read(&Sorted::default()),
        }
    }

    /// All members of the scope as a shared snapshot.
    ///
    /// The first call collects all members. From then on the scope is watched, until no snapshot
    /// was requested for a minute.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// for member in presence.topic(&"lobby".parse()?).snapshot().members.values() {
    ///     println!("{}: {}", member.user, member.status);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.roster.snapshot(&self.scope, Detail::Members)
    }
}

impl Sorted {
    /// The first `limit` users after `after`, active and idle ones merged.
    fn page(&self, after: Option<&UserId>, limit: usize) -> Vec<UserId> {
        let mut active = self.active.after(after).peekable();
        let mut idle = self.idle.after(after).peekable();
        let mut page = Vec::new();
        while page.len() < limit {
            let next = match (active.peek(), idle.peek()) {
                (Some(a), Some(b)) if a <= b => active.next(),
                (_, Some(_)) => idle.next(),
                (Some(_), None) => active.next(),
                (None, None) => break,
            };
            page.extend(next.cloned());
        }
        page
    }
}
