//! The task of one connection: does what its session decides.

mod effects;
mod wait;

use super::frame::{Frame, Received};
use super::gateway::Core;
use super::place::Place;
use super::session::{Effect, Heard, Session, problem};
use super::socket::{Socket, Told};
use super::states::States;
use super::typing::is_hidden;
use super::wake::WakeFlag;
use super::{Close, Command, Problem, Said, Update, asks};
use crate::Mount;
use crate::limits::Permit;
use crate::metrics::{self, SOCKETS};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use http::request::Parts;
use presence_core::{Hold, Timestamp, Topic, View, random};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_stream::StreamMap;

/// What a connection belongs to.
pub(super) struct Parties {
    pub(super) mount: Mount,
    pub(super) core: Arc<Core>,
    pub(super) permit: Permit,
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
    /// Set when something of what comes seldom is to be polled: all but frames and news of topics.
    seldom: WakeFlag,
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
            seldom: WakeFlag::new(),
            end: None,
            counted: Counted::new(),
            session,
            parties,
        }
    }

    /// Serves the connection to its end. In a box, since a future keeps what it is called with a
    /// second time.
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
            // What has happened may have put another future or another deadline in the place of one.
            self.seldom.set();
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
                // In a box as well: it is the rare part, and would make every waiting connection
                // larger.
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
