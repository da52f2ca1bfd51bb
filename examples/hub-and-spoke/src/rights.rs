//! The access rules: everybody may read all statuses and write their own; administrators may write
//! all.

use presence_axum::auth::{Action, Authorize, Identity, Resource};

/// The rule of this service. `only_own`: whether writing for others needs an administrator.
pub fn rule(only_own: bool) -> impl Authorize {
    move |who: &Identity, action: Action, _: Resource<'_>| {
        !only_own || action != Action::SpeakFor || who.is_admin()
    }
}
