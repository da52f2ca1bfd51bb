//! `Namespace`, the name that separates independent services on one server.

use super::{Error, Kind, Result};
use std::fmt;
use std::str::FromStr;

/// The name that separates independent services on one server: it is part of all keys, channels,
/// buckets and subjects of a store or broker.
///
/// 1 to 64 bytes of `A-Z`, `a-z`, `0-9`, `-` and `_`. Every store accepts these, so that a service
/// can change its store without a change of its name.
///
/// ```
/// use presence_core::store::Namespace;
/// assert_eq!(Namespace::new("chat-eu_1").unwrap().as_str(), "chat-eu_1");
/// assert!(Namespace::new("chat.eu").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Namespace(Box<str>);

impl Namespace {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Takes a name.
    ///
    /// # Errors
    /// [`Kind::Rejected`] when it is empty, too long, or has another character.
    pub fn new(name: impl AsRef<str>) -> Result<Self> {
        let name = name.as_ref();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > Self::MAX_BYTES || !name.bytes().all(fits) {
            let rule = "a namespace is 1 to 64 characters of A-Z, a-z, 0-9, '-' and '_'";
            return Err(Error::new(Kind::Rejected, rule));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Namespace {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl TryFrom<&str> for Namespace {
    type Error = Error;
    fn try_from(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_only_characters_that_every_store_accepts() {
        for good in ["a", "chat", "A-Z_09", &"x".repeat(64)] {
            assert_eq!(Namespace::new(good).unwrap().as_str(), good);
            assert_eq!(good.parse::<Namespace>().unwrap().to_string(), good);
        }
        for bad in ["", "a.b", "a b", "a*", ">", "{a}", "a:b", "é", "a=b", "a\0", &"x".repeat(65)] {
            assert!(Namespace::new(bad).is_err() && Namespace::try_from(bad).is_err(), "{bad}");
        }
    }
}
