//! Authentication, and the rights of users in rooms.

use crate::{Room, Tokens};
use async_trait::async_trait;
use presence_axum::auth::{
    Action, Authenticator, Authorize, Credentials, Hs256, Identity, Jwks, Refused, Resource,
};
use presence_core::{Clock, Topic};
use serde_json::Value;
use std::sync::Arc;

/// The claim with the list of rooms that a token is valid for. A token without it is valid for all.
pub const ROOMS: &str = "rooms";

/// Verifies the tokens of users.
pub struct Users(Arc<dyn Authenticator>);

impl Users {
    /// Verifies tokens as configured; tokens expire by `clock`.
    ///
    /// # Errors
    /// A message about the setting that is missing or wrong.
    pub fn of(tokens: &Tokens, clock: impl Clock) -> Result<Self, String> {
        let given = [
            ("KEYCLOAK_URL", tokens.keycloak_url()),
            ("JWKS_URL", tokens.jwks_url()),
            ("JWT_SECRET", tokens.secret()),
        ];
        let given: Vec<_> = given.into_iter().filter_map(|(name, setting)| Some((name, setting?))).collect();
        match given[..] {
            [] => Err("no way to verify tokens is set: set KEYCLOAK_URL and KEYCLOAK_REALM, or JWKS_URL, or JWT_SECRET \
                       for development"
                .to_owned()),
            [("JWT_SECRET", secret)] => Ok(Self::by_secret(secret, tokens, clock)),
            [(name, url)] => {
                let keys = match (name, tokens.keycloak_realm()) {
                    ("KEYCLOAK_URL", Some(realm)) => Jwks::keycloak(url, realm),
                    ("KEYCLOAK_URL", None) => return Err("KEYCLOAK_URL needs KEYCLOAK_REALM".to_owned()),
                    _ => Jwks::new(url),
                };
                let mut keys = keys.map_err(|invalid| format!("{name}: {invalid}"))?.clock(clock);
                if let Some(issuer) = tokens.issuer() {
                    keys = keys.issuer(issuer);
                }
                if let Some(client) = tokens.client() {
                    keys = keys.client(client);
                }
                Ok(Self(Arc::new(keys)))
            }
            [(one, _), (other, _), ..] => {
                Err(format!("{one} and {other} are both set: tokens are verified in one way"))
            }
        }
    }

    fn by_secret(secret: &str, tokens: &Tokens, clock: impl Clock) -> Self {
        let mut known = Hs256::new(secret).clock(clock);
        if let Some(issuer) = tokens.issuer() {
            known = known.issuer(issuer);
        }
        if let Some(client) = tokens.client() {
            known = known.client(client);
        }
        Self(Arc::new(known))
    }
}

/// Every connection needs a user: a token without one is refused.
#[async_trait]
impl Authenticator for Users {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
        let identity = self.0.authenticate(credentials).await?;
        if identity.user().is_none() {
            return Err(Refused::Invalid("no subject"));
        }
        Ok(identity)
    }
}

/// The rule of this service: users may enter the rooms that their token is valid for, and
/// administrators may do everything.
pub fn rule() -> impl Authorize {
    |who: &Identity, action: Action, on: Resource<'_>| match (action, on) {
        _ if who.is_admin() => true,
        (Action::SpeakFor | Action::Kick, _) => false,
        (_, Resource::Topic(topic)) => may_be_in(who, topic),
        _ => true,
    }
}

/// The rule of what the page reads: who may be in a room may see who is there, and nothing else.
pub fn watching() -> impl Authorize {
    |who: &Identity, action: Action, on: Resource<'_>| match (action, on) {
        (Action::Watch, Resource::Topic(topic)) => {
            Room::of(topic).is_some() && (who.is_admin() || may_be_in(who, topic))
        }
        _ => false,
    }
}

fn may_be_in(who: &Identity, topic: &Topic) -> bool {
    let Some(room) = Room::of(topic) else { return false };
    match who.claim(&[ROOMS]) {
        None | Some(Value::Null) => true,
        Some(Value::Array(rooms)) => rooms.iter().any(|known| known.as_str() == Some(room.id)),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use presence_axum::auth::Admins;
    use presence_core::{Timestamp, UserId};
    use serde_json::json;

    fn allows(claims: Value, action: Action, on: Resource<'_>) -> bool {
        at_once(rule().allows(&identity(claims), action, on))
    }

    fn identity(claims: Value) -> Identity {
        let Value::Object(claims) = claims else { panic!("{claims}") };
        Identity::new(claims, Timestamp::MAX, &Admins::default())
    }

    fn at_once<T>(future: impl Future<Output = T>) -> T {
        futures_util::FutureExt::now_or_never(future).expect("it does not wait")
    }

    #[test]
    fn a_token_that_lists_rooms_is_for_those_and_any_other_for_all() {
        let topic = |name| Topic::new(name).unwrap();
        for action in [Action::Watch, Action::Enter, Action::Signal, Action::Publish] {
            let in_room = |claims, name| allows(claims, action, Resource::Topic(&topic(name)));
            assert!(in_room(json!({"sub": "a"}), "channel:general"));
            assert!(in_room(json!({"sub": "a", "rooms": null}), "dm:7"));
            assert!(in_room(json!({"sub": "a", "rooms": ["general", "7"]}), "dm:7"));
            assert!(!in_room(json!({"sub": "a", "rooms": ["general"]}), "channel:random"));
            assert!(!in_room(json!({"sub": "a", "rooms": []}), "channel:general"));
            assert!(!in_room(json!({"sub": "a", "rooms": "general"}), "channel:general"));
            assert!(!in_room(json!({"sub": "a"}), "no room"));
            assert!(in_room(json!({"sub": "a", "rooms": [], "admin": true}), "channel:general"));
        }
    }

    #[test]
    fn the_page_reads_the_rooms_that_its_token_is_for_and_nothing_else() {
        let reads =
            |claims, action, on: Resource<'_>| at_once(watching().allows(&identity(claims), action, on));
        let (room, other) = (Topic::new("channel:general").unwrap(), Topic::new("other").unwrap());
        let user = UserId::new("b").unwrap();
        for (claims, may) in [
            (json!({"sub": "a"}), true),
            (json!({"sub": "a", "rooms": ["general"]}), true),
            (json!({"sub": "a", "rooms": []}), false),
            (json!({"sub": "a", "rooms": [], "admin": true}), true),
        ] {
            let reads = |action, on: Resource<'_>| reads(claims.clone(), action, on);
            assert_eq!(reads(Action::Watch, Resource::Topic(&room)), may, "{claims}");
            for on in [Resource::Topic(&other), Resource::User(&user), Resource::Everyone] {
                assert!(!reads(Action::Watch, on), "{claims} {on:?}");
            }
            for action in [Action::Speak, Action::SpeakFor, Action::Enter, Action::Publish, Action::Signal] {
                assert!(!reads(action, Resource::Topic(&room)), "{claims} {action:?}");
            }
        }
    }

    #[test]
    fn only_administrators_disconnect_others() {
        let user = UserId::new("b").unwrap();
        assert!(!allows(json!({"sub": "a"}), Action::Kick, Resource::User(&user)));
        assert!(allows(json!({"sub": "a", "admin": true}), Action::Kick, Resource::User(&user)));
        assert!(allows(json!({"sub": "a"}), Action::Read, Resource::User(&user)));
    }
}
