//! Encodes the events of a channel as frames, once for all viewers.

use bytes::Bytes;
use parking_lot::Mutex;
use presence_core::broker::{Event, EventId, EventKind};
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// The format of events.
#[derive(Clone)]
pub(super) struct Format {
    pub name: Option<&'static str>,
    /// The reconnection time, after the last event of a channel, for a client that does not
    /// understand 204 or has lost the last id.
    pub retry_when_ended: Duration,
    /// The function that makes the data of an event; `None` for its payload.
    pub payload: Option<Arc<Payload>>,
}

type Payload = dyn Fn(&Event) -> Bytes + Send + Sync;

/// The most recent frames of one channel.
///
/// The viewers of a channel get the same events at about the same time: the first one encodes the
/// frame, the others reuse it.
#[derive(Default)]
pub(super) struct Frames {
    /// At most `KEPT` frames, the newest last.
    recent: Mutex<VecDeque<(EventId, Bytes)>>,
}

/// How many frames are kept for viewers who ask a little later.
const KEPT: usize = 4;

impl Frames {
    /// The frame of this event, and whether it was encoded by this call.
    ///
    /// The lock is held while an event is encoded, so that it is encoded once.
    pub(super) fn of(&self, event: &Event, format: &Format) -> (Bytes, bool) {
        let mut recent = self.recent.lock();
        if let Some((_, frame)) = recent.iter().rev().find(|(id, _)| *id == event.id) {
            return (frame.clone(), false);
        }
        let frame = format.write(event);
        if recent.len() == KEPT {
            recent.pop_front();
        }
        recent.push_back((event.id, frame.clone()));
        (frame, true)
    }
}

impl Format {
    fn write(&self, event: &Event) -> Bytes {
        let mut head = String::with_capacity(64);
        if let Some(name) = self.name {
            head += "event: ";
            head += name;
            head += "\n";
        }
        // Writing to a `String` does not fail.
        let _ = writeln!(head, "id: {}", event.id);
        let mut frame = head.into_bytes();
        let payload = self.payload.as_ref().map_or_else(|| event.payload.clone(), |payload| payload(event));
        frame.reserve(payload.len() + 32);
        // One `data:` line for each line of the payload, which may end in `\n`, `\r` or `\r\n`.
        let mut rest = &payload[..];
        loop {
            frame.extend_from_slice(b"data: ");
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                frame.extend_from_slice(rest);
                break;
            };
            frame.extend_from_slice(&rest[..end]);
            frame.push(b'\n');
            let both = rest[end..].starts_with(b"\r\n");
            rest = &rest[end + 1 + usize::from(both)..];
        }
        frame.extend_from_slice(b"\n\n");
        if event.kind == EventKind::Last {
            frame.extend_from_slice(format!("retry: {}\n\n", self.retry_when_ended.as_millis()).as_bytes());
        }
        frame.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use presence_core::Timestamp;
    use presence_core::broker::Channel;

    const PLAIN: Format = Format { name: None, retry_when_ended: Duration::from_secs(15), payload: None };

    fn event(number: u64, payload: &'static str) -> Event {
        let id = EventId { incarnation: 0xab, number };
        Event::new(id, Channel::new("c").unwrap(), payload.into(), Timestamp::ZERO)
    }

    fn text(format: &Format, event: &Event) -> String {
        String::from_utf8(Frames::default().of(event, format).0.to_vec()).unwrap()
    }

    #[test]
    fn an_event_has_its_id_and_its_data_and_its_name() {
        assert_eq!(text(&PLAIN, &event(16, "{}")), "id: ab-10\ndata: {}\n\n");
        let named = Format { name: Some("update"), ..PLAIN };
        assert_eq!(text(&named, &event(1, "")), "event: update\nid: ab-1\ndata: \n\n");
    }

    #[test]
    fn the_last_event_sets_a_longer_reconnection_time() {
        let last = event(1, "{}").of_kind(EventKind::Last);
        assert_eq!(text(&PLAIN, &last), "id: ab-1\ndata: {}\n\nretry: 15000\n\n");
    }

    #[test]
    fn no_payload_ends_its_frame_or_adds_a_field() {
        for (payload, data) in [
            ("a\nid: 7", "data: a\ndata: id: 7\n"),
            ("a\r\nb\rc", "data: a\ndata: b\ndata: c\n"),
            ("\n\n", "data: \ndata: \ndata: \n"),
        ] {
            assert_eq!(text(&PLAIN, &event(1, payload)), format!("id: ab-1\n{data}\n"), "{payload:?}");
        }
    }

    #[test]
    fn viewers_of_the_same_event_get_the_same_bytes_and_few_are_kept() {
        let frames = Frames::default();
        for number in 0..100 {
            let (first, second) =
                (frames.of(&event(number, "x"), &PLAIN), frames.of(&event(number, "x"), &PLAIN));
            assert_eq!(first.0.as_ptr(), second.0.as_ptr());
            assert!(first.1 && !second.1);
        }
        assert_eq!(frames.recent.lock().len(), KEPT);
    }
}
