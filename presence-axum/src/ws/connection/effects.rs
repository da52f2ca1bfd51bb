//! Carries out the effects that the session decides on.

use super::{Connection, End, Environment};
use crate::metrics::SOCKETS;
use crate::ws::frame::Note;
use crate::ws::gateway::channel_of;
use crate::ws::room::{Shared, encode};
use crate::ws::session::Effect;
use crate::ws::topic_feed::TopicFeed;
use crate::ws::{
    Content, Envelope, Problem, Reference, SessionFields, SubscriptionRequest, Typing, Update, pending,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use presence_core::broker::Start;
use presence_core::{Beat, LeaveKind, Page, Timestamp, Topic};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(super) fn execute(&mut self) {
        if self.effects.is_empty() {
            return;
        }
        let mut effects = std::mem::take(&mut self.effects);
        let mut refused = None;
        let mut undone = Vec::new();
        for effect in effects.drain(..) {
            match effect {
                Effect::Send(update) => {
                    // If the effect before was refused, its error replaces the response.
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
                    let frames = encode(&*self.environment.core.protocol, &update);
                    self.queue(&frames);
                }
                Effect::Hold(beat) => {
                    if let Err(error) = self.hold(*beat) {
                        refused = Some(Problem::from(crate::Error::from(error)));
                    }
                }
                Effect::Change(fields) => {
                    if let Err(error) = self.change(fields) {
                        refused = Some(Problem::from(crate::Error::from(error)));
                    }
                }
                Effect::Release { kind } => {
                    self.await_removal(self.removal_of_caller());
                    if let Some(hold) = self.hold.take().and_then(Arc::into_inner)
                        && kind == LeaveKind::Immediate
                    {
                        hold.leave_now();
                    }
                }
                Effect::Join { subscription, reference } => {
                    let topic = subscription.topic.clone();
                    // If a change of the session before was refused, so is the subscription that
                    // needed it.
                    if let Some(problem) = refused.take() {
                        self.session.subscription_refused(topic.as_ref());
                        self.send_problem(problem.of(reference).in_topic(topic));
                    } else if let Err(error) = self.join(subscription, reference.clone()) {
                        if !self.feeds.contains_key(&topic) {
                            self.session.unsubscribe(topic.as_ref(), &mut undone);
                        }
                        self.send_problem(Problem::from(error).of(reference).in_topic(topic));
                    }
                }
                Effect::Part(topic) => {
                    if self.feeds.remove(&topic).is_some() {
                        self.environment.permit.unwatch();
                    }
                }
                Effect::Signal { topic, value } => self.signal(&topic, value),
                Effect::Publish { topic, data, key, reference } => {
                    self.publish(topic, &data, key.as_deref(), reference);
                }
                Effect::List { topic, after, limit, reference } => {
                    self.list(topic, &Page::default().after(after).limit(limit), reference);
                }
                Effect::Authenticate { token, reference } => {
                    let (mount, caller) = (self.environment.mount.clone(), self.session.caller().clone());
                    self.begin(Box::pin(pending::renewed(mount, caller, token, reference)));
                }
                Effect::Close(close) => {
                    self.end.get_or_insert(End::Close(close));
                }
            }
        }
        if let Some(problem) = refused {
            self.send_problem(problem);
        }
        self.effects = effects;
        if self.effects.capacity() > 16 {
            self.effects = Vec::new();
        }
        if !undone.is_empty() {
            self.effects.append(&mut undone);
            self.execute();
        }
    }

    /// Makes the connection hold this session. A session that it held before leaves, unless it is
    /// the same.
    fn hold(&mut self, beat: Beat) -> Result<(), presence_core::Error> {
        match self.environment.mount.presence().hold(beat) {
            Ok(hold) => {
                let hold = Arc::new(hold);
                let held = Arc::clone(&hold);
                // Watched separately, because another connection may have taken the session over.
                let mut user = self.environment.mount.presence().disconnection(&hold.key().user);
                self.await_removal(Some(Box::pin(async move {
                    tokio::select! {
                        _ = held.ended() => {}
                        _ = user.ended() => {}
                    }
                })));
                self.hold = Some(hold);
                Ok(())
            }
            Err(error) => {
                self.session.hold_refused();
                self.await_removal(self.removal_of_caller());
                self.hold = None;
                Err(error)
            }
        }
    }

    /// Sends a page of the users in a topic, or of everybody. It counts as a query of the client.
    fn list(&mut self, topic: Option<Topic>, page: &Page, reference: Option<Reference>) {
        if let Err(error) = self.environment.permit.rows(page.limit) {
            return self.send_problem(Problem::from(error).of(reference).in_topic(topic));
        }
        let presence = self.environment.mount.presence();
        let feed = topic.as_ref().map_or_else(|| presence.everyone(), |topic| presence.topic(topic));
        let (listing, counts) = (feed.list(page), feed.counts());
        let frames =
            encode(&*self.environment.core.protocol, &Update::Listed { reference, topic, listing, counts });
        self.queue(&frames);
    }

    pub(super) fn send_problem(&mut self, problem: Problem) {
        SOCKETS.problems.increment(1);
        let frames = encode(&*self.environment.core.protocol, &Update::Problem(problem));
        self.queue(&frames);
    }

    /// Completes when the caller's user is disconnected; `None` for a caller without a user.
    pub(super) fn removal_of_caller(&self) -> Option<BoxFuture<'static, ()>> {
        let mut disconnection =
            self.environment.mount.presence().disconnection(self.session.caller().user()?);
        Some(Box::pin(async move { _ = disconnection.ended().await }))
    }

    pub(super) fn queue(&mut self, frames: &Shared) {
        for frame in frames.iter() {
            let is_news = match &frame.note {
                Some(Note::State(state)) => self.sent.is_news(*state),
                Some(Note::States(all)) => {
                    all.iter().for_each(|state| _ = self.sent.is_news(*state));
                    true
                }
                Some(Note::MessageBy(_)) | None => true,
            };
            if is_news {
                SOCKETS.sent.increment(1);
                self.socket.queue(frame.clone());
            }
        }
    }

    /// Ends what the user was typing in a topic when a message of that user arrives,
    /// from whichever connection.
    pub(super) fn note_messages(&mut self, topic: Option<&Topic>, frames: &Shared) {
        let (Some(topic), Some(speaker)) = (topic, self.session.speaker()) else { return };
        if frames
            .iter()
            .any(|frame| matches!(&frame.note, Some(Note::MessageBy(author)) if author == speaker))
        {
            self.session.end_typing_in(topic, &mut self.effects);
        }
    }

    /// The fields that the wire format sets for the caller's session.
    pub(super) fn session_fields(&self) -> SessionFields {
        let protocol = &self.environment.core.protocol;
        if !protocol.subscribing_enters() {
            return SessionFields::default();
        }
        protocol.session_fields_of(self.session.caller(), self.session.connection())
    }

    /// Sets fields of the session, one after another; after a refused one the rest is skipped.
    pub(super) fn change(&mut self, fields: SessionFields) -> Result<(), presence_core::Error> {
        let Some(hold) = &self.hold else { return Ok(()) };
        if let Some(activity) = fields.activity {
            hold.active(activity);
        }
        if let Some(topics) = fields.topics {
            hold.place(topics).inspect_err(|_| {
                let known = self.environment.mount.presence().session(hold.key());
                self.session.set_topics(known.map(|known| known.placement.topics).unwrap_or_default());
            })?;
        }
        if let Some(declaration) = fields.declares {
            hold.declare(declaration)?;
        }
        if let Some(meta) = fields.meta {
            hold.meta(meta)?;
        }
        Ok(())
    }

    /// Subscribes to a topic; an existing subscription to it starts again.
    pub(super) fn join(
        &mut self,
        subscription: SubscriptionRequest,
        reference: Option<Reference>,
    ) -> Result<(), crate::Error> {
        let SubscriptionRequest { topic, version, after, mode, content } = subscription;
        let Environment { core, permit, .. } = &mut self.environment;
        let is_new = !self.feeds.contains_key(&topic);
        if is_new { permit.watch() } else { permit.watch_anew() }?;
        let room = core.rooms.room(topic.as_ref(), mode).inspect_err(|_| {
            if is_new {
                permit.unwatch();
            }
        })?;
        let joined = room.join(version);
        let messages = topic.clone().filter(|_| content == Content::Everything).and_then(|topic| {
            let (broker, channel) = core.broker.as_ref().zip(channel_of(&topic))?;
            Some((topic, broker.subscribe(&channel, after.map_or(Start::Here, Start::After))))
        });
        let size = joined.size;
        let feed = TopicFeed::new(room, joined, messages, self.session.connection().clone());
        self.feeds.insert(topic.clone(), feed);
        let subscribed = Update::Subscribed { reference, topic, mode, size };
        let frames = encode(&*core.protocol, &subscribed);
        self.queue(&frames);
        Ok(())
    }

    pub(super) fn signal(&self, topic: &Topic, value: Option<Box<str>>) {
        let (Some(user), Some(name)) = (self.session.speaker(), self.session.name()) else { return };
        // A second longer than here, so that it is sent again before it ends for the others.
        let lasts = self.environment.core.settings.typing_for + Duration::from_secs(1);
        let typing = Typing {
            user: user.clone(),
            name: name.to_owned(),
            value,
            lasts: u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX),
            by: self.session.connection().clone(),
        };
        self.environment.core.signal(topic, &typing);
    }

    pub(super) fn publish(
        &mut self,
        topic: Topic,
        data: &Bytes,
        key: Option<&str>,
        reference: Option<Reference>,
    ) {
        let (Some(user), Some(name)) = (self.session.speaker(), self.session.name()) else { return };
        let Some(broker) = self.environment.core.broker.clone() else { return };
        let Ok(data) = serde_json::from_slice(data) else { return };
        let envelope = Envelope::new(user.as_str(), name, data);
        let Ok(payload) = serde_json::to_vec(&envelope) else { return };
        let key = key.map(|key| pending::key_of(user, key));
        self.begin(Box::pin(pending::published(broker, topic, payload.into(), key, reference)));
    }

    /// Starts a check whether the caller may still be connected.
    pub(super) fn check(&mut self, now: Timestamp) {
        self.check_at = now + self.environment.mount.checks_every();
        if self.checking.is_none() {
            let (mount, caller) = (self.environment.mount.clone(), self.session.caller().clone());
            let topics = self.session.subscribed().to_vec();
            let parts = self.parts.take();
            self.await_check(Box::pin(pending::checked(mount, caller, parts, topics)));
        }
    }
}
