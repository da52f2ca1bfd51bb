//! The name of a stream of messages.

use crate::model::Invalid;
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
    /// # Errors
    /// [`Invalid`] when the text is empty, too long, or holds a control character.
    pub fn new(name: impl AsRef<str>) -> Result<Self, Invalid> {
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
    type Err = Invalid;
    fn from_str(name: &str) -> Result<Self, Invalid> {
        Self::new(name)
    }
}

impl TryFrom<&str> for Channel {
    type Error = Invalid;
    fn try_from(name: &str) -> Result<Self, Invalid> {
        Self::new(name)
    }
}
