//! Queries of one scope.
use crate::model::UserId;
use crate::roster::{Counts, Member, Snapshot};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Everyone, or one topic: what can be asked of it. Cheap to make; keep it where the same scope is asked often.
#[derive(Clone)]
pub struct Place {
    pub(super) _inner: (),
}

/// Where a page of a list starts and how long it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The last user of the page before.
    pub after: Option<UserId>,
    /// At most this many, from 1 to [`Page::MAX`].
    pub limit: usize,
}

impl Page {
    /// The longest page.
    pub const MAX: usize = 1_000;
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by user.
    pub members: Vec<Member>,
    /// The `after` of the next page, if there may be more.
    pub next: Option<UserId>,
}

/// The users of a scope, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// The active ones.
    pub active: BTreeSet<UserId>,
    /// The idle ones.
    pub idle: BTreeSet<UserId>,
}

impl Place {
    /// How many are here: one atomic load.
    pub fn counts(&self) -> Counts {
        todo!()
    }
    /// A page of who is here, sorted by user.
    pub fn list(&self, page: &Page) -> Listing {
        let _ = page;
        todo!()
    }
    /// Reads the sorted users in place, without copying them; keep it short, other readers of the scope wait.
    pub fn sorted<T>(&self, read: impl FnOnce(&Sorted) -> T) -> T {
        let _ = read;
        todo!()
    }
    /// Everybody here with all that is shown of them.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        todo!()
    }
}
