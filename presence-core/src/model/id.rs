//! Names of users, sessions and nodes: validated when they are created, and trusted from there on.

use compact_str::CompactString;
use std::fmt;

/// Why a value was refused.
///
/// Nothing was changed when this is returned; the caller's input must change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidValue {
    /// The value is empty.
    #[error("{what} is empty")]
    Empty {
        /// The kind of value.
        what: &'static str,
    },
    /// The value is longer than its bound.
    #[error("{what} is longer than {max} {unit}")]
    TooLong {
        /// The kind of value.
        what: &'static str,
        /// The bound.
        max: usize,
        /// What the bound counts: bytes, characters or entries.
        unit: &'static str,
    },
    /// The value holds a control character.
    #[error("{what} holds a control character")]
    Control {
        /// The kind of value.
        what: &'static str,
    },
    /// The value has a different form than required.
    #[error("{what} is not {expected}")]
    Shape {
        /// The kind of value.
        what: &'static str,
        /// The required form.
        expected: &'static str,
    },
}

/// Checks a name: 1 to `max` bytes, no control characters.
#[inline]
pub(crate) fn check(what: &'static str, text: &str, max: usize) -> Result<(), InvalidValue> {
    // Nearly every name is plain ASCII, which is checked fastest.
    if (1..=max).contains(&text.len()) && is_plain(text.as_bytes()) {
        return Ok(());
    }
    check_any(what, text, max)
}

/// Checks a name that may contain any characters.
#[cold]
fn check_any(what: &'static str, text: &str, max: usize) -> Result<(), InvalidValue> {
    if text.is_empty() {
        return Err(InvalidValue::Empty { what });
    }
    if text.len() > max {
        return Err(InvalidValue::TooLong { what, max, unit: "bytes" });
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidValue::Control { what });
    }
    Ok(())
}

/// Whether all bytes are printable ASCII characters.
fn is_plain(bytes: &[u8]) -> bool {
    let are_plain =
        |bytes: &[u8]| bytes.iter().fold(true, |plain, byte| plain & (b' '..=b'~').contains(byte));
    // The processor compares the bytes of a chunk at once. The last chunk overlaps the one before.
    match bytes.last_chunk::<8>() {
        Some(last) => bytes.as_chunks::<8>().0.iter().all(|chunk| are_plain(chunk)) && are_plain(last),
        None => are_plain(bytes),
    }
}

/// Defines a name type whose values are always valid.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(CompactString);

        impl $type {
            #[doc = concat!("The longest ", $what, ", in bytes.")]
            pub const MAX_BYTES: usize = $max;

            #[doc = concat!("Makes a ", $what, " of a text within the limits.")]
            ///
            /// # Errors
            /// [`InvalidValue`] when the text is empty, too long, or holds a control character.
            #[inline]
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidValue> {
                let text = text.as_ref();
                super::id::check($what, text, Self::MAX_BYTES)?;
                Ok(Self(CompactString::new(text)))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $type {
            type Error = InvalidValue;
            fn try_from(text: &str) -> Result<Self, InvalidValue> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidValue;
            fn try_from(text: String) -> Result<Self, InvalidValue> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.into()
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = CompactString::deserialize(from)?;
                super::id::check($what, &text, Self::MAX_BYTES).map_err(serde::de::Error::custom)?;
                Ok(Self(text))
            }
        }

        impl std::str::FromStr for $type {
            type Err = InvalidValue;
            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.0.as_str(), f)
            }
        }
    };
}
pub(super) use name;

name! {
    /// A user, by the name that the host uses (1 to 256 bytes, no control characters).
    UserId, "user id", 256
}
name! {
    /// One tab, device or connection of a user (1 to 256 bytes, no control characters).
    ///
    /// Needs to be unique only among the sessions of its user.
    SessionId, "session id", 256
}
name! {
    /// A process: the host's label and a random number drawn at start, never used twice.
    NodeId, "node id", 256
}

impl NodeId {
    /// Draws the name of a process that starts now: `label` and 64 random bits.
    ///
    /// ```
    /// # fn main() -> Result<(), presence_core::InvalidValue> {
    /// use presence_core::NodeId;
    /// let (before, after) = (NodeId::draw("web-1")?, NodeId::draw("web-1")?);
    /// assert!(before.as_str().starts_with("web-1"));
    /// assert_ne!(before, after);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidValue`] if the label is empty, contains a control character, or is too long to
    /// append the bits.
    pub fn draw(label: &str) -> Result<Self, InvalidValue> {
        Self::new(format!("{label}~{:016x}", crate::random::u64()))
    }
}
