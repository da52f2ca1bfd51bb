//! What the claims of a token must say, whoever signed it.

use super::{Identity, Refused};
use presence_core::Timestamp;
use serde_json::{Map, Value};
use std::time::Duration;

/// What the claims of a token must say, besides being signed.
///
/// `exp` is required and counts to the second; `nbf` counts where it is there. Pure: the time is an argument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// How far the clock of whoever signs may be off. Default zero.
    ///
    /// A token lives this much longer than it says: choose seconds, where clocks are not kept.
    pub leeway: Duration,
    /// Who must have signed (`iss`). Default: anybody who has the key.
    pub issuer: Option<String>,
    /// For whom it must be (`aud`). Default: for anybody.
    pub audience: Option<String>,
}

/// The end of the year 9999: a later time is a mistake, or an attempt at an overflow.
const LATEST: f64 = 253_402_300_799.0;

impl Rules {
    /// Makes an identity of claims that keep the rules.
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
        if claims.get("sub").is_some_and(|subject| !subject.is_string()) {
            return Err(Refused::Invalid("the subject is no text"));
        }
        Ok(Identity::new(claims, expires_at))
    }
}

/// A time as RFC 7519 has it: seconds, with a fraction or without.
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
    fn a_token_ends_at_the_instant_that_it_says() {
        let rules = Rules::default();
        assert_eq!(judged(&rules, json!({ "exp": NOW })).unwrap_err(), Refused::Expired);
        assert!(judged(&rules, json!({ "exp": NOW + 1 })).is_ok());
        let fraction = judged(&rules, json!({ "exp": 1_710_000_000.25 })).unwrap();
        assert_eq!(fraction.expires_at(), Timestamp::from_millis(NOW * 1000 + 250));
    }

    #[test]
    fn leeway_forgives_both_ends() {
        let rules = Rules { leeway: Duration::from_secs(10), ..Rules::default() };
        assert!(judged(&rules, json!({ "exp": NOW - 9, "nbf": NOW + 10 })).is_ok());
        assert_eq!(judged(&rules, json!({ "exp": NOW - 10 })).unwrap_err(), Refused::Expired);
        assert!(judged(&rules, json!({ "exp": NOW + 60, "nbf": NOW + 11 })).is_err());
    }

    #[test]
    fn a_time_that_is_none_is_refused() {
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
    fn issuer_and_audience_are_asked_for_only_where_they_are_set() {
        let says = |more: Value| {
            let mut claims = json!({ "exp": NOW + 60 });
            claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            claims
        };
        let any = Rules::default();
        assert!(judged(&any, says(json!({ "iss": "x", "aud": ["y"] }))).is_ok());
        let strict =
            Rules { issuer: Some("id".to_owned()), audience: Some("us".to_owned()), ..Rules::default() };
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
        ] {
            assert!(matches!(judged(&strict, says(wrong.clone())), Err(Refused::Invalid(_))), "{wrong}");
        }
    }
}
