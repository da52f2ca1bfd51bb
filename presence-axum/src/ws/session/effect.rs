//! The effects that a session asks its connection to carry out.

use crate::ws::{Close, Problem, Reference, SessionFields, SubscriptionRequest, Token, Update};
use presence_core::{Beat, LeaveKind, Topic, UserId};

/// One action for the task of the connection.
#[derive(Debug, Clone)]
pub(in crate::ws) enum Effect {
    Send(Box<Update>),
    /// Hold this session, in place of the one that the connection holds.
    Hold(Box<Beat>),
    Change(SessionFields),
    Release {
        kind: LeaveKind,
    },
    Join {
        subscription: SubscriptionRequest,
        reference: Option<Reference>,
    },
    Part(Option<Topic>),
    /// Send a value to the other subscribers; `None`: the value has ended.
    Signal {
        topic: Topic,
        value: Option<Box<str>>,
    },
    Publish {
        topic: Topic,
        data: bytes::Bytes,
        key: Option<Box<str>>,
        reference: Option<Reference>,
    },
    List {
        topic: Option<Topic>,
        after: Option<UserId>,
        limit: usize,
        reference: Option<Reference>,
    },
    Authenticate {
        token: Token,
        reference: Option<Reference>,
    },
    Close(Close),
}

/// Whether a frame is processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ws) enum Admission {
    Accept,
    /// The frame exceeds the rate and is dropped.
    Drop,
}

pub(in crate::ws) type Effects = Vec<Effect>;

pub(super) fn send(update: Update) -> Effect {
    Effect::Send(Box::new(update))
}

pub(in crate::ws) fn problem(problem: Problem) -> Effect {
    send(Update::Problem(problem))
}

/// Confirms the command if the client gave it a reference.
#[expect(clippy::unnecessary_wraps, reason = "the last step of commands that may fail before")]
pub(super) fn done(reference: Option<Reference>, out: &mut Effects) -> Result<(), Problem> {
    if reference.is_some() {
        out.push(send(Update::Done { reference }));
    }
    Ok(())
}
