//! The access rules: everybody may read all statuses and write their own; administrators
//! may write all.

use presence_axum::auth::{Action, Authorize, Identity, Resource};

/// The statuses that a user who is no administrator may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// Only their own.
    Own,
    /// Those of everybody.
    All,
}

/// The rule of this service.
pub fn rule(writes: Writes) -> impl Authorize {
    move |caller: &Identity, action: Action, _: Resource<'_>| {
        writes == Writes::All || action != Action::SpeakFor || caller.is_admin()
    }
}
