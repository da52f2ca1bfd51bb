//! The task of one connection: does what its session decides.

use super::frame::{Frame, Note, Received};
use super::gateway::{Core, channel_of};
use super::place::{News, Place};
use super::room::{Shared, encode, is_hidden};
use super::session::{Effect, Heard, Session, problem};
use super::socket::{FULL, Socket, Told};
use super::states::States;
use super::{Close, Command, Envelope, Problem, Reference, Said, Typing, Update, Wish, asks};
use crate::Mount;
use crate::limits::Permit;
use crate::metrics::{self, SOCKETS};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use http::request::Parts;
use presence_core::broker::Start;
use presence_core::handle::{Hold, Page};
use presence_core::time::View;
use presence_core::{Broker as _, Timestamp, Topic, random};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_stream::StreamMap;

/// What a connection belongs to.
pub(super) struct Parties {
    pub(super) mount: Mount,
    pub(super) core: Arc<Core>,
    pub(super) _permit: Permit,
}

/// One connection with all that it needs.
pub(super) struct Connection<S> {
    socket: Socket<S>,
    session: Session,
    parties: Parties,
    effects: Vec<Effect>,
    hold: Option<Arc<Hold>>,
    /// Returns when the session, or all that the user has open, is to end. It shares the hold.
    removal: Option<BoxFuture<'static, ()>>,
    places: StreamMap<Option<Topic>, Place>,
    told: States,
    views: BoxStream<'static, View>,
    /// What the last frame waits for; no other is read meanwhile.
    busy: Option<BoxFuture<'static, asks::Then>>,
    /// The question whether the caller may still be here.
    checking: Option<BoxFuture<'static, asks::Checked>>,
    /// When that is asked again; never where nobody is asked.
    check_at: Timestamp,
    /// The request, where the caller can be asked for by it again.
    parts: Option<Parts>,
    /// Rings at this instant, which is no later than what is due.
    timer: Option<(Timestamp, BoxFuture<'static, ()>)>,
    draining: BoxFuture<'static, Duration>,
    /// How it ends, once it does.
    end: Option<End>,
    counted: Counted,
}

/// How a connection ends.
enum End {
    /// The server closes.
    Close(Close),
    /// The client has closed.
    Closed(Option<u16>),
    /// There is no connection any more.
    Gone,
}

/// What wakes a connection.
enum Event {
    Drain(Duration),
    Removed,
    Tick,
    Then(asks::Then),
    Checked(asks::Checked),
    View(View),
    Told(Told),
    /// There is room for more, or something to do.
    Wrote,
}

/// No more frames are read while so much is not written yet.
const STUFFED: usize = 64 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(super) fn new(stream: S, session: Session, parties: Parties, parts: Option<Parts>) -> Self {
        let presence = parties.mount.presence();
        let now = presence.clock().now();
        let asks = parties.mount.guard().identifies();
        let check_at = if asks { now + parties.mount.checks_every() } else { Timestamp::MAX };
        let views = stream::unfold(presence.watch_view(), |mut views| async {
            let view = views.next().await?;
            Some((view, views))
        });
        let drained = presence.clone();
        Self {
            socket: Socket::new(stream, &parties.core.settings),
            effects: Vec::new(),
            hold: None,
            removal: None,
            places: StreamMap::new(),
            told: States::default(),
            views: views.boxed(),
            busy: None,
            checking: None,
            check_at,
            parts,
            timer: None,
            draining: Box::pin(async move { drained.draining().await }),
            end: None,
            counted: Counted::new(),
            session,
            parties,
        }
    }

    /// Serves the connection to its end. In a box, since a future keeps what it is called with a second time.
    pub(super) async fn run(mut self: Box<Self>) {
        tracing::debug!("open");
        let policy = self.parties.mount.presence().policy().clone();
        let says = self.says();
        self.session.open(&policy, says, &mut self.effects);
        self.removal = self.removal_of_caller();
        let end = loop {
            self.execute();
            if let Some(end) = self.end.take() {
                break end;
            }
            let event = poll_fn(|cx| self.poll(cx)).await;
            self.take(event);
        };
        self.session.end_typing(&mut self.effects);
        self.execute();
        let within = self.parties.core.settings.close_within;
        // The session leaves and its permit is free at once, however long the handshake takes.
        let Self { socket, hold, removal, places, parties, counted, .. } = *self;
        drop((removal, hold, places, parties, counted));
        let word = match end {
            End::Close(close) => {
                // Of a client that breaks the framing no close frame can be expected.
                let broken = matches!(close, Close::Protocol | Close::NotText | Close::TooLarge);
                // In a box as well: it is the rare part, and would make every waiting connection larger.
                Box::pin(socket.close(Frame::close(close.code(), close.reason()), broken, within)).await;
                close.word()
            }
            End::Closed(code) => {
                let answer = code.map_or_else(Frame::bare_close, |code| Frame::close(code, ""));
                Box::pin(socket.close(answer, true, within)).await;
                Close::Normal.word()
            }
            End::Gone => "gone",
        };
        metrics::socket_closed(word);
        tracing::debug!(reason = word, "closed");
    }

    /// Writes what is to be written, and waits for what comes next.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(after) = self.draining.as_mut().poll(cx) {
            return Poll::Ready(Event::Drain(after));
        }
        if let Some(removal) = &mut self.removal
            && removal.as_mut().poll(cx).is_ready()
        {
            self.removal = None;
            return Poll::Ready(Event::Removed);
        }
        if self.poll_timer(cx).is_ready() {
            return Poll::Ready(Event::Tick);
        }
        if let Some(busy) = &mut self.busy
            && let Poll::Ready(then) = busy.as_mut().poll(cx)
        {
            self.busy = None;
            return Poll::Ready(Event::Then(then));
        }
        if let Some(checking) = &mut self.checking
            && let Poll::Ready(checked) = checking.as_mut().poll(cx)
        {
            self.checking = None;
            return Poll::Ready(Event::Checked(checked));
        }
        if let Poll::Ready(Some(view)) = self.views.as_mut().poll_next(cx) {
            return Poll::Ready(Event::View(view));
        }
        // All that is there goes into one write.
        while self.socket.queued() < FULL {
            match Pin::new(&mut self.places).poll_next(cx) {
                Poll::Ready(Some((_, News::Skipped))) => self.told.forget(),
                Poll::Ready(Some((topic, News::Frames(frames)))) => {
                    self.queue(&frames);
                    self.note_messages(topic.as_ref(), &frames);
                }
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if !self.effects.is_empty() {
            return Poll::Ready(Event::Wrote);
        }
        let reads = self.busy.is_none() && self.socket.queued() < STUFFED;
        self.socket.poll(reads, cx).map(|told| told.map_or(Event::Wrote, Event::Told))
    }

    /// The timer is set anew when it rings, and when something is due earlier; not whenever a frame moves the deadline.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let clock = self.parties.mount.presence().clock();
        loop {
            let due = self.session.deadline().min(self.check_at);
            if due <= clock.now() {
                return Poll::Ready(());
            }
            let set = self.timer.as_mut().filter(|(at, _)| *at <= due);
            let Some((_, timer)) = set else {
                let clock = Arc::clone(clock);
                self.timer = Some((due, Box::pin(async move { clock.sleep_until(due).await })));
                continue;
            };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }

    fn take(&mut self, event: Event) {
        let now = self.parties.mount.presence().clock().now();
        match event {
            Event::Wrote => {}
            Event::Told(Told::Received(received)) => self.receive(received, now),
            Event::Told(Told::Close(close)) => self.end = Some(End::Close(close)),
            Event::Told(Told::Gone) => self.end = Some(End::Gone),
            Event::View(view) => self.effects.push(Effect::Send(Box::new(Update::View(view)))),
            Event::Drain(within) => {
                let after = within.mul_f64(random::fraction());
                self.effects.push(Effect::Send(Box::new(Update::Reconnect { after })));
                self.effects.push(Effect::Close(Close::Reconnect));
            }
            Event::Removed => self.end = Some(End::Close(Close::Forbidden)),
            Event::Tick => {
                if now >= self.check_at {
                    self.check(now);
                }
                self.session.tick(now, &mut self.effects);
            }
            Event::Then(then) => self.go_on(then, now),
            Event::Checked(checked) => {
                self.parts = checked.parts;
                self.effects.extend(checked.close.map(Effect::Close));
                for topic in checked.lost {
                    self.session.lose(topic.as_ref(), &mut self.effects);
                }
            }
        }
    }

    fn receive(&mut self, received: Received, now: Timestamp) {
        SOCKETS.received.increment(1);
        if let Received::Close(code) = received {
            self.end = Some(End::Closed(code));
            return;
        }
        if self.session.hear(now, &mut self.effects) == Heard::Drop {
            return;
        }
        match received {
            Received::Text(text) => match self.parties.core.protocol.decode(&text) {
                Ok(request) => {
                    let asked = asks::permitted(
                        self.parties.mount.clone(),
                        self.session.caller().clone(),
                        request,
                        self.parties.core.protocol.subscribing_is_being_there(),
                    );
                    self.busy = Some(Box::pin(asked));
                }
                Err(wrong) => self.effects.push(problem(wrong)),
            },
            Received::Ping(payload) => self.socket.queue(Frame::pong(&payload)),
            Received::Binary => self.effects.push(Effect::Close(Close::Binary)),
            Received::Pong | Received::Close(_) => {}
        }
    }

    /// What the frame waited for is there.
    fn go_on(&mut self, then: asks::Then, now: Timestamp) {
        match then {
            asks::Then::Do(request) => {
                let presence = self.parties.mount.presence();
                let types = matches!(request.command, Command::Typing { .. });
                let hidden = types && self.session.speaker().is_some_and(|user| is_hidden(presence, user));
                if self.parties.core.broker.is_none()
                    && matches!(request.command, Command::Typing { .. } | Command::Publish { .. })
                {
                    return self.effects.push(problem(Problem::new(501, "no broker").of(request.reference)));
                }
                self.session.command(request, hidden, now, &mut self.effects);
            }
            asks::Then::Subscribe { wishes, reference } => {
                for (wish, refused) in wishes {
                    match refused {
                        None => self.session.subscribe(wish, reference.clone(), &mut self.effects),
                        Some(refused) => {
                            let refused = Problem::from(refused).of(reference.clone()).in_topic(wish.topic);
                            self.effects.push(problem(refused));
                        }
                    }
                }
            }
            asks::Then::Tell(update) => self.effects.push(Effect::Send(update)),
            asks::Then::Renew(caller, reference) => {
                self.session.renew(caller, reference, &mut self.effects);
                let says = self.says();
                if says != Said::default() {
                    self.effects.push(Effect::Change(says));
                }
            }
        }
    }

    fn execute(&mut self) {
        let mut effects = std::mem::take(&mut self.effects);
        let mut refused = None;
        for effect in effects.drain(..) {
            match effect {
                Effect::Send(update) => {
                    // The answer to what found no room.
                    let update = match *update {
                        Update::Entered { reference, .. } | Update::Done { reference }
                            if refused.is_some() =>
                        {
                            refused.take().map_or(Update::Done { reference: None }, |problem: Problem| {
                                Update::Problem(problem.of(reference))
                            })
                        }
                        update => update,
                    };
                    if matches!(update, Update::Problem(_)) {
                        SOCKETS.problems.increment(1);
                    }
                    let frames = encode(&*self.parties.core.protocol, &update);
                    self.queue(&frames);
                }
                Effect::Hold(beat) => match self.parties.mount.presence().hold(*beat) {
                    Ok(hold) => {
                        let hold = Arc::new(hold);
                        let held = Arc::clone(&hold);
                        // The user's end is asked for by itself: a later connection may have the session.
                        let mut user = self.parties.mount.presence().disconnection(&hold.key().user);
                        self.removal = Some(Box::pin(async move {
                            tokio::select! {
                                _ = held.ended() => {}
                                _ = user.ended() => {}
                            }
                        }));
                        // The session before it leaves, unless it is the same.
                        self.hold = Some(hold);
                    }
                    Err(error) => {
                        self.session.not_held();
                        self.removal = self.removal_of_caller();
                        self.hold = None;
                        refused = Some(Problem::from(crate::Error::from(error)));
                    }
                },
                Effect::Change(said) => {
                    if let Err(error) = self.change(said) {
                        refused = Some(Problem::from(crate::Error::from(error)));
                    }
                }
                Effect::Release { at_once } => {
                    self.removal = self.removal_of_caller();
                    if let Some(hold) = self.hold.take().and_then(Arc::into_inner)
                        && at_once
                    {
                        hold.leave_now();
                    }
                }
                Effect::Join { wish, reference } => match refused.take() {
                    // There is no room for the user in the topic.
                    Some(problem) => {
                        self.session.not_subscribed(wish.topic.as_ref());
                        self.tell_problem(problem.of(reference).in_topic(wish.topic));
                    }
                    None => self.join(wish, reference),
                },
                Effect::Part(topic) => _ = self.places.remove(&topic),
                Effect::Signal { topic, value } => self.signal(&topic, value),
                Effect::Publish { topic, data, key, reference } => {
                    self.publish(topic, &data, key.as_deref(), reference);
                }
                Effect::List { topic, after, limit, reference } => {
                    let presence = self.parties.mount.presence();
                    let place =
                        topic.as_ref().map_or_else(|| presence.everyone(), |topic| presence.topic(topic));
                    let listing = place.list(&Page { after, limit });
                    let listed = Update::Listed { reference, topic, listing, counts: place.counts() };
                    let frames = encode(&*self.parties.core.protocol, &listed);
                    self.queue(&frames);
                }
                Effect::Authenticate { token, reference } => {
                    let (mount, caller) = (self.parties.mount.clone(), self.session.caller().clone());
                    self.busy = Some(Box::pin(asks::renewed(mount, caller, token, reference)));
                }
                Effect::Close(close) => {
                    self.end.get_or_insert(End::Close(close));
                }
            }
        }
        if let Some(problem) = refused {
            self.tell_problem(problem);
        }
        self.effects = effects;
        if self.effects.capacity() > 16 {
            self.effects = Vec::new();
        }
    }

    fn tell_problem(&mut self, problem: Problem) {
        SOCKETS.problems.increment(1);
        let frames = encode(&*self.parties.core.protocol, &Update::Problem(problem));
        self.queue(&frames);
    }

    /// Returns when all that the caller has open is to end; nothing where nobody is asked who they are.
    fn removal_of_caller(&self) -> Option<BoxFuture<'static, ()>> {
        let mut disconnection = self.parties.mount.presence().disconnection(self.session.caller().user()?);
        Some(Box::pin(async move { _ = disconnection.ended().await }))
    }

    fn queue(&mut self, frames: &Shared) {
        for frame in frames.iter() {
            let is_news = match &frame.note {
                Some(Note::State(tells)) => self.told.is_news(*tells),
                Some(Note::States(all)) => {
                    all.iter().for_each(|tells| _ = self.told.is_news(*tells));
                    true
                }
                Some(Note::By(_)) | None => true,
            };
            if is_news {
                SOCKETS.sent.increment(1);
                self.socket.queue(frame.clone());
            }
        }
    }

    /// What the user was typing in a topic ends with a message of theirs, whichever way it came.
    fn note_messages(&mut self, topic: Option<&Topic>, frames: &Shared) {
        let (Some(topic), Some(speaker)) = (topic, self.session.speaker()) else { return };
        if frames.iter().any(|frame| matches!(&frame.note, Some(Note::By(author)) if author == speaker)) {
            self.session.end_typing_in(topic, &mut self.effects);
        }
    }

    /// What the wire format says of the caller's session by itself.
    fn says(&self) -> Said {
        let protocol = &self.parties.core.protocol;
        if !protocol.subscribing_is_being_there() {
            return Said::default();
        }
        protocol.says_of(self.session.caller(), self.session.connection())
    }

    /// Changes what the session says; what comes after something that was refused is not said.
    fn change(&mut self, said: Said) -> Result<(), presence_core::handle::Error> {
        let Some(hold) = &self.hold else { return Ok(()) };
        if let Some(activity) = said.activity {
            hold.active(activity);
        }
        if let Some(topics) = said.topics {
            hold.place(topics).inspect_err(|_| {
                let known = self.parties.mount.presence().session(hold.key());
                self.session.stays_in(known.map(|known| known.placement.topics).unwrap_or_default());
            })?;
        }
        if let Some((status, message)) = said.declares {
            hold.declare(status, message, None)?;
        }
        if let Some(meta) = said.meta {
            hold.meta(meta)?;
        }
        Ok(())
    }

    fn join(&mut self, wish: Wish, reference: Option<Reference>) {
        let Wish { topic, version, after, counts, messages } = wish;
        let core = &self.parties.core;
        let room = core.rooms.room(topic.as_ref(), counts);
        let joined = room.join(version);
        let messages = topic.clone().filter(|_| messages).and_then(|topic| {
            let (broker, channel) = core.broker.as_ref().zip(channel_of(&topic))?;
            Some((topic, broker.subscribe(&channel, after.map_or(Start::Live, Start::After))))
        });
        let large = joined.large;
        let place = Place::new(room, joined, messages, self.session.connection().clone());
        self.places.insert(topic.clone(), place);
        let subscribed = Update::Subscribed { reference, topic, counts, large };
        let frames = encode(&*core.protocol, &subscribed);
        self.queue(&frames);
    }

    fn signal(&self, topic: &Topic, value: Option<Box<str>>) {
        let (Some(user), Some(name)) = (self.session.speaker(), self.session.name()) else { return };
        // A little longer than it lives here, so that it is repeated before it runs out there.
        let lasts = self.parties.core.settings.typing_for + Duration::from_secs(1);
        let typing = Typing {
            user: user.clone(),
            name: name.to_owned(),
            value,
            lasts: u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX),
            by: self.session.connection().clone(),
        };
        self.parties.core.signal(topic, &typing);
    }

    fn publish(&mut self, topic: Topic, data: &Bytes, key: Option<&str>, reference: Option<Reference>) {
        let (Some(user), Some(name)) = (self.session.speaker(), self.session.name()) else { return };
        let Some(broker) = self.parties.core.broker.clone() else { return };
        let Ok(data) = serde_json::from_slice(data) else { return };
        let envelope = Envelope { user: user.as_str().into(), name: name.into(), data };
        let Ok(payload) = serde_json::to_vec(&envelope) else { return };
        let key = key.map(|key| asks::key_of(user, key));
        self.busy = Some(Box::pin(asks::published(broker, topic, payload.into(), key, reference)));
    }

    /// Asks whether the caller may still be here.
    fn check(&mut self, now: Timestamp) {
        self.check_at = now + self.parties.mount.checks_every();
        if self.checking.is_none() {
            let (mount, caller) = (self.parties.mount.clone(), self.session.caller().clone());
            let topics = self.session.subscribed().to_vec();
            self.checking = Some(Box::pin(asks::checked(mount, caller, self.parts.take(), topics)));
        }
    }
}

/// Counts a connection for as long as it is open.
struct Counted;

impl Counted {
    fn new() -> Self {
        SOCKETS.opened.increment(1);
        SOCKETS.open.increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        SOCKETS.open.decrement(1.0);
    }
}
