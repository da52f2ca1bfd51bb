//! Reads a stream in order, and notices what is missing.

use crate::codec::{LIFE, Raw, encode};
use crate::error::{Failure, Outcome, code};
use crate::jetstream::api::{ConsumerConfig, ConsumerInfo, MessageGot, NewConsumer, StreamInfo, nanos};
use crate::jetstream::link::Link;
use crate::state::bucket::marks;
use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use presence_core::Timestamp;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long the server keeps a reader that is not connected. What comes meanwhile waits for it.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// The server wants readers with flow control to have a heartbeat; nothing here depends on it.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How often in turn a reader may not answer, while its stream does, before it is given up.
const UNANSWERED: u8 = 2;

/// How long it may take to.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);

/// Something is missing: everything must be read anew.
#[derive(Debug)]
pub(crate) struct Gap;

/// Where a stream ends, by its leader. What a reader's own server says does not count: it may be
/// behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamEnd {
    /// The sequence that was given out last.
    pub(crate) seq: u64,
    /// The last message that there is, zero if there is none: later ones have expired.
    pub(crate) message: u64,
}

impl StreamEnd {
    /// Where a stream ends whose subjects are all of this filter.
    pub(crate) async fn of(link: &Link, info: &StreamInfo, stream: &str, all: &str) -> Outcome<Self> {
        let seq = info.state.last_seq;
        if info.state.messages == 0 {
            return Ok(Self { seq, message: 0 });
        }
        let what = format!("STREAM.MSG.GET.{stream}");
        let get = async |body: serde_json::Value| match link.ask::<MessageGot>(&what, encode(&body)).await {
            Err(failure) if failure.is(&[code::NO_MESSAGE]) => Ok(None),
            got => got.map(|got| Some(got.message.seq)),
        };
        // The last one is missing after a deletion whose mark has expired: rare, and the second
        // question is dear.
        if get(json!({ "seq": seq })).await?.is_some() {
            return Ok(Self { seq, message: seq });
        }
        let message = get(json!({ "last_by_subj": all })).await?.unwrap_or_default();
        Ok(Self { seq: seq.max(message), message })
    }

    /// How far one is who has read this far.
    fn reached_from(self, position: u64) -> u64 {
        if position >= self.message { position.max(self.seq) } else { position }
    }
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StartAt {
    /// The last message of each subject, then what comes.
    Latest,
    /// All messages.
    First,
    /// The messages after this sequence.
    After(u64),
}

/// An ordered consumer of our own: the client's would hide a gap by reading on.
///
/// The server holds back when this does not read (flow control). What the client drops all the same
/// shows as a gap.
#[derive(Debug)]
pub(crate) struct Reader {
    link: Arc<Link>,
    stream: String,
    name: String,
    messages: Subscriber,
    /// How many messages came.
    came: u64,
    /// Everything up to this sequence has come, as far as there is such a thing.
    position: u64,
    /// Where the stream was when reading began.
    start: StreamEnd,
    /// How many the server had sent when it was last asked, if that was more than had come.
    sent: u64,
    /// How often in turn the server did not answer when it was asked.
    unanswered: u8,
}

impl Reader {
    /// Begins to read; `start` is where the stream was before this call.
    pub(crate) async fn open(
        link: &Arc<Link>,
        stream: &str,
        filter: &str,
        from: StartAt,
        start: StreamEnd,
    ) -> Outcome<Self> {
        let link = Arc::clone(link);
        let inbox = link.client.new_inbox();
        let messages = link.subscribe(inbox.clone()).await?;
        let name = format!("presence-{:016x}", presence_core::random::u64());
        let config = ConsumerConfig {
            name: Some(&name),
            deliver_subject: Some(&inbox),
            filter_subject: Some(filter),
            deliver_policy: match from {
                StartAt::Latest => "last_per_subject",
                StartAt::First => "all",
                StartAt::After(_) => "by_start_sequence",
            },
            opt_start_seq: match from {
                StartAt::After(seq) => seq + 1,
                StartAt::Latest | StartAt::First => 0,
            },
            ack_policy: "none",
            replay_policy: "instant",
            flow_control: true,
            idle_heartbeat: nanos(HEARTBEAT),
            inactive_threshold: nanos(KEPT_FOR),
            num_replicas: 1,
            mem_storage: true,
        };
        let body = NewConsumer { stream_name: stream, config };
        let _: ConsumerInfo = link.ask(&format!("CONSUMER.CREATE.{stream}.{name}"), encode(&body)).await?;
        let begun_at = if let StartAt::After(seq) = from { seq } else { 0 };
        let position = start.reached_from(begun_at);
        let stream = stream.to_owned();
        Ok(Self { link, stream, name, messages, came: 0, position, start, sent: 0, unanswered: 0 })
    }

    /// Everything up to this sequence of the stream has been read.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether all that was there at the start has been read.
    pub(crate) fn is_at_start(&self) -> bool {
        self.position >= self.start.seq
    }

    /// The next message. Dropping the future loses none.
    pub(crate) async fn next(&mut self) -> Result<Raw, Gap> {
        self.next_message().await.map(|(message, place)| raw(message, &place))
    }

    /// The same as it came, with its place in the stream.
    pub(crate) async fn next_message(&mut self) -> Result<(Message, ReadPosition), Gap> {
        loop {
            let message = self.messages.next().await.ok_or(Gap)?;
            if message.status.is_some() {
                self.control(message);
            } else if let Some(place) = self.take(&message)? {
                return Ok((message, place));
            }
        }
    }

    /// The next message, if it has come already.
    pub(crate) fn ready(&mut self) -> Option<Result<Raw, Gap>> {
        self.next().now_or_never()
    }

    /// The server waits for a word before it sends more.
    fn control(&self, message: Message) {
        let stalled = message.headers.as_ref().and_then(|headers| headers.get("Nats-Consumer-Stalled"));
        let answer_to = message.reply.or_else(|| stalled.map(|subject| subject.as_str().into()));
        if let Some(subject) = answer_to {
            let client = self.link.client.clone();
            // Sending waits only when the line is full, and nobody should wait for that here.
            let sent = async move { client.publish(subject, Bytes::new()).await };
            if let Some(sent) = sent.now_or_never() {
                // A closed client shows by its subscription.
                let _ = sent;
            }
        }
    }

    fn take(&mut self, message: &Message) -> Result<Option<ReadPosition>, Gap> {
        let Some(place) = message.reply.as_ref().and_then(|reply| ReadPosition::parse(reply)) else {
            return Ok(None);
        };
        if place.consumer_seq != self.came + 1 {
            tracing::debug!(stream = self.stream, came = self.came, next = place.consumer_seq, "a gap");
            return Err(Gap);
        }
        self.came += 1;
        self.position = self.start.reached_from(self.position.max(place.stream_seq));
        Ok(Some(place))
    }

    /// Asks the server after this reader; `end` is where the stream was before this call. To be
    /// called when that is not reached: the last messages may have gone before they were sent, the
    /// reader may be gone, or something was lost on the way.
    pub(crate) async fn check(&mut self, end: StreamEnd) -> Result<(), Gap> {
        self.position = end.reached_from(self.position);
        let what = format!("CONSUMER.INFO.{}.{}", self.stream, self.name);
        let asked = self.link.ask(&what, Bytes::new());
        let answered = tokio::time::timeout(ANSWERS_WITHIN, asked).await;
        let answered = answered.unwrap_or_else(|_| Err(Failure::Other(crate::error::timeout())));
        let info: ConsumerInfo = match answered {
            Ok(info) => info,
            Err(Failure::NoStream(_)) => return Err(Gap),
            Err(failure) if failure.is(&[code::CONSUMER_NOT_FOUND]) => return Err(Gap),
            // Not now; whoever waits asks again. In a cluster it may be on a server that is down
            // while the stream goes on.
            Err(failure) => {
                tracing::debug!(stream = self.stream, ?failure, "a reader cannot be asked after");
                self.unanswered += 1;
                return if self.unanswered < UNANSWERED { Ok(()) } else { Err(Gap) };
            }
        };
        self.unanswered = 0;
        let sent = info.delivered.consumer_seq;
        // What was sent before the last check should have come by now.
        if self.sent > self.came {
            tracing::debug!(stream = self.stream, came = self.came, sent = self.sent, "messages were lost");
            return Err(Gap);
        }
        self.sent = sent;
        Ok(())
    }
}

impl Drop for Reader {
    /// Tells the server that nobody reads any more; else it would keep its side for a while.
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let link = Arc::clone(&self.link);
        let what = format!("CONSUMER.DELETE.{}.{}", self.stream, self.name);
        runtime.spawn(async move {
            // If it does not hear of it, it will notice.
            let _ = link.ask::<serde_json::Value>(&what, Bytes::new()).await;
        });
    }
}

/// A message of the store's streams.
fn raw(message: Message, place: &ReadPosition) -> Raw {
    let (gone, forgotten) = marks(message.headers.as_ref());
    let life = message.headers.as_ref().and_then(|headers| headers.get(LIFE)?.as_str().parse().ok());
    let subject = String::from(message.subject.as_str());
    let (seq, at, life) = (place.stream_seq, place.at, life.unwrap_or_default());
    Raw { subject, seq, at, gone, forgotten, life, payload: message.payload }
}

/// What the reply subject of a message says of its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReadPosition {
    pub(crate) stream_seq: u64,
    consumer_seq: u64,
    /// When the server stored it.
    pub(crate) at: Timestamp,
}

impl ReadPosition {
    /// `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>`, or
    /// the same with `<domain>.<account>` before the stream and a random token at the end.
    fn parse(reply: &str) -> Option<Self> {
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
    fn a_place_is_read_in_both_forms() {
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
