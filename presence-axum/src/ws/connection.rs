//! The task of one connection: it moves frames, and carries out what the session decides.

mod effects;
mod wait;

use super::frame::{Frame, Received};
use super::gateway::Core;
use super::session::{Admission, Effect, Session, problem};
use super::socket::{Socket, SocketEvent};
use super::states::States;
use super::topic_feed::TopicFeed;
use super::typing::is_hidden;
use super::wake::WakeFlag;
use super::{Close, Command, Problem, Request, SessionFields, Update, pending};
use crate::Mount;
use crate::limits::Permit;
use crate::metrics::{self, SOCKETS};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::request::Parts;
use presence_core::{Hold, Timestamp, Topic, View, ViewUpdates, random};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_stream::StreamMap;

/// The parts of the mount and the gateway that a connection uses.
pub(super) struct Environment {
    pub(super) mount: Mount,
    pub(super) core: Arc<Core>,
    pub(super) permit: Permit,
}

/// One WebSocket connection.
pub(super) struct Connection<S> {
    socket: Socket<S>,
    session: Session,
    environment: Environment,
    effects: Vec<Effect>,
    hold: Option<Arc<Hold>>,
    /// Completes when the session or its user has been disconnected. It shares the hold.
    removal: Option<BoxFuture<'static, ()>>,
    feeds: StreamMap<Option<Topic>, TopicFeed>,
    sent: States,
    views: ViewUpdates,
    /// The pending step of the last command; meanwhile no other frame is read.
    busy: Option<BoxFuture<'static, pending::Outcome>>,
    /// The running check of the caller's rights.
    checking: Option<BoxFuture<'static, pending::Checked>>,
    /// The time of the next check; never where callers are not identified.
    check_at: Timestamp,
    /// The head of the request, if the caller can be identified by it again.
    parts: Option<Parts>,
    /// A timer at or before the next deadline, with its time.
    timer: Option<(Timestamp, BoxFuture<'static, ()>)>,
    draining: BoxFuture<'static, Duration>,
    /// Set when one of the rare event sources has to be polled: all but the socket and the topics.
    /// Whatever replaces one of their futures must set it.
    rare: WakeFlag,
    /// Set when the connection is to end.
    end: Option<End>,
    counted: Counted,
}

/// How a connection ends.
enum End {
    /// The server closes it.
    Close(Close),
    /// The client has closed it.
    Closed(Option<u16>),
    /// The connection was lost.
    Lost,
}

/// What wakes a connection.
enum Event {
    Drain(Duration),
    Removed,
    Tick,
    Outcome(pending::Outcome),
    Checked(pending::Checked),
    View(View),
    Socket(SocketEvent),
    /// Frames were written, so that there is room for more, or there are effects to carry out.
    Wrote,
}

/// While more bytes than this are unwritten, no frames are read.
const MAX_UNWRITTEN: usize = 64 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(super) fn new(stream: S, session: Session, environment: Environment, parts: Option<Parts>) -> Self {
        let presence = environment.mount.presence();
        let now = presence.clock().now();
        let identifies = environment.mount.guard().identifies();
        let check_at = if identifies { now + environment.mount.checks_every() } else { Timestamp::MAX };
        let drained = presence.clone();
        Self {
            socket: Socket::new(stream, &environment.core.settings),
            effects: Vec::new(),
            hold: None,
            removal: None,
            feeds: StreamMap::new(),
            sent: States::default(),
            views: presence.watch_view(),
            busy: None,
            checking: None,
            check_at,
            parts,
            timer: None,
            draining: Box::pin(async move { drained.draining().await }),
            rare: WakeFlag::new(),
            end: None,
            counted: Counted::new(),
            session,
            environment,
        }
    }

    /// Serves the connection until it ends. `self` is boxed because an async fn keeps its arguments
    /// in its future twice.
    pub(super) async fn run(mut self: Box<Self>) {
        tracing::debug!("open");
        let policy = self.environment.mount.presence().policy().clone();
        let session_fields = self.session_fields();
        self.session.open(&policy, session_fields, &mut self.effects);
        self.await_removal(self.removal_of_caller());
        let end = loop {
            self.execute();
            if let Some(end) = self.end.take() {
                break end;
            }
            if self.timer_is_late() {
                self.rare.set();
            }
            let event = poll_fn(|cx| self.poll(cx)).await;
            self.take(event);
        };
        self.session.end_typing(&mut self.effects);
        self.execute();
        let within = self.environment.core.settings.close_within;
        // The session and the permit are released before the close handshake, which may be slow.
        let Self { socket, hold, removal, feeds, environment, counted, .. } = *self;
        drop((removal, hold, feeds, environment, counted));
        let word = match end {
            End::Close(close) => {
                // After broken framing, a close frame of the client cannot be recognised.
                let broken = matches!(close, Close::Protocol | Close::NotText | Close::TooLarge);
                // Boxed because it is rare and would make the future of every connection larger.
                Box::pin(socket.close(Frame::close(close.code(), close.reason()), broken, within)).await;
                close.word()
            }
            End::Closed(code) => {
                let answer = code.map_or_else(Frame::bare_close, |code| Frame::close(code, ""));
                Box::pin(socket.close(answer, true, within)).await;
                Close::Normal.word()
            }
            End::Lost => "gone",
        };
        metrics::socket_closed(word);
        tracing::debug!(reason = word, "closed");
    }

    fn take(&mut self, event: Event) {
        let now = self.environment.mount.presence().clock().now();
        match event {
            Event::Wrote => {}
            Event::Socket(SocketEvent::Received(received)) => self.receive(received, now),
            Event::Socket(SocketEvent::Close(close)) => self.end = Some(End::Close(close)),
            Event::Socket(SocketEvent::Lost) => self.end = Some(End::Lost),
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
            Event::Outcome(outcome) => self.resume(outcome, now),
            Event::Checked(checked) => {
                self.parts = checked.parts;
                self.effects.extend(checked.close.map(Effect::Close));
                for topic in checked.revoked {
                    self.session.revoke(topic.as_ref(), &mut self.effects);
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
        if self.session.admit_frame(now, &mut self.effects) == Admission::Drop {
            return;
        }
        match received {
            Received::Text(text) => match self.environment.core.protocol.decode(&text) {
                // Most frames are heartbeats, which need no permission.
                Ok(request) if !request.command.needs_permission() => self.command(request, now),
                Ok(request) => {
                    let mut asked: BoxFuture<'static, _> = Box::pin(pending::permitted(
                        self.environment.mount.clone(),
                        self.session.caller().clone(),
                        request,
                        self.environment.core.protocol.subscribing_enters(),
                    ));
                    // Rights are usually known at once.
                    match (&mut asked).now_or_never() {
                        Some(outcome) => self.resume(outcome, now),
                        None => self.begin(asked),
                    }
                }
                Err(wrong) => self.effects.push(problem(wrong)),
            },
            Received::Ping(payload) => self.socket.queue(Frame::pong(&payload)),
            Received::Binary => self.effects.push(Effect::Close(Close::Binary)),
            Received::Pong | Received::Close(_) => {}
        }
    }

    /// Executes a command that is permitted.
    fn command(&mut self, request: Request, now: Timestamp) {
        let presence = self.environment.mount.presence();
        let types = matches!(request.command, Command::Typing { .. });
        let hidden = types && self.session.speaker().is_some_and(|user| is_hidden(presence, user));
        if self.environment.core.broker.is_none()
            && matches!(request.command, Command::Typing { .. } | Command::Publish { .. })
        {
            return self.effects.push(problem(Problem::new(501, "no broker").of(request.reference)));
        }
        self.session.command(request, hidden, now, &mut self.effects);
    }

    /// Continues a command whose pending step has completed.
    fn resume(&mut self, outcome: pending::Outcome, now: Timestamp) {
        match outcome {
            pending::Outcome::Execute(request) => self.command(request, now),
            pending::Outcome::Subscribe { subscriptions, reference } => {
                for (subscription, refused) in subscriptions {
                    match refused {
                        None => self.session.subscribe(subscription, reference.clone(), &mut self.effects),
                        Some(refused) => {
                            let refused =
                                Problem::from(refused).of(reference.clone()).in_topic(subscription.topic);
                            self.effects.push(problem(refused));
                        }
                    }
                }
            }
            pending::Outcome::Respond(update) => self.effects.push(Effect::Send(update)),
            pending::Outcome::Renew(caller, reference) => {
                self.session.renew(caller, reference, &mut self.effects);
                let session_fields = self.session_fields();
                if session_fields != SessionFields::default() {
                    self.effects.push(Effect::Change(session_fields));
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
