//! The checks on the claims of a token, which do not depend on how it is signed.

use super::{Admins, Identity, Refused};
use presence_core::{Timestamp, UserId};
use serde_json::{Map, Value};
use std::time::Duration;

/// The conditions on the claims of a token, in addition to its signature.
///
/// `exp` is required and counts to the second; `nbf` is checked if it is present. Pure: the time is
/// an argument.
///
/// ```
/// use presence_axum::auth::Rules;
///
/// let rules = Rules::default().issuer("https://id.example").audience("presence");
/// # let _ = rules;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rules {
    /// How far the clock of the issuer may be off. Default zero.
    ///
    /// A token is accepted for this long after its `exp`: a few seconds, where clocks
    /// are not synchronised.
    pub leeway: Duration,
    /// The required issuer (`iss`). Default: any.
    pub issuer: Option<String>,
    /// The required audience (`aud`). Default: any.
    pub audience: Option<String>,
    /// The client that the token must have been issued to (`azp`) or for (`aud`). Default: any.
    ///
    /// Keycloak names the client in `azp`; in `aud` only with a mapper that adds it.
    pub client: Option<String>,
    /// Which callers are administrators. Default [`Admins::default`].
    pub admins: Admins,
}

/// The setters of an authenticator's [`Rules`], in its field `rules`.
#[cfg(feature = "auth")]
macro_rules! rule_setters {
    () => {
        /// How far the clock of the issuer may be off. Default zero; see
        /// [`Rules::leeway`](crate::auth::Rules::leeway).
        pub fn leeway(mut self, leeway: std::time::Duration) -> Self {
            self.rules.leeway = leeway;
            self
        }

        /// The required issuer (`iss`). Default: any.
        pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
            self.rules.issuer = Some(issuer.into());
            self
        }

        /// The required audience (`aud`). Default: any.
        pub fn audience(mut self, audience: impl Into<String>) -> Self {
            self.rules.audience = Some(audience.into());
            self
        }

        /// The client that a token must have been issued to (`azp`, or `aud`). Default: any; see
        /// [`Rules::client`](crate::auth::Rules::client).
        pub fn client(mut self, client: impl Into<String>) -> Self {
            self.rules.client = Some(client.into());
            self
        }

        /// Which callers are administrators. Default [`Admins::default`](crate::auth::Admins).
        pub fn admins(mut self, admins: crate::auth::Admins) -> Self {
            self.rules.admins = admins;
            self
        }
    };
}
#[cfg(feature = "auth")]
pub(super) use rule_setters;

/// The end of the year 9999; a later expiry is a mistake or an attempt at an overflow.
const LATEST: f64 = 253_402_300_799.0;

presence_core::setters! { Rules { leeway: Duration, admins: Admins } }

impl Rules {
    /// Sets [`issuer`](field@Self::issuer).
    #[must_use]
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        Self { issuer: Some(issuer.into()), ..self }
    }

    /// Sets [`audience`](field@Self::audience).
    #[must_use]
    pub fn audience(self, audience: impl Into<String>) -> Self {
        Self { audience: Some(audience.into()), ..self }
    }

    /// Sets [`client`](field@Self::client).
    #[must_use]
    pub fn client(self, client: impl Into<String>) -> Self {
        Self { client: Some(client.into()), ..self }
    }

    /// Checks the claims, and makes an identity of them.
    ///
    /// ```
    /// # fn main() -> Result<(), presence_axum::auth::Refused> {
    /// use presence_axum::auth::{Refused, Rules};
    /// use presence_core::Timestamp;
    /// let claims = serde_json::json!({ "sub": "ada", "exp": 100 });
    /// let claims = claims.as_object().cloned().unwrap_or_default();
    /// let ada = Rules::default().identity(claims.clone(), Timestamp::from_secs(99))?;
    /// assert_eq!(ada.subject(), Some("ada"));
    /// let late = Rules::default().identity(claims, Timestamp::from_secs(100));
    /// assert_eq!(late.unwrap_err(), Refused::Expired);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Refused::Expired`], and [`Refused::Invalid`] for anything else.
    pub fn identity(&self, claims: Map<String, Value>, now: Timestamp) -> Result<Identity, Refused> {
        let expires_at = instant(claims.get("exp"))?.ok_or(Refused::Invalid("no exp"))?;
        if expires_at + self.leeway <= now {
            return Err(Refused::Expired);
        }
        if instant(claims.get("nbf"))?.is_some_and(|from| from > now + self.leeway) {
            return Err(Refused::Invalid("not valid yet"));
        }
        let is = |wanted: &str, said: Option<&Value>| said.and_then(Value::as_str) == Some(wanted);
        if self.issuer.as_deref().is_some_and(|issuer| !is(issuer, claims.get("iss"))) {
            return Err(Refused::Invalid("another issuer"));
        }
        let is_for = |audience: &str| match claims.get("aud") {
            Some(Value::Array(several)) => several.iter().any(|one| is(audience, Some(one))),
            said => is(audience, said),
        };
        if self.audience.as_deref().is_some_and(|audience| !is_for(audience)) {
            return Err(Refused::Invalid("another audience"));
        }
        if self.client.as_deref().is_some_and(|client| !is(client, claims.get("azp")) && !is_for(client)) {
            return Err(Refused::Invalid("another client"));
        }
        let is_user = |subject: &Value| subject.as_str().is_some_and(|text| UserId::new(text).is_ok());
        if claims.get("sub").is_some_and(|subject| !is_user(subject)) {
            return Err(Refused::Invalid("the subject is no user id"));
        }
        Ok(Identity::new(claims, expires_at, &self.admins))
    }
}

/// Converts a time of RFC 7519: seconds, possibly with a fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it lies between zero and the year 9999"
)]
fn instant(said: Option<&Value>) -> Result<Option<Timestamp>, Refused> {
    let Some(said) = said else { return Ok(None) };
    let seconds = said.as_f64().filter(|seconds| (0.0..=LATEST).contains(seconds));
    let seconds = seconds.ok_or(Refused::Invalid("a time that is none"))?;
    Ok(Some(Timestamp::from_millis((seconds * 1000.0) as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: u64 = 1_710_000_000;

    fn judged(rules: &Rules, claims: Value) -> Result<Identity, Refused> {
        let Value::Object(claims) = claims else { panic!("{claims} is no object") };
        rules.identity(claims, Timestamp::from_secs(NOW))
    }

    #[test]
    fn a_token_expires_exactly_at_exp() {
        let rules = Rules::default();
        assert_eq!(judged(&rules, json!({ "exp": NOW })).unwrap_err(), Refused::Expired);
        assert!(judged(&rules, json!({ "exp": NOW + 1 })).is_ok());
        let fraction = judged(&rules, json!({ "exp": 1_710_000_000.25 })).unwrap();
        assert_eq!(fraction.expires_at(), Some(Timestamp::from_millis(NOW * 1000 + 250)));
    }

    #[test]
    fn leeway_applies_to_both_ends() {
        let rules = Rules::default().leeway(Duration::from_secs(10));
        assert!(judged(&rules, json!({ "exp": NOW - 9, "nbf": NOW + 10 })).is_ok());
        assert_eq!(judged(&rules, json!({ "exp": NOW - 10 })).unwrap_err(), Refused::Expired);
        assert!(judged(&rules, json!({ "exp": NOW + 60, "nbf": NOW + 11 })).is_err());
    }

    #[test]
    fn an_invalid_time_is_refused() {
        for exp in [
            json!("1710000060"),
            json!(-1),
            json!(1e300),
            json!(u64::MAX),
            json!(null),
            json!([]),
            json!(true),
        ] {
            assert!(
                matches!(judged(&Rules::default(), json!({ "exp": exp })), Err(Refused::Invalid(_))),
                "{exp}"
            );
            let nbf = json!({ "exp": NOW + 60, "nbf": exp });
            assert!(matches!(judged(&Rules::default(), nbf), Err(Refused::Invalid(_))), "{exp}");
        }
        assert!(judged(&Rules::default(), json!({})).is_err());
    }

    #[test]
    fn a_subject_is_a_user_id_or_absent() {
        let rules = Rules::default();
        for sub in [json!(7), json!(""), json!("a\nb"), json!("x".repeat(257)), json!(null), json!(["ada"])] {
            assert!(judged(&rules, json!({ "exp": NOW + 60, "sub": sub })).is_err(), "{sub}");
        }
        assert_eq!(judged(&rules, json!({ "exp": NOW + 60 })).unwrap().user(), None);
    }

    #[test]
    fn the_client_is_in_azp_or_in_aud() {
        let rules = Rules::default().client("us");
        for (azp, aud, taken) in [
            (json!("us"), json!("account"), true),
            (json!("them"), json!(["account", "us"]), true),
            (json!("them"), json!("account"), false),
            (json!(["us"]), json!("account"), false),
            (json!(null), json!(null), false),
        ] {
            let claims = json!({ "exp": NOW + 60, "azp": azp, "aud": aud });
            assert_eq!(judged(&rules, claims).is_ok(), taken, "{azp} {aud}");
        }
    }

    #[test]
    fn issuer_and_audience_are_checked_only_if_configured() {
        let says = |more: Value| {
            let mut claims = json!({ "exp": NOW + 60 });
            claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            claims
        };
        let any = Rules::default();
        assert!(judged(&any, says(json!({ "iss": "x", "aud": ["y"] }))).is_ok());
        let strict = Rules::default().issuer("id").audience("us");
        assert!(judged(&strict, says(json!({ "iss": "id", "aud": "us" }))).is_ok());
        assert!(judged(&strict, says(json!({ "iss": "id", "aud": ["them", "us"] }))).is_ok());
        for wrong in [
            json!({}),
            json!({ "iss": "id" }),
            json!({ "aud": "us" }),
            json!({ "iss": "ID", "aud": "us" }),
            json!({ "iss": ["id"], "aud": "us" }),
            json!({ "iss": "id", "aud": ["them"] }),
            json!({ "iss": "id", "aud": { "us": true } }),
            json!({ "iss": "id", "azp": "us" }),
        ] {
            assert!(matches!(judged(&strict, says(wrong.clone())), Err(Refused::Invalid(_))), "{wrong}");
        }
    }
}
