//! Who calls.

use super::{Auth, Refused};
use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use presence_core::Timestamp;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

/// Who calls, as their credentials say. Cheap to clone.
///
/// As an extractor it refuses whoever shows none, or false ones. Put it before the body among a handler's arguments:
/// nobody's body is read before it is known who they are.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    subject: Option<String>,
    claims: Map<String, Value>,
    expires_at: Timestamp,
}

impl Identity {
    /// An identity of these claims, of which `sub` is the subject, until then.
    ///
    /// For authenticators; it checks nothing. See [`Rules::identity`](super::Rules::identity).
    pub fn new(claims: Map<String, Value>, expires_at: Timestamp) -> Self {
        let subject = claims.get("sub").and_then(Value::as_str).map(str::to_owned);
        Self(Arc::new(Inner { subject, claims, expires_at }))
    }

    /// Who it is; `None` for credentials that name nobody, such as those of a service.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// All that the credentials say.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.0.claims
    }

    /// One claim, by the names that lead to it: `["realm_access", "roles"]`.
    pub fn claim(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        let first = self.0.claims.get(*first)?;
        rest.iter().try_fold(first, |value, name| value.get(*name))
    }

    /// When it ends: what outlives a request, such as a socket, has to look.
    pub fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }
}

/// Says who, and nothing of the claims.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("subject", &self.0.subject).finish_non_exhaustive()
    }
}

impl<S> FromRequestParts<S> for Identity
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        Auth::from_ref(state).identify(&parts.headers).await
    }
}
