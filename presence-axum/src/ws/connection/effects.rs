//! Doing what the session of a connection decides.

use super::{Connection, End, Parties};
use crate::metrics::SOCKETS;
use crate::ws::frame::Note;
use crate::ws::gateway::channel_of;
use crate::ws::place::Place;
use crate::ws::room::{Shared, encode};
use crate::ws::session::Effect;
use crate::ws::{Envelope, Problem, Reference, Said, Typing, Update, Wish, asks};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use presence_core::broker::Start;
use presence_core::{Beat, Page, Timestamp, Topic};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(super) fn execute(&mut self) {
        let mut effects = std::mem::take(&mut self.effects);
        let mut refused = None;
        let mut undone = Vec::new();
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
                Effect::Hold(beat) => {
                    if let Err(error) = self.hold(*beat) {
                        refused = Some(Problem::from(crate::Error::from(error)));
                    }
                }
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
                Effect::Join { wish, reference } => {
                    let topic = wish.topic.clone();
                    // A refusal before is of the user, for whom there is no room in the topic.
                    if let Some(problem) = refused.take() {
                        self.session.not_subscribed(topic.as_ref());
                        self.tell_problem(problem.of(reference).in_topic(topic));
                    } else if let Err(error) = self.join(wish, reference.clone()) {
                        if !self.places.contains_key(&topic) {
                            self.session.unsubscribe(topic.as_ref(), &mut undone);
                        }
                        self.tell_problem(Problem::from(error).of(reference).in_topic(topic));
                    }
                }
                Effect::Part(topic) => {
                    if self.places.remove(&topic).is_some() {
                        self.parties.permit.unwatch();
                    }
                }
                Effect::Signal { topic, value } => self.signal(&topic, value),
                Effect::Publish { topic, data, key, reference } => {
                    self.publish(topic, &data, key.as_deref(), reference);
                }
                Effect::List { topic, after, limit, reference } => {
                    self.list(topic, &Page { after, limit }, reference);
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
        if !undone.is_empty() {
            self.effects.append(&mut undone);
            self.execute();
        }
    }

    /// Binds this session to the connection. The session before it leaves, unless it is the same.
    fn hold(&mut self, beat: Beat) -> Result<(), presence_core::handle::Error> {
        match self.parties.mount.presence().hold(beat) {
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
                self.hold = Some(hold);
                Ok(())
            }
            Err(error) => {
                self.session.not_held();
                self.removal = self.removal_of_caller();
                self.hold = None;
                Err(error)
            }
        }
    }

    /// Tells a page of those in a topic, or of everybody. It costs the client as much as a query.
    fn list(&mut self, topic: Option<Topic>, page: &Page, reference: Option<Reference>) {
        if let Err(error) = self.parties.permit.rows(page.limit) {
            return self.tell_problem(Problem::from(error).of(reference).in_topic(topic));
        }
        let presence = self.parties.mount.presence();
        let place = topic.as_ref().map_or_else(|| presence.everyone(), |topic| presence.topic(topic));
        let (listing, counts) = (place.list(page), place.counts());
        let frames =
            encode(&*self.parties.core.protocol, &Update::Listed { reference, topic, listing, counts });
        self.queue(&frames);
    }

    pub(super) fn tell_problem(&mut self, problem: Problem) {
        SOCKETS.problems.increment(1);
        let frames = encode(&*self.parties.core.protocol, &Update::Problem(problem));
        self.queue(&frames);
    }

    /// Returns when all that the caller has open is to end; nothing where nobody is asked who they
    /// are.
    pub(super) fn removal_of_caller(&self) -> Option<BoxFuture<'static, ()>> {
        let mut disconnection = self.parties.mount.presence().disconnection(self.session.caller().user()?);
        Some(Box::pin(async move { _ = disconnection.ended().await }))
    }

    pub(super) fn queue(&mut self, frames: &Shared) {
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
    pub(super) fn note_messages(&mut self, topic: Option<&Topic>, frames: &Shared) {
        let (Some(topic), Some(speaker)) = (topic, self.session.speaker()) else { return };
        if frames.iter().any(|frame| matches!(&frame.note, Some(Note::By(author)) if author == speaker)) {
            self.session.end_typing_in(topic, &mut self.effects);
        }
    }

    /// What the wire format says of the caller's session by itself.
    pub(super) fn says(&self) -> Said {
        let protocol = &self.parties.core.protocol;
        if !protocol.subscribing_is_being_there() {
            return Said::default();
        }
        protocol.says_of(self.session.caller(), self.session.connection())
    }

    /// Changes what the session says; what comes after something that was refused is not said.
    pub(super) fn change(&mut self, said: Said) -> Result<(), presence_core::Error> {
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

    /// Begins to tell of a topic, or begins anew.
    pub(super) fn join(&mut self, wish: Wish, reference: Option<Reference>) -> Result<(), crate::Error> {
        let Wish { topic, version, after, counts, messages } = wish;
        let Parties { core, permit, .. } = &mut self.parties;
        let is_new = !self.places.contains_key(&topic);
        if is_new { permit.watch() } else { permit.watch_anew() }?;
        let room = core.rooms.room(topic.as_ref(), counts).inspect_err(|_| {
            if is_new {
                permit.unwatch();
            }
        })?;
        let joined = room.join(version);
        let messages = topic.clone().filter(|_| messages).and_then(|topic| {
            let (broker, channel) = core.broker.as_ref().zip(channel_of(&topic))?;
            Some((topic, broker.subscribe(&channel, after.map_or(Start::Here, Start::After))))
        });
        let large = joined.large;
        let place = Place::new(room, joined, messages, self.session.connection().clone());
        self.places.insert(topic.clone(), place);
        let subscribed = Update::Subscribed { reference, topic, counts, large };
        let frames = encode(&*core.protocol, &subscribed);
        self.queue(&frames);
        Ok(())
    }

    pub(super) fn signal(&self, topic: &Topic, value: Option<Box<str>>) {
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

    pub(super) fn publish(
        &mut self,
        topic: Topic,
        data: &Bytes,
        key: Option<&str>,
        reference: Option<Reference>,
    ) {
        let (Some(user), Some(name)) = (self.session.speaker(), self.session.name()) else { return };
        let Some(broker) = self.parties.core.broker.clone() else { return };
        let Ok(data) = serde_json::from_slice(data) else { return };
        let envelope = Envelope { user: user.as_str().into(), name: name.into(), data };
        let Ok(payload) = serde_json::to_vec(&envelope) else { return };
        let key = key.map(|key| asks::key_of(user, key));
        self.busy = Some(Box::pin(asks::published(broker, topic, payload.into(), key, reference)));
    }

    /// Asks whether the caller may still be here.
    pub(super) fn check(&mut self, now: Timestamp) {
        self.check_at = now + self.parties.mount.checks_every();
        if self.checking.is_none() {
            let (mount, caller) = (self.parties.mount.clone(), self.session.caller().clone());
            let topics = self.session.subscribed().to_vec();
            self.checking = Some(Box::pin(asks::checked(mount, caller, self.parts.take(), topics)));
        }
    }
}
