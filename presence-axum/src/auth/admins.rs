//! The rule that decides from the claims of a token whether a caller is an administrator.

use serde_json::{Map, Value};

/// Which claims make a caller an administrator: a flag that is `true`, or a role in a list.
///
/// A claim is given by its path of names rather than as one string, because a name may
/// contain a dot.
///
/// ```
/// use presence_axum::auth::Admins;
/// let admins = Admins::none().role(&["resource_access", "chat", "roles"], "moderator");
/// let claims = serde_json::json!({ "resource_access": { "chat": { "roles": ["moderator"] } } });
/// assert!(admins.include(claims.as_object().unwrap()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admins {
    flags: Vec<Vec<String>>,
    roles: Vec<(Vec<String>, String)>,
}

/// `"admin": true`, or `admin` among `roles` or `realm_access.roles`.
impl Default for Admins {
    fn default() -> Self {
        Self::none().flag(&["admin"]).role(&["roles"], "admin").role(&["realm_access", "roles"], "admin")
    }
}

impl Admins {
    /// A rule that matches no caller.
    pub fn none() -> Self {
        Self { flags: Vec::new(), roles: Vec::new() }
    }

    /// Adds callers whose claim at this path is `true`.
    ///
    /// ```
    /// use presence_axum::auth::Admins;
    /// let admins = Admins::none().flag(&["is_staff"]).role(&["groups"], "operators");
    /// # let _ = admins;
    /// ```
    pub fn flag(mut self, claim: &[&str]) -> Self {
        self.flags.push(path(claim));
        self
    }

    /// Adds callers whose claim at this path is a list that holds this role.
    pub fn role(mut self, claim: &[&str], role: impl Into<String>) -> Self {
        self.roles.push((path(claim), role.into()));
        self
    }

    /// Whether these claims make the caller an administrator.
    ///
    /// ```
    /// use presence_axum::auth::Admins;
    /// let claims = serde_json::json!({ "roles": ["admin"] });
    /// assert!(Admins::default().include(claims.as_object().unwrap()));
    /// ```
    pub fn include(&self, claims: &Map<String, Value>) -> bool {
        let has_role = |(claim, role): &(Vec<String>, String)| {
            let roles = find(claims, claim).and_then(Value::as_array);
            roles.is_some_and(|roles| roles.iter().any(|said| said == role.as_str()))
        };
        self.flags.iter().any(|flag| find(claims, flag) == Some(&Value::Bool(true)))
            || self.roles.iter().any(has_role)
    }
}

fn path(claim: &[&str]) -> Vec<String> {
    claim.iter().map(|name| (*name).to_owned()).collect()
}

/// Finds the claim at a path.
pub(super) fn find<'a, N: AsRef<str>>(claims: &'a Map<String, Value>, path: &[N]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let first = claims.get(first.as_ref())?;
    rest.iter().try_fold(first, |value, name| value.get(name.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is_admin(claims: &Value) -> bool {
        Admins::default().include(claims.as_object().unwrap())
    }

    #[test]
    fn a_flag_or_a_role_makes_an_administrator() {
        for claims in [
            json!({ "admin": true }),
            json!({ "roles": ["user", "admin"] }),
            json!({ "realm_access": { "roles": ["admin"] } }),
        ] {
            assert!(is_admin(&claims), "{claims}");
        }
    }

    #[test]
    fn similar_claims_do_not_make_an_administrator() {
        for claims in [
            json!({}),
            json!({ "admin": "true" }),
            json!({ "admin": 1 }),
            json!({ "admin": { "admin": true } }),
            json!({ "roles": "admin" }),
            json!({ "roles": true }),
            json!({ "roles": ["Admin", "administrator", ["admin"]] }),
            json!({ "realm_access.roles": ["admin"] }),
            json!({ "realm_access": ["admin"] }),
        ] {
            assert!(!is_admin(&claims), "{claims}");
        }
        assert!(!Admins::none().include(json!({ "admin": true }).as_object().unwrap()));
    }
}
