//! Reads the text of origins, methods and headers, and refuses what browsers would not send.

use super::Cors;
use http::{HeaderValue, Uri};
use std::str::FromStr;

/// Why CORS settings were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCors {
    /// The list has no origin.
    #[error("no origin is given")]
    Empty,
    /// An entry is not an origin.
    #[error(
        "{0:?} is no origin: it must be like https://app.example or http://localhost:3000, without a path"
    )]
    NoOrigin(String),
    /// Credentials cannot be combined with "any origin": browsers refuse that.
    #[error("credentials need the origins to be listed, not `*`")]
    AnyWithCredentials,
    /// An entry is not the name of a method or a header.
    #[error("{0:?} is no name of a method or a header")]
    NoName(String),
}

/// `*`, or origins separated by commas.
impl FromStr for Cors {
    type Err = InvalidCors;

    fn from_str(text: &str) -> Result<Self, InvalidCors> {
        if text.trim() == "*" {
            return Ok(Self::any());
        }
        Self::origins(text.split(',').map(str::trim).filter(|entry| !entry.is_empty()))
    }
}

/// Joins names of methods or headers into the value of one header.
pub(super) fn names<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<HeaderValue, InvalidCors> {
    let mut list = String::new();
    for name in names {
        let name = name.as_ref();
        // Methods and header names are tokens in the sense of RFC 9110. `*` is a token too, and
        // means all.
        let token = http::Method::from_bytes(name.as_bytes());
        token.map_err(|_| InvalidCors::NoName(name.to_owned()))?;
        list += if list.is_empty() { "" } else { ", " };
        list += name;
    }
    HeaderValue::try_from(&list).map_err(|_| InvalidCors::NoName(list))
}

/// An origin in the form that browsers send: in lower case, without a trailing slash.
pub(super) fn origin(text: &str) -> Result<HeaderValue, InvalidCors> {
    let wrong = || InvalidCors::NoOrigin(text.to_owned());
    let bare = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let uri: Uri = bare.parse().map_err(|_| wrong())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
    let odd = authority.host().is_empty() || authority.as_str().contains(['@', '*']);
    if odd || format!("{scheme}://{authority}") != bare {
        return Err(wrong());
    }
    // Browsers leave out the default port.
    let said = match scheme {
        "https" => bare.strip_suffix(":443"),
        "http" => bare.strip_suffix(":80"),
        _ => None,
    };
    HeaderValue::try_from(said.unwrap_or(&bare)).map_err(|_| wrong())
}
