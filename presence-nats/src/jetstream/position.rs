//! The position of a message in its stream.

use presence_core::Timestamp;

/// The position of a message in its stream, from its reply subject.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReadPosition {
    pub(crate) stream_seq: u64,
    pub(super) consumer_seq: u64,
    /// When the server stored the message.
    pub(crate) at: Timestamp,
}

impl ReadPosition {
    /// Reads `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer
    /// seq>.<time>.<pending>`, or the same with `<domain>.<account>` before the stream and a random
    /// token at the end.
    pub(super) fn parse(reply: &str) -> Option<Self> {
        let tokens: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        let numbers = match tokens.len() {
            7 => tokens.get(3..6)?,
            9.. => tokens.get(5..8)?,
            _ => return None,
        };
        let mut numbers = numbers.iter().map(|token| token.parse::<u64>().ok());
        let (stream_seq, consumer_seq) = (numbers.next()??, numbers.next()??);
        let at = Timestamp::from_millis(numbers.next()?? / 1_000_000);
        Some(Self { stream_seq, consumer_seq, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_parsed_from_both_forms_of_reply_subjects() {
        let place =
            ReadPosition { stream_seq: 7, consumer_seq: 3, at: Timestamp::from_millis(1_795_198_690_790) };
        let short = "$JS.ACK.KV_a.name.1.7.3.1795198690790866204.5";
        let long = "$JS.ACK.hub.ACCHASH.KV_a.name.1.7.3.1795198690790866204.5.random";
        assert_eq!(ReadPosition::parse(short).as_ref(), Some(&place));
        assert_eq!(ReadPosition::parse(long).as_ref(), Some(&place));
        assert_eq!(
            ReadPosition::parse("$JS.ACK.hub.ACCHASH.KV_a.name.1.7.3.1795198690790866204.5"),
            Some(place)
        );
        for bad in ["", "_INBOX.x", "$JS.ACK.a.b.1.2", "$JS.ACK.KV_a.name.1.x.3.4.5"] {
            assert_eq!(ReadPosition::parse(bad), None, "{bad}");
        }
    }
}
