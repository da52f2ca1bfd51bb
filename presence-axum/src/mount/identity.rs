//! The settings by which callers are identified and authorized.

use super::Mount;
use crate::auth::{Auth, Authorize, Identify};
use axum::extract::FromRef;
use std::time::Duration;

impl Mount {
    /// Sets how callers are identified on every route: by an
    /// [`Authenticator`](crate::auth::Authenticator) of tokens, or from the host's own session
    /// ([`from_extractor`](crate::auth::from_extractor), [`from_fn`](crate::auth::from_fn)).
    ///
    /// A hit that names no user is then the caller's, and one that names another user is refused
    /// with 403. Default: callers are not identified and bodies are trusted; a warning is logged
    /// when the routes are made.
    ///
    /// ```
    /// # use presence_axum::auth::Authenticator;
    /// # fn example(presence: presence_core::Presence, tokens: impl Authenticator) {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence).identify(tokens);
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn identify(self, identify: impl Identify) -> Self {
        self.with(|inner| inner.auth = inner.auth.clone().identify_by(identify))
    }

    /// Sets what callers may do, on every route. Default: users act for themselves and see
    /// everybody; [administrators](crate::auth::Identity::is_admin) may also act for others and
    /// disconnect them.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::Mount;
    /// use presence_axum::auth::{Action, Identity, Resource};
    ///
    /// fn may(caller: &Identity, action: Action, on: Resource<'_>) -> bool {
    ///     match (action, on) {
    ///         (Action::SpeakFor | Action::Kick, _) => caller.is_admin(),
    ///         (_, Resource::Topic(topic)) => !topic.as_str().starts_with("staff/"),
    ///         _ => true,
    ///     }
    /// }
    /// let mount = Mount::new(presence).authorize(may);
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn authorize(self, authorize: impl Authorize) -> Self {
        self.with(|inner| inner.auth = inner.auth.clone().authorize(authorize))
    }

    /// Sets both at once, from a value that handlers of the host use as well.
    ///
    /// ```
    /// # use presence_axum::auth::Authenticator;
    /// # fn example(presence: presence_core::Presence, tokens: impl Authenticator) {
    /// use presence_axum::{Mount, auth::Auth};
    /// let auth = Auth::new(tokens);
    /// let mount = Mount::new(presence).auth(auth.clone());
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn auth(self, auth: Auth) -> Self {
        self.with(|inner| inner.auth = auth)
    }

    /// How often the rights of an open stream or socket are checked again; one whose caller has
    /// logged out or lost a right is closed. Default 30 s; at least 1 s. The expiry of a token
    /// needs no check: it closes the stream at once.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::Mount;
    /// use std::time::Duration;
    /// let mount = Mount::new(presence).check(Duration::from_secs(10));
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn check(self, every: Duration) -> Self {
        self.with(|inner| inner.check = every.max(Duration::from_secs(1)))
    }

    /// Identifies callers and decides what they may do.
    pub(crate) fn guard(&self) -> &Auth {
        &self.0.auth
    }

    /// How often the rights of an open stream or socket are checked again.
    pub(crate) fn checks_every(&self) -> Duration {
        self.0.check
    }
}

impl FromRef<Mount> for Auth {
    fn from_ref(mount: &Mount) -> Self {
        mount.guard().clone()
    }
}
