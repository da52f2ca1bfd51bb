//! The name of a channel, to which messages are published.

use crate::model::InvalidValue;
use std::fmt;
use std::sync::Arc;

/// The name of a channel: 1 to 1,024 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(Arc<str>);

impl Channel {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Checks a name.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::broker::Channel;
    /// let channel = Channel::new("topic:lobby")?;
    /// assert_eq!(channel.as_str(), "topic:lobby");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidValue`] if the text is empty, too long, or contains a control character.
    pub fn new(name: impl AsRef<str>) -> Result<Self, InvalidValue> {
        let name = name.as_ref();
        crate::model::check_name("channel", name, Self::MAX_BYTES)?;
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Channel {
    type Err = InvalidValue;
    fn from_str(name: &str) -> Result<Self, InvalidValue> {
        Self::new(name)
    }
}

impl TryFrom<&str> for Channel {
    type Error = InvalidValue;
    fn try_from(name: &str) -> Result<Self, InvalidValue> {
        Self::new(name)
    }
}

impl TryFrom<String> for Channel {
    type Error = InvalidValue;
    fn try_from(name: String) -> Result<Self, InvalidValue> {
        Self::new(name)
    }
}

impl AsRef<str> for Channel {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
