//! The keys of a channel in Redis, and its pub/sub channels.

use presence_core::broker::Channel;
use presence_core::store::Namespace;

/// The names of one namespace.
///
/// The name of a channel may contain any character, including braces and colons. In a key it is at
/// the end, or its length precedes it, so that the keys of two channels never collide. All keys of
/// a channel have the same text in the first braces, which determines their slot in a cluster.
#[derive(Debug)]
pub struct Names {
    namespace: Namespace,
    /// Part of the names of pub/sub channels, since all databases of a server share them.
    database: i64,
}

impl Names {
    pub fn new(namespace: Namespace, database: i64) -> Self {
        Self { namespace, database }
    }

    fn of(&self, what: &str, channel: &Channel) -> String {
        format!("presence:{what}:{{{}:{channel}}}", self.namespace.as_str())
    }

    /// STREAM: the events.
    pub fn log(&self, channel: &Channel) -> String {
        self.of("log", channel)
    }

    /// HASH: the properties of the history.
    pub fn meta(&self, channel: &Channel) -> String {
        self.of("meta", channel)
    }

    /// STRING: the event that used an idempotency key; `kind` separates keys of publishers from
    /// those of this crate.
    pub fn keys(&self, kind: &str, channel: &Channel) -> String {
        let namespace = self.namespace.as_str();
        format!("presence:{kind}:{}:{{{namespace}:{channel}}}:", channel.as_str().len())
    }

    fn pubsub_prefix(&self) -> String {
        format!("presence:event:{}:{{{}:", self.database, self.namespace.as_str())
    }

    /// The pub/sub channel on which a channel is announced.
    pub fn pubsub(&self, channel: &Channel) -> String {
        format!("{}{channel}}}", self.pubsub_prefix())
    }

    /// The pub/sub pattern of all channels whose names start with `prefix`.
    pub fn pattern(&self, prefix: &str) -> String {
        format!("{}*", escape(&format!("{}{prefix}", self.pubsub_prefix())))
    }

    /// The channel that is announced on this pub/sub channel; `None` if the name is not
    /// of this crate.
    pub fn channel(&self, name: &[u8]) -> Option<Channel> {
        let name = name.strip_prefix(self.pubsub_prefix().as_bytes())?.strip_suffix(b"}")?;
        Channel::new(std::str::from_utf8(name).ok()?).ok()
    }
}

/// Escapes text for a Redis pattern.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | '*' | '?' | '[' | ']') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> Names {
        Names::new(Namespace::new("chat").unwrap(), 0)
    }

    #[test]
    fn keys_of_different_channels_never_collide() {
        let names = names();
        let (a, b) = (Channel::new("a").unwrap(), Channel::new("a}:b").unwrap());
        assert_ne!(format!("{}b}}:c", names.keys("key", &a)), format!("{}c", names.keys("key", &b)));
        assert_eq!(names.log(&a), "presence:log:{chat:a}");
    }

    proptest! {
        #[test]
        fn a_channel_is_decoded_from_the_name_of_its_pubsub_channel(name in "\\PC{1,40}") {
            let channel = Channel::new(&name).unwrap();
            prop_assert_eq!(names().channel(names().pubsub(&channel).as_bytes()), Some(channel));
        }

        #[test]
        fn all_keys_of_a_channel_have_the_same_slot(name in "\\PC{0,9}[{}]*\\PC{1,9}", key in "\\PC{0,9}[{}]*") {
            let channel = Channel::new(&name).unwrap();
            let tag = |key: &str| key.split_once('{').and_then(|(_, rest)| Some(rest.split_once('}')?.0.to_owned()));
            let names = names();
            let log = tag(&names.log(&channel));
            prop_assert!(log.is_some());
            prop_assert_eq!(&log, &tag(&names.meta(&channel)));
            prop_assert_eq!(&log, &tag(&format!("{}{key}", names.keys("key", &channel))));
        }
    }
}
