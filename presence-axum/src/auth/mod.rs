//! Who calls, and what they may do (feature `auth`).
//!
//! A handler that demands to know who calls takes an [`Identity`]; it comes from credentials alone, never from a field
//! of a body. An [`Authenticator`] makes it of a token: [`Hs256`] by a shared secret, or one of your own. An
//! [`Authorize`] decides what an identity may do. [`Auth`] is both in one value, which the extractor asks the host's
//! state for:
//!
//! ```
//! use axum::{Router, extract::{FromRef, State}, routing::get};
//! use presence_axum::auth::{Action, Auth, Hs256, Identity, On, Refused};
//! use presence_core::UserId;
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
//!     let me = UserId::new(identity.subject().unwrap_or_default()).map_err(|_| Refused::Forbidden)?;
//!     auth.permit(&identity, Action::Read, On::User(&me)).await?;
//!     Ok(format!("{me}"))
//! }
//!
//! let auth = Auth::new(Hs256::new("a secret of at least 32 bytes, please").issuer("https://id.example"));
//! let app: Router = Router::new().route("/me", get(me)).with_state(Host { auth });
//! # let _ = app;
//! ```
//!
//! What is refused is answered with 401 or 403, JSON `{"error":"…"}` and `WWW-Authenticate`; neither the answer nor the
//! log says anything of the token.

mod authenticator;
mod authorize;
mod claims;
mod credentials;
mod guard;
mod hs256;
mod identity;
mod refused;

pub use authenticator::Authenticator;
pub use authorize::{Action, Authorize, On};
pub use claims::Rules;
pub use credentials::Credentials;
pub use guard::Auth;
pub use hs256::Hs256;
pub use identity::Identity;
pub use refused::Refused;
