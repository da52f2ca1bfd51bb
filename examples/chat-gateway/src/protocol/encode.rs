//! Encodes updates for clients.

use crate::broadcast::Broadcast;
use crate::frame::{Frame, Ids, User};
use crate::{Room, profile, rfc3339};
use presence_axum::ws::{Frames, Problem, Update};
use presence_core::{Diff, Presence, Snapshot, Topic, UserId, Viewer};

/// Encodes an update; no frame for an update that this format does not have.
pub(super) fn update(presence: &Presence, update: &Update, frames: &mut Frames) {
    match update {
        Update::Subscribed { topic, .. } => push(topic.as_ref(), frames, Frame::Subscribed),
        Update::Unsubscribed { topic, .. } => push(topic.as_ref(), frames, Frame::Unsubscribed),
        Update::State { topic, snapshot, .. } => state(topic.as_ref(), snapshot, frames),
        Update::Counts { topic, counts, .. } => push(topic.as_ref(), frames, |room| Frame::PresenceState {
            channel_id: room.channel_id,
            dm_id: room.dm_id,
            users: Vec::new(),
            count: Some(counts.online),
        }),
        Update::Diff { diff, .. } => changes(presence, diff, frames),
        // The end of typing is not sent: clients hide it after a few seconds.
        Update::Typing { topic, typing } if typing.value.is_some() => {
            let (user_id, username) = (typing.user.as_str(), typing.name.as_str());
            push(Some(topic), frames, |room| Frame::Typing { room, user_id, username });
        }
        Update::Message { event, .. } => {
            if let Some((author, text)) = Broadcast::stored(&event.payload) {
                match author {
                    Some(author) => frames.push_message(author, text),
                    None => frames.push(text),
                }
            }
        }
        Update::Pong { at, .. } => frames.push(Frame::Pong { timestamp: &rfc3339(*at) }.text()),
        Update::Problem(problem) => frames.push(error(problem)),
        _ => {}
    }
}

fn push<'a>(topic: Option<&'a Topic>, frames: &mut Frames, frame: impl FnOnce(Ids<'a>) -> Frame<'a>) {
    if let Some(room) = topic.and_then(Room::of) {
        frames.push(frame(room.into()).text());
    }
}

/// All users of a room. Their states count as sent.
fn state(topic: Option<&Topic>, snapshot: &Snapshot, frames: &mut Frames) {
    let Some(room) = topic.and_then(Room::of) else { return };
    let users: Vec<_> = snapshot.members.values().map(|member| User::of(member)).collect();
    let states: Vec<_> = users.iter().map(|user| (user.user_id, user.state())).collect();
    let frame =
        Frame::PresenceState { channel_id: room.channel_id(), dm_id: room.dm_id(), users, count: None };
    frames.push_states(states, frame.text());
}

/// The users who joined a room or have changed, and those who are offline. A user who left the room
/// but is in another one has not changed.
fn changes(presence: &Presence, diff: &Diff, frames: &mut Frames) {
    let timestamp = rfc3339(presence.now());
    let mut tell = |user: User<'_>| {
        frames.push_state(user.user_id, user.state(), Frame::presence(user, &timestamp).text());
    };
    for member in diff.joined.iter().chain(&diff.changed) {
        tell(User::of(member));
    }
    for (user, _) in diff.left.iter().filter(|(user, _)| is_gone(presence, user)) {
        tell(User::offline(user.as_str(), &profile::last_name(presence, user)));
    }
}

/// Whether a user is offline at this moment: they may be back since the update.
fn is_gone(presence: &Presence, user: &UserId) -> bool {
    let person = presence.user_as(&Viewer::Anyone, user);
    person.is_none_or(|person| !person.member.liveness.is_live())
}

fn error(problem: &Problem) -> String {
    let words = match &*problem.words {
        "too many topics" => "Too many rooms".to_owned(),
        words => capital(words),
    };
    Frame::Error { error: &words, code: problem.code }.text()
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
