//! The state machine of one connection. It neither waits nor knows a socket.

mod effect;
mod rooms;

pub(super) use effect::{Admission, Effect, problem};

use effect::{Effects, done, send};

use super::typing::Typed;
use super::{
    Close, Command, Hello, Problem, Reference, Request, SessionFields, Settings, Update, rate::Rate,
};
use crate::auth::Identity;
use presence_core::{
    Beat, LeaveKind, Policy, SessionId, SessionKey, Status, Timestamp, Topic, Topics, UserId,
};
use std::sync::Arc;

/// The state of one connection.
///
/// Time is an argument, and what is to be done is returned as [`Effect`]s, in order. The
/// permissions of a command have been checked before it arrives here.
pub(super) struct Session {
    connection: SessionId,
    caller: Identity,
    settings: Arc<Settings>,
    /// Whether a subscription also enters the topic.
    subscribing_enters: bool,
    rate: Rate,
    last_frame_at: Timestamp,
    entered: Option<Entered>,
    /// At most `settings.topics`.
    subscribed: Vec<Option<Topic>>,
    /// At most one value for each topic that is subscribed or entered.
    typed: Vec<Typed>,
}

/// The session that the connection holds.
struct Entered {
    key: SessionKey,
    topics: Topics,
}

impl Session {
    pub(super) fn new(
        connection: SessionId,
        caller: Identity,
        settings: Arc<Settings>,
        subscribing_enters: bool,
        now: Timestamp,
    ) -> Self {
        Self {
            rate: Rate::new(settings.frames_per_second, settings.burst, now),
            connection,
            caller,
            settings,
            subscribing_enters,
            last_frame_at: now,
            entered: None,
            subscribed: Vec::new(),
            typed: Vec::new(),
        }
    }

    pub(super) fn connection(&self) -> &SessionId {
        &self.connection
    }

    pub(super) fn caller(&self) -> &Identity {
        &self.caller
    }

    /// The topics that are subscribed.
    pub(super) fn subscribed(&self) -> &[Option<Topic>] {
        &self.subscribed
    }

    /// The user for whom the connection acts: that of its session, else the caller.
    pub(super) fn speaker(&self) -> Option<&UserId> {
        self.entered.as_ref().map(|entered| &entered.key.user).or_else(|| self.caller.user())
    }

    /// The name to show: the caller's own if the caller acts for themselves.
    pub(super) fn name(&self) -> Option<&str> {
        let speaker = self.speaker()?;
        if self.caller.user() == Some(speaker) { self.caller.name() } else { Some(speaker.as_str()) }
    }

    /// The connection is open. With `subscribing_enters`, its session starts at once
    /// with these fields.
    pub(super) fn open(&mut self, policy: &Policy, fields: SessionFields, out: &mut Effects) {
        out.push(send(Update::Hello(Hello {
            connection: self.connection.clone(),
            user: self.caller.user().cloned(),
            name: self.caller.name().map(str::to_owned),
            idle_for: self.settings.idle_for,
            active_for: policy.active_for,
            lease_for: policy.lease_for,
            typing_for: self.settings.typing_for,
        })));
        if self.subscribing_enters
            && let Some(user) = self.caller.user().cloned()
        {
            self.hold(entering(user, self.connection.clone(), fields), out);
        }
    }

    /// Counts a frame of any kind against the rate limit.
    pub(super) fn admit_frame(&mut self, now: Timestamp, out: &mut Effects) -> Admission {
        use super::rate::Verdict;
        self.last_frame_at = now;
        match self.rate.check(now) {
            Verdict::Accept => return Admission::Accept,
            Verdict::Warn => out.push(problem(Problem::new(429, "too many frames"))),
            Verdict::Drop => {}
            Verdict::Close => out.push(Effect::Close(Close::Flood)),
        }
        Admission::Drop
    }

    /// Executes a command. Its permissions have been checked.
    ///
    /// `hidden`: whether the user appears offline.
    pub(super) fn command(&mut self, request: Request, hidden: bool, now: Timestamp, out: &mut Effects) {
        let Request { reference, command } = request;
        let done = match command {
            Command::Enter { user, session, fields } => {
                self.enter(user, session, fields, reference.clone(), out)
            }
            Command::Beat(fields) => self.beat(fields, reference.clone(), out),
            Command::Leave { kind, topics } => {
                self.leave(kind, topics, out);
                done(reference.clone(), out)
            }
            Command::Subscribe(subscriptions) => {
                subscriptions
                    .into_iter()
                    .for_each(|subscription| self.subscribe(subscription, reference.clone(), out));
                Ok(())
            }
            Command::Unsubscribe(topics) => {
                for topic in topics {
                    self.unsubscribe(topic.as_ref(), out);
                    out.push(send(Update::Unsubscribed { reference: reference.clone(), topic }));
                }
                Ok(())
            }
            Command::Typing { topic, value } => self.typing(topic, value, hidden, now, out),
            Command::Publish { topic, data, key } => self.publish(topic, data, key, reference.clone(), out),
            Command::List { topic, after, limit } => {
                out.push(Effect::List { topic, after, limit, reference: reference.clone() });
                Ok(())
            }
            Command::Auth { token } => {
                out.push(Effect::Authenticate { token, reference: reference.clone() });
                Ok(())
            }
            Command::Ping => {
                out.push(send(Update::Pong { reference: reference.clone(), at: now }));
                Ok(())
            }
        };
        if let Err(refused) = done {
            out.push(problem(refused.of(reference)));
        }
    }

    fn enter(
        &mut self,
        user: Option<UserId>,
        session: Option<SessionId>,
        fields: SessionFields,
        reference: Option<Reference>,
        out: &mut Effects,
    ) -> Result<(), Problem> {
        let user = user.or_else(|| self.caller.user().cloned());
        let user = user.ok_or_else(|| Problem::new(400, "no user"))?;
        let session = session.unwrap_or_else(|| self.connection.clone());
        if self.entered.as_ref().is_some_and(|entered| entered.key.user != user) {
            self.end_typing(out);
        }
        self.hold(entering(user.clone(), session.clone(), fields), out);
        out.push(send(Update::Entered { reference, user, session }));
        Ok(())
    }

    fn hold(&mut self, beat: Beat, out: &mut Effects) {
        let key = SessionKey { user: beat.user.clone(), id: beat.session.clone() };
        self.entered = Some(Entered { key, topics: beat.topics.clone().unwrap_or(Topics::NONE) });
        out.push(Effect::Hold(Box::new(beat)));
    }

    /// The session was refused for lack of room.
    pub(super) fn hold_refused(&mut self) {
        self.entered = None;
    }

    /// A change of topics was refused for lack of room: the session is still in these topics.
    pub(super) fn set_topics(&mut self, topics: Topics) {
        if let Some(entered) = &mut self.entered {
            entered.topics = topics;
        }
    }

    /// A subscription was refused, and does not exist.
    pub(super) fn subscription_refused(&mut self, topic: Option<&Topic>) {
        self.subscribed.retain(|subscribed| subscribed.as_ref() != topic);
    }

    fn beat(
        &mut self,
        fields: SessionFields,
        reference: Option<Reference>,
        out: &mut Effects,
    ) -> Result<(), Problem> {
        let entered = self.entered.as_mut().ok_or_else(|| Problem::new(403, "not entered"))?;
        if let Some(topics) = &fields.topics {
            entered.topics = topics.clone();
        }
        if fields.declares.as_ref().is_some_and(|declaration| declaration.status == Status::Offline) {
            self.end_typing(out);
        }
        out.push(Effect::Change(fields));
        done(reference, out)
    }

    fn leave(&mut self, kind: LeaveKind, topics: Option<Vec<Topic>>, out: &mut Effects) {
        let Some(entered) = &mut self.entered else { return };
        let left = topics.map(|leaving| {
            let memberships = entered.topics.names().filter(|topic| !leaving.contains(topic)).cloned();
            Topics::new(memberships).unwrap_or(Topics::NONE) // fewer than before: always fine
        });
        match left {
            Some(topics) if !topics.is_empty() => {
                entered.topics = topics.clone();
                out.push(Effect::Change(SessionFields { topics: Some(topics), ..SessionFields::default() }));
            }
            _ => {
                self.end_typing(out);
                self.entered = None;
                out.push(Effect::Release { kind });
            }
        }
    }

    /// The caller has authenticated by a new token.
    pub(super) fn renew(&mut self, caller: Identity, reference: Option<Reference>, out: &mut Effects) {
        self.caller = caller;
        let _ = done(reference, out);
    }

    /// Ends the subscription to a topic that the caller may not watch any more.
    pub(super) fn revoke(&mut self, topic: Option<&Topic>, out: &mut Effects) {
        self.unsubscribe(topic, out);
        out.push(problem(Problem::new(403, "forbidden").in_topic(topic.cloned())));
    }

    /// The time at which [`tick`](Self::tick) has something to do.
    pub(super) fn deadline(&self) -> Timestamp {
        let idle = self.last_frame_at + self.settings.idle_for;
        let expires = self.caller.expires_at().unwrap_or(Timestamp::MAX);
        let typed = self.typed.iter().map(Typed::due_at).min().unwrap_or(Timestamp::MAX);
        idle.min(expires).min(typed)
    }

    /// Handles deadlines: token expiry, idle time, and values that end or must be sent again.
    pub(super) fn tick(&mut self, now: Timestamp, out: &mut Effects) {
        let expired = self.caller.expires_at().is_some_and(|expires_at| expires_at <= now);
        if expired {
            return out.push(Effect::Close(Close::Expired));
        }
        if self.last_frame_at + self.settings.idle_for <= now {
            return out.push(Effect::Close(Close::Idle));
        }
        let typing_for = self.settings.typing_for;
        self.typed.retain_mut(|typed| {
            if typed.due_at() > now {
                return true;
            }
            let goes_on = typed.show_again(now, typing_for);
            let value = goes_on.then(|| typed.value.clone());
            out.push(Effect::Signal { topic: typed.topic.clone(), value });
            goes_on
        });
    }
}

/// The beat that enters a session with these fields.
fn entering(user: UserId, session: SessionId, fields: SessionFields) -> Beat {
    let mut beat = Beat::enter(user, session);
    beat.activity = fields.activity.unwrap_or(beat.activity);
    (beat.topics, beat.declares, beat.meta) = (fields.topics, fields.declares, fields.meta);
    beat
}

#[cfg(test)]
mod tests;
