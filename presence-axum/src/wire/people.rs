//! The responses to queries: users, counts and topics.

use bytes::Bytes;
use presence_core::{
    Counts, Listing, Liveness, Member, MemberSession, Message, Status, Timestamp, Topic, UserId, roster,
};
use serde::{Serialize, Serializer};
use std::io::Write;

/// The number of users online: `{"online","active","idle"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CountsBody {
    /// Active and idle users together.
    pub online: u32,
    /// Active users.
    pub active: u32,
    /// Idle users.
    pub idle: u32,
}

impl From<Counts> for CountsBody {
    fn from(counts: Counts) -> Self {
        Self { online: counts.online, active: counts.active, idle: counts.idle() }
    }
}

/// The counts of a scope with too many users to
/// list them: `{"online","active","idle","large":true}`.
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
/// An unknown user looks like one who left long ago, gone and offline, so that a response does not
/// reveal which names exist.
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
    /// The response about `user`; `None`: nothing is known.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence, ada: presence_core::UserId) {
    /// use presence_axum::wire::Person;
    /// use presence_core::Viewer;
    /// let known = presence.user_as(&Viewer::Anyone, &ada);
    /// let person = Person::of(&ada, known.as_ref());
    /// # let _ = person;
    /// # }
    /// ```
    pub fn of(user: &'a UserId, person: Option<&'a roster::Person>) -> Self {
        let user = user.as_str();
        let Some(roster::Person { member, last_seen, .. }) = person else {
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

/// Several users: `{"users":[..]}`, in the order of the query.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct People<'a> {
    /// One entry for each user.
    pub users: Vec<Person<'a>>,
}

impl<'a> People<'a> {
    /// The response with these users.
    ///
    /// ```
    /// # fn main() -> Result<(), presence_core::InvalidValue> {
    /// use presence_axum::wire::{People, Person};
    /// let ada = "ada".parse()?;
    /// let people = People::of(vec![Person::of(&ada, None)]);
    /// assert_eq!(people.users.len(), 1);
    /// # Ok(()) }
    /// ```
    pub fn of(users: Vec<Person<'a>>) -> Self {
        Self { users }
    }
}

/// One page of the list of users: `{"users":[..],"next","online","active","idle"}`.
#[derive(Debug, Serialize)]
pub struct ListBody<'a> {
    #[serde(serialize_with = "members")]
    users: &'a [Member],
    next: Option<&'a str>,
    #[serde(flatten)]
    counts: CountsBody,
}

impl<'a> ListBody<'a> {
    /// The response with this page; `counts` are those of the whole scope.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> axum::response::Response {
    /// use http::StatusCode;
    /// use presence_axum::wire::{self, ListBody};
    /// use presence_core::Page;
    /// let everyone = presence.everyone();
    /// let listing = everyone.list(&Page::default().limit(50));
    /// wire::json(StatusCode::OK, &ListBody::of(&listing, everyone.counts()))
    /// # }
    /// ```
    pub fn of(listing: &'a Listing, counts: Counts) -> Self {
        Self {
            users: &listing.members,
            next: listing.next.as_ref().map(UserId::as_str),
            counts: counts.into(),
        }
    }

    /// The same JSON as by `Serialize`, at less cost: of each row only the user and the message are
    /// scanned for characters to escape.
    pub(crate) fn text(&self) -> serde_json::Result<Bytes> {
        /// An estimate of the bytes of a row.
        const ROW: usize = 96;
        let mut text = Vec::with_capacity(128 + ROW * self.users.len());
        text.extend_from_slice(br#"{"users":["#);
        for (at, member) in self.users.iter().enumerate() {
            let head: &[u8] = if at == 0 { br#"{"user":"# } else { br#",{"user":"# };
            text.extend_from_slice(head);
            serde_json::to_writer(&mut text, member.user.as_str())?;
            text.extend_from_slice(br#","liveness":""#);
            text.extend_from_slice(member.liveness.as_str().as_bytes());
            text.extend_from_slice(br#"","status":""#);
            text.extend_from_slice(member.status.as_str().as_bytes());
            match &member.message {
                None => text.extend_from_slice(br#"","message":null}"#),
                Some(message) => {
                    text.extend_from_slice(br#"","message":"#);
                    serde_json::to_writer(&mut text, message.as_str())?;
                    text.push(b'}');
                }
            }
        }
        text.extend_from_slice(br#"],"next":"#);
        serde_json::to_writer(&mut text, &self.next)?;
        let CountsBody { online, active, idle } = self.counts;
        write!(text, r#","online":{online},"active":{active},"idle":{idle}}}"#)
            .map_err(serde_json::Error::io)?;
        text.shrink_to_fit();
        Ok(text.into())
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

/// The topics with the most users: `{"topics":[{"topic","online","active","idle"}]}`.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Topics {
    /// Sorted by the number of users, then by name.
    pub topics: Vec<TopicCounts>,
}

impl Topics {
    /// The response with the result of [`Presence::topics`](presence_core::Presence::topics).
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> axum::response::Response {
    /// use http::StatusCode;
    /// use presence_axum::wire::{self, Topics};
    /// wire::json(StatusCode::OK, &Topics::of(presence.topics(10)))
    /// # }
    /// ```
    pub fn of(topics: impl IntoIterator<Item = (Topic, Counts)>) -> Self {
        let counted = |(topic, counts): (Topic, Counts)| TopicCounts { topic, counts: counts.into() };
        Self { topics: topics.into_iter().map(counted).collect() }
    }
}

/// One topic with its counts.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct TopicCounts {
    /// The name of the topic.
    pub topic: Topic,
    /// The users in the topic.
    #[serde(flatten)]
    pub counts: CountsBody,
}

#[cfg(test)]
mod tests {
    use super::*;
    use presence_core::{Beat, Page, Presence};
    use presence_memory::MemoryStore;
    use std::sync::Arc;

    #[tokio::test]
    async fn the_text_of_a_list_is_its_serialised_form() {
        let presence = Presence::builder(Arc::new(MemoryStore::new())).start().unwrap();
        presence.ready().await;
        let all = presence.everyone();
        for (n, user) in ["a\"\\da", "é😀", "cy", "dee"].into_iter().enumerate() {
            let listing = all.list(&Page::default().limit(2));
            let body = ListBody::of(&listing, all.counts());
            assert_eq!(body.text().unwrap(), serde_json::to_vec(&body).unwrap());
            let mut beat = Beat::enter(user.parse().unwrap(), "s".parse().unwrap());
            if n % 2 == 0 {
                let message: Message = "so \"busy\"\n\\".parse().unwrap();
                beat = beat.declares(presence_core::Declaration::new(Status::Busy).message(message));
            }
            presence.beat(beat).await.unwrap();
        }
        assert_eq!(all.list(&Page::default().limit(2)).next.unwrap().as_str(), "cy");
    }
}
