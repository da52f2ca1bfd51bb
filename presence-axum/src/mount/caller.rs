//! The caller of a request: how a [`Mount`] identifies it, checks its rights, and waits until it
//! has lost one.

use super::Mount;
use crate::Error;
use crate::auth::origin::{Page, page};
use crate::auth::{Action, Identity, Refused, Resource, Transport, count_refusal};
use futures_util::future::{Either, pending};
use http::Method;
use http::request::Parts;
use presence_core::{Scope, Topic, UserId};
use std::future::Future;

impl Mount {
    /// Identifies the caller; [`Identity::anonymous`] where callers are not identified.
    ///
    /// Where the browser authenticates by itself (a cookie), changes are refused when they come
    /// from a page of another origin: the request must have the header `Origin` or
    /// `Sec-Fetch-Site`, as browsers send them, and name this origin or one that
    /// [`cors`](Self::cors) lists with credentials. Sockets are refused from any foreign page,
    /// however the caller is identified.
    ///
    /// ```
    /// use axum::extract::{Request, State};
    /// use presence_axum::auth::{Action, Resource, Transport};
    /// use presence_axum::{Error, Mount};
    ///
    /// async fn count(State(mount): State<Mount>, request: Request) -> Result<String, Error> {
    ///     let (mut parts, _) = request.into_parts();
    ///     let caller = mount.caller(&mut parts, Transport::Request).await?;
    ///     mount.permit(&caller, Action::Read, Resource::Everyone).await?;
    ///     Ok(mount.presence().everyone().counts().online.to_string())
    /// }
    /// # let _ = axum::routing::get::<_, _, Mount>(count);
    /// ```
    ///
    /// # Errors
    /// 401; 403 `foreign origin`; 403 `blocked` for a user who was disconnected and may not return
    /// yet; 503 when the caller cannot be identified at the moment.
    pub async fn caller(&self, parts: &mut Parts, transport: Transport) -> Result<Identity, Error> {
        let caller = self.identified(parts, transport).await?;
        if caller.user().is_some_and(|user| self.presence().blocked(user).is_some()) {
            count_refusal(Refused::Forbidden);
            return Err(Error::blocked());
        }
        Ok(caller)
    }

    async fn identified(&self, parts: &mut Parts, transport: Transport) -> Result<Identity, Refused> {
        if self.is_foreign(parts, transport) {
            count_refusal(Refused::ForeignOrigin);
            return Err(Refused::ForeignOrigin);
        }
        self.guard().identify(parts, transport).await
    }

    fn is_foreign(&self, parts: &Parts, transport: Transport) -> bool {
        let ambient = self.guard().is_ambient();
        let opens = transport == Transport::Socket;
        if !opens && (!ambient || matches!(parts.method, Method::GET | Method::HEAD)) {
            return false;
        }
        match page(&parts.headers, self.cors_rules()) {
            Page::Own => false,
            Page::Listed { credentials } => ambient && !credentials,
            Page::Foreign => true,
            Page::Unknown => ambient,
        }
    }

    /// Identifies the caller by a new token that was sent on an open connection. It must be a token
    /// of the same user.
    ///
    /// ```
    /// # use presence_axum::Error;
    /// # use presence_axum::Mount;
    /// # use presence_axum::auth::Identity;
    /// # async fn example(mount: Mount, caller: Identity, token: &str) -> Result<(), Error> {
    /// let caller = mount.refreshed(&caller, token).await?;
    /// println!("good until {:?}", caller.expires_at());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// 401; 403 for another user's token; 503.
    pub async fn refreshed(&self, caller: &Identity, token: &str) -> Result<Identity, Error> {
        let identity = self.guard().identify_token(token).await?;
        if identity.user() != caller.user() {
            count_refusal(Refused::Forbidden);
            return Err(Refused::Forbidden.into());
        }
        Ok(identity)
    }

    /// Checks that a caller may do this.
    ///
    /// ```
    /// # use presence_axum::{Error, Mount};
    /// # use presence_axum::auth::Identity;
    /// # async fn example(mount: Mount, caller: Identity) -> Result<(), Error> {
    /// use presence_axum::auth::{Action, Resource};
    /// let lobby = "lobby".parse().map_err(|_| Error::bad_request("invalid topic"))?;
    /// mount.permit(&caller, Action::Watch, Resource::Topic(&lobby)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// 403.
    pub async fn permit(&self, caller: &Identity, action: Action, on: Resource<'_>) -> Result<(), Error> {
        Ok(self.guard().permit(caller, action, on).await?)
    }

    /// Checks that a caller may act for this user.
    ///
    /// ```
    /// # use presence_axum::Error;
    /// # use presence_axum::Mount;
    /// # use presence_axum::auth::Identity;
    /// # async fn example(mount: Mount, caller: Identity) -> Result<(), Error> {
    /// # let Ok(user) = presence_core::UserId::new("alice") else { return Ok(()) };
    /// mount.permit_speaking(&caller, &user).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// 403.
    pub async fn permit_speaking(&self, caller: &Identity, user: &UserId) -> Result<(), Error> {
        Ok(self.guard().permit_speaking(caller, user).await?)
    }

    /// Checks that a caller may enter all of these topics.
    ///
    /// ```
    /// # use presence_axum::Error;
    /// # use presence_axum::Mount;
    /// # use presence_axum::auth::Identity;
    /// # use presence_core::Topics;
    /// # async fn example(mount: Mount, caller: Identity, topics: Topics) -> Result<(), Error> {
    /// mount.permit_entering(&caller, topics.names()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// 403 when one of them is refused.
    pub async fn permit_entering(
        &self,
        caller: &Identity,
        topics: impl IntoIterator<Item = &Topic>,
    ) -> Result<(), Error> {
        for topic in topics {
            self.permit(caller, Action::Enter, Resource::Topic(topic)).await?;
        }
        Ok(())
    }

    /// Checks that a caller may watch all of these scopes.
    ///
    /// ```
    /// # use presence_axum::Error;
    /// # use presence_axum::Mount;
    /// # use presence_axum::auth::Identity;
    /// # async fn example(mount: Mount, caller: Identity) -> Result<(), Error> {
    /// use presence_core::Scope;
    /// mount.permit_watching(&caller, &[Scope::All]).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// 403 when one of them is refused.
    pub async fn permit_watching(&self, caller: &Identity, scopes: &[Scope]) -> Result<(), Error> {
        Ok(self.watches(caller, scopes).await?)
    }

    async fn watches(&self, caller: &Identity, scopes: &[Scope]) -> Result<(), Refused> {
        let permit = |on| self.guard().permit(caller, Action::Watch, on);
        for scope in scopes {
            match scope {
                Scope::All => permit(Resource::Everyone).await?,
                Scope::Topic(topic) => permit(Resource::Topic(topic)).await?,
                Scope::Users(users) => {
                    for user in users.iter() {
                        permit(Resource::User(user)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until a caller may no longer watch these scopes: the identity has expired, the host
    /// does not know it any more, a right was withdrawn, or the user was disconnected or erased.
    /// Never completes where callers are not identified.
    ///
    /// The caller is identified and the rights are checked again [every half a
    /// minute](Self::check); [`Refused::Unavailable`] changes nothing. Dropping the future ends the
    /// wait.
    ///
    /// ```
    /// # use http::request::Parts;
    /// # use presence_axum::Mount;
    /// # use presence_axum::auth::Identity;
    /// # async fn example(mount: Mount, parts: Parts, caller: Identity) {
    /// use presence_axum::auth::Transport;
    /// use presence_core::Scope;
    /// # async fn stream() {}
    /// let refused = mount.until_refused(parts, Transport::Stream, &caller, vec![Scope::All]);
    /// tokio::select! {
    ///     refused = refused => println!("{refused}"),
    ///     () = stream() => {}
    /// }
    /// # }
    /// ```
    pub fn until_refused(
        &self,
        parts: Parts,
        transport: Transport,
        caller: &Identity,
        scopes: Vec<Scope>,
    ) -> impl Future<Output = Refused> + Send + use<> {
        if !self.guard().identifies() {
            return Either::Left(pending());
        }
        let (mount, caller) = (self.clone(), caller.clone());
        Either::Right(Box::pin(async move {
            let mut disconnection = caller.user().map(|user| mount.presence().disconnection(user));
            let disconnected = async {
                match &mut disconnection {
                    Some(disconnection) => drop(disconnection.ended().await),
                    None => pending().await,
                }
            };
            tokio::select! {
                () = disconnected => Refused::Forbidden,
                refused = mount.watch_over(parts, transport, caller.clone(), scopes) => refused,
            }
        }))
    }

    async fn watch_over(
        &self,
        mut parts: Parts,
        transport: Transport,
        mut caller: Identity,
        scopes: Vec<Scope>,
    ) -> Refused {
        let clock = self.presence().clock();
        loop {
            let next = clock.now() + self.checks_every();
            let ends = caller.expires_at().filter(|ends| *ends <= next);
            clock.sleep_until(ends.unwrap_or(next)).await;
            if ends.is_some() {
                count_refusal(Refused::Expired);
                return Refused::Expired;
            }
            match self.guard().identify(&mut parts, transport).await {
                Ok(again) if again.user() == caller.user() => caller = again,
                Ok(_) => return Refused::Forbidden,
                Err(Refused::Unavailable) => continue,
                Err(refused) => return refused,
            }
            if let Err(refused) = self.watches(&caller, &scopes).await {
                return refused;
            }
        }
    }
}
