//! Who calls, and what they may do.
//!
//! An [`Identity`] says who calls; it comes from the head of a request alone, never from a field of
//! a body. An [`Identify`] makes it: an [`Authenticator`] of a token ([`Hs256`] by a shared secret,
//! feature `auth`; [`Jwks`] by the keys that an identity provider publishes, feature `jwks`; or one
//! of your own), or the host by what it knows ([`from_extractor`], [`from_fn`]). An [`Authorize`]
//! decides what an identity may do. A [`Mount`](crate::Mount) takes both, and all of its routes ask
//! them. For handlers of your own, [`Auth`] is both in one value, which the extractor asks the
//! host's state for:
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
//! let auth = Auth::new(Hs256::new("a secret of at least 32 bytes, please").issuer("https://id.example"));
//! let app: Router = Router::new().route("/me", get(me)).with_state(Host { auth });
//! # let _ = app;
//! # }
//! ```
//!
//! What is refused is answered with 401 or 403, JSON `{"error":"…"}` and `WWW-Authenticate`;
//! neither the answer nor the log says anything of the token.
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
pub(crate) use guard::note;
#[cfg(feature = "auth")]
pub use hs256::Hs256;
pub use identify::{Identify, Tokens, from_extractor, from_fn};
pub use identity::Identity;
#[cfg(feature = "jwks")]
pub use jwks::{InvalidJwks, Jwks};
pub use refused::Refused;
