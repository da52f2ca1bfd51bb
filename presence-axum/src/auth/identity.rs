//! [`Identity`]: the caller of a request.

use super::admins::{self, Admins};
use super::{Auth, Refused, Transport};
use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use presence_core::{Timestamp, UserId};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The caller of a request, as identified by a token or by the host. Cheap to clone.
///
/// As an extractor it refuses requests without a valid token in the header. Put it before the body
/// among a handler's arguments, so that no body is read before the caller is known.
///
/// ```
/// use presence_axum::auth::Identity;
///
/// async fn me(caller: Identity) -> String {
///     let (user, name) = (caller.subject().unwrap_or("a guest"), caller.name().unwrap_or("?"));
///     format!("{user}, called {name}, administrator: {}", caller.is_admin())
/// }
/// ```
#[derive(Clone, Default)]
pub struct Identity(Option<Arc<Inner>>);

struct Inner {
    user: Option<UserId>,
    /// The name to show, if it differs from the user's id.
    name: Option<String>,
    claims: Map<String, Value>,
    expires_at: Option<Timestamp>,
    is_admin: bool,
}

/// The longest name to show, in characters; a longer one is ignored.
const MAX_NAME: usize = 256;

static NO_CLAIMS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

impl Identity {
    /// An identity without a user: a guest, if the host admits guests.
    ///
    /// ```
    /// use presence_axum::auth::Identity;
    /// assert_eq!(Identity::anonymous().user(), None);
    /// ```
    pub fn anonymous() -> Self {
        Self(None)
    }

    /// An identity of a user whom the host has identified by its own session or by a
    /// proxy in front.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::auth::Identity;
    /// let ada = Identity::from_host("7".parse()?).named("Ada").admin();
    /// assert_eq!((ada.subject(), ada.name(), ada.is_admin()), (Some("7"), Some("Ada"), true));
    /// # Ok(()) }
    /// ```
    pub fn from_host(user: UserId) -> Self {
        let (claims, name) = (Map::new(), None);
        Self::of(Inner { user: Some(user), name, claims, expires_at: None, is_admin: false })
    }

    /// An identity made of claims: `sub` is the user, `preferred_username` the name.
    ///
    /// For authenticators; it verifies nothing. See [`Rules::identity`](super::Rules::identity).
    ///
    /// ```
    /// use presence_axum::auth::{Admins, Identity};
    /// use presence_core::Timestamp;
    /// let claims = serde_json::json!({ "sub": "7", "preferred_username": "Ada", "admin": true });
    /// let claims = claims.as_object().cloned().unwrap_or_default();
    /// let ada = Identity::new(claims, Timestamp::from_secs(1_800_000_000), &Admins::default());
    /// assert_eq!((ada.subject(), ada.name(), ada.is_admin()), (Some("7"), Some("Ada"), true));
    /// ```
    pub fn new(claims: Map<String, Value>, expires_at: Timestamp, admins: &Admins) -> Self {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        let user = text("sub").and_then(|subject| UserId::new(subject).ok());
        let name = text("preferred_username").filter(|name| can_be_shown(name)).map(str::to_owned);
        let is_admin = admins.include(&claims);
        Self::of(Inner { user, name, claims, expires_at: Some(expires_at), is_admin })
    }

    fn of(inner: Inner) -> Self {
        Self(Some(Arc::new(inner)))
    }

    fn but(self, set: impl FnOnce(&mut Inner)) -> Self {
        let Some(shared) = self.0 else { return self };
        let mut inner = Arc::try_unwrap(shared).unwrap_or_else(|shared| Inner {
            user: shared.user.clone(),
            name: shared.name.clone(),
            claims: shared.claims.clone(),
            expires_at: shared.expires_at,
            is_admin: shared.is_admin,
        });
        set(&mut inner);
        Self::of(inner)
    }

    /// Sets the name to show. Blank names, and those of more than 256 characters or with control
    /// characters, are ignored.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::auth::Identity;
    /// assert_eq!(Identity::from_host("7".parse()?).named("Ada").name(), Some("Ada"));
    /// # Ok(()) }
    /// ```
    pub fn named(self, name: impl Into<String>) -> Self {
        let name = Some(name.into()).filter(|name| can_be_shown(name));
        self.but(|inner| inner.name = name)
    }

    /// Sets the time when the identity expires; its streams and sockets end then.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::auth::Identity;
    /// use presence_core::Timestamp;
    /// let ada = Identity::from_host("7".parse()?).until(Timestamp::from_secs(1_800_000_000));
    /// assert_eq!(ada.expires_at(), Some(Timestamp::from_secs(1_800_000_000)));
    /// # Ok(()) }
    /// ```
    pub fn until(self, expires_at: Timestamp) -> Self {
        self.but(|inner| inner.expires_at = Some(expires_at))
    }

    /// Makes the caller an administrator.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::auth::Identity;
    /// assert!(Identity::from_host("7".parse()?).admin().is_admin());
    /// # Ok(()) }
    /// ```
    pub fn admin(self) -> Self {
        self.but(|inner| inner.is_admin = true)
    }

    /// The user; `None` for an identity without one, such as that of a guest or of a service.
    pub fn user(&self) -> Option<&UserId> {
        self.0.as_ref()?.user.as_ref()
    }

    /// The id of the user, as text.
    pub fn subject(&self) -> Option<&str> {
        self.user().map(UserId::as_str)
    }

    /// The name to show: from the token (`preferred_username`) or from the host, else
    /// the user's id.
    pub fn name(&self) -> Option<&str> {
        let name = self.0.as_ref()?.name.as_deref();
        name.or_else(|| self.subject())
    }

    /// All claims of the token; empty without a token.
    pub fn claims(&self) -> &Map<String, Value> {
        self.0.as_ref().map_or(&NO_CLAIMS, |inner| &inner.claims)
    }

    /// One claim, by its path: `["realm_access", "roles"]`.
    ///
    /// ```
    /// # fn example(who: &presence_axum::auth::Identity) {
    /// let team = who.claim(&["app_metadata", "team"]).and_then(serde_json::Value::as_str);
    /// # let _ = team;
    /// # }
    /// ```
    pub fn claim(&self, path: &[&str]) -> Option<&Value> {
        admins::find(self.claims(), path)
    }

    /// Whether the caller is an administrator, by its claims (see [`Admins`]) or because the host
    /// has [set](Self::admin) it.
    pub fn is_admin(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.is_admin)
    }

    /// The time when the identity expires and its streams and sockets end. `None`: it
    /// does not expire.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.0.as_ref()?.expires_at
    }
}

fn can_be_shown(name: &str) -> bool {
    !name.trim().is_empty() && !name.chars().any(char::is_control) && name.chars().nth(MAX_NAME).is_none()
}

/// `Debug` shows the user and none of the claims.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("user", &self.user()).finish_non_exhaustive()
    }
}

impl<S> FromRequestParts<S> for Identity
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        Auth::from_ref(state).identify(parts, Transport::Request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(claims: Value) -> Identity {
        let Value::Object(claims) = claims else { panic!("{claims} is no object") };
        Identity::new(claims, Timestamp::from_secs(1), &Admins::default())
    }

    #[test]
    fn the_name_is_the_preferred_one_or_the_users_id() {
        let named = |name: Value| of(json!({ "sub": "u1", "preferred_username": name }));
        assert_eq!(named(json!("Ada")).name(), Some("Ada"));
        for odd in [json!(null), json!(""), json!("  "), json!(7), json!("a\u{7}b"), json!("x".repeat(257))] {
            assert_eq!(named(odd.clone()).name(), Some("u1"), "{odd}");
        }
        assert_eq!(of(json!({})).name(), None);
        let host = Identity::from_host(UserId::new("u1").unwrap());
        assert_eq!(host.name(), Some("u1"));
        assert_eq!(host.named("Ada").name(), Some("Ada"));
    }

    #[test]
    fn an_anonymous_identity_has_no_user() {
        let nobody = Identity::anonymous().named("root").admin().until(Timestamp::from_secs(1));
        assert_eq!((nobody.user(), nobody.name(), nobody.is_admin()), (None, None, false));
        assert!(nobody.claims().is_empty());
    }

    #[test]
    fn changing_a_clone_of_an_identity_leaves_the_original_unchanged() {
        let one = of(json!({ "sub": "u1", "more": 1 }));
        let other = one.clone().admin();
        assert!(other.is_admin() && !one.is_admin());
        assert_eq!(other.claim(&["more"]), Some(&json!(1)));
    }
}
