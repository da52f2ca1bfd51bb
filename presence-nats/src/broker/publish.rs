//! Publishes an event (clauses B1 to B5).
//!
//! An event is stored on condition that the cached head of the channel is still its newest event.
//! So no event follows a closing one, and each event refers to the one before it. A handle without
//! a cached head reads the newest event; after a refusal it reads that again.
//!
//! The condition also makes it safe to send an event again whose acknowledgement was lost: only one
//! of the two can be stored. All attempts of a publish have the same nonce, by which the stored one
//! is recognised.

use super::Shared;
use super::chain::{CHAIN, Chain};
use super::heads::Head;
use super::names::message_id;
use super::stored::{MESSAGE_ID, NONCE};
use super::stream::Traits;
use crate::error::{Outcome, code, unavailable};
use crate::jetstream::api::Ack;
use crate::state::bucket::EXPECTED;
use async_nats::HeaderMap;
use presence_core::broker::hub::PAGE_EVENTS;
use presence_core::broker::{Channel, EventId, EventKind, MAX_PAYLOAD, Publish, Published};
use presence_core::store::{Error, Kind, Result};
use std::time::Duration;
use tokio::time::Instant;

/// How often a publish is repeated after another process published first.
const ROUNDS: u32 = 32;
/// The longest pause before such a repetition.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a publish tries to find out whether an event without an acknowledgement was stored:
/// longer than an election takes.
const RESOLVES_FOR: Duration = Duration::from_secs(10);
/// The pause between two such attempts.
const RESOLVES_EVERY: Duration = Duration::from_millis(250);

/// The parts of a publish that all its attempts share.
struct Attempt<'a> {
    message: &'a Publish,
    nonce: u64,
}

/// The error of a publish that failed before anything was sent, so that nothing was stored.
fn unsent(error: Error) -> Error {
    if error.kind() != Kind::Timeout {
        return error;
    }
    unavailable("the newest event of the channel cannot be read: nothing was stored").with_source(error)
}

/// Whether an event without an acknowledgement was stored.
enum Landed {
    /// The event is stored, and is the newest of its channel.
    Ours(Published, Head),
    /// Another event was stored in its place.
    Never,
    /// Nothing was stored in its place yet, as far as can be read.
    Unknown,
}

impl Shared {
    pub(super) async fn publish(&self, message: &Publish) -> Result<Published> {
        let attempt = &Attempt { message, nonce: presence_core::random::u64() };
        let slot = self.heads.of(&message.channel);
        let mut known = slot.lock().await;
        for round in 0..ROUNDS {
            // A closed channel may have been opened again, so its head is read every time.
            let head = match known.take().filter(|head| !head.closed) {
                Some(head) => head,
                None => self.events.with(|_| self.head(&message.channel)).await.map_err(unsent)?,
            };
            let outcome = match self.events.with(|traits| self.attempt(traits, attempt, head)).await {
                Err(late) if late.kind() == Kind::Timeout => self.resolve(attempt, head, late).await?,
                outcome => outcome?,
            };
            let Some((published, head)) = outcome else {
                metrics::counter!("presence_nats_conflicts_total").increment(1);
                let full = PAUSE.min(Duration::from_millis(1) * (1 << round.min(6)));
                tokio::time::sleep(full.mul_f64(presence_core::random::fraction())).await;
                continue;
            };
            *known = Some(head);
            return Ok(published);
        }
        Err(unavailable("too many processes publish to one channel at once"))
    }

    async fn head(&self, channel: &Channel) -> Outcome<Head> {
        Ok(Head::of(self.events.newest(channel).await?.as_ref()))
    }

    /// Finds out whether an event without an acknowledgement was stored, and stores it if not;
    /// returns what [`attempt`](Self::attempt) does.
    ///
    /// The event is sent again on the same condition. If that is refused, another event has been
    /// stored after `head`, or this one has, by an earlier attempt.
    async fn resolve(
        &self,
        attempt: &Attempt<'_>,
        head: Head,
        late: Error,
    ) -> Result<Option<(Published, Head)>> {
        let until = Instant::now() + RESOLVES_FOR;
        while Instant::now() < until {
            match self.events.with(|traits| self.attempt(traits, attempt, head)).await {
                Ok(Some(done)) => return Ok(Some(done)),
                Ok(None) => match self.events.with(|traits| self.landed(traits, attempt, head)).await {
                    Ok(Landed::Ours(published, head)) => return Ok(Some((published, head))),
                    Ok(Landed::Never) => return Ok(None),
                    Ok(Landed::Unknown) | Err(_) => {}
                },
                Err(error) => tracing::debug!(?error, "it is not known yet whether an event was stored"),
            }
            tokio::time::sleep(RESOLVES_EVERY).await;
        }
        Err(late)
    }

    /// Reads the event that was stored right after `head`.
    async fn landed(&self, traits: Traits, attempt: &Attempt<'_>, head: Head) -> Outcome<Landed> {
        let channel = &attempt.message.channel;
        let page = self.events.range(traits, channel, (head.seq + 1, u64::MAX), (1, MAX_PAYLOAD)).await?;
        let next = page.first().and_then(|stored| Some((stored, stored.chain?)));
        let Some((stored, chain)) = next.filter(|(_, chain)| chain.previous == head.seq) else {
            // The event is not stored yet, or the history was dropped since.
            return Ok(Landed::Unknown);
        };
        if stored.nonce != Some(attempt.nonce) {
            return Ok(Landed::Never);
        }
        let id = EventId { incarnation: chain.incarnation, number: stored.seq };
        let head = Head { trimmed: head.trimmed, ..Head::of(Some(stored)) };
        Ok(Landed::Ours(Published::Stored(id), head))
    }

    /// Stores the event if nothing was stored after `head`; returns `None` if something was.
    async fn attempt(
        &self,
        traits: Traits,
        attempt: &Attempt<'_>,
        head: Head,
    ) -> Outcome<Option<(Published, Head)>> {
        let message = attempt.message;
        let channel = &message.channel;
        let id = |seq| EventId { incarnation: head.incarnation, number: seq };
        if head.closed {
            let repeated = match &message.key {
                Some(key) => self.with_key(traits, channel, head, key).await?,
                None => None,
            };
            let published =
                repeated.map_or(Published::Closed(id(head.seq)), |seq| Published::Repeated(id(seq)));
            return Ok(Some((published, head)));
        }
        let bytes = head.bytes + message.payload.len() as u64;
        let last = message.kind == EventKind::Last;
        let chain = Chain { incarnation: head.incarnation, previous: head.seq, bytes, last };
        match self.append(traits, attempt, chain).await {
            Ok(Ack { seq, duplicate: true }) => Ok(Some((Published::Repeated(id(seq)), head))),
            Ok(Ack { seq, .. }) => {
                let mut head = Head { seq, bytes, closed: last, ..head };
                self.keep_to_bytes(traits, channel, &mut head).await;
                Ok(Some((Published::Stored(id(seq)), head)))
            }
            Err(failure) if failure.is(&code::WRONG_LAST_SEQUENCE) => Ok(None),
            // Another publish with this key is in progress.
            Err(failure) if failure.is(&[code::DUPLICATE_IN_FLIGHT]) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn append(&self, traits: Traits, attempt: &Attempt<'_>, chain: Chain) -> Outcome<Ack> {
        let (message, mut headers) = (attempt.message, HeaderMap::new());
        headers.insert(EXPECTED, chain.previous.to_string());
        headers.insert(CHAIN, chain.header());
        headers.insert(NONCE, format!("{:x}", attempt.nonce));
        if let Some(key) = &message.key {
            headers.insert(MESSAGE_ID, message_id(chain.incarnation, key));
        }
        if let Some(age) = self.events.shorter_age().filter(|_| traits.modern) {
            headers.insert("Nats-TTL", age.as_millis().div_ceil(1000).to_string());
        }
        let subject = self.events.names.events_of(&message.channel);
        self.events.link.append(&subject, Some(headers), message.payload.clone()).await
    }

    /// Finds the event with this key in the history of a closed channel. The server compares keys
    /// only when it stores an event.
    async fn with_key(
        &self,
        traits: Traits,
        channel: &Channel,
        head: Head,
        key: &str,
    ) -> Outcome<Option<u64>> {
        let (id, mut from) = (message_id(head.incarnation, key), 1);
        loop {
            let page =
                self.events.range(traits, channel, (from, head.seq), (PAGE_EVENTS, MAX_PAYLOAD)).await?;
            let Some(end) = page.last().map(|stored| stored.seq) else { return Ok(None) };
            if let Some(stored) = page.iter().find(|stored| stored.message_id.as_deref() == Some(&*id)) {
                return Ok(Some(stored.seq));
            }
            from = end + 1;
        }
    }

    /// Drops the oldest events of a channel that exceeds its bytes. After a failure, the next
    /// publish tries again.
    async fn keep_to_bytes(&self, traits: Traits, channel: &Channel, head: &mut Head) {
        let limit = self.events.options.retention.bytes as u64;
        if head.bytes.saturating_sub(head.trimmed) <= limit {
            return;
        }
        match self.cut(traits, channel, *head, limit).await {
            Ok(trimmed) => head.trimmed = trimmed,
            Err(failure) => tracing::debug!(?failure, "the history of a channel could not be cut"),
        }
    }

    /// Cuts a history to seven eighths of the limit, so that not every publish has to cut. Returns
    /// the bytes of the events that are no longer stored.
    async fn cut(&self, traits: Traits, channel: &Channel, head: Head, limit: u64) -> Outcome<u64> {
        let goal = limit - limit / 8;
        let mut from = 1;
        let mut is_over = None;
        loop {
            let page =
                self.events.range(traits, channel, (from, head.seq), (PAGE_EVENTS, MAX_PAYLOAD)).await?;
            let Some(end) = page.last().map(|stored| stored.seq) else { return Ok(head.trimmed) };
            for stored in page {
                let Some(chain) = stored.chain else { continue };
                let before = chain.bytes.saturating_sub(stored.payload.len() as u64);
                let kept = head.bytes.saturating_sub(before);
                let over = *is_over.get_or_insert(kept > limit);
                if !over || kept <= goal || stored.seq == head.seq {
                    if over {
                        self.events.purge(channel, Some(stored.seq)).await?;
                    }
                    return Ok(before);
                }
            }
            from = end + 1;
        }
    }
}
