//! The format of a shard's messages: a line `number kind … epoch`, then blocks of names and values,
//! one per line.
//!
//! ```text
//! 42 touch … 9f3c…    number, kind, in a touch the time since which it waited, and epoch
//! 2                   the number of entries
//! ada TAB tab-1       their names
//! bob TAB tab-7
//! 17000000001230…     their values
//! 17000000001230…
//! ```
//!
//! The kinds are put, touch, remember and forget.

use crate::codec;
use presence_core::store::{Facts, FeedEvent, ForgetIf, Touch};
use std::sync::Arc;

/// A decoded message, and the number of its entries that could not be decoded.
#[derive(Debug, PartialEq)]
pub struct Message {
    /// The number of the message: one more than that of the message before.
    pub number: u64,
    /// The events of the message that could be decoded.
    pub events: Vec<FeedEvent>,
    /// The number of entries that could not be decoded.
    pub unreadable: usize,
}

/// Reads only the number of a message; `None` if the message is of another epoch, or not
/// of this crate.
pub fn number(message: &[u8], epoch: &str) -> Option<u64> {
    let end = message.iter().position(|byte| *byte == b'\n')?;
    let mut words = std::str::from_utf8(&message[..end]).ok()?.split(' ');
    let number = words.next()?.parse().ok()?;
    (words.next_back()? == epoch).then_some(number)
}

/// Decodes a message; `None` if it is not of this crate.
pub fn read(message: &[u8]) -> Option<Message> {
    let (head, mut rest) = std::str::from_utf8(message).ok()?.split_once('\n')?;
    let mut head = head.split(' ');
    let (number, kind) = (head.next()?, head.next()?);
    let mut read = Message { number: number.parse().ok()?, events: Vec::new(), unreadable: 0 };
    while !rest.is_empty() {
        let entries = block(&mut rest)?;
        let count = entries.len();
        let (event, readable) = match kind {
            "put" => {
                let sessions: Vec<_> =
                    entries.iter().filter_map(|(name, value)| codec::session(name, value)).collect();
                let readable = sessions.len();
                (FeedEvent::Facts(Arc::new(Facts { sessions, ..Facts::default() })), readable)
            }
            "remember" => {
                let users: Vec<_> =
                    entries.iter().filter_map(|(user, record)| codec::user_record_of(user, record)).collect();
                let readable = users.len();
                (FeedEvent::Facts(Arc::new(Facts { users, ..Facts::default() })), readable)
            }
            "touch" => {
                let touches: Arc<[Touch]> =
                    entries.iter().filter_map(|(name, value)| codec::touch_of(name, value)).collect();
                let readable = touches.len();
                (FeedEvent::Touched(touches), readable)
            }
            "forget" => {
                let seen: Arc<[ForgetIf]> =
                    entries.iter().filter_map(|(name, value)| codec::seen_of(name, value)).collect();
                let readable = seen.len();
                (FeedEvent::Forgotten(seen), readable)
            }
            _ => return None,
        };
        read.unreadable += count - readable;
        if readable > 0 {
            read.events.push(event);
        }
    }
    Some(read)
}

/// Takes a block off the front of the text.
fn block<'m>(rest: &mut &'m str) -> Option<Vec<(&'m str, &'m str)>> {
    let mut line = || {
        let (line, after) = rest.split_once('\n')?;
        *rest = after;
        Some(line)
    };
    let count: usize = line()?.parse().ok()?;
    // Nothing is allocated for a count that may be forged: each line has to exist.
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(line()?);
    }
    names.into_iter().map(|name| Some((name, line()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use presence_core::{Timestamp, UserId};
    use proptest::prelude::*;

    #[test]
    fn a_touch_message_has_a_block_of_sessions_and_one_of_nodes() {
        let times = codec::times(Timestamp::from_millis(7), Timestamp::from_millis(5));
        let beat = codec::beat(Timestamp::from_millis(9), None);
        let text = format!("42 touch 9f\n2\nada\ta\nbob\tb\n{times}\n{times}\n1\n\tnode\n{beat}\n");
        let message = read(text.as_bytes()).unwrap();
        assert_eq!((message.number, message.unreadable, message.events.len()), (42, 0, 2));
        assert_eq!(number(text.as_bytes(), "9f"), Some(42));
        assert_eq!(number(text.as_bytes(), "9"), None);
        let FeedEvent::Touched(touches) = &message.events[0] else { panic!("{message:?}") };
        let Touch::Session { user, seen_at, .. } = &touches[1] else { panic!("{touches:?}") };
        assert_eq!((user, seen_at.as_millis()), (&UserId::new("bob").unwrap(), 7));
    }

    #[test]
    fn an_invalid_entry_does_not_affect_the_others() {
        let times = codec::times(Timestamp::ZERO, Timestamp::ZERO);
        let message = read(format!("1 touch\n2\nada\ta\nbob\tb\n{times}\nnonsense\n").as_bytes()).unwrap();
        assert_eq!(message.unreadable, 1);
        assert!(matches!(&message.events[0], FeedEvent::Touched(touches) if touches.len() == 1));
    }

    #[test]
    fn text_that_is_not_a_message_is_refused() {
        for text in
            ["", "1", "x touch\n", "1 dance\n1\na\nb\n", "1 put\n3\na\n", "1 put\n99999999999999999999\n"]
        {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn decoding_any_bytes_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (read(&bytes), number(&bytes, ""));
        }
    }
}
