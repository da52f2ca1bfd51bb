//! Subscriptions, typing and messages of a session.

use super::{Effect, Effects, Session, problem};
use crate::ws::typing::Typed;
use crate::ws::{Problem, Reference, SessionFields, SubscriptionRequest};
use presence_core::{Timestamp, Topic, Topics};

impl Session {
    /// Begins a subscription, or restarts an existing one.
    pub(in crate::ws) fn subscribe(
        &mut self,
        subscription: SubscriptionRequest,
        reference: Option<Reference>,
        out: &mut Effects,
    ) {
        let too_many =
            |topic| problem(Problem::new(429, "too many topics").of(reference.clone()).in_topic(topic));
        let anew = self.subscribed.contains(&subscription.topic);
        if !anew && self.subscribed.len() >= self.settings.topics {
            return out.push(too_many(subscription.topic));
        }
        if self.subscribing_enters
            && let (Some(topic), Some(entered)) = (&subscription.topic, &mut self.entered)
            && !entered.topics.names().any(|entered| entered == topic)
        {
            let Ok(topics) = Topics::new(entered.topics.names().chain([topic]).cloned()) else {
                return out.push(too_many(subscription.topic));
            };
            entered.topics = topics.clone();
            out.push(Effect::Change(SessionFields { topics: Some(topics), ..SessionFields::default() }));
        }
        if !anew {
            self.subscribed.push(subscription.topic.clone());
        }
        out.push(Effect::Join { subscription, reference });
    }

    /// Ends a subscription if it exists.
    pub(in crate::ws) fn unsubscribe(&mut self, topic: Option<&Topic>, out: &mut Effects) {
        let Some(at) = self.subscribed.iter().position(|subscribed| subscribed.as_ref() == topic) else {
            return;
        };
        self.subscribed.swap_remove(at);
        out.push(Effect::Part(topic.cloned()));
        if let Some(topic) = topic {
            self.end_typing_in(topic, out);
            if self.subscribing_enters
                && self.entered.as_ref().is_some_and(|entered| !entered.topics.is_empty())
            {
                self.move_out_of(topic, out);
            }
        }
    }

    fn move_out_of(&mut self, topic: &Topic, out: &mut Effects) {
        let Some(entered) = &mut self.entered else { return };
        let memberships = entered.topics.names().filter(|entered| *entered != topic).cloned();
        let topics = Topics::new(memberships).unwrap_or(Topics::NONE);
        entered.topics = topics.clone();
        out.push(Effect::Change(SessionFields { topics: Some(topics), ..SessionFields::default() }));
    }

    /// Checks that the connection has subscribed to or entered the topic, so that it
    /// may send there.
    fn is_in(&self, topic: &Topic) -> Result<(), Problem> {
        let subscribed = self.subscribed.iter().flatten().any(|subscribed| subscribed == topic);
        let entered =
            || self.entered.as_ref().is_some_and(|e| e.topics.names().any(|entered| entered == topic));
        if subscribed || entered() {
            return Ok(());
        }
        Err(Problem::new(403, "not subscribed").in_topic(Some(topic.clone())))
    }

    pub(super) fn typing(
        &mut self,
        topic: Topic,
        value: Option<Box<str>>,
        hidden: bool,
        now: Timestamp,
        out: &mut Effects,
    ) -> Result<(), Problem> {
        self.is_in(&topic)?;
        if self.speaker().is_none() {
            return Err(Problem::new(400, "no user"));
        }
        let Some(value) = value.filter(|_| !hidden) else {
            self.end_typing_in(&topic, out);
            return Ok(());
        };
        let typing_for = self.settings.typing_for;
        match self.typed.iter_mut().find(|typed| typed.topic == topic) {
            Some(typed) if typed.value == value => typed.repeat(now, typing_for),
            Some(typed) => {
                *typed = Typed::new(topic.clone(), value.clone(), now, typing_for);
                out.push(Effect::Signal { topic, value: Some(value) });
            }
            None => {
                self.typed.push(Typed::new(topic.clone(), value.clone(), now, typing_for));
                out.push(Effect::Signal { topic, value: Some(value) });
            }
        }
        Ok(())
    }

    pub(super) fn publish(
        &mut self,
        topic: Topic,
        data: bytes::Bytes,
        key: Option<Box<str>>,
        reference: Option<Reference>,
        out: &mut Effects,
    ) -> Result<(), Problem> {
        self.is_in(&topic)?;
        if self.speaker().is_none() {
            return Err(Problem::new(400, "no user"));
        }
        self.end_typing_in(&topic, out);
        out.push(Effect::Publish { topic, data, key, reference });
        Ok(())
    }

    /// Ends what the user types in a topic.
    pub(in crate::ws) fn end_typing_in(&mut self, topic: &Topic, out: &mut Effects) {
        if let Some(at) = self.typed.iter().position(|typed| typed.topic == *topic) {
            let topic = self.typed.swap_remove(at).topic;
            out.push(Effect::Signal { topic, value: None });
        }
    }

    /// Ends everything that the user types, when they hide or leave and when the connection ends.
    pub(in crate::ws) fn end_typing(&mut self, out: &mut Effects) {
        for typed in self.typed.drain(..) {
            out.push(Effect::Signal { topic: typed.topic, value: None });
        }
    }
}
