//! The names of the stream and of the subjects of channels.

use crate::keys::{decode, encode};
use presence_core::broker::Channel;
use presence_core::store::Namespace;

/// Names in one namespace. A channel is one token, encoded as the ids of a store are.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) stream: String,
    /// The prefix of the subjects of events. It begins with `$KV.`, since only such subjects pass
    /// between domains; the name of a bucket cannot hold an `=`, so no bucket has this prefix.
    events: String,
    /// The prefix of the subjects of signals. It does not begin with `$KV.`, so signals do not pass
    /// between domains.
    signals: String,
}

// The longest subject has three characters for each byte of a channel, plus prefix and separators.
// A server closes a connection that sends a line of more than 4,096 bytes.
const _: () = assert!(3 * Channel::MAX_BYTES + 4 * Namespace::MAX_BYTES + 300 < 4096);

impl Names {
    pub(super) fn new(namespace: &Namespace) -> Self {
        Self {
            stream: format!("EVENTS_{namespace}"),
            events: format!("$KV.{namespace}=events."),
            signals: format!("presence.{namespace}.signal."),
        }
    }

    /// The subject of the events of a channel.
    pub(super) fn events_of(&self, channel: &Channel) -> String {
        subject(&self.events, channel)
    }

    /// The subject of the signals of a channel.
    pub(super) fn signals_of(&self, channel: &Channel) -> String {
        subject(&self.signals, channel)
    }

    /// The filter of the events of all channels.
    pub(super) fn events(&self) -> String {
        format!("{}*", self.events)
    }

    /// The filter of the signals of all channels.
    pub(super) fn signals(&self) -> String {
        format!("{}*", self.signals)
    }

    /// The channel of an event.
    pub(super) fn channel_of_event(&self, subject: &str) -> Option<Channel> {
        channel(&self.events, subject)
    }

    /// The channel of a signal.
    pub(super) fn channel_of_signal(&self, subject: &str) -> Option<Channel> {
        channel(&self.signals, subject)
    }
}

/// The `Nats-Msg-Id` of an idempotency key. It holds the incarnation, since the server compares
/// these ids across all channels and histories.
pub(super) fn message_id(incarnation: u64, key: &str) -> String {
    let mut id = format!("{incarnation:x}.");
    encode(key, &mut id);
    id
}

fn subject(prefix: &str, channel: &Channel) -> String {
    let mut subject = prefix.to_owned();
    encode(channel.as_str(), &mut subject);
    subject
}

fn channel(prefix: &str, subject: &str) -> Option<Channel> {
    Channel::new(&*decode(subject.strip_prefix(prefix)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> Names {
        Names::new(&Namespace::new("chat").unwrap())
    }

    #[test]
    fn a_subject_holds_its_channel_with_special_bytes_encoded() {
        let channel = Channel::new("job:7 ü").unwrap();
        assert_eq!(names().events_of(&channel), "$KV.chat=events.job=3A7=20=C3=BC");
        assert_eq!(names().signals_of(&channel), "presence.chat.signal.job=3A7=20=C3=BC");
        assert_eq!(message_id(255, "a.b"), "ff.a=2Eb");
    }

    #[test]
    fn foreign_subjects_are_not_decoded() {
        for foreign in
            ["$KV.chat=events.", "$KV.chat=events.a.b", "$KV.other=events.a", "$KV.chat=events.=41", "x"]
        {
            assert_eq!(names().channel_of_event(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn the_longest_subject_fits_into_a_protocol_line() {
        let names = Names::new(&Namespace::new("n".repeat(Namespace::MAX_BYTES)).unwrap());
        let channel = Channel::new(".".repeat(Channel::MAX_BYTES)).unwrap();
        let longest = names.events_of(&channel).len() + "$JS..API.".len() + 64;
        assert!(longest + 300 < 4096, "{longest}");
    }

    proptest! {
        #[test]
        fn a_decoded_channel_equals_the_encoded_one(name in "[^\\p{Cc}]{1,40}") {
            let channel = Channel::new(&name).unwrap();
            let names = names();
            prop_assert_eq!(names.channel_of_event(&names.events_of(&channel)), Some(channel.clone()));
            prop_assert_eq!(names.channel_of_signal(&names.signals_of(&channel)), Some(channel));
        }
    }
}
