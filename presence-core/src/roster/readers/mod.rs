//! Reading the roster: queries, lists, counts, diffs and watches.

pub(super) mod diff;
pub(super) mod member;
pub(super) mod person;
pub(super) mod published;
pub(super) mod query;
pub(super) mod ranking;
pub(super) mod scope;
pub(super) mod scope_state;
pub(super) mod shown;
pub(super) mod sort_queue;
pub(super) mod topics;
pub(super) mod users;
pub(super) mod watch;
pub(super) mod watches;
