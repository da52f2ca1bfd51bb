//! An ordered reader of a stream that notices missing messages.

use crate::codec::{INCARNATION, Raw, encode, value};
use crate::error::{Failure, Outcome, code};
use crate::jetstream::api::{ConsumerConfig, ConsumerInfo, MessageGot, NewConsumer, StreamInfo, nanos};
use crate::jetstream::link::Link;
use crate::jetstream::position::ReadPosition;
use crate::state::bucket::marks;
use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long the server keeps the consumer of a disconnected process. After a reconnect within that
/// time, the consumer continues with the messages that were stored meanwhile.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// The idle heartbeat of a consumer. The server requires one for flow control; nothing here depends
/// on it.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The number of unanswered checks of the consumer in a row after which the reader reports a gap.
const UNANSWERED: u8 = 2;

/// The timeout of one such check.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);

/// Messages are missing: the stream must be read again from a snapshot.
#[derive(Debug)]
pub(crate) struct Gap;

/// The end of a stream according to its leader. The reader's own server is not asked, since
/// it may lag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamEnd {
    /// The last sequence that was assigned.
    pub(crate) seq: u64,
    /// The sequence of the last message that still exists, zero if the stream is empty: later
    /// messages have been deleted or have expired.
    pub(crate) message: u64,
}

impl StreamEnd {
    /// Reads the end of a stream; `all` is a filter that matches all its subjects.
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
        // The last message is missing only after a deletion whose mark has expired. That is rare,
        // so the expensive second request is made only then.
        if get(json!({ "seq": seq })).await?.is_some() {
            return Ok(Self { seq, message: seq });
        }
        let message = get(json!({ "last_by_subj": all })).await?.unwrap_or_default();
        Ok(Self { seq: seq.max(message), message })
    }

    /// The effective position of a reader at `position`. A reader that has read the last existing
    /// message is at the last sequence, since nothing is left to read.
    fn reached_from(self, position: u64) -> u64 {
        if position >= self.message { position.max(self.seq) } else { position }
    }
}

/// The message at which a reader begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StartAt {
    /// The last message of each subject, then new messages.
    Latest,
    /// The first message of the stream.
    First,
    /// The first message after this sequence.
    After(u64),
}

/// An ordered consumer that reports gaps. The ordered consumer of `async-nats` would hide a gap,
/// since it continues by itself.
///
/// The server stops sending while the reader does not read (flow control). If the client drops
/// messages nevertheless, the reader reports a gap.
#[derive(Debug)]
pub(crate) struct Reader {
    link: Arc<Link>,
    stream: String,
    name: String,
    messages: Subscriber,
    /// The number of messages received.
    came: u64,
    /// All messages up to this sequence have been received, as far as they still exist.
    position: u64,
    /// The end of the stream when reading began.
    start: StreamEnd,
    /// The number of messages that the server had sent at the last check, if that was more than had
    /// been received.
    sent: u64,
    /// The number of checks in a row that got no answer.
    unanswered: u8,
}

impl Reader {
    /// Creates the consumer; `start` is the end of the stream as read before this call.
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

    /// The sequence up to which the stream has been read.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether all messages that existed when reading began have been read.
    pub(crate) fn is_at_start(&self) -> bool {
        self.position >= self.start.seq
    }

    /// Waits for the next message. Dropping the future loses no message.
    pub(crate) async fn next(&mut self) -> Result<Raw, Gap> {
        self.next_message().await.map(|(message, place)| raw(message, &place))
    }

    /// Waits for the next message and returns it undecoded, with its position in the stream.
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

    /// The next message, if it has already arrived.
    pub(crate) fn ready(&mut self) -> Option<Result<Raw, Gap>> {
        self.next().now_or_never()
    }

    /// Answers a flow-control message, which the server waits for before it sends more.
    fn control(&self, message: Message) {
        let stalled = message.headers.as_ref().and_then(|headers| value(headers, "Nats-Consumer-Stalled"));
        let answer_to = message.reply.or_else(|| stalled.map(Into::into));
        if let Some(subject) = answer_to {
            let client = self.link.client.clone();
            // Publishing waits only while the client's buffer is full, which must not block the
            // reader.
            let sent = async move { client.publish(subject, Bytes::new()).await };
            if let Some(sent) = sent.now_or_never() {
                // A closed client also ends the subscription, so the error can be ignored here.
                let _ = sent;
            }
        }
    }

    fn take(&mut self, message: &Message) -> Result<Option<ReadPosition>, Gap> {
        let Some(place) = message.reply.as_ref().and_then(|reply| ReadPosition::parse(reply)) else {
            return Ok(None);
        };
        if place.consumer_seq != self.came + 1 {
            tracing::debug!(
                stream = self.stream,
                came = self.came,
                next = place.consumer_seq,
                "messages are missing between the last one and this one"
            );
            return Err(Gap);
        }
        self.came += 1;
        self.position = self.start.reached_from(self.position.max(place.stream_seq));
        Ok(Some(place))
    }

    /// Asks the server for the state of this consumer; `end` is the end of the stream as read
    /// before this call. Call this when the reader has not reached that end: the last messages may
    /// have been deleted before they were sent, the consumer may be gone, or messages may have been
    /// lost in transit.
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
            // The caller repeats the check. In a cluster, the consumer may be on a server that is
            // down while the stream is available.
            Err(failure) => {
                tracing::debug!(stream = self.stream, ?failure, "the state of a consumer cannot be read");
                self.unanswered += 1;
                return if self.unanswered < UNANSWERED { Ok(()) } else { Err(Gap) };
            }
        };
        self.unanswered = 0;
        let sent = info.delivered.consumer_seq;
        // Messages that were sent before the last check should have arrived by now.
        if self.sent > self.came {
            tracing::debug!(stream = self.stream, came = self.came, sent = self.sent, "messages were lost");
            return Err(Gap);
        }
        self.sent = sent;
        Ok(())
    }
}

impl Drop for Reader {
    /// Deletes the consumer, which the server would otherwise keep for a while.
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let link = Arc::clone(&self.link);
        let what = format!("CONSUMER.DELETE.{}.{}", self.stream, self.name);
        runtime.spawn(async move {
            // If the request is lost, the server deletes the inactive consumer by itself.
            let _ = link.ask::<serde_json::Value>(&what, Bytes::new()).await;
        });
    }
}

/// Reads a message of one of the store's streams.
fn raw(message: Message, place: &ReadPosition) -> Raw {
    let (gone, forgotten) = marks(message.headers.as_ref());
    let incarnation = message.headers.as_ref().and_then(|headers| value(headers, INCARNATION)?.parse().ok());
    let subject = String::from(message.subject.as_str());
    let (seq, at, incarnation) = (place.stream_seq, place.at, incarnation.unwrap_or_default());
    Raw { subject, seq, at, gone, forgotten, incarnation, payload: message.payload }
}
