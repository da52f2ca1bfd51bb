//! Verification of signed tokens, common to all kinds of keys.

use super::Refused;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode};
use serde_json::{Map, Value};

/// Checks only the signature, with this algorithm only. The claims are checked by `Rules`, which
/// get the time as an argument instead of reading a clock.
pub(super) fn signature(algorithm: Algorithm) -> Validation {
    let mut signature = Validation::new(algorithm);
    signature.required_spec_claims.clear();
    (signature.validate_exp, signature.validate_nbf, signature.validate_aud) = (false, false, false);
    signature
}

/// Verifies that a token is signed with this key, and returns its claims.
pub(super) fn claims(
    token: &str,
    key: &DecodingKey,
    signature: &Validation,
) -> Result<Map<String, Value>, Refused> {
    // The library's error is dropped, since it may quote the token.
    let signed = decode::<Map<String, Value>>(token, key, signature);
    let signed = signed.map_err(|_| Refused::Invalid("not signed by us"))?;
    check(&signed.header)?;
    Ok(signed.claims)
}

fn check(header: &Header) -> Result<(), Refused> {
    if header.jwk.is_some() || header.jku.is_some() || header.x5u.is_some() || header.x5c.is_some() {
        return Err(Refused::Invalid("it brings its own key"));
    }
    if header.crit.is_some() {
        // RFC 7515: a token with critical extensions that are not understood must be refused, and
        // none is supported here.
        return Err(Refused::Invalid("a critical extension"));
    }
    Ok(())
}
