//! People and numbers, as queries answer them.

use presence_core::{
    Counts, Listing, Liveness, Member, MemberSession, Message, Status, Timestamp, Topic, UserId, roster,
};
use serde::{Serialize, Serializer};

/// How many are here: `{"online","active","idle"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CountsBody {
    /// Active and idle together.
    pub online: u32,
    /// Active ones.
    pub active: u32,
    /// The others.
    pub idle: u32,
}

impl From<Counts> for CountsBody {
    fn from(counts: Counts) -> Self {
        Self { online: counts.online, active: counts.active, idle: counts.idle() }
    }
}

/// The numbers of a place with too many users to name them:
/// `{"online","active","idle","large":true}`.
pub(crate) fn large(counts: Counts) -> impl Serialize {
    #[derive(Serialize)]
    struct Large {
        #[serde(flatten)]
        counts: CountsBody,
        large: bool,
    }
    Large { counts: counts.into(), large: true }
}

/// One user: `{"user","liveness","status","message","last_seen","sessions"}`.
///
/// Somebody of whom nothing is known is gone and offline, like somebody who went long ago: an
/// answer tells nobody which names exist.
#[derive(Debug, Serialize)]
pub struct Person<'a> {
    user: &'a str,
    liveness: Liveness,
    status: Status,
    message: Option<&'a str>,
    last_seen: Option<u64>,
    #[serde(serialize_with = "sessions")]
    sessions: &'a [MemberSession],
}

impl<'a> Person<'a> {
    /// What is known of `user`.
    pub fn of(user: &'a UserId, person: Option<&'a roster::Person>) -> Self {
        let user = user.as_str();
        let Some(roster::Person { member, last_seen }) = person else {
            return Self {
                user,
                liveness: Liveness::Gone,
                status: Status::Offline,
                message: None,
                last_seen: None,
                sessions: &[],
            };
        };
        Self {
            user,
            liveness: member.liveness,
            status: member.status,
            message: member.message.as_ref().map(Message::as_str),
            last_seen: last_seen.map(Timestamp::as_millis),
            sessions: &member.sessions,
        }
    }
}

fn sessions<S: Serializer>(sessions: &[MemberSession], to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        session: &'a str,
        liveness: Liveness,
        topics: &'a [Topic],
    }
    to.collect_seq(sessions.iter().map(|session| Row {
        session: session.id.as_str(),
        liveness: session.liveness,
        topics: &session.topics,
    }))
}

/// Several users: `{"users":[..]}`, in the order they were asked for.
#[derive(Debug, Serialize)]
pub struct People<'a> {
    /// Each of them.
    pub users: Vec<Person<'a>>,
}

/// A page of who is here: `{"users":[..],"next","online","active","idle"}`.
#[derive(Debug, Serialize)]
pub struct ListBody<'a> {
    #[serde(serialize_with = "members")]
    users: &'a [Member],
    next: Option<&'a str>,
    #[serde(flatten)]
    counts: CountsBody,
}

impl<'a> ListBody<'a> {
    /// This page, of a place that has so many.
    pub fn of(listing: &'a Listing, counts: Counts) -> Self {
        Self {
            users: &listing.members,
            next: listing.next.as_ref().map(UserId::as_str),
            counts: counts.into(),
        }
    }
}

fn members<S: Serializer>(members: &[Member], to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        user: &'a str,
        liveness: Liveness,
        status: Status,
        message: Option<&'a str>,
    }
    to.collect_seq(members.iter().map(|member| Row {
        user: member.user.as_str(),
        liveness: member.liveness,
        status: member.status,
        message: member.message.as_ref().map(Message::as_str),
    }))
}

/// The topics with most users: `{"topics":[{"topic","online","active","idle"}]}`.
#[derive(Debug, Serialize)]
pub struct Topics {
    /// By their number, then by name.
    pub topics: Vec<TopicCounts>,
}

/// One topic and how many are in it.
#[derive(Debug, Serialize)]
pub struct TopicCounts {
    /// The name of the topic.
    pub topic: Topic,
    /// How many.
    #[serde(flatten)]
    pub counts: CountsBody,
}
