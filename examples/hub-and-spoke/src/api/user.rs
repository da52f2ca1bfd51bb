//! User ids in paths and queries.

use crate::Error;
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use presence_core::UserId;

/// The user in a path. Any id is valid that has no control characters and at most 256 bytes.
pub(crate) struct Named(pub(crate) UserId);

/// The maximum number of users in one call.
pub(crate) const MAX_USERS: usize = 1_000;

fn user(text: &str) -> Result<UserId, Error> {
    UserId::new(text).map_err(|invalid| Error::bad_request(format!("invalid userID: {invalid}")))
}

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let path = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Path(path) = path.map_err(|_| Error::bad_request("invalid userID: no UTF-8"))?;
        match path.first() {
            Some((_, name)) => user(name).map(Self),
            // The routes `/batch` and `/query` have no parameter; for their other methods the last
            // segment is the user.
            None => user(parts.uri.path().rsplit('/').next().unwrap_or_default()).map(Self),
        }
    }
}

/// The users of `?users=a,b,c`, in this order.
///
/// Clients write the comma between two users plainly or as `%2C`. If a query contains a plain
/// comma, `%2C` is part of an id; so `a%2Cb,` names one user, `a,b`.
pub(crate) fn listed(query: &str) -> Result<Vec<UserId>, Error> {
    let values: Vec<&str> = query.split('&').filter_map(|pair| pair.strip_prefix("users=")).collect();
    let is_plain = values.iter().any(|value| value.contains(','));
    let mut users = Vec::new();
    for value in values {
        if is_plain {
            for name in value.split(',') {
                add(&mut users, &decoded(name)?)?;
            }
        } else {
            for name in decoded(value)?.split(',') {
                add(&mut users, name)?;
            }
        }
    }
    if users.is_empty() { Err(Error::bad_request("users is required")) } else { Ok(users) }
}

fn add(users: &mut Vec<UserId>, name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Ok(());
    }
    if users.len() == MAX_USERS {
        return Err(Error::bad_request("too many users"));
    }
    users.push(user(name)?);
    Ok(())
}

fn decoded(text: &str) -> Result<String, Error> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(Into::into).map_err(|_| Error::bad_request("invalid userID: no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Vec<String>, Error> {
        listed(query).map(|users| users.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn users_are_listed_with_plain_and_with_coded_commas() {
        assert_eq!(read("users=b,a,c").unwrap(), ["b", "a", "c"]);
        assert_eq!(read("users=b%2Ca%2cc").unwrap(), ["b", "a", "c"]);
        assert_eq!(read("x=1&users=a&users=b").unwrap(), ["a", "b"]);
        assert_eq!(read("users=a%2Cb,c+d,%3E").unwrap(), ["a,b", "c d", ">"]);
        assert_eq!(read("users=a%2Cb,").unwrap(), ["a,b"]);
    }

    #[test]
    fn a_query_without_users_or_with_too_many_is_refused() {
        for query in ["", "users=", "users=,", "users=%2C", "user=a", "xusers=a"] {
            assert_eq!(read(query), Err(Error::bad_request("users is required")), "{query}");
        }
        let many = |n: usize| format!("users={}", vec!["a"; n].join(","));
        assert_eq!(read(&many(1_000)).unwrap().len(), 1_000);
        assert_eq!(read(&many(1_001)), Err(Error::bad_request("too many users")));
        for query in ["users=%FF", "users=%00", "users=a,%0A"] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
