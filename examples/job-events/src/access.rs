//! Access rights: who may watch a job, and who may publish updates.

use crate::settings::set;
use crate::{Error, JobId, Jobs, Secret, Tokens};
use async_trait::async_trait;
use http::request::Parts;
use presence_axum::auth::{
    Action, Authenticator, Authorize, Credentials, Hs256, Identify, Identity, Jwks, Refused, Resource,
    Sources, Transport,
};
use presence_core::Clock;
use serde_json::Value;
use std::hint::black_box;
use std::sync::Arc;

/// The access rules. Cheap to clone; without settings everything is open.
#[derive(Clone, Default)]
pub struct Access {
    /// Verifies the tokens of users; if set, jobs have owners.
    pub users: Option<Arc<dyn Authenticator>>,
    /// The bearer token of internal publishers.
    pub internal: Option<Secret>,
    /// The credentials of Pub/Sub pushes.
    pub push: Push,
}

/// The URL of Google's public keys.
const GOOGLE: &str = "https://www.googleapis.com/oauth2/v3/certs";
/// Accepts `?token=` besides the header, because neither an `EventSource` nor a push subscription
/// can set headers.
const TOKEN: Sources<'static> = Sources::HEADER.query("token");

/// The credentials of Pub/Sub pushes; one of them is enough.
#[derive(Clone, Default)]
pub struct Push {
    /// Verifies Google's tokens.
    pub google: Option<Arc<dyn Authenticator>>,
    /// The required service account (the claim `email`). Without it, any Google account could sign
    /// a token for our audience.
    pub account: Option<String>,
    /// The token in the query.
    pub token: Option<Secret>,
}

impl Access {
    /// The rules of the settings; tokens expire by `clock`. Logs once what is open.
    ///
    /// # Errors
    /// A message about the setting that cannot be used.
    pub fn of(tokens: &Tokens, clock: impl Clock + Clone) -> Result<Self, String> {
        let users: Option<Arc<dyn Authenticator>> =
            match (set(tokens.jwt_secret.as_ref()), set(tokens.jwks_url.as_ref())) {
                (Some(_), Some(_)) => {
                    let both = "JWT_SECRET and JWKS_URL are both set: tokens are verified in one way";
                    return Err(both.to_owned());
                }
                (Some(secret), None) => Some(Arc::new(Hs256::new(secret.reveal()).clock(clock.clone()))),
                (None, Some(url)) => Some(Arc::new(jwks("JWKS_URL", url)?.clock(clock.clone()))),
                (None, None) => None,
            };
        let keys = set(tokens.push_jwks_url.as_ref());
        let google: Option<Arc<dyn Authenticator>> = match (set(tokens.push_audience.as_ref()), keys) {
            (Some(audience), keys) => {
                let keys = jwks("PUSH_JWKS_URL", keys.map_or(GOOGLE, |url| url))?;
                Some(Arc::new(keys.audience(audience).clock(clock)))
            }
            (None, Some(_)) => {
                return Err("PUSH_JWKS_URL needs PUSH_AUDIENCE: for whom pushes are".to_owned());
            }
            (None, None) => None,
        };
        let account = set(tokens.push_service_account.clone());
        let push = Push { google, account, token: set(tokens.push_token.clone()) };
        let access = Self { users, internal: set(tokens.internal_token.clone()), push };
        access.log();
        Ok(access)
    }

    fn log(&self) {
        if self.users.is_none() {
            tracing::warn!(
                "neither JWT_SECRET nor JWKS_URL is set: anybody who knows a job's id may watch it"
            );
            if self.internal.is_none() {
                tracing::warn!("INTERNAL_TOKEN is not set either: anybody may publish updates of any job");
            }
        }
        match &self.push {
            Push { google: None, token: None, .. } => {
                tracing::warn!("neither PUSH_AUDIENCE nor PUSH_TOKEN is set: anybody may push updates");
            }
            Push { google: Some(_), account: None, .. } => {
                tracing::warn!("PUSH_SERVICE_ACCOUNT is not set: any Google account may push updates");
            }
            _ => {}
        }
    }

    /// The caller; `None` if jobs have no owners.
    ///
    /// # Errors
    /// [`Refused`] without a valid token, if jobs have owners.
    pub async fn user(&self, request: &Parts) -> Result<Option<Identity>, Refused> {
        let Some(users) = &self.users else { return Ok(None) };
        let credentials = Credentials::from_request(request, TOKEN)?;
        Ok(Some(users.authenticate(&credentials).await?))
    }

    /// Checks that the caller owns the job. Returns the caller.
    ///
    /// # Errors
    /// 401; 404 for an unknown job; 403 for another user's job; 503 when the broker cannot tell.
    pub async fn viewer(&self, request: &Parts, jobs: &Jobs, job: &JobId) -> Result<Option<Identity>, Error> {
        let Some(user) = self.user(request).await? else { return Ok(None) };
        self.owns(&user, jobs, job).await?;
        Ok(Some(user))
    }

    async fn owns(&self, user: &Identity, jobs: &Jobs, job: &JobId) -> Result<(), Error> {
        let owner = jobs.owner(job).await?;
        if owner.is_none() && jobs.latest(job).await?.is_none() {
            return Err(Error::UNKNOWN);
        }
        let created = owner.is_some() && owner.as_deref() == user.subject();
        if created || claims(user, job) { Ok(()) } else { Err(Refused::Forbidden.into()) }
    }

    /// Admits an internal publisher: with `INTERNAL_TOKEN`, or with the token of an administrator.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn publisher(&self, request: &Parts) -> Result<(), Refused> {
        if self.users.is_none() && self.internal.is_none() {
            return Ok(());
        }
        let credentials = Credentials::from_request(request, Sources::HEADER)?;
        if self.internal.as_ref().is_some_and(|secret| same(secret.reveal(), credentials.token())) {
            return Ok(());
        }
        let Some(users) = &self.users else { return Err(Refused::Invalid("not the internal token")) };
        let user = users.authenticate(&credentials).await?;
        if user.is_admin() { Ok(()) } else { Err(Refused::Forbidden) }
    }

    /// Admits a push of Pub/Sub.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn pusher(&self, request: &Parts) -> Result<(), Refused> {
        let Push { google, account, token } = &self.push;
        if google.is_none() && token.is_none() {
            return Ok(());
        }
        let credentials = Credentials::from_request(request, TOKEN)?;
        if token.as_ref().is_some_and(|token| same(token.reveal(), credentials.token())) {
            return Ok(());
        }
        let Some(google) = google else { return Err(Refused::Invalid("not the push token")) };
        let who = google.authenticate(&credentials).await?;
        let email = who.claim(&["email"]).and_then(Value::as_str);
        let is_verified = who.claim(&["email_verified"]) == Some(&Value::Bool(true));
        match account {
            Some(account) if !is_verified || email != Some(account) => Err(Refused::Forbidden),
            _ => Ok(()),
        }
    }
}

/// Decides who may see the number of viewers of a job: callers who may watch it. Cheap to clone.
#[derive(Clone)]
pub struct Viewers {
    access: Access,
    jobs: Jobs,
}

impl Viewers {
    /// Of these jobs, for whom `access` lets in.
    pub fn new(access: Access, jobs: Jobs) -> Self {
        Self { access, jobs }
    }
}

#[async_trait]
impl Identify for Viewers {
    async fn identify(&self, request: &mut Parts, _: Transport) -> Result<Identity, Refused> {
        Ok(self.access.user(request).await?.unwrap_or_else(Identity::anonymous))
    }

    fn is_ambient(&self) -> bool {
        false
    }
}

#[async_trait]
impl Authorize for Viewers {
    async fn allows(&self, viewer: &Identity, action: Action, on: Resource<'_>) -> bool {
        let (Action::Watch, Resource::Topic(topic)) = (action, on) else { return false };
        let Some(id) = topic.as_str().strip_prefix(JobId::TOPIC) else { return false };
        let Ok(job) = JobId::new(id) else { return false };
        self.access.users.is_none() || self.access.owns(viewer, &self.jobs, &job).await.is_ok()
    }
}

fn jwks(setting: &str, url: &str) -> Result<Jwks, String> {
    Jwks::new(url).map_err(|invalid| format!("{setting}: {invalid}"))
}

/// Whether a token contains the job's id, in `jobId` or in `jobs`: the services that create jobs
/// elsewhere issue such tokens.
fn claims(user: &Identity, job: &JobId) -> bool {
    let is = |value: &Value| value.as_str() == Some(job.as_str());
    user.claim(&["jobId"]).is_some_and(is)
        || user.claim(&["jobs"]).and_then(Value::as_array).is_some_and(|jobs| jobs.iter().any(is))
}

/// Compares in constant time.
fn same(secret: &str, shown: &str) -> bool {
    let differing = secret.bytes().zip(shown.bytes()).fold(0, |bits, (a, b)| black_box(bits | (a ^ b)));
    secret.len() == shown.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;
    use clap::Parser;
    use presence_core::SystemClock;

    #[test]
    fn tokens_are_verified_in_one_way_and_an_empty_setting_is_none() {
        let access = |secret: &str, url: &str| {
            let flags = ["job-events", "--jwt-secret", secret, "--jwks-url", url];
            let settings = Settings::try_parse_from(flags).map_err(|error| error.to_string())?;
            Access::of(&settings.tokens, SystemClock).map(|access| access.users.is_some())
        };
        assert_eq!(access("", "http://127.0.0.1/keys"), Ok(true));
        assert_eq!(access("a secret", ""), Ok(true));
        assert_eq!(access("", ""), Ok(false));
        let both = access("a secret", "http://127.0.0.1/keys");
        assert!(both.is_err_and(|message| message.starts_with("JWT_SECRET and JWKS_URL are both set")));
    }
}
