//! The effects that a session asks its connection to carry out.

use crate::ws::{Close, Problem, Reference, Said, Token, Update, Wish};
use presence_core::{Beat, Topic, UserId};

/// One action for the task of the connection.
#[derive(Debug, Clone)]
pub(in crate::ws) enum Effect {
    Send(Box<Update>),
    /// Bind this session to the connection, in place of the one that it holds.
    Hold(Box<Beat>),
    Change(Said),
    Release {
        at_once: bool,
    },
    Join {
        wish: Wish,
        reference: Option<Reference>,
    },
    Part(Option<Topic>),
    /// Show a value, or with `None` that it has ended.
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
pub(in crate::ws) enum Heard {
    Take,
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

/// Says that something is done, to those who gave it a reference.
#[expect(clippy::unnecessary_wraps, reason = "the last step of commands that may fail before")]
pub(super) fn done(reference: Option<Reference>, out: &mut Effects) -> Result<(), Problem> {
    if reference.is_some() {
        out.push(send(Update::Done { reference }));
    }
    Ok(())
}
