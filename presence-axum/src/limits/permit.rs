//! The permit that an open stream holds while it counts against the limits.

use super::limiter::{Inner, ROWS};
use super::{Client, Limiter};
use crate::Error;
use crate::metrics::STREAMS;
use axum::extract::{FromRef, FromRequestParts};
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

/// How many subscriptions count as one query of the client.
const BEGUN: usize = 8;

/// One open stream in the [`Limiter`]; returned when it is dropped, so keep it in
/// the stream's body.
///
/// ```
/// # fn main() -> Result<(), presence_axum::Error> {
/// use presence_axum::Limits;
/// use presence_axum::limits::Limiter;
/// let limiter = Limiter::new(Limits::default());
/// let mut permit = limiter.admit(None)?;
/// permit.watch()?; // the stream shows one topic,
/// permit.unwatch(); // and then no longer
/// drop(permit); // the stream has ended
/// assert_eq!(limiter.open(), 0);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Permit {
    limiter: Arc<Inner>,
    client: Option<Client>,
    /// How many topics the stream watches.
    topics: usize,
    /// How many subscriptions have begun since the last eight were counted as a query.
    begun: usize,
}

impl Permit {
    pub(super) fn new(limiter: Arc<Inner>, client: Option<Client>) -> Self {
        Self { limiter, client, topics: 0, begun: 0 }
    }

    /// Counts one more topic that the stream watches, until the permit is dropped.
    ///
    /// # Errors
    /// 503 `full` when [`Limits::topics`](super::Limits::topics) are watched, 429 `too many topics`
    /// when the client watches [`Limits::topics_per_client`](super::Limits::topics_per_client), and
    /// the errors of [`watch_anew`](Self::watch_anew).
    pub fn watch(&mut self) -> Result<(), Error> {
        self.watch_anew()?;
        let limits = &self.limiter.limits;
        let mut open = self.limiter.open.lock();
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

    /// Counts a new subscription to a topic that the stream watches already. Eight subscriptions,
    /// first or repeated, cost the client as much as one query.
    ///
    /// # Errors
    /// 429 `too many requests` when the client has used up its quota of queries.
    pub fn watch_anew(&mut self) -> Result<(), Error> {
        let begun = self.begun + 1;
        self.limiter.queries(self.client, begun / BEGUN)?;
        self.begun = begun % BEGUN;
        Ok(())
    }

    /// Counts one topic less.
    pub fn unwatch(&mut self) {
        let Some(less) = self.topics.checked_sub(1) else { return };
        self.topics = less;
        let mut open = self.limiter.open.lock();
        open.all.topics -= 1;
        if let Some(of_client) = self.client.and_then(|client| open.by_client.get_mut(&client)) {
            of_client.topics -= 1;
        }
    }

    /// Counts the cost of a list with this many rows, like a query for it.
    ///
    /// # Errors
    /// 429 `too many requests` when the client has used up its quota of queries.
    pub(crate) fn rows(&self, rows: usize) -> Result<(), Error> {
        self.limiter.queries(self.client, 1 + rows / ROWS)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.limiter.open.lock();
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

/// As an extractor, it refuses a request that the limiter does not admit.
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
