//! The part of the roster that a query, snapshot or subscription covers.

use crate::model::{Topic, UserId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The users that a query, snapshot or subscription covers.
///
/// Exhaustive on purpose: code that decides who may read a scope must handle every scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All users, in any topic or none.
    All,
    /// The users in one topic.
    Topic(Topic),
    /// The given users, in any topic or none (at most [`Scope::MAX_USERS`]).
    Users(Arc<BTreeSet<UserId>>),
}

impl Scope {
    /// Most users in one scope; beyond that, the users with the greatest ids are omitted.
    pub const MAX_USERS: usize = 10_000;

    /// A scope of the given users.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Scope;
    /// let friends = Scope::users(["bob".parse()?, "carol".parse()?]);
    /// # let _ = friends;
    /// # Ok(()) }
    /// ```
    pub fn users(users: impl IntoIterator<Item = UserId>) -> Self {
        let mut users: BTreeSet<UserId> = users.into_iter().collect();
        while users.len() > Self::MAX_USERS {
            users.pop_last();
        }
        Self::Users(Arc::new(users))
    }
}
