//! Who may do what: everybody sees everybody, and speaks for themselves; administrators speak for all.

use presence_axum::auth::{Action, Authorize, Identity, On};
use serde_json::Value;

/// The rule of this service; `only_own` is whether writing for others takes an administrator.
pub fn rule(only_own: bool) -> impl Authorize {
    move |who: &Identity, action: Action, on: On<'_>| {
        let own = matches!(on, On::User(user) if who.subject() == Some(user.as_str()));
        !only_own || action == Action::Read || own || is_admin(who)
    }
}

/// `"admin": true`, or `admin` among `roles` or `realm_access.roles`.
fn is_admin(who: &Identity) -> bool {
    let has_role = |path: &[&str]| {
        let roles = who.claim(path).and_then(Value::as_array);
        roles.is_some_and(|roles| roles.iter().any(|role| role == "admin"))
    };
    who.claim(&["admin"]) == Some(&Value::Bool(true))
        || has_role(&["roles"])
        || has_role(&["realm_access", "roles"])
}
