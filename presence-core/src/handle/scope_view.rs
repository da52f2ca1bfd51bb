//! Queries of one scope.

use super::shared::Shared;
use crate::model::{Topic, UserId};
use crate::roster::{Counts, Detail, Member, Scope, ScopeState, Snapshot, Sorted};
use std::sync::Arc;

/// Everyone, or one topic: what can be asked of it, without touching the network.
///
/// Cheap to make. Keep it where the same scope is asked often: [`counts`](Self::counts) is then one
/// atomic load.
#[derive(Clone)]
pub struct ScopeView {
    shared: Arc<Shared>,
    scope: Scope,
    /// `None` for a topic that nobody was in when this was made: it is looked up again at each
    /// question.
    state: Option<Arc<ScopeState>>,
}

/// Where a page of a list starts and how long it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The last user of the page before; `None` for the first page.
    pub after: Option<UserId>,
    /// At most this many, from 1 to [`Page::MAX`]; anything else is brought into that range.
    pub limit: usize,
}

impl Page {
    /// The longest page.
    pub const MAX: usize = 1_000;
}

impl Default for Page {
    fn default() -> Self {
        Self { after: None, limit: 100 }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by user. May be shorter than the limit although there are more: see `next`.
    pub members: Vec<Member>,
    /// The `after` of the next page, if there may be more.
    pub next: Option<UserId>,
}

impl ScopeView {
    pub(super) fn new(shared: Arc<Shared>, topic: Option<&Topic>) -> Self {
        let scope = topic.map_or(Scope::All, |topic| Scope::Topic(topic.clone()));
        let state = shared.roster.scope(&scope);
        Self { shared, scope, state }
    }

    /// Which scope this is.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    fn state(&self) -> Option<Arc<ScopeState>> {
        self.state.clone().or_else(|| self.shared.roster.scope(&self.scope))
    }

    /// How many users are here.
    pub fn counts(&self) -> Counts {
        match &self.state {
            Some(state) => state.counts(),
            None => self.state().map(|state| state.counts()).unwrap_or_default(),
        }
    }

    /// A page of who is here, sorted by user. A user who comes or goes between two pages is on one
    /// of them or not; nobody else is skipped or repeated.
    pub fn list(&self, page: &Page) -> Listing {
        let limit = page.limit.clamp(1, Page::MAX);
        let users = self.sorted(|sorted| sorted.page(page.after.as_ref(), limit + 1));
        let next = (users.len() > limit).then(|| users.get(limit - 1).cloned()).flatten();
        let show = |user| self.shared.roster.member(user, &self.scope, false);
        Listing { members: users.iter().take(limit).filter_map(show).collect(), next }
    }

    /// Reads the sorted users in place, without copying them. Keep it short: other readers of this
    /// scope wait.
    pub fn sorted<T>(&self, read: impl FnOnce(&Sorted) -> T) -> T {
        match self.state() {
            Some(state) => self.shared.roster.read(&state, read),
            None => read(&Sorted::default()),
        }
    }

    /// Everybody here with all that is shown of them.
    ///
    /// The first call looks at everybody; from then on the scope is followed, until nobody has
    /// asked for a minute.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.roster.snapshot(&self.scope, Detail::Members)
    }
}

impl Sorted {
    /// The first `limit` users after `after`, active and idle together.
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
