//! Reads the history of a channel (clauses B6, B7, B13).

use super::Shared;
use super::stored::Stored;
use super::stream::Traits;
use crate::error::{Failure, Outcome, unavailable};
use presence_core::broker::hub::{PAGE_BYTES, PAGE_EVENTS, Page, ReadFrom};
use presence_core::broker::{Channel, Event, EventId, Missed};
use std::collections::VecDeque;

/// How often a page is read again after its events were removed during the read.
const ROUNDS: usize = 4;

impl Shared {
    /// A page of history, as of this call.
    pub(super) async fn page(&self, traits: Traits, channel: &Channel, from: ReadFrom) -> Outcome<Page> {
        let mut is_sure = false;
        for _ in 0..ROUNDS {
            let newest = self.events.newest(channel).await?;
            let id = newest.as_ref().and_then(Stored::id);
            let is_older = |seen: EventId| {
                id.is_none_or(|id| id.incarnation == seen.incarnation && id.number < seen.number)
            };
            if let ReadFrom::After(seen) = from
                && !is_sure
                && is_older(seen)
            {
                if self.events.is_behind(&self.events.info().await?, seen.number) {
                    return Err(Failure::Other(unavailable("the leader of the stream is behind")));
                }
                // The leader may have caught up since the read, so the newest event is read again.
                is_sure = true;
                continue;
            }
            let Some((newest, id)) = newest.zip(id) else { break };
            let seen = match from {
                ReadFrom::Last(0) => return Ok(Page { position: Some(id), ..Page::default() }),
                ReadFrom::Last(1) => return Ok(page(channel, None, vec![newest], id)),
                ReadFrom::Last(count) => {
                    let mut events = self.newest(traits, channel, count, &newest).await?;
                    cut(&mut events);
                    return Ok(page(channel, None, events.into(), id));
                }
                ReadFrom::After(seen) if seen == id => {
                    return Ok(Page { position: Some(id), ..Page::default() });
                }
                ReadFrom::After(seen) => Some(seen),
                ReadFrom::Beginning => None,
            };
            let is_same =
                seen.is_none_or(|seen| seen.incarnation == id.incarnation && seen.number < id.number);
            let after = seen.filter(|_| is_same).map_or(0, |seen| seen.number);
            let range = (after + 1, newest.seq);
            let stored = self.events.range(traits, channel, range, (PAGE_EVENTS, PAGE_BYTES)).await?;
            // A message of another publisher is not an event and has no link to the one before it.
            let first = stored.iter().find_map(|stored| stored.chain);
            let Some(first) = first.filter(|first| first.incarnation == id.incarnation) else { continue };
            let missed = match seen {
                _ if !is_same => Some(Missed::Incarnation),
                _ if first.previous > after => Some(Missed::Trimmed),
                _ => None,
            };
            return Ok(page(channel, missed, stored, id));
        }
        // The history has expired.
        let missed = matches!(from, ReadFrom::After(_)).then_some(Missed::Incarnation);
        Ok(Page { missed, ..Page::default() })
    }

    /// The newest events of a channel, oldest first.
    pub(super) async fn history(
        &self,
        traits: Traits,
        channel: &Channel,
        count: usize,
    ) -> Outcome<Vec<Event>> {
        let Some(newest) = self.events.newest(channel).await?.filter(|_| count > 0) else {
            return Ok(Vec::new());
        };
        let stored = self.newest(traits, channel, count, &newest).await?;
        Ok(stored.into_iter().filter_map(|stored| Some(stored.event(channel)?.0)).collect())
    }

    async fn newest(
        &self,
        traits: Traits,
        channel: &Channel,
        count: usize,
        newest: &Stored,
    ) -> Outcome<VecDeque<Stored>> {
        let mut kept = VecDeque::new();
        if count == 1 {
            kept.push_back(newest.clone());
            return Ok(kept);
        }
        let mut from = 1;
        loop {
            let part =
                self.events.range(traits, channel, (from, newest.seq), (PAGE_EVENTS, PAGE_BYTES)).await?;
            let Some(end) = part.last().map(|stored| stored.seq) else { return Ok(kept) };
            kept.extend(part);
            kept.drain(..kept.len().saturating_sub(count));
            from = end + 1;
        }
    }
}

/// Cuts a page to its maximum size.
fn cut(events: &mut VecDeque<Stored>) {
    let mut bytes = 0;
    let fits = events.iter().take(PAGE_EVENTS).take_while(|stored| {
        bytes += stored.payload.len();
        bytes <= PAGE_BYTES
    });
    let count = fits.count().max(1);
    events.truncate(count);
}

fn page(channel: &Channel, missed: Option<Missed>, stored: Vec<Stored>, newest: EventId) -> Page {
    let end = stored.last().map_or(newest.number, |stored| stored.seq);
    let events: Vec<Event> = stored.into_iter().filter_map(|stored| Some(stored.event(channel)?.0)).collect();
    let position = events.last().map_or(newest, |event| event.id);
    Page { missed, events, position: Some(position), more: end < newest.number }
}
