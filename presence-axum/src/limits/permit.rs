//! The right to one open stream.

use super::limiter::{Inner, ROWS};
use super::{Client, Limiter};
use crate::Error;
use crate::metrics::STREAMS;
use axum::extract::{FromRef, FromRequestParts};
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

/// How many topics that a stream begins to watch count as one query.
const BEGUN: usize = 8;

/// The right to one open stream, given back when it is dropped: keep it in the stream's body.
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Inner>,
    client: Option<Client>,
    /// How many topics the stream watches.
    topics: usize,
    /// How many it has begun to watch that no query stands for yet.
    begun: usize,
}

impl Permit {
    pub(super) fn new(gate: Arc<Inner>, client: Option<Client>) -> Self {
        Self { gate, client, topics: 0, begun: 0 }
    }

    /// Counts one more topic that the stream watches, until the permit is dropped.
    ///
    /// # Errors
    /// 503 `full` when as many are watched as may be, 429 `too many topics` when this client
    /// watches as many as it may, and those of [`watch_anew`](Self::watch_anew).
    pub fn watch(&mut self) -> Result<(), Error> {
        self.watch_anew()?;
        let limits = &self.gate.limits;
        let mut open = self.gate.open.lock();
        if open.all.topics >= limits.topics {
            STREAMS.refused_all.increment(1);
            return Err(Error::unavailable("full"));
        }
        if let Some(of_client) = self.client.and_then(|client| open.by_client.get_mut(&client)) {
            if limits.topics_per_client.is_some_and(|most| of_client.topics >= most) {
                STREAMS.refused_client.increment(1);
                return Err(Error::new(StatusCode::TOO_MANY_REQUESTS, "too many topics"));
            }
            of_client.topics += 1;
        }
        open.all.topics += 1;
        self.topics += 1;
        Ok(())
    }

    /// Counts that the stream begins once more with a topic that it watches: each eighth beginning
    /// is a query of its client.
    ///
    /// # Errors
    /// 429 `too many requests` when that is more than the client may send.
    pub fn watch_anew(&mut self) -> Result<(), Error> {
        let begun = self.begun + 1;
        self.gate.queries(self.client, begun / BEGUN)?;
        self.begun = begun % BEGUN;
        Ok(())
    }

    /// Counts one topic less.
    pub fn unwatch(&mut self) {
        let Some(less) = self.topics.checked_sub(1) else { return };
        self.topics = less;
        let mut open = self.gate.open.lock();
        open.all.topics -= 1;
        if let Some(of_client) = self.client.and_then(|client| open.by_client.get_mut(&client)) {
            of_client.topics -= 1;
        }
    }

    /// Counts what a list of so many rows costs, as a query for them does.
    ///
    /// # Errors
    /// 429 `too many requests` when that is more than the client may send.
    pub(crate) fn rows(&self, rows: usize) -> Result<(), Error> {
        self.gate.queries(self.client, 1 + rows / ROWS)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.gate.open.lock();
        open.all.streams -= 1;
        open.all.topics -= self.topics;
        if let Some(client) = self.client
            && let Some(of_client) = open.by_client.get_mut(&client)
        {
            of_client.streams -= 1;
            of_client.topics -= self.topics;
            if of_client.streams == 0 {
                open.by_client.remove(&client);
            }
        }
        STREAMS.open.decrement(1.0);
    }
}

/// As an extractor, a permit refuses the request where the gate does.
impl<S> FromRequestParts<S> for Permit
where
    Limiter: FromRef<S>,
    S: Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Limiter::from_ref(state).admit_from(&parts.extensions, &parts.headers)
    }
}
