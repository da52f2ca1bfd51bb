//! Which part of the roster a reader looks at.

use crate::model::{Topic, UserId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Whom a query, a snapshot or a subscription is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everybody, in whatever topic or in none.
    All,
    /// Those in one topic.
    Topic(Topic),
    /// These users, wherever they are (at most [`Scope::MAX_USERS`]).
    Users(Arc<BTreeSet<UserId>>),
}

impl Scope {
    /// The most users one scope can name; what exceeds them is left out, the last in order first.
    pub const MAX_USERS: usize = 10_000;

    /// The scope of these users.
    pub fn users(users: impl IntoIterator<Item = UserId>) -> Self {
        let mut users: BTreeSet<UserId> = users.into_iter().collect();
        while users.len() > Self::MAX_USERS {
            users.pop_last();
        }
        Self::Users(Arc::new(users))
    }
}
