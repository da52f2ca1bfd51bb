//! Who may do what: everybody sees everybody, and speaks for themselves; administrators speak for
//! all.

use presence_axum::auth::{Action, Authorize, Identity, Resource};

/// The rule of this service; `only_own` is whether writing for others takes an administrator.
pub fn rule(only_own: bool) -> impl Authorize {
    move |who: &Identity, action: Action, _: Resource<'_>| {
        !only_own || action != Action::SpeakFor || who.is_admin()
    }
}
