//! How many were here in the last minutes, so that a chart is full from the start.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use presence_axum::wire::json;
use presence_core::{Counts, Presence, Scope};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// How often it is noted.
const EVERY: Duration = Duration::from_secs(1);
/// How many notes are kept.
const KEPT: usize = 120;

/// The last notes, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(Arc<Mutex<VecDeque<Note>>>);

/// How many were active and idle; together, so that a page reads no other clock than its own.
#[derive(Debug, Clone, Copy, Serialize)]
struct Note(u32, u32);

impl History {
    /// Begins to take notes, until the presence shuts down or nobody has the history any more.
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
