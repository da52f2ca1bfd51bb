//! The follower: passes stored events and signals from the server to the hub of this process.
//!
//! One ordered consumer and one subscription serve all channels. After a gap the consumer continues
//! at its position. When the stream was replaced or is shorter than before, the hub is notified and
//! reads what it needs.

use super::Shared;
use super::chain::Chain;
use super::heads::Heads;
use super::stored::Stored;
use super::stream::Events;
use crate::error::{Failure, Outcome, timeout, unavailable};
use crate::jetstream::api::StreamInfo;
use crate::jetstream::position::ReadPosition;
use crate::jetstream::reader::{Reader, StartAt, StreamEnd};
use async_nats::Message;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use presence_core::broker::Delivery;
use presence_core::broker::hub::WeakHub;
use presence_core::store::Result;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The interval between requests for the end of the stream.
const CHECK_EVERY: Duration = Duration::from_millis(500);
/// The longest pause of the follower before it retries.
const RETRY_EVERY: Duration = Duration::from_millis(250);

/// The task of the follower; aborted when the broker is dropped.
#[derive(Debug)]
pub(super) struct Follower {
    task: JoinHandle<()>,
    /// Whether all events stored from now on will be received.
    ready: watch::Receiver<bool>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// Waits until all events and signals from now on will be received.
    pub(super) async fn follow(&self) -> Result<()> {
        let mut ready = {
            let mut follower = self.follower.lock();
            // The task ends only when its runtime does. It is then started again on the current
            // runtime.
            if follower.as_ref().is_none_or(|follower| follower.task.is_finished()) {
                *follower = Some(self.start());
            }
            let Some(follower) = &*follower else { return Err(timeout()) };
            follower.ready.clone()
        };
        let ready = ready.wait_for(|ready| *ready);
        match tokio::time::timeout(self.events.link.timeout(), ready).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(timeout()),
        }
    }

    fn start(&self) -> Follower {
        let (set_ready, ready) = watch::channel(false);
        let hub = self.hub.get().cloned();
        let (events, heads) = (Arc::clone(&self.events), Arc::clone(&self.heads));
        let task = tokio::spawn(async move {
            if let Some(hub) = hub {
                Following { events, heads, hub, ready: set_ready, place: None }.run().await;
            }
        });
        Follower { task, ready }
    }
}

/// The position in the stream up to which events have been received.
struct Reached {
    /// The creation time of the stream, which identifies its incarnation.
    created: String,
    seq: u64,
}

struct Following {
    events: Arc<Events>,
    heads: Arc<Heads>,
    hub: WeakHub,
    ready: watch::Sender<bool>,
    place: Option<Reached>,
}

type Look = BoxFuture<'static, Outcome<StreamInfo>>;

impl Following {
    async fn run(mut self) {
        while self.hub.upgrade().is_some() {
            if let Err(failure) = self.once().await {
                tracing::debug!(?failure, "events cannot be followed at the moment");
            }
            tokio::time::sleep(RETRY_EVERY.mul_f64(0.2 + 0.8 * presence_core::random::fraction())).await;
        }
    }

    /// Follows the stream until there is a gap.
    async fn once(&mut self) -> Outcome<()> {
        let (events, link) = (Arc::clone(&self.events), Arc::clone(&self.events.link));
        let (stream, all) = (&events.names.stream, events.names.events());
        let info = events.inspect().await?;
        let end = StreamEnd::of(&link, &info, stream, &all).await?;
        let has_shrunk =
            self.place.as_ref().is_some_and(|place| place.created == info.created && place.seq > end.seq);
        if has_shrunk && events.is_behind(&info, self.place.as_ref().map_or(0, |place| place.seq)) {
            return Err(Failure::Other(unavailable("the leader of the stream is behind")));
        }
        let goes_on = self.place.take_if(|place| place.created == info.created && place.seq <= end.seq);
        let is_lost = self.place.take().is_some();
        let after = goes_on.map_or(end.seq, |place| place.seq);
        // If there is a gap before the first message, this is the position to continue at.
        self.place = Some(Reached { created: info.created.clone(), seq: after });
        let mut signals = link.subscribe(events.names.signals()).await?;
        let mut reader = Reader::open(&link, stream, &all, StartAt::After(after), end).await?;
        if is_lost {
            tracing::warn!(stream, "the stream of events is another or shorter than before");
            self.heads.clear();
            if let Some(hub) = self.hub.upgrade() {
                hub.interrupted();
            }
        }
        self.ready.send_replace(true);
        let mut checks = tokio::time::interval(CHECK_EVERY);
        checks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut looking, mut asked_at): (Option<Look>, u64) = (None, 0);
        // Whether messages may have been lost in transit.
        let mut is_suspect = false;
        let done = loop {
            tokio::select! {
                next = reader.next_message() => match next {
                    Ok((message, place)) => self.receive(message, &place),
                    Err(_gap) => break Ok(()),
                },
                signal = signals.next() => match signal {
                    Some(signal) => self.pass(signal),
                    None => break Ok(()),
                },
                _ = checks.tick(), if looking.is_none() => {
                    asked_at = reader.position();
                    let events = Arc::clone(&events);
                    looking = Some(async move { events.info().await }.boxed());
                }
                looked = async { Some(looking.as_mut()?.await) }, if looking.is_some() => {
                    looking = None;
                    match looked {
                        Some(Ok(now)) if now.created != info.created => break Ok(()),
                        Some(Ok(now)) if now.state.last_seq < asked_at => {
                            if !events.is_behind(&now, asked_at) {
                                break Ok(());
                            }
                        }
                        Some(Ok(now)) => {
                            let is_late = now.state.last_seq > reader.position();
                            if is_late && is_suspect {
                                let end = match StreamEnd::of(&link, &now, stream, &all).await {
                                    Ok(end) => end,
                                    Err(failure) => break Err(failure),
                                };
                                if reader.check(end).await.is_err() {
                                    break Ok(());
                                }
                            }
                            // The message may still be in transit: check once more.
                            is_suspect = is_late;
                        }
                        Some(Err(Failure::NoStream(_))) => break Ok(()),
                        _ => is_suspect = true,
                    }
                }
            }
        };
        self.place = Some(Reached { created: info.created, seq: reader.position() });
        done
    }

    fn receive(&self, message: Message, place: &ReadPosition) {
        let Some(hub) = self.hub.upgrade() else { return };
        let chain = Chain::of(message.headers.as_ref());
        let Some(channel) = self.events.names.channel_of_event(&message.subject).filter(|_| chain.is_some())
        else {
            metrics::counter!("presence_nats_unreadable_total").increment(1);
            return;
        };
        let stored = Stored {
            seq: place.stream_seq,
            at: place.at,
            chain,
            message_id: None,
            nonce: None,
            payload: message.payload,
        };
        self.heads.record(&channel, &stored);
        if let Some((event, chain)) = stored.event(&channel) {
            drop(hub.by_prefix(&channel, &Delivery::Event(event.clone())));
            drop(hub.stored(event, Some(chain.previous)));
        }
    }

    fn pass(&self, signal: Message) {
        let Some(hub) = self.hub.upgrade() else { return };
        let Some(channel) = self.events.names.channel_of_signal(&signal.subject) else { return };
        let payload = signal.payload;
        drop(hub.signal(&channel, payload.clone()));
        drop(hub.by_prefix(&channel, &Delivery::Signal { channel: channel.clone(), payload }));
    }
}
