//! The counts of the last minutes, so that a chart is complete from the start.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use presence_axum::wire::json;
use presence_core::{Counts, Presence, Scope};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// The interval between two samples.
const EVERY: Duration = Duration::from_secs(1);
/// The number of samples that are kept.
const KEPT: usize = 120;

/// The last samples, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(Arc<Mutex<VecDeque<Note>>>);

/// The number of active and of idle users. Samples have no time of their own: the page computes it
/// from their position.
#[derive(Debug, Clone, Copy, Serialize)]
struct Note(u32, u32);

impl History {
    /// Starts sampling, until the presence shuts down or the history is dropped.
    pub(crate) fn of(presence: &Presence) -> Self {
        let history = Self::default();
        tokio::spawn(take_notes(presence.clone(), Arc::downgrade(&history.0)));
        history
    }
}

async fn take_notes(presence: Presence, notes: Weak<Mutex<VecDeque<Note>>>) {
    let clock = Arc::clone(presence.clock());
    let counts = presence.watch_counts(&Scope::All);
    loop {
        let Some(notes) = notes.upgrade() else { return };
        note(&notes, counts.get());
        drop(notes);
        clock.sleep_until(clock.now() + EVERY).await;
    }
}

fn note(notes: &Mutex<VecDeque<Note>>, now: Counts) {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    if notes.len() == KEPT {
        notes.pop_front();
    }
    notes.push_back(Note(now.active, now.idle()));
}

/// `GET /history`: `{"every":1000,"counts":[[active,idle],..]}`, oldest first.
pub(crate) async fn get(State(history): State<History>) -> Response {
    #[derive(Serialize)]
    struct Wire {
        every: u128,
        counts: Vec<Note>,
    }
    let counts = history.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
    json(StatusCode::OK, &Wire { every: EVERY.as_millis(), counts })
}
