//! Authentication and authorization: who calls, and what they may do.
//!
//! An [`Identity`] is the caller of a request. It is made from the head of the request alone, never
//! from a field of its body, by an [`Identify`]: either an [`Authenticator`] of tokens ([`Hs256`]
//! with a shared secret, feature `auth`; [`Jwks`] with the published keys of an identity provider,
//! feature `jwks`; or one of your own), or an adapter of the host's own sessions
//! ([`from_extractor`], [`from_fn`]). An [`Authorize`] decides what an identity may do. A
//! [`Mount`](crate::Mount) takes both for all of its routes. Handlers of your own use [`Auth`],
//! which combines both in one value of the host's state:
//!
//! ```
//! # #[cfg(feature = "auth")] {
//! use axum::{Router, extract::{FromRef, State}, routing::get};
//! use presence_axum::auth::{Action, Auth, Hs256, Identity, Resource, Refused};
//!
//! #[derive(Clone)]
//! struct Host {
//!     auth: Auth,
//! }
//!
//! impl FromRef<Host> for Auth {
//!     fn from_ref(host: &Host) -> Auth {
//!         host.auth.clone()
//!     }
//! }
//!
//! async fn me(State(auth): State<Auth>, identity: Identity) -> Result<String, Refused> {
//!     let me = identity.user().ok_or(Refused::Forbidden)?;
//!     auth.permit(&identity, Action::Read, Resource::User(me)).await?;
//!     Ok(format!("{me}"))
//! }
//!
//! let tokens = Hs256::new("a secret of at least 32 bytes, please").issuer("https://id.example");
//! let auth = Auth::new(tokens);
//! let app: Router = Router::new().route("/me", get(me)).with_state(Host { auth });
//! # let _ = app;
//! # }
//! ```
//!
//! A refused request gets 401 or 403, JSON `{"error":"…"}` and `WWW-Authenticate`; neither the
//! response nor the log contains anything of the token.
#![doc = include_str!("../../docs/identity.md")]

mod admins;
mod authenticator;
mod authorize;
mod claims;
mod credentials;
mod guard;
#[cfg(feature = "auth")]
mod hs256;
mod identify;
mod identity;
#[cfg(feature = "jwks")]
mod jwks;
#[cfg(feature = "auth")]
mod jwt;
pub(crate) mod origin;
mod refused;
#[cfg(feature = "auth")]
mod verified;

pub use admins::Admins;
pub use authenticator::Authenticator;
pub use authorize::{Action, Authorize, Resource};
pub use claims::Rules;
pub use credentials::{BEARER, Credentials, Sources, Transport};
pub use guard::Auth;
pub(crate) use guard::count_refusal;
#[cfg(feature = "auth")]
pub use hs256::Hs256;
pub use identify::{Identify, Tokens, from_extractor, from_fn};
pub use identity::Identity;
#[cfg(feature = "jwks")]
pub use jwks::{InvalidJwks, Jwks};
pub use refused::Refused;
